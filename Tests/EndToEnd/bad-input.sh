#!/usr/bin/env bash
# Bad input: exit status 2, one sentence that names the file or option, from one rank, and nothing written.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
cd "$work" || exit 1

# --- bad files ---

# An IDX file: magic number, sizes, body, all as octal escapes.
idx() { # FILE BYTES...
  local file=$1
  shift
  printf "$(printf '\\%03o' "$@")" >"$file"
}

npy() { # FILE TYPE SHAPE: standard input is the body
  local header="{'descr': '$2', 'fortran_order': False, 'shape': $3, }"
  printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$header" >"$1"
  cat >>"$1"
}

doubles() { # one byte pattern of eight a word: 0, 1, nan, inf
  local value
  for value; do
    case $value in
      0) printf '\0\0\0\0\0\0\0\0' ;;
      1) printf '\0\0\0\0\0\0\360\077' ;;
      nan) printf '\0\0\0\0\0\0\370\177' ;;
      inf) printf '\0\0\0\0\0\0\360\177' ;;
    esac
  done
}

integers() { # small ones, or -1
  local value
  for value; do
    if [ "$value" = -1 ]; then printf '\377\377\377\377\377\377\377\377'; else
      printf "$(printf '\\%03o' "$value")\\0\\0\\0\\0\\0\\0\\0"
    fi
  done
}

mkdir truncated magic counts range nan infinity real equal one empty wide libsvm far unseen used
images=(0 0 8 3 0 0 0 3 0 0 0 2 0 0 0 2)
labels=(0 0 8 1 0 0 0 3)
idx truncated/train-images-idx3-ubyte "${images[@]}" 1 2 3 4 5 6 7 8 9 10
idx truncated/train-labels-idx1-ubyte "${labels[@]}" 0 1 2
idx magic/train-images-idx3-ubyte 1 2 3 4 0 0 0 3 0 0 0 2 0 0 0 2 1 2 3 4 5 6 7 8 9 10 11 12
idx magic/train-labels-idx1-ubyte "${labels[@]}" 0 1 2
idx counts/train-images-idx3-ubyte "${images[@]}" 1 2 3 4 5 6 7 8 9 10 11 12
idx counts/train-labels-idx1-ubyte 0 0 8 1 0 0 0 2 0 1
for record in 10 1; do # a label, and as many pixels as a record has
  printf "$(printf '\\%03o' "$record")"
  head -c 3072 /dev/zero
done >range/data_batch_1.bin
doubles 0 1 1 nan 1 1 | npy nan/train_x.npy '<f8' '(3, 2)'
doubles 0 1 1 0 1 inf | npy infinity/train_x.npy '<f8' '(3, 2)'
doubles 0 1 1 0 1 1 | npy real/train_x.npy '<f8' '(3, 2)'
printf '\0\0\0\0\0\0\340\077\0\0\0\0\0\0\360\077\0\0\0\0\0\0\340\077' | npy real/train_y.npy '<f8' '(3,)' # 0.5 1 0.5
doubles 1 1 1 1 1 1 | npy equal/train_x.npy '<f8' '(3, 2)'
doubles 0 1 1 0 1 1 | npy one/train_x.npy '<f8' '(3, 2)'
doubles 0 1 1 0 1 1 | npy wide/train_x.npy '<f8' '(3, 2)'
integers 0 1 1 | tee nan.y infinity.y equal.y >wide.y
integers 1 1 1 >one.y
for case in nan infinity wide equal one; do npy "$case/train_y.npy" '<i8' '(3,)' <"$case.y"; done
doubles 0 1 1 | npy wide/test_x.npy '<f8' '(1, 3)'
integers 1 | npy wide/test_y.npy '<i8' '(1,)'
printf '1 1:0.5 2:1\n2 1:x\n' >libsvm/train
printf '1 1:0.5 2:1\n2 1:1 2:1e300\n1 1:3\n' >far/train
printf '1 1:0.5 2:1\n2 1:1\n1 1:3\n' >unseen/train
printf '1 1:0.5\n3 1:1\n' >unseen/test
echo mine >used/notes
echo text >plain-file
echo '{"ridge": -1}' >ridge.json
echo '{"ridge": ' >broken.json

# --- the table: name, what the sentence has to name, the command ---

