# Sourced, after common.sh, by the scripts that stop runs: how one is started, found, and killed.
RANDOM=${SEED:-$$}
echo "SEED=${SEED:-$$}"
export OPENBLAS_NUM_THREADS=1
program=$root/.build/release/deeprfm

# Starts a command of the program in the background, in a process group of its own; its pid goes to $job.
launch() { # OUTPUT RANKS COMMAND OPTION...
  local said=$1 ranks=$2
  shift 2
  set -m
  timeout -k 5 600 "${quietly[@]}" mpirun --bind-to none -n "$ranks" "$program" "$@" >"$said" 2>&1 </dev/null &
  job=$!
  set +m
}

# Waits for $job; what it ended with goes to $status.
ended() {
  status=0
  wait "$job" 2>/dev/null || status=$?
}

# Processes below one, the nearest first.
below() { # PID
  local child
  for child in $(pgrep -P "$1"); do
    echo "$child"
    below "$child"
  done
}

ranks_of() { for process in $(below "$1"); do grep -qx deeprfm "/proc/$process/comm" 2>/dev/null && echo "$process"; done; }
mpirun_of() { for process in $(below "$1"); do grep -qx mpirun "/proc/$process/comm" 2>/dev/null && echo "$process"; done; }

# Sleeps a random part of so many milliseconds.
nap() { sleep "$(awk -v part="$RANDOM" -v all="$1" 'BEGIN { printf "%.3f", part / 32768 * all / 1000 }')"; }

# Kills a rank, mpirun, or all of $job, at a random moment of so many milliseconds; adds to $what, $moments and $killed.
kill_within() { # MILLISECONDS
  local before victims
  before=$(date +%s%N)
  nap "$1"
  case $((RANDOM % 3)) in
    0) victims=$(ranks_of "$job" | shuf -n 1) what+=" rank" ;;
    1) victims=$(mpirun_of "$job") what+=" mpirun" ;;
    2) victims="$(mpirun_of "$job") $(ranks_of "$job")" what+=" all" ;;
  esac
  moments+=" $((($(date +%s%N) - before) / 1000000))"
  if kill -KILL $victims 2>/dev/null; then killed=$((killed + 1)); fi
  ended
}

# Waits until the run's first line of metrics is there.
first_line() { # DIR
  local tries
  for ((tries = 0; tries < 1000; tries++)); do
    [ -s "$1/metrics.jsonl" ] && return
    sleep 0.02
  done
}

# Starts a run and stops it at its first line of metrics; again if it was at its end before the signal came.
stop_early() { # DIR START STOP: two functions
  local tries
  for ((tries = 0; tries < 10; tries++)); do
    rm -rf "$1"
    "$2"
    first_line "$1"
    began=$(date +%s%N)
    "$3" 2>/dev/null
    ended
    took=$((($(date +%s%N) - began) / 1000000))
    if [ "$status" != 0 ]; then break; fi
  done
}

# All of metrics.jsonl but times and memory.
untimed() { sed 's/, "seconds".*//' "$1/metrics.jsonl"; }
