#!/usr/bin/env bash
# A network's training that is killed at random moments, or stopped by a signal or the time limit, goes on and ends with the very bytes
# of an undisturbed one; one whose loss is no longer finite keeps what was good. KILLS sets how many runs are killed (default 3), SEED
# their moments.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
kills=${KILLS:-3}
. "$root/Tests/EndToEnd/killing.sh"
common=(--dataset digits --test-samples 200 --threads 1 --seed 3)
# The optimiser's state, and batch norm's statistics with it, must come back. Checkpoints at nearly every safe point.
mlp=("${common[@]}" --samples 1500 --depth 3 --width 128 --optimizer adam --learning-rate 1e-3 --epochs 12 --measure-every 5
  --checkpoint-every 0.02s)
resnet18=("${common[@]}" --samples 48 --architecture resnet18 --width 32 --depth 1 --momentum 0.9 --learning-rate 0.01 --epochs 2
  --batch 16 --measure-every 2 --measure convolutions --checkpoint-every 0.3s)

# Starts a run in the background.
start() { # DIR RANKS ARCHITECTURE OPTION...
  local dir=$1 ranks=$2
  local -n options=$3
  shift 3
  launch "$dir.out" "$ranks" network --output "$dir" "${options[@]}" "$@"
}

timeless() { sed 's/"seconds": {[^}]*}, "peakMemoryBytes": [0-9]*//' "$1/metrics.jsonl"; }

