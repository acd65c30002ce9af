#!/usr/bin/env bash
# `collapse` from the shell: a file that no rank could hold, one JSON object on one line, the page, and what is refused.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
cd "$work" || exit 1

npy() { # FILE TYPE SHAPE
  local header="{'descr': '$2', 'fortran_order': False, 'shape': $3, }"
  printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$header" >"$1"
}

collapse() { # RANKS OPTION...
  local ranks=$1
  shift
  timeout -k 5 300 "$root/launch/run" -n "$ranks" --threads 1 collapse "$@" >out 2>err </dev/null
}

value() { sed -n "s/.*\"$1\": \([^,}]*\).*/\1/p" out; } # NAME: the first number of that name

# --- 2 GiB on 2 ranks, each with room for 1.5 ---
# Two classes of 524,288 rows of 512; all are 0 but one number of one row, 1. Then tr S_W / tr S_B is 2 (524,288 - 1).
npy x.npy '<f4' '(1048576, 512)'
truncate -s $((128 + 4 * 1048576 * 512)) x.npy
printf '\0\0\200\077' | dd of=x.npy bs=1 seek=$((128 + 4 * 512 * 1000000)) conv=notrunc status=none
npy y.npy '|u1' '(1048576,)'
{
  head -c 524288 /dev/zero
  head -c 524288 /dev/zero | tr '\0' '\1'
} >>y.npy
if (ulimit -v 1500000 && collapse 2 --features x.npy --labels y.npy --json); then
  if [ "$(value traceQuotient)" = 1048574.0 ]; then ok "a file larger than the memory"; else
    bad "a file larger than the memory" "$(cat out)"
  fi
else
  bad "a file larger than the memory" "$(cat out err)"
fi
[ "$(wc -l <out)" = 1 ] && ok "one JSON object on one line" || bad "one JSON object on one line" "$(cat out)"

# --- the page ---
npy small.npy '<f4' '(6, 2)'
for number in '\0\0\200\077' '\0\0\0\0' '\0\0\0\100' '\0\0\0\0' '\0\0\0\0' '\0\0\200\077' '\0\0\0\0' '\0\0\0\100' '\0\0\200\277' \
  '\0\0\0\0' '\0\0\0\300' '\0\0\200\277'; do
  printf "$number"
done >>small.npy
npy three.npy '|u1' '(6,)'
printf '\0\0\1\1\2\2' >>three.npy
if collapse 1 --features small.npy --labels three.npy --output page && grep -q 'nc1.cdnv' out && grep -q '</html>' page/report.html &&
  grep -q '"nearestCentreAgreement"\|"cdnv"' page/collapse.json; then ok "table and page"; else bad "table and page" "$(cat out err)"; fi

# --- refused: exit 2, one sentence from one rank, nothing on standard output ---
refuse() { # NAME WORDS OPTION...
  local name=$1 words=$2
  shift 2
  collapse 2 "$@"
  local status=$?
  if [ "$status" = 2 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -q "$words" err; then ok "$name"; else
    bad "$name" "status $status: $(cat out err)"
  fi
}
printf '\0\0\300\177' | dd of=x.npy bs=1 seek=$((128 + 4 * (512 * 7 + 3))) conv=notrunc status=none
refuse "a NaN is named" 'x.npy has nan at row 7, column 3' --features x.npy --labels y.npy
refuse "labels of another length" '6 rows' --features small.npy --labels y.npy
refuse "no labels" '.-labels' --features small.npy
mkdir run && echo '{}' >run/config.json
refuse "a run's report is not overwritten" 'run directory' --features small.npy --labels three.npy --output run

finish
