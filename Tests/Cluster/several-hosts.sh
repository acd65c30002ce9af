#!/usr/bin/env bash
# Training over TCP on two to four hosts: as on one host; and with a host that is missing, dies, or holds other data.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/hosts.sh"
unset OMPI_MCA_rmaps_base_oversubscribe # slots are slots
require_hosts
start_hosts 4
export OMPI_MCA_plm_rsh_agent="ssh -F $work/ssh_config"
# As in launch/run, but sooner.
export OMPI_MCA_plm_rsh_args="-o BatchMode=yes -o ConnectTimeout=3"
export OMPI_MCA_oob_tcp_keepalive_time=2 OMPI_MCA_oob_tcp_keepalive_intvl=1 OMPI_MCA_oob_tcp_keepalive_probes=3
interface=(--mca btl_tcp_if_include "$network.0/24" --mca oob_tcp_if_include "$network.0/24")

hostfile() { # NAME:SLOTS...
  local entry
  for entry; do echo "${entry%:*} slots=${entry#*:}"; done >"$work/hostfile"
}

# launch/run on node1, over the hosts of the hostfile; what it says goes to $work/out, its status is kept.
launch() { # RANKS OPTION...
  local ranks=$1
  shift
  on node1 timeout -k 5 40 "$root/launch/run" -n "$ranks" --hostfile "$work/hostfile" --threads 1 "${interface[@]}" "$@" \
    >"$work/out" 2>&1 </dev/null
  status=$?
  return $status
}

# The sentence that a run had to end with, its status, and how long it may take.
ended() { # NAME STATUS SECONDS PATTERN
  local found
  found=$(grep -cE "$4" "$work/out")
  if [[ ! $status =~ ^($2)$ ]]; then
    bad "$1" "status $status, not $2: $(tail -n 3 "$work/out")"
  elif [ "$SECONDS" -gt "$3" ]; then
    bad "$1" "took $SECONDS s, more than $3"
  elif [ "$found" = 0 ] || [ "$(grep -c '^deeprfm:' "$work/out")" -gt 1 ]; then
    bad "$1" "$found times '$4' in: $(cat "$work/out")"
  else
    ok "$1: $SECONDS s: $(grep -m 1 -E "$4" "$work/out")"
  fi
}

options=(train --samples 500 --test-samples 300 --layers 2 --width 128 --quiet)

# The same ranks on one host, and on several: the same bytes.
same_as_one_host() { # RANKS HOST:SLOTS...
  local ranks=$1 name="$1 ranks on ${*:2}" hosts expected
  shift
  if [ ! -d "$work/one-$ranks" ]; then
    on node1 timeout -k 5 60 "$root/launch/run" -n "$ranks" --threads 1 --oversubscribe "${options[@]}" \
      --output "$work/one-$ranks" >"$work/out" 2>&1 </dev/null || bad "$ranks ranks on one host" "$(tail -n 1 "$work/out")"
  fi
  hostfile "$@"
  rm -rf "$work/several"
  launch "$ranks" "${options[@]}" --output "$work/several"
  expected=$(printf '"%s", ' "${@%:*}")
  hosts=$(sed -n 's/.*"hosts": \[\(.*\)\].*/\1/p' "$work/several/config.json" 2>/dev/null)
  if [ "$status" != 0 ]; then
    bad "$name" "status $status: $(tail -n 3 "$work/out")"
  elif [ "$hosts" != "${expected%, }" ]; then
    bad "$name" "ran on $hosts"
  elif ! diff -rq "$work/one-$ranks/layers" "$work/several/layers" >"$work/diff" || [ ! -s "$work/several/layers/02.safetensors" ]; then
    bad "$name" "other layers than on one host: $(head -n 1 "$work/diff")"
  elif [ "$(figures "$work/one-$ranks")" != "$(figures "$work/several")" ]; then
    bad "$name" "other figures than on one host"
  else
    ok "$name: as on one host, byte for byte"
  fi
}

