#!/usr/bin/env bash
# What the program says and how it ends: every kind of error in one line on 1 to 4 ranks, signals to commands that keep no
# checkpoint, closed standard streams, the launcher's own options, warnings, folders' names and formats' numbers.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"
cd "$work" || exit 1
run=$root/launch/run program=$root/.build/release/deeprfm
"$run" doctor >/dev/null 2>&1 </dev/null # builds

# once NAME STATUS WORD COMMAND...: on 1 to 4 ranks one line on standard error, with WORD in it.
once() {
  local name=$1 wanted=$2 word=$3 ranks status
  shift 3
  for ranks in 1 2 3 4; do
    rm -rf new
    timeout -k 5 300 "$run" -n "$ranks" --threads 1 "$@" >out 2>err </dev/null
    status=$?
    if [ "$status" != "$wanted" ]; then
      bad "$name, $ranks ranks" "exit status $status, not $wanted: $(head -n 2 err)"
    elif [ "$(wc -l <err)" != 1 ] || ! grep -q '^deeprfm: ' err; then
      bad "$name, $ranks ranks" "not one line: $(cat err)"
    elif ! grep -qF -e "$word" err; then
      bad "$name, $ranks ranks" "no '$word' in: $(cat err)"
    elif grep -qE '\.$' err; then
      bad "$name, $ranks ranks" "ends in a full stop: $(cat err)"
    else
      ok "$name, $ranks ranks"
    fi
  done
}

small=(--dataset digits --samples 200 --layers 1 --width 32 --quiet)
once "bad option" 2 "--layers" train --layers 0
once "no data" 2 nowhere train --dataset mnist --data nowhere
once "memory too small" 2 "--memory 10" train "${small[@]}" --memory 10MiB --output small-memory
once "not solved" 1 "layer 1" train "${small[@]}" --tolerance 1e-15 --output new
once "iterations" 1 "--max-iterations" train "${small[@]}" --max-iterations 1 --tolerance 1e-12 --output new
once "a folder of other files" 2 "holds other files" train "${small[@]}" --output "$root/launch"
rm -rf new
once "no model" 2 nowhere predict --model nowhere --dataset digits --output p.npy
once "no run to report" 2 nowhere report nowhere
once "plan of too much" 2 "--samples" plan --dataset digits --samples 1798
once "bench without data" 2 nowhere bench kernel --dataset mnist --data nowhere

if [ -z "$(find . -maxdepth 1 -name 'small-memory' -o -maxdepth 1 -name runs)" ]; then ok "bad input leaves nothing"; else bad "bad input" "left: $(ls)"; fi

# A factorization that does not exist: copies of samples, and nothing on the diagonal.
mkdir copies
for copy in 1 2 3; do
  printf '%s 1:%s 2:1 3:2\n' 0 1 1 2 0 3 1 5
done >copies/train
timeout 300 "$program" train --dataset libsvm --data copies --layers 1 --solver cholesky --ridge 0 --kernel gaussian \
  --output cholesky --quiet >out 2>err </dev/null
status=$?
if [ "$status" = 1 ] && [ "$(wc -l <err)" = 1 ] && grep -q '^deeprfm: layer 1' err; then
  ok "Cholesky's refusal names the layer"
else
  bad "Cholesky" "exit $status: $(cat err)"
fi

# --- runs without --output ---
(timeout 300 "$run" train "${small[@]}" </dev/null >first 2>&1; echo $? >first.status) &
(timeout 300 "$run" train "${small[@]}" </dev/null >second 2>&1; echo $? >second.status) &
wait
if [ "$(cat first.status second.status | tr -d '\n')" = 00 ] && [ "$(ls runs/*/report.html | wc -l)" = 2 ]; then
  ok "two jobs of one second have two folders"
else
  bad "two jobs" "$(cat first second) $(ls -R runs)"
fi
rm -rf runs
timeout 300 "$run" -n 2 train --samples 1798 --layers 1 >/dev/null 2>&1 </dev/null
if [ ! -e runs ]; then ok "bad input leaves no folder"; else bad "bad input" "left $(ls -R runs)"; fi

