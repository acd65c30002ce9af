#!/usr/bin/env bash
# Three layers of digits: the same figures on 1, 2 and 3 ranks in both precisions, and the same bytes from the same command.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

options=(--dataset digits --samples 500 --test-samples 300 --layers 3 --width 128 --quiet)

run() { # NAME RANKS OPTION...
  local name=$1 ranks=$2
  shift 2
  if train "$ranks" "${options[@]}" --output "$work/$name" "$@"; then
    figures "$work/$name" >"$work/$name.figures"
  else
    bad "$name" "train ended with $?: $(tail -n 1 "$work/out")"
    return 1
  fi
}

agree() { # NAME BOUND PATTERN FIRST SECOND
  local result
  result=$(difference "$3" "$work/$4.figures" "$work/$5.figures")
  if awk -v error="${result#* }" -v bound="$2" 'BEGIN { exit !(error <= bound) }' && [ "${result% *}" != none ]; then
    ok "$1: $result"
  else
    bad "$1" "$result, more than $2"
  fi
}

# Two solutions within the tolerance may differ by what the condition makes of it. For the gaussian kernel, whose system is far
# worse conditioned, after many iterations they do: so it is solved farther.
for kernel in laplace gaussian; do
  for features in relu cosine; do
    combination=$kernel-$features
    for precision in float32 float64; do
      case $kernel-$precision in
        gaussian-float32) solve=(--tolerance 1e-6) ;;
        gaussian-float64) solve=(--tolerance 1e-11) ;;
        *) solve=() ;;
      esac
      if [ "$precision" = float32 ]; then bound=1e-3; else bound=1e-8; fi
      # Ill-conditioned: float32 rounding alone moves layer 3 by more than 1e-3 here (measured: up to 1.3e-3).
      if [ "$precision $combination" = "float32 gaussian-cosine" ]; then bound=5e-3; fi
      for ranks in 1 2 3; do
        run "$combination-$precision-$ranks" "$ranks" --kernel "$kernel" --features "$features" --precision "$precision" \
          ${solve[@]+"${solve[@]}"} || continue
        [ "$ranks" = 1 ] && continue
        agree "$combination, $precision, $ranks ranks as 1" "$bound" '[.]nc[12][.]' \
          "$combination-$precision-1" "$combination-$precision-$ranks"
      done
    done
    agree "$combination, float32 as float64" 1e-2 '[.]nc[12][.]' "$combination-float64-1" "$combination-float32-1"
  done
done

for ranks in 1 3; do
  run "again-$ranks" "$ranks" || continue
  if [ -s "$work/again-$ranks/layers/03.safetensors" ] &&
    diff -rq "$work/again-$ranks/layers" "$work/laplace-relu-float32-$ranks/layers" >"$work/diff"; then
    ok "the same command twice on $ranks ranks: the same layer files"
  else
    bad "the same command twice on $ranks ranks" "$(head -n 1 "$work/diff")"
  fi
done

finish