# --- the same result ---
same_as_one_host 2 node1:1 node2:1
same_as_one_host 4 node1:2 node2:1 node3:1
on node2 tc qdisc add dev eth0 root tbf rate 100mbit burst 64kb latency 100ms 2>/dev/null
same_as_one_host 4 node1:1 node2:1 node3:1 node4:1
on node2 tc qdisc del dev eth0 root 2>/dev/null

# --- hostfiles that cannot be ---
SECONDS=0
hostfile node1:1 node2:2
launch 4 "${options[@]}" --output "$work/none"
ended "more ranks than slots" 1 10 '^launch/run: -n 4 is more than the slots of'
SECONDS=0
hostfile node1:1 node2:1 node9:1
launch 3 "${options[@]}" --output "$work/none"
ended "a host that does not answer" '[1-9][0-9]*' 15 'ssh: connect to host node9'
grep -q '^launch/run: mpirun could not reach a host of' "$work/out" || bad "a host that does not answer" "$(cat "$work/out")"
SECONDS=0
hostfile node1:1 nowhere:1
launch 2 "${options[@]}" --output "$work/none"
ended "a host that nobody knows" '[1-9][0-9]*' 15 'ssh: Could not resolve hostname nowhere'
[ ! -e "$work/none" ] || bad "hostfiles that cannot be" "something was written"

# --- data ---
data() { # NAME LINES [SED]: a LIBSVM file of that host
  awk -v lines="$2" 'BEGIN { for (i = 0; i < lines; i++) print i % 2, "1:" i % 7, "2:" i % 5 / 4, "3:" i * i % 11 }' |
    sed "${3-}" >"$work/data-$1/train"
}
options=(train --dataset libsvm --data "$work/data" --layers 1 --width 16 --quiet)
hostfile node1:2 node2:1 node3:1
for node in node1 node2 node3; do data $node 60; done
gzip "$work/data-node3/train" # the same samples in another file
SECONDS=0
launch 4 "${options[@]}" --output "$work/libsvm"
if [ "$status" = 0 ] && [ -s "$work/libsvm/model.safetensors" ]; then
  ok "the same data, compressed on one host"
else
  bad "the same data, compressed on one host" "status $status: $(cat "$work/out")"
fi
data node2 60 '60s/3:[0-9]*/3:7.5/'
SECONDS=0
launch 4 "${options[@]}" --output "$work/none"
ended "one other number on one host" 2 15 '^deeprfm: host node2 has other data than host node1 in .*/data: as many samples, with other'
data node2 60 '60s/^1/0/'
SECONDS=0
launch 4 "${options[@]}" --output "$work/none"
ended "one other label on one host" 2 15 '^deeprfm: host node2 has other data than host node1 in .*/data: as many samples, with other'
data node2 60
rm "$work/data-node3/train.gz"
data node3 59
SECONDS=0
launch 4 "${options[@]}" --output "$work/none"
ended "a sample less on one host" 2 15 '^deeprfm: host node3 has other data than host node1 in .*/data: 59 samples of 3 features, not 60'
rm "$work/data-node3/train"
SECONDS=0
launch 4 "${options[@]}" --output "$work/none"
ended "a host without the data" 2 15 '^deeprfm: on host node3: .*/data has no training file of libsvm'
[ ! -e "$work/none" ] || bad "other data" "something was written"

# --- a host that is lost ---
hostfile node1:1 node2:1 node3:1
for how in unplug kill_host; do # without power; all its processes at once
  launch 3 train --samples 1500 --layers 500 --output "$work/$how" &
  run=$!
  for ((try = 0; try < 300; try++)); do
    [ ! -s "$work/$how/metrics.jsonl" ] || break
    sleep 0.1
  done
  SECONDS=0
  "$how" node3
  wait "$run"
  status=$?
  ended "$how" '[1-9][0-9]*' 20 '^launch/run: .*(host node3.* lost|lost it)'
  [ "$how" = kill_host ] || plug_in node3
done

finish