# --- closed streams ---
train 2 "${small[@]}" --output open || bad "train" "$(cat out)"
same() { # NAME DIR
  if cmp -s open/layers/01.safetensors "$2/layers/01.safetensors"; then ok "$1"; else bad "$1" "$(tail -n 2 closed.out 2>/dev/null)"; fi
}
timeout 300 "$run" -n 2 --threads 1 train "${small[@]}" --output closed-input >closed.out 2>&1 <&-
same "standard input closed" closed-input
timeout 300 "$run" -n 2 --threads 1 train "${small[@]}" --output closed-all <&- >&- 2>&-
same "all three closed" closed-all
timeout 300 "$program" train "${small[@]}" --threads 1 --output alone >closed.out 2>&1 </dev/null
timeout 300 "$program" train "${small[@]}" --threads 1 --output alone-closed <&- >&- 2>&-
if cmp -s alone/layers/01.safetensors alone-closed/layers/01.safetensors && cmp -s alone/model.safetensors alone-closed/model.safetensors; then
  ok "the program alone, all three closed"
else
  bad "the program alone" "its files differ"
fi

# --- the launcher ---
printf '1\n2\n3\n' | while read -r seed; do
  timeout 300 "$run" train "${small[@]}" --seed "$seed" --output "loop-$seed" >/dev/null 2>&1
done
if [ -f loop-1/model.safetensors ] && [ -f loop-2/model.safetensors ] && [ -f loop-3/model.safetensors ]; then
  ok "a loop's standard input is left alone"
else
  bad "a loop" "only $(ls -d loop-*)"
fi
echo '{"samples": 200, "layers": 1, "width": 32}' | timeout 300 "$run" train --config /dev/stdin --output piped --quiet >out 2>&1
if [ -f piped/model.safetensors ]; then ok "a configuration may come through standard input"; else bad "--config /dev/stdin" "$(cat out)"; fi
printf '\xef\xbb\xbf# mine\r\nlocalhost slots=2\r\n' >hosts
for form in "-n2" "-np2" "--np=2" "--np 2" "-n 2 --hostfile hosts" "-n2 --hostfile=hosts"; do
  read -ra words <<<"$form"
  rm -rf form
  timeout 300 "$run" "${words[@]}" --threads 1 train "${small[@]}" --output form >out 2>&1 </dev/null
  if grep -q '"ranks": 2' form/config.json 2>/dev/null && [ ! -s out ]; then ok "launch/run $form"; else bad "launch/run $form" "$(cat out)"; fi
done
for form in "-n2x" "-n 0" "--hostfile=nowhere" "--np="; do
  read -ra words <<<"$form"
  timeout 300 "$run" "${words[@]}" train "${small[@]}" >out 2>&1 </dev/null
  status=$?
  if [ "$status" = 2 ] && [ "$(wc -l <out)" = 1 ]; then ok "launch/run $form: exit 2"; else bad "launch/run $form" "exit $status: $(cat out)"; fi
done

# --- signals to what keeps no checkpoint ---
{
  printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (40000000, 64), }"
} >rows.npy
truncate -s 2560000128 rows.npy # takes no room
# ended NAME SIGNAL COMMAND...: the command, on 2 ranks, is told after a while. All have more to do than any machine does in that time.
ended() {
  local name=$1 number=$2 pid status
  shift 2
  # With job control: else what runs in the background ignores INT, and so would all that it starts.
  set -m
  "$run" -n 2 --threads 1 "$@" >out 2>err </dev/null &
  pid=$!
  set +m
  sleep 2
  if ! kill -"$number" "$pid"; then bad "$name" "had ended before"; return; fi
  wait "$pid"
  status=$?
  if [ "$status" != 1 ]; then
    bad "$name" "exit status $status: $(cat err)"
  elif [ "$(grep -c '^deeprfm: ' err)" != 1 ] || ! grep -q "^deeprfm: $1 was stopped by signal USR1: " err; then
    bad "$name" "$(cat err)"
  elif grep -q 'ended by signal' err; then
    bad "$name" "$(cat err)"
  else
    ok "$name"
  fi
}
ended "TERM to bench" TERM bench solve --samples 6000 --repeat 1000
ended "INT to bench" INT bench kernel --samples 6000 --repeat 1000
ended "TERM to predict" TERM predict --model open --input rows.npy --output rows-out.npy
if [ -z "$(ls rows-out.npy* 2>/dev/null)" ]; then ok "and no half of its output is left"; else bad "predict" "left $(ls rows-out.npy*)"; fi

