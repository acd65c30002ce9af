#!/usr/bin/env bash
# The last stage of launch/container/Containerfile, step by step, in a Debian of its own (debootstrap, chroot): the installed tree runs there with
# no HOME and no environment, with no room in /dev/shm, and where no rank may read another's memory.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../EndToEnd/common.sh"
skip() { # WHY
  echo "skipped: $1"
  exit 77
}
PATH=$PATH:/usr/sbin:/sbin
[ "$(id -u)" = 0 ] || skip "a system in a folder needs root"
command -v debootstrap >/dev/null || skip "no debootstrap here (launch/setup --cluster installs it)"
unshare --mount --pid --fork true 2>/dev/null || skip "this system lets root make no mount namespaces"

file=$root/launch/container/Containerfile box=$work/box
last=$(sed -n '/^FROM/h; /^FROM/!H; ${x; p}' "$file") # from the last FROM on
from=$(sed -n 's/^FROM debian:\([a-z]*\)-slim$/\1/p' <<<"$last")
steps=$(sed -n '/^RUN /,/[^\\]$/p' <<<"$last" | sed 's/^RUN //')
if [ -z "$from" ] || [ -z "$steps" ]; then bad "the Containerfile" "$last"; finish; fi
packages() { sed -n 's/.*\(openmpi-bin libopenmpi.*[a-z0-9+]\).*/\1/p' | sed 's/ *&&.*//'; } # of a definition's last stage
if [ "$(packages <<<"$last")" = "$(packages <"$root/launch/container/deeprfm.def" | tail -n 1)" ]; then ok "both definitions install the same"; else
  bad "both definitions" "$(packages <<<"$last"), and $(packages <"$root/launch/container/deeprfm.def" | tail -n 1)"
fi

if ! timeout 600 debootstrap --variant=minbase "$from" "$box" >"$work/out" 2>&1 </dev/null; then skip "debootstrap found no Debian: $(tail -n 1 "$work/out")"; fi
# A namespace as a container has it: its own processes, a bare /dev, SIZE for /dev/shm.
inside() { # SIZE COMMAND...
  unshare --mount --pid --fork --kill-child bash -c '
    mount --make-rprivate / && mount -t proc proc "$1/proc" && mount -t sysfs -o ro none "$1/sys" && mount -t tmpfs none "$1/dev" &&
    mkdir "$1/dev/shm" && mount -t tmpfs -o "size=$2,mode=1777" none "$1/dev/shm" &&
    for device in "null 3" "zero 5" "random 8" "urandom 9"; do mknod -m 666 "$1/dev/${device% *}" c 1 "${device#* }"; done &&
    ln -s /proc/self/fd "$1/dev/fd" && box=$1 && shift 2 && exec chroot "$box" "$@"' inside "$box" "$@" </dev/null
}
if inside 64m env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive bash -ec "$steps" >"$work/out" 2>&1; then ok "the definition's step"; else
  bad "the definition's step" "$(tail -n 5 "$work/out")"
  finish
fi
if ! "$root/launch/install" "$box/opt/deeprfm" >"$work/out" 2>&1 </dev/null; then
  bad "launch/install" "$(tail -n 5 "$work/out")"
  finish
fi
environment=(env -i $(sed -n 's/^ENV //p' <<<"$last"))
mkdir -m 777 "$box/work"
run() { # SIZE OUTPUT COMMAND...: what it says goes to $work/out
  local size=$1 output=$2
  shift 2
  inside "$size" "$@" "${environment[@]}" timeout -k 5 300 deeprfm-run -n 2 --threads 1 train --samples 1000 --layers 2 --width 256 --quiet \
    --output "/work/$output" >"$work/out" 2>&1
  status=$?
}
whole() { [ "$status" = 0 ] && [ "$(wc -l <"$box/work/$1/metrics.jsonl")" = 2 ] && grep -q '"ranks": 2' "$box/work/$1/config.json"; }
user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
run 64m root
if whole root && [ ! -s "$work/out" ]; then ok "no HOME, no environment: 2 ranks"; else bad "no HOME" "status $status: $(cat "$work/out")"; fi
run 64m user "${user[@]}"
if whole user && [ ! -s "$work/out" ]; then ok "and another user"; else bad "another user" "status $status: $(cat "$work/out")"; fi

# --- one sentence with the mend, and the mend helps ---
told() { # NAME SENTENCE
  if whole "$1" && [ "$(wc -l <"$work/out")" = 1 ] && grep -q "^deeprfm-run: $2" "$work/out"; then ok "$1: $(cat "$work/out")"; else bad "$1" "status $status: $(cat "$work/out")"; fi
}
mended() { # NAME
  if whole "$1" && [ ! -s "$work/out" ]; then ok "$1: nothing to say"; else bad "$1" "status $status: $(cat "$work/out")"; fi
}
run 1m small "${user[@]}"
told small "there is too little room in /dev/shm .* export OMPI_MCA_btl_vader_backing_directory=/tmp "
environment+=(OMPI_MCA_btl_vader_backing_directory=/tmp)
run 1m mended "${user[@]}"
mended mended
unset "environment[-1]"
# The kernel lets nobody look into a process whose file its user may not read: so with a container's rules, where that is forbidden to all.
chmod 711 "$box/opt/deeprfm/bin/deeprfm"
run 64m closed "${user[@]}"
told closed "this system lets no rank read another's memory, .* export OMPI_MCA_btl_vader_single_copy_mechanism=none "
inside 64m "${user[@]}" "${environment[@]}" deeprfm-run -n 2 doctor >"$work/out" 2>&1
if grep -q "a rank may not read another's memory" "$work/out"; then ok "doctor sees it"; else bad "doctor" "$(cat "$work/out")"; fi
environment+=(OMPI_MCA_btl_vader_single_copy_mechanism=none)
run 64m open "${user[@]}"
mended open
for other in user small mended closed open; do
  diff -r "$box/work/root/layers" "$box/work/$other/layers" >"$work/diff" || bad "$other" "other layers: $(head -n 1 "$work/diff")"
done
finish
