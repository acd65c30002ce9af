#!/usr/bin/env bash
# The program built with MPICH (in .build/mpich, or the folder DEEPRFM_MPICH): a run as with Open MPI, the launcher with Hydra; and each MPI's mpirun with the other's program,
# which is refused. With --tests also the MPI tests on 1, 2 and 4 ranks: their build takes about as long again.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../EndToEnd/common.sh"
. "$(dirname "${BASH_SOURCE[0]}")/mpich-build.sh"
if ! have_mpich; then
  echo "skipped: no MPICH with its headers here (launch/setup --cluster installs it)"
  exit 77
fi
open=$(command -v mpirun.openmpi || command -v mpirun) ours=$root/.build/release/deeprfm
export OPENBLAS_NUM_THREADS=1
if [ "${1-}" = --tests ]; then build_with_mpich --build-tests; else build_with_mpich --product deeprfm; fi || finish
"$root/launch/run" doctor >"$work/out" 2>&1 </dev/null # builds
if with_mpich "$theirs" && ! with_mpich "$ours"; then ok "linked with MPICH alone"; else bad "libraries" "$(ldd "$theirs")"; fi

# --- the MPI tests: all passed on every rank ---
tests() { # RANKS
  local ranks=$1 status good
  timeout -k 10 500 "$hydra" -n "$ranks" -bind-to none -errfile-pattern "$work/tests-$ranks-%r" -outfile-pattern "$work/printed-$ranks-%r" \
    "$scratch/release/DeepRFMPackageTests.xctest" --testing-library swift-testing --no-parallel --filter MPITests >"$work/out" 2>&1 </dev/null
  status=$?
  good=$(cat "$work/tests-$ranks-"* | grep -cE '^. *Test run with [1-9][0-9]* tests?.* passed')
  if [ "$status" = 0 ] && [ "$good" = "$ranks" ]; then
    ok "MPI on $ranks ranks: $(sed -n 's/.*Test run with \([0-9]* tests\).*/\1/p' "$work/tests-$ranks-0")"
  else
    bad "MPI on $ranks ranks" "exit status $status: $(grep -hE '^(✘|↳) ' "$work/tests-$ranks-"* | head -n 40; tail -n 4 "$work"/tests-"$ranks"-* "$work/out")"
  fi
}
if [ "${1-}" = --tests ]; then for ranks in 1 2 4; do tests "$ranks"; done; fi

# --- the same run ---
options=(train --samples 500 --test-samples 300 --layers 4 --width 128 --precision float64 --quiet --threads 1)
timeout 600 "${quietly[@]}" "$open" --bind-to none -n 2 "$ours" "${options[@]}" --output "$work/open" >"$work/out" 2>&1 </dev/null || bad "Open MPI" "$(cat "$work/out")"
timeout 600 "$hydra" -bind-to none -n 2 "$theirs" "${options[@]}" --output "$work/mpich" >"$work/out" 2>&1 </dev/null || bad "MPICH" "$(cat "$work/out")"
figures "$work/open" >"$work/open.figures"
figures "$work/mpich" >"$work/mpich.figures"
read -r where worst <<<"$(difference . "$work/open.figures" "$work/mpich.figures")"
bytes=$(diff -rq "$work/open/layers" "$work/mpich/layers" >/dev/null && echo ", the layers' files byte for byte")
if awk -v worst="$worst" 'BEGIN { exit !(worst <= 1e-9) }'; then
  ok "a run in float64 as with Open MPI: $(wc -l <"$work/open.figures") figures within $worst$bytes"
else
  bad "a run in float64" "$where differs by $worst"
fi