# --- warnings ---
PMI_SIZE=2 PMI_RANK=0 "$program" train "${small[@]}" --output strangers >out 2>err </dev/null
status=$?
if [ "$status" = 2 ] && grep -q '^deeprfm: 2 processes were started' err && [ "$(wc -l <err)" = 1 ] && [ ! -e strangers ]; then
  ok "processes that do not know of each other are refused"
else
  bad "PMI" "exit $status: $(cat err)"
fi
PMI_SIZE=2 PMI_RANK=1 "$program" train "${small[@]}" --output strangers >out 2>err </dev/null
status=$?
if [ "$status" = 2 ] && [ ! -s err ] && [ ! -e strangers ]; then ok "told by one of them"; else bad "PMI, second" "exit $status: $(cat err)"; fi
if SLURM_JOB_ID=1 SLURM_NTASKS=2 SLURM_PROCID=0 "$program" report open >out 2>err </dev/null; then ok "one process in an allocation of two"; else bad "allocation" "$(cat err)"; fi

# What mpirun says of a container's rules comes as one sentence.
mkdir -p fake
cat >fake/mpirun <<'TEXT'
#!/bin/bash
[ "$1" = --version ] && echo "mpirun (Open MPI) 4.1.4" && exit
line=--------------------------------------------------------------------------
for rank in 0 1; do
  printf '%s\n' $line 'WARNING: Linux kernel CMA support was requested via the' 'btl_vader_single_copy_mechanism MCA variable, but CMA support is' \
    'not available due to restrictive ptrace settings.' $line "[host:$rank] Read -1, expected 8192, errno = 1" >&2
done
TEXT
chmod +x fake/mpirun
DEEPRFM_MPIRUN=$PWD/fake/mpirun "$run" -n 2 doctor >out 2>err </dev/null
if [ "$(wc -l <err)" = 1 ] && grep -q 'OMPI_MCA_btl_vader_single_copy_mechanism=none' err; then ok "cross-memory attach is told once, with the mend"; else bad "CMA" "$(cat err)"; fi

# --- what launch/run tells mpirun: one that only writes down what it is given, and ends ---
cat >fake/writes <<'TEXT'
#!/bin/bash
[ "$1" = --version ] && echo "$FLAVOUR" && exit
echo "$* connect=${OMPI_MCA_plm_rsh_args:+bounded}" >given
exit "${ENDS:-0}"
TEXT
chmod +x fake/writes
export DEEPRFM_MPIRUN=$PWD/fake/writes
open='mpirun (Open MPI) 4.1.4' hydra='HYDRA build details:'
for form in "--host a,b" "-H a,b" "-host a,b" "--host=a,b" "--machinefile hosts" "-machinefile hosts" "--machinefile=hosts" "--default-hostfile hosts" \
  "--hostfile hosts"; do
  read -ra words <<<"$form"
  FLAVOUR=$open "$run" -n 2 "${words[@]}" doctor >out 2>&1 </dev/null
  if grep -q -e "-x PATH .* doctor connect=bounded" given && [ ! -s out ]; then ok "launch/run $form: other hosts"; else bad "launch/run $form" "$(cat given out)"; fi
done
printf '\r\n # none\r\n\r\n' >no-hosts
for flavour in "$open" "$hydra"; do
  for file in no-hosts /dev/null; do
    rm -f given
    FLAVOUR=$flavour "$run" --hostfile $file doctor >out 2>&1 </dev/null
    status=$?
    if [ "$status" = 2 ] && [ "$(cat out)" = "launch/run: --hostfile: '$file' names no host" ] && [ ! -e given ]; then ok "${flavour%% *}, hosts of $file: exit 2"; else
      bad "hosts of $file" "exit $status: $(cat out)"
    fi
  done
