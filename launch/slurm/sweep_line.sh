#!/usr/bin/env bash
# One run of a sweep: prints its name, and then each of its flags, one a line.
#
#   launch/slurm/sweep_line.sh FILE INDEX
#
# FILE has a line a run, "NAME FLAGS", quoted as for a shell; blank lines and comments (#) do not count. Runs are
# counted from 0.
set -euo pipefail

fail() {
  echo "error: $*" >&2
  exit 2
}

file=${1:-} index=${2:?}
[[ -n $file ]] || fail "--array needs SWEEP=FILE before sbatch: a file with a line a run, such as launch/slurm/modalities.txt"
[[ -r $file ]] || fail "SWEEP=$file: there is no such file"
mapfile -t runs < <(grep --invert-match --extended-regexp '^[[:space:]]*(#|$)' "$file")
((${#runs[@]})) || fail "SWEEP=$file: has no line with a run"
((index < ${#runs[@]})) || fail "SWEEP=$file: no run $index is there, but 0 to $((${#runs[@]} - 1)); see --array"
words=$(xargs -n 1 printf '%s\n' <<<"${runs[index]}" 2>/dev/null) || fail "SWEEP=$file: quotes of run $index are not closed"
[[ $words =~ ^[A-Za-z0-9][A-Za-z0-9._-]*($|$'\n') ]] || fail "SWEEP=$file: run $index must begin with its name, of letters, digits and ._-"
echo "$words"
