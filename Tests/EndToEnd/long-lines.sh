#!/usr/bin/env bash
# Lines of 1 GB, and archives that unpack to it, are refused by a process that could not hold them: it has 800 MB of addresses.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
cd "$work" || exit 1
program=$root/.build/release/deeprfm
"$root/launch/run" doctor >/dev/null 2>&1 </dev/null # builds
export OPENBLAS_NUM_THREADS=1
gigabyte=1073741824
# What makes a line long need stand only where it is read: the rest of its gigabyte is a hole, bytes 0 without an end.
million() { yes "$1" | head -n 1200000 | tr -d '\n'; } # a text that often

limited() { # OPTION...
  (
    ulimit -v 800000
    timeout -k 5 600 "$program" train --layers 1 --threads 1 --memory 256MiB --quiet --output new "$@" >out 2>err </dev/null
  )
}

# refused NAME DATASET WORD: what is in the folder `data`.
refused() {
  limited --dataset "$2" --data data
  local status=$?
  rm -rf data
  mkdir data
  if [ "$status" = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -qF -e "$3" err; then
    ok "$1"
  else
    bad "$1" "exit status $status: $(head -c 500 err)"
  fi
}

mkdir data
limited --dataset digits --samples 100
status=$?
if [ "$status" = 0 ]; then ok "a small run has room"; else bad "a small run" "exit status $status: $(head -c 500 err)"; fi
rm -rf new

long() { # FILE: standard input is its beginning
  cat >"data/$1"
  truncate -s "$gigabyte" "data/$1"
}

{ printf 'a,y\n' && head -c 100000 /dev/zero | tr '\0' 7; } | long train.csv
refused "a field of 1 GB" csv "line 2: it has a field of more than"
{ printf 'a,y\n"' && yes 1,2 | head -n 100000; } | long train.csv
refused "a quote that is never closed" csv "line 2: it has a field of more than"
{ printf 'a,y\n' && million 1,; } | long train.csv
refused "a table's row of 1 GB" csv "line 2: it has more fields"
million ab, | long train.csv
refused "a header of 1 GB" csv "line 1: its header is longer"
{ printf 1 && million ' 1:1'; } | long train
refused "LIBSVM, a line of 1 GB" libsvm "line 1: it has more than"
printf '1 1:7' | long train
refused "LIBSVM, a word of 1 GB" libsvm "line 1: it has a word"
# Sixty-four members of 16 MiB: gzip's format is what stands one behind the other.
{
  printf 'a,y\n' | gzip
  yes 1,2 | head -c 16777216 | gzip >member
  for ((i = 0; i < 64; i++)); do cat member; done
} >data/train.csv.gz
refused "a table that unpacks to 1 GB" csv "unpacks to more than"
finish