done
FLAVOUR=$hydra "$run" -n 2 --hostfile <(echo 'a slots=2') doctor >out 2>&1 </dev/null
if grep -q -e '^-n 2 -f ' given && [ ! -s out ]; then ok "a hostfile through a pipe"; else bad "a pipe" "$(cat given out)"; fi
# Two hardware threads a core, as Slurm tells of them.
mkdir -p slurm
cat >slurm/scontrol <<'TEXT'
#!/bin/bash
[ "$1 $2" = "show node" ] && printf 'NodeName=a CoresPerSocket=8\n   CPUAlloc=0 CPUTot=%s CPULoad=0.1\n   Sockets=2 Boards=1\n' "${CPUS:-32}"
[ "$1" = requeue ] && echo "$*" >>requeued
exit 0
TEXT
chmod +x slurm/scontrol
allocation=(env "PATH=$PWD/slurm:$PATH" SLURM_JOB_ID=1 SLURM_JOB_NUM_NODES=2 SLURM_JOB_NODELIST='a[1-2]' SLURM_CPUS_PER_TASK=16)
cores() { # NAME CORES COMMAND...
  local name=$1 wanted=$2
  shift 2
  "$@" >out 2>&1 </dev/null
  if grep -q -e "--map-by slot:PE=$wanted --bind-to core" given; then ok "$name: $wanted cores a rank"; else bad "$name" "$(cat given out)"; fi
}
export FLAVOUR=$open
cores "16 processors, two a core" 8 "${allocation[@]}" "$run" -n 2 doctor
cores "16 processors, one a core" 16 "${allocation[@]}" CPUS=16 "$run" -n 2 doctor
cores "16 processors, --threads-per-core=1" 16 "${allocation[@]}" SLURM_THREADS_PER_CORE=1 "$run" -n 2 doctor
# However soon it ends.
told=0
for ((try = 0; try < 10; try++)); do
  ENDS=75 "$run" doctor >out 2>&1 </dev/null
  if [ $? = 75 ]; then told=$((told + 1)); fi
done
if [ "$told" = 10 ]; then ok "the status of an mpirun that ends at once"; else bad "an mpirun that ends at once" "75 in $told of 10"; fi

# --- the batch script with the same mpirun, and what it says to Slurm ---
batch=(env "PATH=$PWD/slurm:$PATH" DEEPRFM_ROOT="$root" SLURM_JOB_ID=1 SLURM_CPUS_PER_TASK=16)
gives() { # NAME WANTED COMMAND...: WANTED is a pattern of what the launcher is given
  local name=$1 wanted=$2 status
  shift 2
  rm -f given
  "$@" >out 2>&1 </dev/null
  status=$?
  if [ "$status" = 0 ] && grep -qE -e "^$wanted connect=$" given && [ ! -s out ]; then ok "slurm.sbatch, $name"; else bad "slurm.sbatch, $name" "exit $status: $(cat given out)"; fi
}
start='--map-by slot:PE=8 --bind-to core -x OPENBLAS_NUM_THREADS [^ ]*/deeprfm'
sbatch=$root/launch/slurm.sbatch
gives "train" "$start train --layers 3 --threads 8 --resume --output there" "${batch[@]}" "$sbatch" --layers 3 --output there
mkdir there # an array's report
for command in train network tune; do
  gives "$command" "$start $command --epochs 3 --seed 4 --threads 8 --resume --output there/seed-4" "${batch[@]}" SLURM_ARRAY_TASK_ID=4 \
    "$sbatch" $command --epochs 3 --output=there
