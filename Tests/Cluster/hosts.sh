# Sourced by the scripts beside it: several hosts on this machine, without touching its network, its ~/.ssh or its /etc.
#
# A host is a process in its own network, host name, mounts and process ids: an sshd. A switch joins the hosts' network cards. None
# of it has a name outside; all of it goes with its processes, and those with this script, however it ends.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../EndToEnd/common.sh"

network=10.77.0 # of the hosts alone: seen from nowhere else
declare -A host=() # name -> process id of its sshd
switch='' sshd=''

# SIGKILL of this script does the same, by --pdeathsig and --kill-child.
stop_hosts() {
  if [ ${#host[@]} -gt 0 ]; then kill -KILL "${host[@]}" 2>/dev/null; fi
  if [ -n "$switch" ]; then kill "$switch" 2>/dev/null; fi
  wait
}
trap 'stop_hosts; rm -rf "$work"' EXIT

# Ends the script as launch/test's "skipped".
skip() { # WHY
  echo "skipped: $1"
  exit 77
}

require_hosts() {
  local tool
  [ "$(id -u)" = 0 ] || skip "several hosts on one machine need root"
  PATH=$PATH:/usr/sbin:/sbin
  for tool in ip unshare nsenter setpriv sshd ssh ssh-keygen; do
    command -v $tool >/dev/null || skip "no $tool here (launch/setup --tests installs it)"
  done
  sshd=$(command -v sshd)
  unshare --net --uts --mount --pid --fork true 2>/dev/null || skip "this system lets root make no network namespaces"
  unshare --net ip link add switch type bridge 2>/dev/null || skip "this system makes no network bridges"
  unshare --net ip link add one type veth peer name two 2>/dev/null || skip "this system makes no virtual network cards"
}

# Starts hosts node1, node2, ... with addresses $network.1, .2, ...; $work/data on each is the folder $work/data-NAME.
start_hosts() { # COUNT
  local number name
  ssh-keygen -q -t ed25519 -N '' -f "$work/login"
  ssh-keygen -q -t ed25519 -N '' -f "$work/hostkey"
  echo "127.0.0.1 localhost" >"$work/hosts"
  for ((number = 1; number <= 9; number++)); do
    echo "$network.$number node$number" >>"$work/hosts"
    echo "node$number $(cat "$work/hostkey.pub")" >>"$work/known"
  done
  cat >"$work/sshd_config" <<TEXT
HostKey $work/hostkey
AuthorizedKeysFile $work/login.pub
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
UseDNS no
PidFile none
SetEnv PATH=$PATH${LD_LIBRARY_PATH:+ LD_LIBRARY_PATH=$LD_LIBRARY_PATH}
TEXT
  cat >"$work/ssh_config" <<TEXT
IdentityFile $work/login
IdentitiesOnly yes
UserKnownHostsFile $work/known
GlobalKnownHostsFile /dev/null
LogLevel ERROR
TEXT
  mkdir -p "$work/data"
  export OMPI_MCA_orte_tmpdir_base=/dev/shm
  unshare --net setpriv --pdeathsig KILL sleep infinity &
  switch=$!
  until [ "$(readlink /proc/$switch/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.01; done
  at_switch ip link add switch type bridge
  at_switch ip link set switch up
  for ((number = 1; number <= $1; number++)); do start_host "$number"; done
  for name in "${!host[@]}"; do
    for ((try = 0; try < 20; try++)); do
      on "$name" timeout 1 bash -c 'exec 3<>/dev/tcp/localhost/22' 2>/dev/null && continue 2
      sleep 0.05
    done
    bad "$name" "its sshd does not answer: $(tail -n 3 "$work/sshd-$name")"
    finish
  done
}

start_host() { # NUMBER
  local number=$1 name=node$1 keeper children
  mkdir -p "$work/data-$name"
  # Open MPI's files go to the host's own /dev/shm, and away with it: its own /tmp would hide $work.
  setpriv --pdeathsig KILL unshare --net --uts --mount --pid --fork --kill-child bash -c "
    hostname $name &&
    mount -t proc proc /proc && mount -t tmpfs tmpfs /dev/shm && mount -t tmpfs tmpfs /run && mkdir /run/sshd &&
    mount --bind '$work/hosts' /etc/hosts && mount --bind '$work/data-$name' '$work/data' &&
    exec '$sshd' -D -e -f '$work/sshd_config'" >"$work/sshd-$name" 2>&1 </dev/null &
  keeper=$!
  until children=$(cat /proc/$keeper/task/$keeper/children 2>/dev/null) && [ -n "$children" ]; do sleep 0.01; done
  host[$name]=${children% }
  # The address says the number: a host that comes back is the same card to the others.
  at_switch ip link add "port$number" type veth peer name eth0 address "02:00:00:00:00:0$number" netns "${host[$name]}"
  at_switch ip link set "port$number" master switch up
  nsenter -t "${host[$name]}" --net ip address add "$network.$number/24" dev eth0
  nsenter -t "${host[$name]}" --net ip link set lo up
  nsenter -t "${host[$name]}" --net ip link set eth0 up
}

at_switch() { nsenter -t "$switch" --net "$@"; }

# Runs a command on a host, as if logged in there.
on() { # NAME COMMAND...
  local name=$1
  shift
  nsenter -t "${host[$name]}" --net --uts --mount --pid "$@"
}

# Every process of a host is killed at once; the others see its connections close.
kill_host() { # NAME
  kill -KILL "${host[$1]}"
}

# A host without power: its packets stop, and nobody is told.
unplug() { at_switch ip link set "port${1#node}" down; }
plug_in() { at_switch ip link set "port${1#node}" up; }
