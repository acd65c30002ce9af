#!/usr/bin/env bash
# doctor: warns where it should, is content where nothing is wrong, and its exit status says which.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
cd "$work" || exit 1
program=$root/.build/release/deeprfm
mkdir data && printf '1 1:0.5 2:1\n2 1:1\n' >data/train
cp -r data other && printf '1 1:0.25 2:1\n2 1:1\n' >other/train
unset OPENBLAS_CORETYPE

# look NAME STATUS LINE MEND COMMAND...: LINE and MEND are patterns of the output, MEND empty where there must be no warning, "any" where there
# may be one.
look() {
  local name=$1 wanted=$2 line=$3 mend=$4 status
  shift 4
  timeout -k 5 300 "$@" >out 2>err </dev/null
  status=$?
  if [ "$status" != "$wanted" ]; then
    bad "$name" "exit status $status, not $wanted: $(head -n 1 err)"
  elif [ -n "$line" ] && ! grep -qE "$line" out; then
    bad "$name" "no '$line' in: $(cat out)"
  elif [ "$mend" = any ]; then
    ok "$name"
  elif [ -n "$mend" ] && ! grep -A 1 -E "$line" out | grep -E -e "-> .*$mend" >/dev/null; then
    bad "$name" "no mend '$mend' in: $(cat out)"
  elif [ -z "$mend" ] && grep -qE '^(warn|fail)' out; then
    bad "$name" "$(grep -m 1 -E '^(warn|fail)' out)"
  else
    ok "$name"
  fi
}

ranks=("${quietly[@]}" mpirun --bind-to none -n)

look "one rank" 0 '^ok +program' '' "$program" doctor --dataset digits
look "forced kernels" 0 '^warn +kernels .*Prescott.*OPENBLAS_CORETYPE' 'unset OPENBLAS_CORETYPE' \
  env OPENBLAS_CORETYPE=Prescott "$program" doctor
look "bound to one core" 0 '^warn +threads .*2 threads on 1 core' '--bind-to none, or --map-by slot:PE=2' \
  "${quietly[@]}" mpirun --bind-to core -n 1 "$program" doctor --threads 2
look "data everywhere" 0 '^ok +data +libsvm: 2 training' '' "$program" doctor --dataset libsvm --data data
look "no data" 1 '^fail +data .*nowhere' 'fetch-data' "$program" doctor --dataset libsvm --data nowhere
look "output in use" 1 '^fail +output .*holds other files' '--output' "$program" doctor --output data
look "too much memory" 1 '^fail +memory' '--memory' "$program" doctor --memory 900000GiB
# Two ranks that do not see the same, as two hosts may not.
look "data of one rank" 1 '^fail +data +rank 1: .*nowhere' 'every host' \
  "${ranks[@]}" 1 "$program" doctor --dataset libsvm --data data : -n 1 "$program" doctor --dataset libsvm --data nowhere
look "data that differs" 1 '^fail +data .*differ' 'one folder' \
  "${ranks[@]}" 1 "$program" doctor --dataset libsvm --data data : -n 1 "$program" doctor --dataset libsvm --data other
cp "$program" another && echo >>another # bytes behind the program's end change nothing but the file
look "another build" 0 '^warn +program .*differ.*rank [01].*rank [01]' 'one build' \
  "${ranks[@]}" 1 "$program" doctor : -n 1 ./another doctor
look "network" 0 '^(ok|warn) +network .*GB/s' any "${ranks[@]}" 3 "$program" doctor --threads 1
look "no data set named" 2 '' '' "$program" doctor --data data

timeout -k 5 300 "$program" doctor --json >out 2>err
if grep -qE '^\{"status": "(ok|warn)", "checks": \[\{"name": "program", "status": "ok", .*"ranks": \[\{"host": ' out; then
  ok "json"
else
  bad "json" "$(cat out err)"
fi

finish