say() { # RANKS NAME WORD COMMAND...
  local name="$2 on $1 ranks" word=$3 status lines before run=("$root/launch/run" -n "$1" --threads 1)
  # Alone without mpirun, as the program may be started.
  if [ "$1" = 1 ]; then run=("$root/.build/release/deeprfm"); fi
  shift 3
  before=$(find . | sort)
  timeout -k 5 150 "${run[@]}" "$@" >"$work.out" 2>"$work.err" </dev/null
  status=$?
  lines=$(grep -c '^deeprfm:' "$work.err")
  if [ "$status" != 2 ]; then
    bad "$name" "exit status $status, not 2: $(head -n 1 "$work.err")"
  elif [ "$lines" != 1 ]; then
    bad "$name" "$lines sentences, not 1"
  elif [ "$(wc -l <"$work.err")" != 1 ] || [ -s "$work.out" ]; then
    bad "$name" "more than a sentence: $(grep -hv '^deeprfm:' "$work.err" "$work.out" | head -n 1)"
  elif ! grep -qF -e "$word" "$work.err"; then
    bad "$name" "no '$word' in: $(cat "$work.err")"
  elif [ "$(find . | sort)" != "$before" ]; then
    bad "$name" "something was written: $(diff <(echo "$before") <(find . | sort) | grep '^[<>]' | head -n 1)"
  else
    ok "$name"
  fi
  rm -f "$work.out" "$work.err"
}

# On one rank, and on two: a rank may be the only one to see what is wrong.
both() {
  say 1 "$@"
  say 2 "$@"
}

out=(--output new --layers 1)
# Options, which are looked at before any file.
both "unknown option" --ridgee train --ridgee 1 "${out[@]}"
say 1 "unknown data set" --dataset train --dataset mnits "${out[@]}"
both "negative ridge" --ridge train --ridge=-0.5 "${out[@]}"
say 1 "no layers" --layers train --layers 0 --output new
say 1 "bandwidth zero" --bandwidth train --bandwidth 0 "${out[@]}"
say 1 "not a number" --tolerance train --tolerance nan "${out[@]}"
say 1 "value missing" --seed train --output new --seed
say 1 "folder not given" --data train --dataset mnist "${out[@]}"
say 1 "configuration with a bad value" ridge.json train --config ridge.json "${out[@]}"
both "configuration cut off" broken.json train --config broken.json "${out[@]}"
# Files.
both "missing folder" nowhere train --dataset mnist --data nowhere "${out[@]}"
say 1 "empty folder" empty train --dataset mnist --data empty "${out[@]}"
both "truncated MNIST" train-images train --dataset mnist --data truncated "${out[@]}"
say 1 "wrong magic number" train-images train --dataset mnist --data magic "${out[@]}"
both "counts that disagree" counts train --dataset mnist --data counts "${out[@]}"
both "label out of range" data_batch_1.bin train --dataset cifar10 --data range "${out[@]}"
both "NaN in a feature" train_x.npy train --dataset npy --data nan "${out[@]}"
say 1 "infinity in a feature" train_x.npy train --dataset npy --data infinity "${out[@]}"
both "labels that are values" train_y.npy train --dataset npy --data real --targets classes "${out[@]}"
both "one class" one/train_y.npy train --dataset npy --data one "${out[@]}"
both "equal samples" equal/train_x.npy train --dataset npy --data equal "${out[@]}"
both "variance that overflows" "feature 2" train --dataset libsvm --data far "${out[@]}"
both "unseen label" --strict train --dataset libsvm --data unseen --strict "${out[@]}"
say 1 "test features that disagree" wide train --dataset npy --data wide "${out[@]}"
say 1 "LIBSVM line" libsvm/train train --dataset libsvm --data libsvm "${out[@]}"
# Amounts and the output.
both "more samples than exist" --samples train --samples 1798 "${out[@]}"
say 1 "more test samples than exist" --test-samples train --samples 1700 --test-samples 98 "${out[@]}"
both "output in use" used train --samples 20 --layers 1 --output used
say 1 "output is a file" plain-file train --samples 20 --layers 1 --output plain-file
say 1 "output below a file" plain-file train --samples 20 --layers 1 --output plain-file/below
say 2 "cholesky on two ranks" --solver train --solver cholesky --output new

finish
