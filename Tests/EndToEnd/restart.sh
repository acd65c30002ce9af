#!/usr/bin/env bash
# Nothing is lost: a run that is killed at random moments, or stopped by signals and the time limit, goes on and ends with the very
# bytes of an undisturbed one. KILLS sets how many runs are killed (default 5), SEED their moments.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
kills=${KILLS:-5}
. "$root/Tests/EndToEnd/killing.sh"
# Long solves for so small a set, and a checkpoint at nearly every safe point.
solving=(--dataset digits --samples 1000 --layers 3 --width 512 --preconditioner none --tolerance 1e-7 --agop class
  --threads 1 --checkpoint-every 0.02s)
# The other way round: wide layers, so that half of the time is the AGOP's and a signal meets it.
projecting=(--dataset digits --samples 1500 --layers 3 --width 1024 --tolerance 1e-1 --agop class --threads 1)
options=("${solving[@]}") undisturbed=$work/whole

# Starts a run in the background.
start() { # DIR RANKS OPTION...
  local dir=$1 ranks=$2
  shift 2
  launch "$dir.out" "$ranks" train --output "$dir" "${options[@]}" "$@"
}

same() { # NAME DIR: as the undisturbed run, byte for byte
  if diff -r "$undisturbed/layers" "$2/layers" >"$work/diff" 2>&1 &&
    cmp "$undisturbed/model.safetensors" "$2/model.safetensors" >"$work/diff" 2>&1 &&
    cmp "$undisturbed/data.safetensors" "$2/data.safetensors" >"$work/diff" 2>&1 &&
    diff <(untimed "$undisturbed") <(untimed "$2") >"$work/diff" 2>&1 && [ "$(wc -l <"$2/metrics.jsonl")" = 3 ]; then
    ok "$1"
  else
    bad "$1" "$(head -c 300 "$work/diff")"
  fi
}

# Goes on until the run ends.
finish_run() { # DIR RANKS
  local tries=0
  status=75
  while [ "$status" != 0 ] && [ "$tries" -lt 5 ]; do
    start "$1" "$2" --resume
    ended
    tries=$((tries + 1))
  done
}

# --- undisturbed, and how long that takes: without checkpoints, as the runs that are stopped by signals ---
began=$(date +%s%N)
start "$work/whole" 2 --checkpoint-every 10m
ended
length=$((($(date +%s%N) - began) / 1000000))
if [ "$status" = 0 ]; then ok "undisturbed: $length ms"; else bad "undisturbed" "$(tail -n 1 "$work/whole.out")"; fi
start "$work/whole" 2 --resume
ended
if [ "$status" = 0 ] && grep -q "is finished" "$work/whole.out"; then ok "a finished run is finished"; else
  bad "a finished run is finished" "exit status $status: $(tail -n 1 "$work/whole.out")"
fi

# --- killed: a rank, mpirun, all; half of the runs a second time while they go on ---
# Some come when a run has just ended: the undisturbed one may have met a slower machine.
killed=0
for ((kill = 1; killed < kills && kill <= 4 * kills; kill++)); do
  dir=$work/killed what='' moments=''
  rm -rf "$dir"
  for ((again = 0; again <= kill % 2; again++)); do
    start "$dir" 2 --resume
    kill_within "$length"
  done
  finish_run "$dir" 2
  if [ "$status" = 0 ]; then same "killed:$what at$moments ms" "$dir"; else
    bad "killed:$what at$moments ms" "going on ended with $status: $(tail -n 1 "$dir.out")"
  fi
done

if [ "$killed" -ge "$kills" ]; then ok "$((kill - 1)) runs killed $killed times"; else bad "kills" "$killed in $((kill - 1)) runs"; fi

# --- signals. Where a run was stopped is in the checkpoint's facts. ---
stage() { # DIR
  head -c 20000 "$1/checkpoint/layer.safetensors" 2>/dev/null | grep -aoE 'stage\\": \\"[a-z]+' | head -n 1 | sed 's/.*"//'
}

# Sleeps to a random moment in that phase of a layer, by the times of the undisturbed run and the machine's pace since then.
nap_into() { # PHASE LAYER
  sleep "$(awk -v phase="$1" -v layer="$2" -v pace="$pace" -v part="$RANDOM" '
    function seconds(name) {
      return match($0, "\"" name "\": [0-9.e-]+") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4) + 0 : 0
    }
    { sub(/.*"seconds": /, "") }
    NR < layer { before += seconds("total") }
    NR == layer {
      before += seconds("kernel") + seconds("preconditioner") + (phase == "agop" ? seconds("solve") : 0)
      printf "%.3f", pace * (before + part / 32768 * seconds(phase))
    }' "$undisturbed/metrics.jsonl")"
}

