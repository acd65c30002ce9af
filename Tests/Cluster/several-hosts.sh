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
  on node1 timeout -k 5 600 "$root/launch/run" -n "$ranks" --hostfile "$work/hostfile" --threads 1 "${interface[@]}" "$@" \
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
    on node1 timeout -k 5 300 "$root/launch/run" -n "$ranks" --threads 1 --oversubscribe "${options[@]}" \
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

# --- a network that does not lead to the others: it is up, has an address that everybody believes in, and what is sent there is lost ---
for number in 1 2; do
  on node$number ip link add lost type veth peer name lost-end
  on node$number ip link set lost-end up
  on node$number ip address add "10.88.0.$number/24" dev lost
  on node$number ip link set lost up
  on node$number ip neighbor replace "10.88.0.$((3 - number))" lladdr 02:00:00:00:09:09 dev lost
done
hostfile node1:1 node2:1
proper=("${interface[@]}")
export DEEPRFM_CONNECT=5
SECONDS=0
interface=(--mca btl_tcp_if_include lost --mca oob_tcp_if_include "$network.0/24")
launch 2 "${options[@]}" --output "$work/none"
ended "ranks that do not reach each other" 1 25 \
  '^deeprfm: rank 0 on node1 has heard nothing of rank 1 for 5 s over lost \(10\.88\.0\.1/24\): name one .*btl_tcp_if_include'
SECONDS=0
interface=(--mca oob_tcp_if_include lost)
launch 2 "${options[@]}" --output "$work/none"
ended "daemons that do not reach each other" 1 25 \
  '^launch/run: no other host has called mpirun back for 5 s; networks here: .*lost \(10\.88\.0\.1/24\); name one .*oob_tcp_if_include'
unset DEEPRFM_CONNECT
interface=("${proper[@]}")
[ ! -e "$work/none" ] || bad "a network that leads nowhere" "something was written"
for number in 1 2; do on node$number ip link del lost; done

# --- what the other hosts get: PATH, libraries, threads, and the folder of an mpirun that is not the system's ---
mkdir -p "$work/elsewhere/bin"
ln -s "$(command -v mpirun)" "$(command -v orted)" "$work/elsewhere/bin"
cat >"$work/agent" <<TEXT
#!/bin/bash
printf '%s\n' "\$*" >>"$work/asked"
exec ssh -F "$work/ssh_config" "\$@"
TEXT
chmod +x "$work/agent"
cat >"$work/show" <<'TEXT'
#!/bin/bash
echo "$OMPI_COMM_WORLD_RANK $OPENBLAS_NUM_THREADS $LD_LIBRARY_PATH $PATH"
TEXT
chmod +x "$work/show"
mkdir -p "$work/tree/bin"
cp "$root/launch/run" "$work/tree/bin/deeprfm-run"
cp "$work/show" "$work/tree/bin/deeprfm"
OMPI_MCA_plm_rsh_agent=$work/agent DEEPRFM_MPIRUN=$work/elsewhere/bin/mpirun \
  on node1 timeout 150 "$work/tree/bin/deeprfm-run" -n 2 --hostfile "$work/hostfile" "${interface[@]}" report >"$work/out" 2>&1 </dev/null
if [ "$(grep -c '^[01] 1 ' "$work/out")" = 2 ] && grep -q "$work/elsewhere/bin/orted\|PATH=$work/elsewhere/bin" "$work/asked"; then ok "the other hosts find mpirun's daemon"; else
  bad "--prefix" "$(cat "$work/asked" "$work/out")"
fi
(export LD_LIBRARY_PATH=/some/where PATH=$PATH:/some/bin
  on node1 "$work/tree/bin/deeprfm-run" -n 2 --hostfile "$work/hostfile" "${interface[@]}" report >"$work/out" 2>&1 </dev/null)
if grep -q '^1 1 .*/some/where.* .*/some/bin' "$work/out"; then ok "the other hosts get threads, PATH and libraries"; else bad "the other hosts' environment" "$(cat "$work/out")"; fi

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