done
gives "predict" "$start predict --model there --output p.npy" "${batch[@]}" "$sbatch" predict --model there --output p.npy
gives "doctor" "$start doctor --json --threads 8" "${batch[@]}" "$sbatch" doctor --json
gives "one thread a core" "--map-by slot:PE=16 .* --threads 16 .*" "${batch[@]}" CPUS=16 "$sbatch" --output there
FLAVOUR=$hydra gives "Hydra's mpirun" "--bind-to core:8 [^ ]*/deeprfm train .*" "${batch[@]}" "$sbatch" --output there
ln -s ../fake/writes slurm/srun
cat >slurm/ldd <<'TEXT'
#!/bin/bash
printf '\t%s => /lib/%s (0x00007f)\n' $LIBRARIES
TEXT
chmod +x slurm/ldd
for libraries in "libmpi.so.40" "libmpi.so.20 libmpi.so.20 libopen-rte.so.20" "libmpi.so.12" "libmpich.so.12" "libmpi_cray.so.12" "libmpicxx.so.12 libmpi.so.12"; do
  type=pmi2
  case $libraries in libmpi.so.[24]0*) type=pmix ;; esac
  LAUNCH=srun LIBRARIES=$libraries gives "srun, $libraries" "--mpi=$type --cpus-per-task=16 .* --threads 8 .*" "${batch[@]}" "$sbatch" --output there
done
refuses() { # SENTENCE COMMAND...
  local wanted=$1 status
  shift
  rm -f given
  "$@" >out 2>&1 </dev/null
  status=$?
  if [ "$status" = 2 ] && [ "$(wc -l <out)" = 1 ] && grep -q "^slurm.sbatch: $wanted" out && [ ! -e given ]; then ok "slurm.sbatch: $wanted"; else
    bad "slurm.sbatch: $wanted" "exit $status: $(cat out)"
  fi
}
refuses "nowhere is not in PATH" "${batch[@]}" DEEPRFM_MPIRUN=nowhere "$sbatch" --output there
refuses "nowhere is not in PATH" "${batch[@]}" LAUNCH=nowhere "$sbatch" --output there
refuses "no such command" "${batch[@]}" "$sbatch" tarin --output there
refuses "--output DIR is needed" "${batch[@]}" "$sbatch" network
told=0
for ((try = 0; try < 10; try++)); do
  ENDS=75 "${batch[@]}" "$sbatch" --output there >out 2>&1 </dev/null
  if [ $? = 75 ] && grep -q 'stopped with a checkpoint' out; then told=$((told + 1)); fi
done
if [ "$told" = 10 ] && [ "$(wc -l <requeued)" = 10 ]; then ok "slurm.sbatch, a launcher that ends at once: queued again"; else bad "slurm.sbatch" "75 in $told of 10"; fi
unset DEEPRFM_MPIRUN FLAVOUR
if command -v taskset >/dev/null; then
  taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')" "$program" train --dataset digits --samples 200 --layers 1 --width 32 --threads 2 \
    --output bound >out 2>err </dev/null
  if grep -q '^warning: rank 0 on .* 2 threads on 1 core, ' out && [ ! -s err ]; then ok "train warns of threads that share a core"; else bad "threads" "$(cat out err)"; fi
fi

# --- a newer format ---
cp -r open newer
sed -i 's/"format": 1,/"format": 7,/' newer/config.json
newer() { # NAME COMMAND...
  local name=$1 status
  shift
  timeout 300 "$run" "$@" >out 2>&1 </dev/null
  status=$?
  if [ "$status" = 2 ] && [ "$(wc -l <out)" = 1 ] && grep -q 'newer/config.json is of format 7, and' out; then ok "$name refuses a newer format"; else
    bad "$name, newer format" "exit $status: $(cat out)"
  fi
}
newer report report newer
newer predict predict --model newer --dataset digits --output p.npy
newer "train --resume" train "${small[@]}" --resume --output newer
newer "train --config" train --config newer/config.json --output other
newer plan plan --scaling strong --calibrate newer
sed -i '/"format": 7,/d' newer/config.json
if timeout 300 "$run" report newer >out 2>&1; then ok "a run from before there were formats is read"; else bad "no format" "$(cat out)"; fi
timeout 300 "$run" report newer newer/ ./newer >out 2>&1 </dev/null
if grep -q 'shown once' out && [ ! -e report.html ] && ! grep -q 'Mean of' newer/report.html; then ok "a run named thrice is one"; else bad "named thrice" "$(cat out)"; fi

finish
