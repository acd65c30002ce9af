#!/usr/bin/env bash
# What can go wrong while a run works, or before it goes on: one sentence, an exit status that is not 0 and in time, and the last good
# state kept, from which the run goes on to the undisturbed run's bytes. docs/faults.md has the table.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
export OPENBLAS_NUM_THREADS=1
program=$root/.build/release/deeprfm
options=(--dataset digits --samples 900 --layers 2 --width 512 --preconditioner none --tolerance 1e-7 --agop class --threads 1
  --checkpoint-every 0.02s --resume)

# Starts a run in the background; its pid, mpirun's, goes to $job.
start() { # DIR RANKS OPTION...
  local dir=$1 ranks=$2
  shift 2
  "${quietly[@]}" mpirun --bind-to none -n "$ranks" "$program" train --output "$dir" "${options[@]}" "$@" >"$dir.out" 2>&1 </dev/null &
  job=$!
}

# Waits at most 40 s for $job: what it ended with goes to $status, how long it took to $took.
ended() {
  local guard
  began=$(date +%s)
  (sleep 40 && kill -KILL "$job") 2>/dev/null &
  guard=$!
  status=0
  wait "$job" 2>/dev/null || status=$?
  took=$(($(date +%s) - began))
  kill "$guard" 2>/dev/null
  wait "$guard" 2>/dev/null
}

ranks_of() { pgrep -P "$1" deeprfm; }

same() { # NAME DIR
  start "$2" 2
  ended
  if [ "$status" = 0 ] && diff -r "$work/whole/layers" "$2/layers" >"$work/diff" 2>&1 &&
    diff <(sed 's/, "seconds".*//' "$work/whole/metrics.jsonl") <(sed 's/, "seconds".*//' "$2/metrics.jsonl") >"$work/diff" 2>&1; then
    ok "$1"
  else
    bad "$1" "exit status $status: $(tail -n 1 "$2.out") $(head -c 200 "$work/diff")"
  fi
}

# One sentence of ours, the wanted status, within 30 s.
said() { # NAME STATUS WORDS DIR
  if [ "$status" != "$2" ]; then
    bad "$1" "exit status $status, not $2: $(tail -n 1 "$4.out")"
  elif [ "$took" -gt 30 ]; then
    bad "$1" "$took s"
  elif [ "$(grep -c '^deeprfm:' "$4.out")" != 1 ] || ! grep '^deeprfm:' "$4.out" | grep -F -e "$3" >/dev/null; then
    bad "$1" "no single sentence with '$3': $(grep '^deeprfm:' "$4.out" || tail -n 2 "$4.out")"
  else
    ok "$1: $(grep '^deeprfm:' "$4.out" | cut -c 1-150)"
  fi
}

# Until the run has a state inside a layer.
wait_for_state() { # DIR
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    [ -s "$1/checkpoint/layer.safetensors" ] && return
    sleep 0.05
  done
}

# Until a file has these words.
wait_for_words() { # WORDS FILE
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    if grep -q "$1" "$2"; then return; fi
    sleep 0.05
  done
}

start "$work/whole" 2
ended
if [ "$status" = 0 ]; then ok "undisturbed"; else bad "undisturbed" "$(tail -n 1 "$work/whole.out")"; fi

# --- a rank that is stopped, one that is not rank 0 and rank 0 itself; of several ranks that see it one speaks ---
for case in '0 2' '1 2' '0 4'; do
  read -r which ranks <<<"$case"
  dir=$work/stopped-$which-$ranks
  export DEEPRFM_PATIENCE=3
  start "$dir" "$ranks" --layers 100000
  wait_for_state "$dir"
  sleep 2.5 # the ranks have made acquaintance
  for process in $(ranks_of "$job"); do
    if tr '\0' '\n' <"/proc/$process/environ" | grep -x "OMPI_COMM_WORLD_RANK=$which" >/dev/null; then kill -STOP "$process"; fi
  done
  ended
  unset DEEPRFM_PATIENCE
  said "rank $which of $ranks stopped by SIGSTOP" 1 "rank $which" "$dir"
done

# --- a rank that is killed, from launch/run ---
dir=$work/killed
for ((tries = 0; tries < 10; tries++)); do
  rm -rf "$dir"
  "$root/launch/run" -n 2 --threads 1 train --output "$dir" "${options[@]}" >"$dir.out" 2>&1 </dev/null &
  job=$!
  wait_for_state "$dir"
  kill -KILL "$(ranks_of "$(pgrep -P "$job" mpirun)" | tail -n 1)" 2>/dev/null
  ended
  if [ "$status" != 0 ]; then break; fi # else it had ended before
done
if [ "$status" -gt 0 ] && [ "$took" -le 10 ] && grep -q '^launch/run: ended by signal 9: with --resume' "$dir.out"; then
  ok "a rank killed: $(grep '^launch/run:' "$dir.out" | tr '\n' ' ')"
else
  bad "a rank killed" "exit status $status after $took s: $(tail -n 1 "$dir.out")"
fi
same "a rank killed: nothing is lost" "$dir"

# --- a full disk: files may not grow beyond a size (one rank: MPI's own files need more); and a file system that is full ---
dir=$work/full
(
  ulimit -f 600 # a layer's file needs more; in units of 1024 bytes
  PMIX_MCA_gds=hash OMPI_MCA_btl=self exec "$program" train --output "$dir" "${options[@]}"
) >"$dir.out" 2>&1 </dev/null &
job=$!
ended
said "a file that may not grow" 1 "cannot be written" "$dir"

