#!/usr/bin/env bash
# The report of a run, of several and of what is no run; and an experiment that is stopped and goes on.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
cd "$work" || exit 1

options=(--dataset digits --samples 300 --test-samples 100 --layers 3 --width 64 --quiet)
for run in "agop 0" "agop 1" "identity 0"; do
  read -r projection seed <<<"$run"
  train "$((seed + 1))" "${options[@]}" --projection "$projection" --seed "$seed" --output "$projection-$seed" ||
    bad "train $run" "$(tail -n 1 out)"
done

report() { timeout -k 5 300 "$root/launch/run" report "$@" >out 2>&1 </dev/null; }

# has NAME FILE TEXT...
has() {
  local name=$1 file=$2 text
  shift 2
  for text; do
    grep -qF -- "$text" "$file" || { bad "$name" "'$text' is not in $file"; return; }
  done
  ok "$name"
}

has "train writes report.html" agop-0/report.html '<!DOCTYPE html>' 'Digits, 3 layers' 'data:image/png;base64,' 'table-collapse' \
  'Spectrum of the AGOP'

# NC1 of the page's table against metrics.jsonl, as train printed neither.
awk -F'"nc1": {"input": ' '{ split($2, a, ","); printf "%.3e\n", a[1] }' agop-0/metrics.jsonl >wanted
sed -n '/table id="table-collapse"/,/<\/table>/p' agop-0/report.html |
  sed -nE 's/^<tr><th scope="row">[0-9]+<\/th><td>[0-9]+<\/td><td>([^<]*)<.*/\1/p' >found
if [ -s wanted ] && cmp -s wanted found; then ok "the page's NC1 is that of metrics.jsonl"; else bad "NC1" "$(diff wanted found)"; fi

rm agop-0/report.html
if report agop-0/ --picture picture.svg && [ -s agop-0/report.html ]; then
  has "report writes it again, and a picture" picture.svg '<svg' 'Neural collapse of Digits' '<image'
else
  bad "report agop-0" "$(cat out)"
fi

if report agop-0 agop-1 identity-0; then
  has "several runs side by side" report.html '2 settings compared' 'projection agop' 'projection identity' '(mean of 2 runs)' '± '
  has "the finding is said" out 'report: report.html' 'projection'
else
  bad "report of several" "$(cat out)"
fi

# refused NAME TEXT ARGUMENT...
refused() {
  local name=$1 text=$2
  shift 2
  report "$@"
  local status=$?
  if [ "$status" = 2 ] && [ "$(wc -l <out)" = 1 ]; then has "$name" out "$text"; else bad "$name" "exit $status: $(cat out)"; fi
}
refused "no run" "nowhere" nowhere
refused "no directory at all" "report needs DIR"
mkdir empty
refused "an empty directory" "config.json" empty
refused "one bad among good" "empty" agop-0 empty
cp -r agop-0 damaged
rm damaged/metrics.jsonl
refused "no layer yet" "has not finished a layer yet" damaged

cp agop-0/metrics.jsonl damaged/
head -c 100 agop-0/layers/02.safetensors >damaged/layers/02.safetensors
sed -i '$d' damaged/metrics.jsonl
if report damaged; then
  has "a damaged run is shown as far as it goes" damaged/report.html 'The run is not finished: 2 of 3 layers' '02.safetensors'
else
  bad "a damaged run" "$(cat out)"
fi

experiment() { timeout -k 5 600 "$root/launch/experiment" "$@" >out 2>&1 </dev/null; }
small=(ablation --dataset digits --samples 200 --layers 3 --output exp)
timeout -k 5 600 "$root/launch/experiment" "${small[@]}" >out 2>&1 </dev/null &
pid=$! # timeout hands the signal on
for _ in $(seq 300); do [ "$(cat exp/agop-seed0/metrics.jsonl 2>/dev/null | wc -l)" = 3 ] && break; sleep 0.1; done
kill -TERM "$pid"
wait "$pid"
status=$?
if [ "$status" = 75 ] && [ ! -f exp/report.html ]; then ok "an experiment is stopped"; else bad "stopping" "exit $status: $(cat out)"; fi
if experiment "${small[@]}"; then
  has "and goes on" out 'the run in exp/agop-seed0 is finished' 'report: exp/report.html'
  has "to its comparison" exp/report.html '3 settings compared' 'projection random'
else
  bad "going on" "$(cat out)"
fi
experiment "${small[@]}" --layers 2
status=$?
if [ "$status" = 2 ] && grep -q '^deeprfm: .* --layers 3 .* --layers 2' out && [ -s exp/agop-seed0/model.safetensors ]; then
  ok "runs of other options are kept"
else
  bad "runs of other options" "exit $status: $(cat out)"
fi
# A launcher that ends at once; installed it is beside the script.
mkdir -p installed/bin
cp "$root/launch/experiment" installed/bin/deeprfm-experiment
cat >installed/bin/deeprfm-run <<'TEXT'
#!/bin/bash
while [ "$1" != --output ]; do shift; done
echo "$2" >>started
exit 75
TEXT
chmod +x installed/bin/deeprfm-run
told=0
for settings in "init-scale" "init-scale --layers 2" "init-scale --epochs 7" "ridge" "ridge --layers 2" "ridge --full"; do
  read -ra words <<<"$settings"
  for ((try = 0; try < 20; try++)); do
    installed/bin/deeprfm-experiment "${words[@]}" --data . >out 2>&1 </dev/null
    if [ $? = 75 ]; then told=$((told + 1)); fi
  done
done
if [ "$told" = 120 ]; then ok "the status of a run that ends at once"; else bad "a run that ends at once" "75 in $told of 120: $(cat out)"; fi
if [ "$(sort -u started | wc -l)" = 6 ]; then ok "other settings, another folder"; else bad "other settings" "$(sort started | uniq -c)"; fi
for arguments in "nonsense" "ablation" "ablation --data" "ablation --dataset digits --layers x" "nc-mnist --dataset svhn --data ." \
  "ablation --dataset digits -- --width 8"; do
  read -ra words <<<"$arguments"
  experiment "${words[@]}"
  status=$?
  if [ "$status" = 2 ]; then ok "experiment $arguments: exit 2"; else bad "experiment $arguments" "exit $status: $(cat out)"; fi
done

finish
