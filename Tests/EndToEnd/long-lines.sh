#!/usr/bin/env bash
# Lines of 1 GB, and archives that unpack to it, are refused by a process that could not hold them: it has 800 MB of addresses. The
# file is there for one check at a time.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
cd "$work" || exit 1
program=$root/.build/release/deeprfm
"$root/launch/run" doctor >/dev/null 2>&1 </dev/null # builds
export OPENBLAS_NUM_THREADS=1
gigabyte=1073741824

limited() { # OPTION...
  (
    ulimit -v 800000
    timeout -k 5 120 "$program" train --layers 1 --threads 1 --memory 256MiB --quiet --output new "$@" >out 2>err </dev/null
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

{ printf 'a,y\n' && head -c "$gigabyte" /dev/zero | tr '\0' 7; } >data/train.csv
refused "a field of 1 GB" csv "line 2: it has a field of more than"
{ printf 'a,y\n"' && yes 1,2 | head -c "$gigabyte"; } >data/train.csv
refused "a quote that is never closed" csv "line 2: it has a field of more than"
{ printf 'a,y\n' && yes 1, | tr -d '\n' | head -c "$gigabyte"; } >data/train.csv
refused "a table's row of 1 GB" csv "line 2: it has more fields"
yes ab, | tr -d '\n' | head -c "$gigabyte" >data/train.csv
refused "a header of 1 GB" csv "line 1: its header is longer"
{ printf 1 && yes ' 1:1' | tr -d '\n' | head -c "$gigabyte"; } >data/train
refused "LIBSVM, a line of 1 GB" libsvm "line 1: it has more than"
{ printf '1 1:' && head -c "$gigabyte" /dev/zero | tr '\0' 7; } >data/train
refused "LIBSVM, a word of 1 GB" libsvm "line 1: it has a word"
{ printf 'a,y\n' && yes 1,2 | head -c "$gigabyte"; } | gzip >data/train.csv.gz
refused "a table that unpacks to 1 GB" csv "unpacks to more than"
finish