# --- each MPI's mpirun with the other's program: one sentence by one process, nothing written ---
refused() { # NAME SENTENCE COMMAND...
  local name=$1 wanted=$2 status
  shift 2
  rm -rf "$work/none"
  timeout 300 "$@" train --layers 1 --output "$work/none" >"$work/out" 2>&1 </dev/null
  status=$?
  if [ "$status" = 2 ] && [ "$(grep -c '^deeprfm: ' "$work/out")" = 1 ] && grep -qE "^deeprfm: 2 processes were started by $wanted" "$work/out" &&
    [ ! -e "$work/none" ]; then ok "$name: $(grep '^deeprfm: ' "$work/out")"; else bad "$name" "exit status $status: $(cat "$work/out")"; fi
}
mkdir -p "$work/with/bin"
cp "$root/launch/run" "$work/with/bin/deeprfm-run"
ln -s "$theirs" "$work/with/bin/deeprfm"
run=$work/with/bin/deeprfm-run
refused "Hydra's mpirun, Open MPI's program" "Hydra's mpirun, and Open MPI v[0-9.]+ does not know them .* use the mpirun of Open MPI$" "$hydra" -n 2 "$ours"
refused "Open MPI's mpirun, MPICH's program" "Open MPI's mpirun, and MPICH [0-9.]+ does not know them .* use the mpirun of this MPI$" \
  "${quietly[@]}" "$open" -n 2 "$theirs"
DEEPRFM_MPIRUN=$hydra refused "launch/run with Hydra's" "Hydra's mpirun, and Open MPI" "$root/launch/run" -n 2
DEEPRFM_MPIRUN=$open refused "deeprfm-run with Open MPI's" "Open MPI's mpirun, and MPICH" "$run" -n 2

# --- the launcher with Hydra ---
export DEEPRFM_MPIRUN=$hydra
options=(train --samples 1500 --layers 3 --width 256 --quiet)
echo 'localhost slots=2 # here' >"$work/hostfile"
started() { # NAME OPTION...: as with Open MPI, too
  local name=$1
  shift
  rm -rf "$work/one"
  if timeout 600 "$run" "$@" --threads 1 "${options[@]}" --output "$work/one" >"$work/out" 2>&1 </dev/null && [ ! -s "$work/out" ] &&
    grep -q '"ranks": 2' "$work/one/config.json" && [ "$(wc -l <"$work/one/metrics.jsonl")" = 3 ]; then ok "$name"; else bad "$name" "$(cat "$work/out")"; fi
}
started "deeprfm-run -n 2" -n 2
started "deeprfm-run with a hostfile" -n 2 --hostfile "$work/hostfile"
cp -r "$work/one" "$work/whole"
begin() { # DIR: in the background, until the first layer is written
  rm -rf "$1"
  "$run" -n 2 --threads 1 "${options[@]}" --checkpoint-every 0.02s --output "$1" >"$work/out" 2>&1 </dev/null &
  job=$!
  for ((tries = 0; tries < 1000; tries++)); do
    [ ! -s "$1/metrics.jsonl" ] || break
    sleep 0.02
  done
}
for ((again = 0; again < 10; again++)); do # it may be at its end before the signal comes
  begin "$work/stopped"
  kill -TERM "$job"
  wait "$job"
  status=$?
  if [ "$status" != 0 ]; then break; fi
done
timeout 600 "$run" -n 2 --threads 1 "${options[@]}" --resume --output "$work/stopped" >>"$work/out" 2>&1 </dev/null
if [ "$status" = 75 ] && diff -r "$work/whole/layers" "$work/stopped/layers" >/dev/null; then ok "stopped in order (75), gone on with to the same bytes"; else
  bad "stopped" "exit status $status: $(cat "$work/out")"
fi
for ((again = 0; again < 10; again++)); do
  begin "$work/killed"
  rank=$(pgrep -f "^$work/with/bin/deeprfm train .*$work/killed" | tail -n 1)
  kill -KILL "$rank"
  wait "$job"
  status=$?
  if [ "$status" != 0 ]; then break; fi
done
if [ "$status" = 137 ] && [ "$(grep -c . "$work/out")" = 1 ] && grep -q '^deeprfm-run: ended by signal 9' "$work/out"; then ok "a killed rank: $(cat "$work/out")"; else
  bad "a killed rank" "exit status $status: $(cat "$work/out")"
fi
finish
