# Sourced by the scripts beside it: where things are, and how a check is said.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "$(id -u)" = 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
# Ranks that wait give way: there may be more of them than cores, or other work beside them.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1 NO_COLOR=1
# What --quiet is to Open MPI 4, and unknown to 5, before a mpirun.
quietly=(env OMPI_MCA_orte_execute_quiet=1)

passed=0 failed=0

ok() { # NAME
  echo "ok     $1"
  passed=$((passed + 1))
}

bad() { # NAME WHY
  echo "FAILED $1: $2"
  failed=$((failed + 1))
}

# Ends the script: its last line and its status are launch/test's.
finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
  exit
}

# Trains on RANKS ranks, one thread each; what it says goes to $work/out.
# Here and elsewhere: a timeout is there for what hangs, far above what anything here takes.
train() { # RANKS OPTION...
  local ranks=$1
  shift
  timeout -k 5 300 "$root/launch/run" -n "$ranks" --threads 1 train "$@" >"$work/out" 2>&1 </dev/null
}

# The figures of metrics.jsonl that do not depend on the machine or the ranks: a line "layer.name value" each.
figures() { # DIR
  awk '{
    layer = NR
    sub(/, "solver".*/, "")
    sub(/.*"ranks": [0-9]+, /, "")
    gsub(/[{},]/, " ")
    split("", seen)
    count = split($0, word, /[ ]+/)
    group = ""
    for (i = 1; i <= count; i++) {
      if (word[i] !~ /^"/) continue
      name = substr(word[i], 2, length(word[i]) - 3)
      if (word[i + 1] ~ /^"/ || word[i + 1] == "") { group = name; continue }
      print layer "." group "." name, word[i + 1]
    }
  }' "$1/metrics.jsonl"
}

# The largest relative difference of two lists of figures whose name matches PATTERN, and its name; "none 1" if the lists do
# not have the same names.
difference() { # PATTERN FILE FILE
  awk -v pattern="$1" '
    $1 !~ pattern { next }
    NR == FNR { value[$1] = $2; names++; next }
    {
      matched++
      if (!($1 in value) || (value[$1] == "null") != ($2 == "null")) { missing = 1; next }
      if ($2 == "null") next
      size = value[$1] < 0 ? -value[$1] : value[$1] + 0
      error = $2 - value[$1]
      if (error < 0) error = -error
      if (size > 0) error /= size
      if (error >= worst) { worst = error; where = $1 }
    }
    END { if (missing || !matched || matched != names) print "none 1"; else print where, worst + 0 }' "$2" "$3"
}