dir=$work/small
mkdir "$dir"
if mount -t tmpfs -o size=1200k none "$dir" 2>/dev/null; then
  start "$dir/run" 2
  ended
  mv "$dir/run.out" "$work/small.out" 2>/dev/null
  said "a full disk" 1 "no space left" "$dir"
  mkdir "$work/kept" && cp -r "$dir/run" "$work/kept/"
  umount "$dir"
  same "a full disk: nothing is lost" "$work/kept/run"
else
  echo "skip   a full disk: only root can make a small one"
fi

# --- a folder that cannot be written ---
dir=$work/read-only
mkdir "$dir"
if [ "$(id -u)" = 0 ]; then
  if mount -t tmpfs -o ro none "$dir" 2>/dev/null; then
    "${quietly[@]}" mpirun --bind-to none -n 2 "$program" train --output "$dir/run" "${options[@]}" >"$dir.out" 2>&1 </dev/null &
    job=$!
    ended
    umount "$dir"
    said "a folder that cannot be written" 2 "read-only" "$dir"
  else
    echo "skip   a folder that cannot be written: no mount here"
  fi
else
  chmod a-w "$dir"
  "${quietly[@]}" mpirun --bind-to none -n 2 "$program" train --output "$dir/run" "${options[@]}" >"$dir.out" 2>&1 </dev/null &
  job=$!
  ended
  said "a folder that cannot be written" 2 "ermission denied" "$dir"
fi

# --- ranks that do not fit each other ---
cp "$program" "$work/deeprfm"
echo >>"$work/deeprfm" # runs, but is not the same program
dir=$work/mixed
"${quietly[@]}" mpirun --bind-to none -n 1 "$program" train --output "$dir" "${options[@]}" \
  : -n 1 "$work/deeprfm" train --output "$dir" "${options[@]}" >"$dir.out" 2>&1 </dev/null &
job=$!
ended
said "another build on a rank" 2 "rank 1" "$dir"
"${quietly[@]}" mpirun --bind-to none -n 1 "$program" train --output "$dir" "${options[@]}" \
  : -n 1 "$program" train --output "$dir" "${options[@]}" --ridge 0.5 >"$dir.out" 2>&1 </dev/null &
job=$!
ended
said "other options on a rank" 2 "rank 1" "$dir"

mkdir "$work/one" "$work/two"
for ((i = 0; i < 60; i++)); do echo "$((i % 3)) 1:0.$((i * 7 % 10)) 2:0.$((i * 3 % 10)) 3:$((i % 3))"; done >"$work/one/train"
sed '40s/1:0\.[0-9]/1:0.55/' "$work/one/train" >"$work/two/train"
small=(train --dataset libsvm --data "$work/one" --output "$work/data" --layers 1 --width 8 --threads 1)
"${quietly[@]}" mpirun --bind-to none -n 1 "$program" "${small[@]}" : -n 1 "$program" "${small[@]}" --data "$work/two" \
  >"$work/data.out" 2>&1 </dev/null &
job=$!
ended
said "other data on a rank" 2 "other data" "$work/data"
"${quietly[@]}" mpirun --bind-to none -n 1 "$program" "${small[@]}" : -n 1 "$program" "${small[@]}" --data "$work/nowhere" \
  >"$work/data.out" 2>&1 </dev/null &
job=$!
ended
said "no data on a rank" 2 "nowhere" "$work/data"
"${quietly[@]}" mpirun --bind-to none -n 2 "$program" "${small[@]}" --output "$work/later" --layers 1 >"$work/later.out" 2>&1 </dev/null &
job=$!
ended
rm "$work/later/model.safetensors" # so that there is something to go on with
"${quietly[@]}" mpirun --bind-to none -n 2 "$program" "${small[@]}" --output "$work/later" --data "$work/two" --resume \
  >"$work/later.out" 2>&1 </dev/null &
job=$!
ended
said "other data when the run goes on" 2 "the data are not those" "$work/later"

# --- damage to what is kept ---
for damage in cut flipped; do
  dir=$work/damaged-$damage
  state=$dir/checkpoint/layer.safetensors
  for ((tries = 0; tries < 10; tries++)); do
    rm -rf "$dir"
    start "$dir" 2
    wait_for_state "$dir"
    kill -USR1 "$job"
    ended
    [ -s "$state" ] && break
  done
  if [ ! -s "$state" ]; then
    bad "a state $damage" "no state was left: exit status $status"
    continue
  fi
  if [ "$damage" = cut ]; then truncate -s -100 "$state"; else
    printf '\377' | dd of="$state" bs=1 seek="$(($(stat -c %s "$state") / 2))" conv=notrunc 2>/dev/null
  fi
  same "a state $damage: the one before is taken" "$dir"
  if grep -q "damaged.*going on from the state before it" "$dir.out"; then ok "a state $damage is told"; else
    bad "a state $damage is told" "$(head -n 3 "$dir.out")"
  fi
done

# --- two jobs in one run directory ---
dir=$work/shared
start "$dir" 2 --layers 100000
first=$job
wait_for_state "$dir"
mv "$dir.out" "$dir.first"
start "$dir" 2 --layers 100000
second=$job
wait_for_words "waiting for another job" "$dir.out"
kill -USR1 "$first"
wait "$first"
sleep 2
kill -USR1 "$second"
job=$second
ended
if [ "$status" = 75 ] && grep -q "waiting for another job" "$dir.out"; then ok "a second job waits for the first"; else
  bad "a second job waits for the first" "exit status $status: $(tail -n 1 "$dir.out")"
fi
finish
