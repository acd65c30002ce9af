# Sourced by slurm.sh: what is tried on its cluster.

# --- binding: what each rank really got ---
bound() { # NAME WANTED COMMAND...: WANTED is "host:threads:cores" of each rank
  local name=$1 wanted=$2 found
  shift 2
  slurm "$@" >"$work/out" 2>"$work/err"
  found=$(grep -o '"host": "[^"]*"\|"threads": [0-9]*\|"boundCores": \[[^]]*\]' "$work/out" | awk -F': ' '
    /host/ { gsub(/"/, "", $2); host = $2 } /threads/ { threads = $2 }
    /boundCores/ { print host ":" threads ":" split($2, cores, ",") }' | sort | tr '\n' ' ')
  if [ "$found" = "$wanted " ]; then ok "$name: $found"; else bad "$name" "$found, not $wanted: $(tail -n 3 "$work/err" "$work/out")"; fi
}
for each in 1 "$cores"; do
  alloc=(salloc --quiet --nodes=2 --ntasks-per-node=1 --cpus-per-task="$each" --time=5)
  bound "srun, $each cores a rank" "node1:$each:$each node2:$each:$each" "${alloc[@]}" \
    srun --mpi=pmix --cpus-per-task="$each" --cpu-bind=cores "$program" doctor --json
  bound "mpirun, $each cores a rank" "node1:$each:$each node2:$each:$each" "${alloc[@]}" \
    "${quietly[@]}" mpirun --map-by "slot:PE=$each" --bind-to core "$program" doctor --json
  bound "launch/run in an allocation, $each cores a rank" "node1:$each:$each node2:$each:$each" "${alloc[@]}" \
    "$run" -n 2 doctor --json
done

# --- processes that do not know each other ---
strangers() { # NAME MEND COMMAND...: one sentence with the mend, exit 2, nothing written
  local name=$1 mend=$2 status
  shift 2
  rm -rf "$work/none"
  slurm "$@" "$program" train "${small[@]}" --layers 1 --output "$work/none" >"$work/out" 2>&1
  status=$?
  grep -v '^srun: ' "$work/out" >"$work/said"
  if [ "$status" = 2 ] && [ "$(wc -l <"$work/said")" = 1 ] && grep -q "^deeprfm: 2 processes were started by srun, .*: use .*$mend" "$work/said" &&
    [ ! -e "$work/none" ]; then ok "$name: $(cat "$work/said")"; else bad "$name" "status $status: $(cat "$work/out"; ls "$work/none" 2>/dev/null)"; fi
}
strangers "srun without PMI" "srun --mpi=pmix" srun --mpi=none -N 2 -n 2
strangers "srun with pmi2 and Open MPI" "srun --mpi=pmix" srun --mpi=pmi2 -N 2 -n 2
for how in none pmi2 pmix; do
  rm -rf "$work/one"
  if slurm srun --mpi=$how -N 1 -n 1 "$program" train "${small[@]}" --layers 1 --output "$work/one" >"$work/out" 2>&1 && lines "$work/one" 1; then
    ok "srun of one process, --mpi=$how"
  else
    bad "srun of one process, --mpi=$how" "$(tail -n 5 "$work/out")"
  fi
done
rm -rf "$work/one"
if slurm salloc --quiet -N 2 --ntasks-per-node=1 "$program" train "${small[@]}" --layers 1 --output "$work/one" >"$work/out" 2>&1 && lines "$work/one" 1; then
  ok "one process in an allocation of two tasks"
else
  bad "one process in an allocation" "$(tail -n 5 "$work/out")"
fi

# --- the batch script: mpirun, srun ---
for launch in mpirun srun; do
  id=$(LAUNCH=$launch submit "${job[@]}" "$batch" "${small[@]}" "${layers[@]}" --output "$work/$launch")
  wait_for 60 ended "$id"
  if [ "$(state "$id")" = COMPLETED ]; then same "slurm.sbatch with $launch" "$work/$launch"; else bad "slurm.sbatch with $launch" "$(state "$id"): $(output "$id")"; fi
done

# --- a build with MPICH: srun speaks PMI-2 to it; Hydra's mpirun starts its own daemons through srun ---
if [ -x "$theirs" ]; then
  export UCX_TLS=self,tcp # these hosts are one machine to it, but have no memory in common
  mkdir -p "$work/with/bin" "$work/with/share/deeprfm"
  ln -s "$theirs" "$work/with/bin/deeprfm"
  cp "$batch" "$work/with/share/deeprfm/slurm.sbatch"
  for each in 1 "$cores"; do
    bound "MPICH, srun --mpi=pmi2, $each cores a rank" "node1:$each:$each node2:$each:$each" \
      srun --mpi=pmi2 --nodes=2 --ntasks=2 --cpus-per-task="$each" --cpu-bind=cores "$theirs" doctor --json
  done
  program=$theirs strangers "MPICH, srun without PMI" "srun --mpi=pmi2" srun --mpi=none -N 2 -n 2
  program=$theirs strangers "MPICH, srun with pmix" "srun --mpi=pmi2" srun --mpi=pmix -N 2 -n 2
  for launch in mpirun srun; do
    id=$(LAUNCH=$launch DEEPRFM_MPIRUN=$hydra submit "${job[@]}" "$work/with/share/deeprfm/slurm.sbatch" "${small[@]}" --layers 3 \
      --precision float64 --output "$work/mpich-$launch")
    wait_for 60 ended "$id"
    if [ "$(state "$id")" = COMPLETED ] && lines "$work/mpich-$launch" 3 && grep -q '"ranks": 2' "$work/mpich-$launch/config.json"; then
      ok "MPICH, slurm.sbatch with $launch"
    else
      bad "MPICH, slurm.sbatch with $launch" "$(state "$id"): $(output "$id")"
    fi
  done
  if diff -r "$work/mpich-mpirun/layers" "$work/mpich-srun/layers" >"$work/diff"; then ok "MPICH, mpirun and srun: the same bytes"; else bad "MPICH" "$(head -n 1 "$work/diff")"; fi
  unset UCX_TLS
else
  echo "no MPICH here: srun --mpi=pmi2 is not tried with it"
fi

# --- stopped and queued again ---
goes_on() { # NAME JOB RUN LINE: has LINE in its output, was queued again, and is finished with the same bytes
  if ! wait_for 150 ended_in_the_end "$2"; then
    bad "$1" "$(state "$2"): $(output "$2"; tail -n 2 "$work/log/slurmctld")"
  elif [ "$(state "$2")" != COMPLETED ]; then
    bad "$1" "$(state "$2"): $(output "$2")"
  elif ! again "$2"; then
    bad "$1" "was not queued again: $(output "$2")"
  elif ! cat "$work"/job-"$2"_* | grep "$4" >/dev/null; then
    bad "$1" "no '$4' in: $(output "$2")"
  else
    same "$1" "$3"
  fi
}
long=("${small[@]}" "${layers[@]}")

id=$(submit "${job[@]}" "$batch" "${long[@]}" --output "$work/requeue")
wait_for 40 lines "$work/requeue" 2
slurm scontrol requeue "$id"
goes_on "scontrol requeue" "$id" "$work/requeue" ''

id=$(submit "${job[@]}" --signal=B:USR1@60 "$batch" "${long[@]}" --output "$work/preempted")
wait_for 40 lines "$work/preempted" 2
slurm srun -p urgent -N 2 -n 2 -c "$cores" --mpi=none hostname >"$work/out" 2>&1
if grep -q node2 "$work/out"; then ok "an urgent job takes the nodes"; else bad "an urgent job" "$(cat "$work/out")"; fi
goes_on "preemption" "$id" "$work/preempted" 'stopped with a checkpoint'

# A minute is Slurm's shortest limit, and it looks for jobs to signal every half minute. The run is as long as it takes.
id=$(submit "${job[@]}" --time=1 --signal=B:USR1@55 "$batch" "${small[@]}" --layers 4000 --output "$work/limit")
if wait_for 90 again "$id" && slurm scancel "$id" && cat "$work"/job-"$id"_* | grep 'stopped with a checkpoint; the job goes on later' >/dev/null; then
  ok "the time limit's signal: a checkpoint, and queued again"
else
  bad "the time limit's signal" "$(state "$id"): $(output "$id")"
fi
before=$(wc -l <"$work/limit/metrics.jsonl")
id=$(submit "${job[@]}" "$batch" "${small[@]}" --layers 4000 --output "$work/limit")
if wait_for 60 lines "$work/limit" $((before + 2)); then ok "and goes on from layer $before"; else bad "going on after the limit" "$(output "$id")"; fi
slurm scancel "$id"
wait_for 30 ended "$id"

# --- another command that goes on: a network, longer than anybody waits, told by hand ---
id=$(submit "${job[@]}" "$batch" network "${small[@]}" --epochs 100000 --output "$work/network")
wait_for 60 lines "$work/network" 2
slurm scancel --batch --signal=USR1 "$id"
before=''
gone_on() { # in line again, and an epoch further
  again "$id" || return
  before=${before:-$(wc -l <"$work/network/metrics.jsonl")}
  hurry "$id"
  lines "$work/network" $((before + 1))
}
if wait_for 90 gone_on && cat "$work"/job-"$id"_* | grep 'stopped with a checkpoint; the job goes on later' >/dev/null; then
  ok "a network: a checkpoint, queued again, goes on from epoch $before"
else
  bad "a network" "$(state "$id"): $(output "$id")"
fi
slurm scancel "$id"
wait_for 30 ended "$id"

# --- scancel: gone at once, and what is there can go on ---
id=$(submit "${job[@]}" "$batch" "${long[@]}" --output "$work/cancelled")
wait_for 40 lines "$work/cancelled" 2
slurm scancel "$id"
wait_for 30 ended "$id"
gone() { ! pgrep -f "^$program train .*$work/cancelled" >/dev/null; }
if [ "$(state "$id")" = CANCELLED ] && wait_for 15 gone && ! lines "$work/cancelled" 30; then
  ok "scancel: no process is left"
else
  bad "scancel" "$(state "$id"): $(pgrep -af "$work/cancelled")"
fi
id=$(submit "${job[@]}" "$batch" "${long[@]}" --output "$work/cancelled")
wait_for 60 ended "$id"
same "the cancelled run, submitted again" "$work/cancelled"

# --- a node that fails: its slurmd is killed, and comes back later. The run is as long as it takes ---
id=$(submit "${job[@]}" "$batch" "${small[@]}" --layers 4000 --output "$work/failed")
wait_for 40 lines "$work/failed" 2
on node2 pkill -KILL -x slurmd
# Slurm marks it with a star at once, and as down when it pleases.
node_lost() { slurm sinfo -h -n node2 -o %T | grep -F -e down -e '*' >/dev/null; }
if wait_for 60 node_lost && wait_for 60 again "$id"; then ok "a node that fails: the job is queued again"; else bad "a node that fails" "$(slurm sinfo; state "$id")"; fi
start_slurmd node2
wait_for 30 nodes_up
before=$(wc -l <"$work/failed/metrics.jsonl")
further() { hurry "$id"; lines "$work/failed" $((before + 2)); }
if wait_for 90 further; then ok "and goes on from layer $before"; else bad "a node that fails" "$(state "$id"): $(output "$id")"; fi
slurm scancel "$id"
wait_for 30 ended "$id"

# --- seeds as an array, one report ---
id=$(submit --nodes=1 --ntasks-per-node=1 --cpus-per-task=1 --time=10 --array=0-2 "$batch" "${small[@]}" --layers 2 --output "$work/seeds")
all_ended() { [ "$(slurm squeue -h -j "$id" 2>/dev/null | wc -l)" = 0 ]; }
wait_for 90 all_ended
if lines "$work/seeds/seed-0" 2 && lines "$work/seeds/seed-1" 2 && lines "$work/seeds/seed-2" 2 && grep -q 'seed-2' "$work/seeds/report.html"; then
  ok "an array of three seeds, one report"
else
  bad "an array of seeds" "$(ls -R "$work/seeds"; output "$id")"
fi