# After a signal that missed the phase: whoever came late sleeps less next time. The machine may do less beside this, or more, than it did
# beside the undisturbed run.
learn_pace() { # DIR PHASE LAYER
  local layers=0 change=1.15
  [ -e "$1/metrics.jsonl" ] && layers=$(wc -l <"$1/metrics.jsonl")
  if [ "$layers" -ge "$3" ] || { [ "$2" = solve ] && [ "$(stage "$1")" = agop ]; }; then change=0.85; fi
  pace=$(awk -v pace="$pace" -v change="$change" 'BEGIN { print pace * change }')
}

# Stops runs with the signal until one was in that stage.
stopped_in() { # NAME STAGE SIGNAL LAUNCHER
  local dir=$work/stopped tries=0 took launcher=$4 layer pace=1
  while [ "$tries" -lt 30 ]; do
    tries=$((tries + 1))
    rm -rf "$dir"
    if [ "$4" = run ]; then
      timeout -k 5 600 "$root/launch/run" -n 2 --threads 1 train --output "$dir" "${options[@]}" --resume \
        --checkpoint-every 10m >"$dir.out" 2>&1 </dev/null &
      job=$!
      target() { pgrep -P "$job" | head -n 1; }
    else
      start "$dir" 2 --resume --checkpoint-every 10m
      target() {
        case $launcher in
          ranks) ranks_of "$job" ;;
          one) ranks_of "$job" | tail -n 1 ;;
          mpirun) mpirun_of "$job" ;;
        esac
      }
    fi
    for ((wait = 0; wait < 200; wait++)); do [ -e "$dir/config.json" ] && break || sleep 0.02; done
    layer=$((RANDOM % 2 + 2)) # the first is narrow
    nap_into "$2" "$layer"
    began=$(date +%s%N)
    kill "-$3" $(target) 2>/dev/null
    ended
    took=$((($(date +%s%N) - began) / 1000000))
    [ "$(stage "$dir")" = "$2" ] && break
    learn_pace "$dir" "$2" "$layer"
  done
  if [ "$(stage "$dir")" != "$2" ]; then
    bad "$1" "never stopped in mid-$2: exit status $status"
    return
  fi
  local wanted=75
  if [ "$status" != "$wanted" ]; then bad "$1" "exit status $status after $took ms, not $wanted"; elif [ "$took" -gt 30000 ]; then
    bad "$1" "$took ms"
  else
    finish_run "$dir" 2
    same "$1: exit status $wanted after $took ms" "$dir"
  fi
}

stopped_in "TERM to launch/run in mid-solve" solve TERM run
stopped_in "INT to launch/run" solve INT run
stopped_in "USR1 to mpirun in mid-solve" solve USR1 mpirun
stopped_in "TERM to every rank, as srun does, in mid-solve" solve TERM ranks

options=("${projecting[@]}") undisturbed=$work/wide
start "$undisturbed" 2 --checkpoint-every 10m
ended
if [ "$status" = 0 ]; then ok "undisturbed, wide"; else bad "undisturbed, wide" "$(tail -n 1 "$undisturbed.out")"; fi
stopped_in "TERM to launch/run in mid-AGOP" agop TERM run
stopped_in "TERM to one rank alone in mid-AGOP" agop TERM one
options=("${solving[@]}") undisturbed=$work/whole

