#!/usr/bin/env bash
# plan: its memory and its choices against a run's own figures, what does not fit, and JSON. Seconds are looked at for sense only:
# the machine that runs the tests may be busy.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
cd "$work" || exit 1
program=$root/.build/release/deeprfm

# The first number or word behind a key of a JSON line.
value() { # KEY FILE
  grep -oE "\"$1\": (\"[^\"]*\"|[^,}]*)" "$2" | head -n 1 | sed -E 's/^[^:]*: //; s/"//g'
}

holds() { # NAME AWK-CONDITION WHAT
  if awk "BEGIN { exit !($2) }"; then ok "$1: $3"; else bad "$1" "$3: not $2"; fi
}

# A set large enough that its rows and its kernel outweigh the program.
size=3000 width=256
head -c $((size * width)) /dev/zero | openssl enc -aes-128-ctr -pass pass:1 -nosalt -pbkdf2 2>/dev/null >body ||
  head -c $((size * width)) /dev/urandom >body
printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': ($size, $width), }" >train_x.npy
cat body >>train_x.npy
printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': ($size,), }" >train_y.npy
awk -v n="$size" 'BEGIN { for (i = 0; i < n; i++) printf "%c", 1 + i % 5 }' >>train_y.npy # labels 1 to 5: no byte 0 for awk

for ranks in 1 2; do
  # Thin factors are planned for at the most that they may take, and these rows have none.
  set -- --dataset npy --data . --layers 2 --tile-tolerance 0
  if train "$ranks" "$@" --output "run-$ranks" &&
    timeout -k 5 600 "$root/launch/run" -n "$ranks" --threads 1 plan --threads 1 "$@" --json >plan-$ranks 2>err; then
    measured=$(tail -n 1 "run-$ranks/metrics.jsonl" | sed 's/.*"peakMemoryBytes": \([0-9]*\).*/\1/')
    planned=$(value peakMemoryBytesPerRank "plan-$ranks")
    holds "memory on $ranks ranks" "$planned / $measured > 0.95 && $planned / $measured < 1.3" \
      "planned $((planned >> 20)) MiB, measured $((measured >> 20)) MiB"
    route=$(value route "run-$ranks/metrics.jsonl")
    if [ "$(value route "plan-$ranks")" = "$route" ]; then ok "route on $ranks ranks: $route"; else
      bad "route on $ranks ranks" "planned $(value route "plan-$ranks"), taken $route"
    fi
    holds "seconds on $ranks ranks" "$(value seconds "plan-$ranks") > 0.1 && $(value seconds "plan-$ranks") < 600" \
      "planned $(value seconds "plan-$ranks")"
    holds "a figure for each layer" "$(grep -oE '"secondsPerLayer": \[[^]]*\]' "plan-$ranks" | tr -dc , | wc -c) == 1" "2 layers"
  else
    bad "run and plan on $ranks ranks" "$(tail -n 1 "$work/out") $(cat err 2>/dev/null)"
  fi
done

