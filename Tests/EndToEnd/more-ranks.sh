#!/usr/bin/env bash
# The golden values on more ranks than launch/test runs: 5 with unequal shards, 13 where the tiny cases leave one rank none.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
export OPENBLAS_NUM_THREADS=1
tests=$root/.build/release/DeepRFMPackageTests.xctest

golden() { # RANKS FILTER
  if timeout -k 5 600 "${quietly[@]}" mpirun --bind-to none -n "$1" "$tests" --testing-library swift-testing --no-parallel \
    --filter "$2" >"$work/out" 2>&1 </dev/null && grep -q 'Test run with [1-9]' "$work/out"; then
    ok "$2 on $1 ranks"
  else
    bad "$2 on $1 ranks" "$(grep -m 1 'recorded an issue' "$work/out" || tail -n 1 "$work/out")"
  fi
}

golden 5 GoldenStepTests
golden 5 KernelOperatorTests
golden 13 GoldenStepTests
finish