# --- paused for a while, as Slurm suspends a job: nothing has ended, and the launcher waits on ---
dir=$work/paused
timeout -k 5 600 "$root/launch/run" -n 2 --threads 1 train --output "$dir" "${options[@]}" --checkpoint-every 10m >"$dir.out" 2>&1 </dev/null &
job=$!
first_line "$dir"
paused=($(mpirun_of "$job") $(ranks_of "$job"))
kill -STOP "${paused[@]}"
sleep 1.5
waits=$(kill -0 "$job" 2>/dev/null && echo yes)
kill -CONT "${paused[@]}"
ended
if [ ${#paused[@]} = 3 ] && [ "$waits" = yes ] && [ "$status" = 0 ]; then same "paused, and gone on" "$dir"; else
  bad "paused, and gone on" "exit status $status, launcher there: ${waits:-no}, processes paused: ${#paused[@]}: $(tail -n 1 "$dir.out")"
fi

# --- mpirun that is told to end leaves its ranks two seconds, and says 1 whatever they say. A longer run: it must not end in these. ---
start "$work/long" 2 --layers 12
ended
dir=$work/told
start "$dir" 2 --resume --layers 12
first_line "$dir"
kill -TERM $(mpirun_of "$job")
ended
told=$status lines=$(wc -l <"$dir/metrics.jsonl")
for ((tries = 0; tries < 5; tries++)); do
  start "$dir" 2 --resume --layers 12
  ended
  [ "$status" = 0 ] && break
done
if [ "$told" != 0 ] && [ "$lines" -lt 12 ] && [ "$status" = 0 ] && diff -r "$work/long/layers" "$dir/layers" >"$work/diff" 2>&1 &&
  diff <(untimed "$work/long") <(untimed "$dir") >"$work/diff" 2>&1; then
  ok "TERM to mpirun: exit status $told after $lines of 12 layers"
else
  bad "TERM to mpirun" "exit status $told after $lines of 12 layers, going on $status: $(head -c 300 "$work/diff")"
fi

# --- twice: at once. The first is not answered meanwhile: the rank waits for one that is stopped. ---
dir=$work/twice
start "$dir" 2 --resume --layers 100000
sleep 1
nap "$length"
mapfile -t both < <(ranks_of "$job")
kill -STOP "${both[1]}"
kill -USR1 "${both[0]}"
sleep 1.5
began=$(date +%s%N)
kill -USR1 "${both[0]}"
ended
took=$((($(date +%s%N) - began) / 1000000))
if [ "$status" = $((128 + 10)) ] && [ "$took" -lt 5000 ]; then ok "a second signal: at once, after $took ms"; else
  bad "a second signal" "exit status $status after $took ms"
fi

# --- the time limit: start and end take what this machine needs for them ---
dir=$work/limit
start "$dir" 2 --resume --layers 100000 --time-limit 0:00:05
began=$(date +%s)
ended
if [ "$status" = 75 ] && [ $(($(date +%s) - began)) -le $((8 + 2 * length / 1000)) ]; then ok "--time-limit 0:00:05: exit status 75"; else
  bad "--time-limit" "exit status $status after $(($(date +%s) - began)) s: $(tail -n 1 "$dir.out")"
fi

# --- launch/slurm.sbatch, with a scontrol of ours and mpirun kept from looking for Slurm ---
dir=$work/slurm
mkdir "$work/bin"
printf '#!/bin/sh\n[ "$1" = show ] || echo "$@" >>"%s"\n' "$work/requeued" >"$work/bin/scontrol"
chmod +x "$work/bin/scontrol"
batch() {
  PATH=$work/bin:$PATH SLURM_JOB_ID=7 SLURM_CPUS_PER_TASK=1 DEEPRFM_ROOT=$root OMPI_MCA_ras=^slurm OMPI_MCA_plm=^slurm \
    timeout -k 5 600 bash "$root/launch/slurm.sbatch" --output "$dir" \
    "${options[@]}" >"$dir.out" 2>&1 </dev/null &
  job=$!
}
stop() { kill -USR1 "$(pgrep -P "$job" | head -n 1)"; }
stop_early "$dir" batch stop
if [ "$status" = 75 ] && [ "$(cat "$work/requeued" 2>/dev/null)" = "requeue 7" ]; then
  batch
  ended
  if [ "$status" = 0 ]; then same "slurm.sbatch: stopped, in line again, and gone on with" "$dir"; else
    bad "slurm.sbatch" "going on ended with $status: $(tail -n 1 "$dir.out")"
  fi
else
  bad "slurm.sbatch" "exit status $status, $(cat "$work/requeued" 2>&1): $(tail -n 1 "$dir.out")"
fi

# --- on other ranks ---
figures "$work/whole" >"$work/whole.figures"
for ranks in 1 3 4; do
  dir=$work/ranks-$ranks
  begin() { start "$dir" 2 --resume --checkpoint-every 10m; }
  stop() { kill -USR1 "$(mpirun_of "$job")"; }
  stop_early "$dir" begin stop
  first=$status
  start "$dir" "$ranks" --resume
  ended
  figures "$dir" >"$dir.figures"
  error=$(difference '[.]nc[12][.]' "$work/whole.figures" "$dir.figures")
  if [ "$first $status" = "75 0" ] && grep -q "on $ranks ranks, begun on 2" "$dir.out" &&
    awk -v error="${error#* }" 'BEGIN { exit !(error <= 1e-3) }' && [ "${error% *}" != none ]; then
    ok "begun on 2 ranks, ended on $ranks: $error"
  else
    bad "begun on 2 ranks, ended on $ranks" "exit status $first, $status: $error: $(tail -n 1 "$dir.out")"
  fi
done

# --- other options ---
start "$work/whole" 2 --resume --ridge 0.5
ended
if [ "$status" = 2 ] && grep -q -e '--ridge' "$work/whole.out"; then ok "another ridge is refused"; else
  bad "another ridge is refused" "exit status $status: $(tail -n 1 "$work/whole.out")"
fi
finish