# Networks: a small one, so that the program itself weighs as in the run.
set -- --samples 1500 --depth 3 --width 256 --batch 64 --epochs 2
if timeout -k 5 300 "$root/launch/run" -n 2 --threads 1 network "$@" --quiet --output network >out 2>&1 </dev/null &&
  timeout -k 5 300 "$root/launch/run" -n 2 --threads 1 plan network "$@" --json >planned 2>err; then
  measured=$(tail -n 1 network/metrics.jsonl | sed 's/.*"peakMemoryBytes": \([0-9]*\).*/\1/')
  wanted=$(value peakMemoryBytesPerRank planned)
  holds "a network's memory" "$wanted / $measured > 0.8 && $wanted / $measured < 1.5" \
    "planned $((wanted >> 20)) MiB, measured $((measured >> 20)) MiB"
  phases=$(grep -o '"phases": {[^}]*}' planned)
  for phase in train exchange evaluate measure; do
    holds "a network's seconds, $phase" "$(value "$phase" <(echo "$phases")) > 0 && $(value "$phase" <(echo "$phases")) < 60" "$phases"
  done
  # Two ranks hold as many rows each, so half of every batch is the other's; 150,016 parameters and two wishes, there and back, in 24 steps.
  holds "a network's rows on their way" "$(value rows planned) == 2 * 750 * 64 * 4" "planned $(value rows planned)"
  holds "a network's gradients" "$(value gradients planned) == 2 * 24 * (2 * 150016 * 4 + 2 * 8)" "planned $(value gradients planned)"
  missing=''
  for key in fits secondsPerEpoch secondsPerMeasuredEpoch memory operations operationsPerEpoch exchangedBytes networkShare assumptions; do
    grep -qF "\"$key\": " planned || missing+=" $key"
  done
  if [ -z "$missing" ] && [ "$(value ranks planned)" = 2 ] && [ "$(value epochs planned)" = 2 ] && [ "$(wc -l <planned)" = 1 ]; then
    ok "a network's plan as JSON"
  else
    bad "a network's plan as JSON" "without$missing: $(cat planned)"
  fi
else
  bad "a network and its plan" "$(tail -n 1 out) $(cat err 2>/dev/null)"
fi
timeout -k 5 300 "$program" plan network "$@" --memory 20MiB --json >out 2>err
status=$?
if [ "$status" = 1 ] && [ "$(value fits out)" = false ] && [ "$(value seconds out)" = null ] && grep -q -e '--memory [0-9]*MiB, the least' out &&
  [ ! -s err ]; then ok "a network in too little memory is refused, with the least that would do"; else
  bad "a network in too little memory" "exit status $status: $(cat out err)"
fi
timeout -k 5 300 "$program" plan network "$@" --memory 20MiB >out 2>err
status=$?
if [ "$status" = 1 ] && [ "$(grep -c '^it does not fit: the network needs .* and 20 MiB are there' out)" = 1 ]; then ok "in one sentence"; else
  bad "its sentence" "exit status $status: $(cat out err)"
fi
for wrong in "--layers 3" "--dataset npy" "--ranks 3 --nodes 2" "--samples 1798" "--dataset synthetic --architecture resnet18"; do
  read -ra words <<<"$wrong"
  timeout -k 5 300 "$program" plan network "${words[@]}" >out 2>err
  status=$?
  if [ "$status" = 2 ] && [ "$(wc -l <err)" = 1 ]; then ok "plan network $wrong: exit 2"; else
    bad "plan network $wrong" "exit status $status: $(cat err)"
  fi
done
if "$program" plan network --help | grep -q -e '--architecture mlp|vgg11|resnet18' && "$program" --man | grep -q '^.SS plan network'; then
  ok "plan network's help and its part of the manual page"
else
  bad "plan network's help" "$("$program" plan network --help | head -n 5)"
fi

# One that could not be run here at all.
timeout -k 5 300 "$program" plan --dataset cifar10 --memory 1GiB --solver cholesky >out 2>err
status=$?
if [ "$status" = 1 ] && grep -q 'does not fit.*18.63 GiB.*--solver cholesky' out; then ok "cholesky in 1 GiB is refused"; else
  bad "cholesky in 1 GiB" "exit status $status: $(cat out err)"
fi
timeout -k 5 300 "$program" plan --dataset mnist --memory 200MiB --json >out 2>err
status=$?
if [ "$status" = 1 ] && [ "$(value fits out)" = false ] && [ "$(value seconds out)" = null ] && grep -q -e '--ranks [0-9]' out; then
  ok "too little memory is refused, with what would do"
else
  bad "too little memory" "exit status $status: $(cat out err)"
fi
timeout -k 5 300 "$program" plan --dataset mnist --samples 60001 >out 2>err
status=$?
if [ "$status" = 2 ] && grep -q -e '--samples 60001' err; then ok "more samples than there are"; else
  bad "more samples than there are" "exit status $status"
fi

finish
