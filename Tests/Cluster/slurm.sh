#!/usr/bin/env bash
# A Slurm of two hosts on this machine (hosts.sh): mpirun and srun, binding, time limit, requeue, preemption, scancel, a lost node, job arrays.
# Its daemons are the hosts' own processes and end with them; nothing of it is seen outside, and no Slurm that runs here is touched.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/hosts.sh"
unset OMPI_MCA_rmaps_base_oversubscribe # slots are slots
require_hosts
for tool in slurmctld slurmd srun munged; do
  command -v $tool >/dev/null || skip "no $tool here (launch/setup --cluster installs it)"
done
# DEEPRFM_INSTALLED=PREFIX: an installed tree is what is tried; else the repository's.
if [ -n "${DEEPRFM_INSTALLED-}" ]; then
  run=$DEEPRFM_INSTALLED/bin/deeprfm-run program=$DEEPRFM_INSTALLED/bin/deeprfm batch=$DEEPRFM_INSTALLED/share/deeprfm/slurm.sbatch
else
  run=$root/launch/run program=$root/.build/release/deeprfm batch=$root/launch/slurm.sbatch
fi
"$run" doctor >"$work/out" 2>&1 </dev/null # builds
. "$(dirname "${BASH_SOURCE[0]}")/mpich-build.sh"
if have_mpich; then build_with_mpich --product deeprfm; else theirs=''; fi
start_hosts 2

# --- the cluster ---
hardware=$(slurmd -C | sed -n 's/^NodeName=[^ ]* //p' | sed -E 's/ ?(RealMemory|Boards)=[^ ]*//g')
mkdir -p "$work/state" "$work/spool/node1" "$work/spool/node2" "$work/log"
head -c 1024 /dev/urandom >"$work/munge.key"
chmod 400 "$work/munge.key"
cat >"$work/slurm.conf" <<TEXT
ClusterName=test
SlurmctldHost=node1($network.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool/%n
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=$work/log/slurmctld
SlurmdLogFile=$work/log/slurmd-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=2,batch_sched_delay=0
ReturnToService=2
JobRequeue=1
KillWait=5
SlurmdTimeout=8
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
NodeName=node1 NodeAddr=$network.1 $hardware RealMemory=4000 State=UNKNOWN
NodeName=node2 NodeAddr=$network.2 $hardware RealMemory=4000 State=UNKNOWN
PartitionName=main Nodes=node1,node2 Default=YES MaxTime=1:00:00 PriorityTier=1 GraceTime=20 State=UP
PartitionName=urgent Nodes=node1,node2 MaxTime=1:00:00 PriorityTier=9 PreemptMode=OFF State=UP
TEXT
echo "PMIxCliTmpDirBase=/run/pmix" >"$work/mpi.conf" # the hosts share /tmp
export SLURM_CONF=$work/slurm.conf

start_slurmd() { # HOST
  on "$1" bash -c "mkdir -p /run/munge /run/pmix && chmod 755 /run/munge &&
    { [ -S /run/munge/munge.socket.2 ] || munged --force --key-file='$work/munge.key' --pid-file=/run/munged.pid --seed-file=/run/munge.seed \
      --log-file='$work/log/munged-$1' --num-threads=2; } && slurmd -D >>'$work/log/$1' 2>&1" </dev/null &
}
start_slurmd node1
start_slurmd node2
for ((try = 0; try < 50; try++)); do
  on node1 test -S /run/munge/munge.socket.2 && break
  sleep 0.1
done
on node1 slurmctld -D >"$work/log/controller" 2>&1 </dev/null &

slurm() { on node1 timeout -k 5 120 "$@" </dev/null; } # COMMAND...: on the first host
state() { slurm scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | head -n 1; } # JOB
nodes_up() { [ "$(slurm sinfo -h -N -p main -t idle,mixed,allocated,completing -o %N 2>/dev/null | sort -u | wc -l)" = 2 ]; }
wait_for() { # SECONDS COMMAND...: until it succeeds; three times as long where there is other work beside it
  local end=$((SECONDS + 3 * $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.3
  done
}
if ! wait_for 40 nodes_up; then
  bad "the cluster starts" "$(slurm sinfo 2>&1; tail -n 5 "$work"/log/*)"
  finish
fi
ok "a cluster of two hosts: $(sinfo --version 2>/dev/null || echo Slurm)"

cores=$(nproc)
small=(--samples 400 --test-samples 200 --width 64 --quiet)
layers=(--layers 30)
submit() { slurm sbatch --parsable --output="$work/job-%A_%a" "$@"; } # OPTION... SCRIPT ARGUMENT...: prints the job's number
job=(--nodes=2 --ntasks-per-node=1 --cpus-per-task=1 --time=10)
ended() { [[ $(state "$1") =~ ^(COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL|PREEMPTED)$ ]]; } # JOB
again() { slurm scontrol show job "$1" | grep 'Restarts=[1-9]' >/dev/null; } # JOB
# A job that is queued again waits two minutes, until its old credentials are no longer good. Here only until their last second is over: what
# begins within it is refused by slurmd, and a failed job.
hurry() { # JOB
  [ "$(state "$1")" = PENDING ] || return 0
  sleep 2
  slurm scontrol update JobId="$1" StartTime=now 2>/dev/null
}
ended_in_the_end() { hurry "$1"; ended "$1"; } # JOB
lines() { [ -s "$1/metrics.jsonl" ] && [ "$(wc -l <"$1/metrics.jsonl")" -ge "$2" ]; } # RUN LAYERS
output() { cat "$work"/job-"$1"_* 2>/dev/null | tail -n 8; } # JOB

# The undisturbed run, without Slurm.
if ! timeout 400 "$run" -n 2 --threads 1 --oversubscribe train "${small[@]}" "${layers[@]}" --output "$work/alone" >"$work/out" 2>&1 </dev/null; then
  bad "the run without Slurm" "$(cat "$work/out")"
  finish
fi
same() { # NAME RUN: every layer has the undisturbed run's bytes
  if ! lines "$2" 30; then
    bad "$1" "not finished: $(ls "$2" 2>&1)"
  elif diff -rq "$work/alone/layers" "$2/layers" >"$work/diff"; then
    ok "$1: the undisturbed run's bytes"
  else
    bad "$1" "$(head -n 1 "$work/diff")"
  fi
}

. "$(dirname "${BASH_SOURCE[0]}")/slurm-cases.sh"
finish