same() { # NAME DIR WHOLE: as the undisturbed run, byte for byte
  if diff -r "$3/weights" "$2/weights" >"$work/diff" 2>&1 &&
    cmp "$3/model.safetensors" "$2/model.safetensors" >"$work/diff" 2>&1 &&
    cmp "$3/data.safetensors" "$2/data.safetensors" >"$work/diff" 2>&1 &&
    diff <(timeless "$3") <(timeless "$2") >"$work/diff" 2>&1 &&
    ! ls "$2"/checkpoint/*.safetensors >"$work/diff" 2>/dev/null; then
    ok "$1"
  else
    bad "$1" "$(head -c 300 "$work/diff")"
  fi
}

# Goes on until the run ends.
finish_run() { # DIR RANKS ARCHITECTURE
  local tries
  for ((tries = 0; tries < 5; tries++)); do
    start "$1" "$2" "$3" --resume
    ended
    if [ "$status" = 0 ]; then break; fi
  done
}

# --- undisturbed, and how long that takes ---
declare -A length
for kind in mlp resnet18; do
  began=$(date +%s%N)
  start "$work/$kind" 2 "$kind" --checkpoint-every 10m
  ended
  length[$kind]=$((($(date +%s%N) - began) / 1000000))
  if [ "$status" = 0 ]; then ok "$kind undisturbed: ${length[$kind]} ms"; else bad "$kind" "$(tail -n 1 "$work/$kind.out")"; fi
done

# --- killed: a rank, mpirun, all; half of the runs a second time while they go on ---
# Some come when a run has just ended.
killed=0
for ((kill = 0; killed < kills && kill <= 4 * kills; kill++)); do
  kind=mlp
  if [ $((kill % 3)) = 2 ]; then kind=resnet18; fi
  dir=$work/killed what='' moments=''
  rm -rf "$dir"
  for ((again = 0; again <= kill % 2; again++)); do
    start "$dir" 2 "$kind" --resume
    kill_within "${length[$kind]}"
  done
  finish_run "$dir" 2 "$kind"
  if [ "$status" = 0 ]; then same "$kind killed:$what at$moments ms" "$dir" "$work/$kind"; else
    bad "$kind killed:$what at$moments ms" "going on ended with $status: $(tail -n 1 "$dir.out")"
  fi
done
if [ "$killed" -ge "$kills" ]; then ok "$kill runs killed $killed times"; else bad "kills" "$killed in $kill runs"; fi

# --- a signal to one rank alone: all save, and end with 75 ---
for kind in mlp resnet18; do
  dir=$work/stopped
  begin() { start "$dir" 2 "$kind" --checkpoint-every 10m; }
  stop() { kill -TERM "$(ranks_of "$job" | tail -n 1)"; }
  stop_early "$dir" begin stop
  if [ "$status" = 75 ] && [ "$took" -le 30000 ] && [ -s "$dir/checkpoint/layer.safetensors" ]; then
    finish_run "$dir" 2 "$kind"
    same "$kind, TERM to one rank: exit status 75 after $took ms" "$dir" "$work/$kind"
  else
    bad "$kind, TERM to one rank" "exit status $status after $took ms: $(tail -n 1 "$dir.out")"
  fi
done

# --- the time limit: start and end take what this machine needs for them ---
dir=$work/limit
start "$dir" 2 mlp --epochs 100000 --time-limit 0:00:03
began=$(date +%s)
ended
if [ "$status" = 75 ] && [ $(($(date +%s) - began)) -le $((6 + 2 * length[mlp] / 1000)) ]; then ok "--time-limit 0:00:03: exit status 75"; else
  bad "--time-limit" "exit status $status after $(($(date +%s) - began)) s: $(tail -n 1 "$dir.out")"
fi

# --- divergence: each step makes the weights 1.1 times as large, and turns their sign. One sentence with the epoch, and the weights of the
# epoch before, which can be begun with. ---
dir=$work/diverged
start "$dir" 2 mlp --optimizer sgd --learning-rate 0.05 --weight-decay 42 --batch 500 --measure-every 1000
ended
kept=$(grep -o '[^ ]*/weights/[0-9]*.safetensors' "$dir.out" | tail -n 1)
if [ "$status" = 1 ] && grep -q 'epoch [0-9]' "$dir.out" && [ -s "$kept" ]; then
  start "$work/again" 2 mlp --initial-weights "$kept" --epochs 1 --learning-rate 1e-6
  ended
  if [ "$status" = 0 ]; then ok "divergence: $(tail -n 1 "$dir.out")"; else
    bad "divergence" "what was kept is not taken: $(tail -n 1 "$work/again.out")"
  fi
else
  bad "divergence" "exit status $status: $(tail -n 1 "$dir.out")"
fi

# --- on other ranks; other options ---
dir=$work/ranks
begin() { start "$dir" 2 mlp --checkpoint-every 10m; }
stop() { kill -USR1 "$(mpirun_of "$job")"; }
stop_early "$dir" begin stop
first=$status
start "$dir" 3 mlp --resume
ended
if [ "$first $status" = "75 0" ] && [ "$(wc -l <"$dir/metrics.jsonl")" = 12 ]; then ok "begun on 2 ranks, ended on 3"; else
  bad "begun on 2 ranks, ended on 3" "exit status $first, $status: $(tail -n 1 "$dir.out")"
fi
start "$work/mlp" 2 mlp --resume --learning-rate 0.5
ended
if [ "$status" = 2 ] && grep -q -e '--learning-rate' "$work/mlp.out"; then ok "another learning rate is refused"; else
  bad "another learning rate is refused" "exit status $status: $(tail -n 1 "$work/mlp.out")"
fi

# --- predict: the outputs are the network's own, --layer is the features' ---
predict() { # OPTION...
  timeout -k 5 300 "$root/launch/run" -n 2 --threads 1 predict --model "$work/mlp" --dataset digits "$@" >"$work/out" 2>&1 </dev/null
}
if predict --output "$work/own.npy" &&
  predict --layer 2 --output "$work/beside.npy" --labels "$work/names" --write-features "$work/features.npy" &&
  cmp "$work/own.npy" "$work/beside.npy" && grep -q 'x 128), layer 2' "$work/out" && [ -s "$work/features.npy" ]; then
  ok "predict --layer with --output and --write-features"
else
  bad "predict --layer with --output and --write-features" "$(tail -n 1 "$work/out")"
fi
predict --layer 2 --output "$work/other.npy"
status=$?
if [ "$status" = 2 ] && [ ! -e "$work/other.npy" ] && grep -q -e '--write-features' "$work/out"; then ok "predict --layer without features is refused"; else
  bad "predict --layer without features is refused" "exit status $status: $(tail -n 1 "$work/out")"
fi
finish
