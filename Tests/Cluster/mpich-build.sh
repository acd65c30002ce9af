# Sourced by the scripts beside it: $theirs is the program built with MPICH, in .build/mpich or the folder DEEPRFM_MPICH; $hydra is MPICH's mpirun.
scratch=${DEEPRFM_MPICH:-$root/.build/mpich}
theirs=$scratch/release/deeprfm
hydra=$(command -v mpirun.mpich || command -v mpiexec.hydra)

have_mpich() { [ -n "$hydra" ] && pkg-config --exists mpich; }

# As launch/slurm.sbatch tells: Debian's MPICH is libmpich.so, others' libmpi.so.12; Open MPI's is libmpi.so.40.
with_mpich() { # PROGRAM: linked with MPICH alone
  local libraries
  libraries=$(ldd "$1")
  grep -q libmpi <<<"$libraries" && ! grep -qE 'libmpi\.so\.([4-9][0-9]|[1-9][0-9]{2})|libopen-(rte|pal)' <<<"$libraries"
}

# Two that do so at a time wait for each other.
build_with_mpich() { # OPTION OF swift build...
  mkdir -p "$scratch"
  (cd "$root" && DEEPRFM_MPI=mpich flock -o "$scratch/lock" swift build -c release --scratch-path "$scratch" "$@") >"$work/built" 2>&1 </dev/null && return
  bad "the build with MPICH" "$(grep -A 4 'error:' "$work/built" || tail -n 20 "$work/built")"
  return 1
}
