#!/usr/bin/env bash
# Makes the program wrong on purpose, in one way after the other (mutations.txt), in a copy of the sources, and says whether
# `deeprfm debug` or the named test suite notices. The exit status is 1 if one mutation survives or cannot be applied.
#
#   Tests/Mutations/run.sh [PATTERN]      all, or those whose name matches PATTERN (a regular expression)
#
# DEEPRFM_MUTATIONS=DIR keeps copy and build there: the next run builds what has changed since, not all. Each mutation costs an
# incremental debug build, and its undoing is part of the next one's.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
list=$root/Tests/Mutations/mutations.txt
pattern=${1-}
log=$(mktemp -d)
if [ -n "${DEEPRFM_MUTATIONS-}" ]; then
  copy=$DEEPRFM_MUTATIONS
  mkdir -p "$copy" || exit 1
  copy=$(cd "$copy" && pwd)
else
  copy=$log/copy
  mkdir "$copy"
fi
changed=
restore() {
  if [ -n "$changed" ] && [ -f "$log/original" ]; then cp "$log/original" "$copy/$changed"; fi
  changed=
}
trap 'restore; rm -rf "$log"' EXIT
trap 'exit 130' INT TERM
if [ "$copy" = "$root" ]; then echo "DEEPRFM_MUTATIONS must not be the repository itself" && exit 1; fi

if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 OPENBLAS_NUM_THREADS=1 NO_COLOR=1

# The copy: what differs is written anew, what is gone is removed, so that a kept build stays of use.
for top in Sources Tests; do
  (cd "$root" && find "$top" -type f) | sort >"$log/here"
  mkdir -p "$copy/$top"
  (cd "$copy" && find "$top" -type f) | sort >"$log/there"
  comm -13 "$log/here" "$log/there" | while IFS= read -r file; do rm "$copy/$file"; done
  while IFS= read -r file; do
    cmp -s "$root/$file" "$copy/$file" && continue
    mkdir -p "$(dirname "$copy/$file")" && cp "$root/$file" "$copy/$file" || exit 1
  done <"$log/here"
done
cmp -s "$root/Package.swift" "$copy/Package.swift" || cp "$root/Package.swift" "$copy/Package.swift" || exit 1
cd "$copy" || exit 1

build() { swift build "$@" >"$log/build" 2>&1 </dev/null; }

# Which check or test failed; nothing if all passed. A build that fails is no mutation: the script ends.
debug() {
  OMPI_MCA_orte_execute_quiet=1 timeout -k 10 300 mpirun --bind-to none -n 1 .build/debug/deeprfm debug --samples 60 >"$log/debug" 2>&1 </dev/null
  local status=$?
  [ "$status" = 0 ] && return
  grep -aoE '^.* FAIL' "$log/debug" | head -n 1 | sed -E 's/  +.*//; s/^/debug: /' | grep . ||
    echo "debug: exit status $status, $(grep -aE '^deeprfm: |Fatal error|Crash' "$log/debug" | head -n 1)"
}

suite() { # SUITE:RANKS
  local name=${1%:*} ranks=${1##*:}
  rm -rf "$log/ranks"
  OMPI_MCA_orte_execute_quiet=1 timeout -k 10 600 mpirun --bind-to none -n "$ranks" --output-filename "$log/ranks:nojobid,nocopy" --merge-stderr-to-stdout \
    .build/debug/DeepRFMPackageTests.xctest --testing-library swift-testing --no-parallel --filter "$name" >"$log/mpirun" 2>&1 </dev/null
  local status=$? output
  output=$(find "$log/ranks" -name stdout -exec cat {} + 2>/dev/null | sed $'s/\e\\[[0-9;]*m//g')
  if ! grep -qE 'Test run with [1-9]' <<<"$output" && [ "$status" = 0 ]; then
    echo "no test is called $name" >&2
    exit 1
  fi
  [ "$status" = 0 ] && return
  grep -aoE '^. Test .* failed after' <<<"$output" | grep -v 'Test run' | head -n 1 |
    sed -E "s/^. Test (.*) failed after/$name: \1/; s/ with [0-9]+ test cases?$//" | grep . || echo "$name: exit status $status"
}

# All that a mutation costs; sets `caught`.
try() { # TEST
  build --product deeprfm || { cat "$log/build" | grep -aE 'error:' | head -n 5; echo "the build failed" && return 1; }
  caught=$(debug)
  [ -n "$caught" ] && return
  build --build-tests || { grep -aE 'error:' "$log/build" | head -n 5; echo "the build of the tests failed" && return 1; }
  caught=$(suite "$1") || exit 1
}

echo "building what is right"
if ! build --build-tests; then
  grep -aE 'error:' "$log/build" | head
  echo "the build failed"
  exit 1
fi
wrong=$(debug)
if [ -n "$wrong" ]; then echo "FAIL  without a mutation: $wrong" && exit 1; fi

caughtCount=0 survived=0
one() { # NAME FILE TEST TEXT REPLACEMENT
  local began=$SECONDS
  [ -z "$pattern" ] || [[ $1 =~ $pattern ]] || return 0
  restore
  if [ "$(MUTATION_TEXT=$4 awk 'BEGIN { t = ENVIRON["MUTATION_TEXT"] }
    { s = $0; while ((k = index(s, t)) > 0) { n++; s = substr(s, k + length(t)) } } END { print n + 0 }' "$2")" != 1 ]; then
    echo "FAIL  $1: the text is not once in $2: $4"
    survived=$((survived + 1))
    return 0
  fi
  cp "$2" "$log/original"
  changed=$2
  MUTATION_TEXT=$4 MUTATION_WITH=$5 awk 'BEGIN { t = ENVIRON["MUTATION_TEXT"]; w = ENVIRON["MUTATION_WITH"] }
    { k = index($0, t); if (k > 0) $0 = substr($0, 1, k - 1) w substr($0, k + length(t)); print }' "$log/original" >"$2"
  local caught=
  if ! try "$3"; then
    echo "FAIL  $1"
    survived=$((survived + 1))
  elif [ -n "$caught" ]; then
    echo "caught    $1 ($caught; $((SECONDS - began)) s)"
    caughtCount=$((caughtCount + 1))
  else
    echo "survived  $1"
    survived=$((survived + 1))
  fi
}

name= file= test= text=
while IFS= read -r line; do
  case $line in
    'name: '*) name=${line#name: } ;;
    'file: '*) file=${line#file: } ;;
    'test: '*) test=${line#test: } ;;
    'text: '*) text=${line#text: } ;;
    'with: '*) one "$name" "$file" "$test" "$text" "${line#with: }" ;;
    '' | '#'*) ;;
    *) echo "mutations.txt has a line that is no mutation's: $line" && exit 1 ;;
  esac
done <"$list"
restore

echo "$caughtCount passed, $survived failed"
[ "$survived" = 0 ] && [ "$caughtCount" != 0 ]
