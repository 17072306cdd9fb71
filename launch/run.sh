#!/usr/bin/env bash
# Starts one process of a training run; every file of this folder ends here.
#
#   launch/run.sh CONFIG [FLAGS of python -m deemo_jax.train]
#
# The run is begun, or gone on with, in the folder --workdir; without that flag in runs/NAME OF THE CONFIG.
#
#   PYTHON           the interpreter; without it .venv/bin/python, or else python3
#   RUN              one run of a sweep: a folder within --workdir
#   FRUITLESS        how often a cluster may restart the run without a new checkpoint; 5 without it
#   RESTART_ATTEMPT  how often the cluster has restarted it; SLURM says so by itself
set -euo pipefail
# Whoever is asked to stop before anything was begun can be started again.
trap 'exit 75' TERM HUP USR1 USR2
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "error: $*" >&2
  exit 2
}

config=${1:-}
[[ -n $config && $config != -* ]] || fail "launch/run.sh: name a recipe first, as in launch/run.sh configs/sample.py"
shift
name=$(basename "${config%%:*}" .py)
workdir=runs/$name flags=()
while (($#)); do
  case $1 in
    --workdir=*) workdir=${1#*=} ;;
    --workdir)
      workdir=${2:-}
      (($# == 1)) || shift
      ;;
    *) flags+=("$1") ;;
  esac
  shift
done
[[ -n $workdir ]] || fail "--workdir: name a folder"
workdir=$workdir${RUN:+/$RUN}

# A run that is killed in the same way at each start, mostly for want of memory, would be restarted for ever. So each
# process notes the newest checkpoint, and how many restarts in a row have found no newer one.
newest=0
for folder in "$workdir"/checkpoints/*/; do
  step=$(basename "$folder")
  [[ $step =~ ^[1-9][0-9]*$ ]] && ((step > newest)) && newest=$step
done
note=$workdir/.restarts/${SLURM_PROCID:-${OMPI_COMM_WORLD_RANK:-${JAX_PROCESS_ID:-$HOSTNAME}}}
if ((${RESTART_ATTEMPT:-${SLURM_RESTART_COUNT:-0}} == 0)); then
  rm -f "$note" # somebody has started it, who may have mended something
else
  before='' count=0
  [[ ! -r $note ]] || read -r before count <"$note" || true
  [[ $before == "$newest" ]] || count=0
  ((count < ${FRUITLESS:-5})) ||
    fail "$workdir: was restarted $count times without a checkpoint newer than step $newest; the output above says what" \
      "ended it (a process that was killed has mostly run out of memory); mend that, and start it again"
  mkdir -p "$workdir/.restarts" && echo "$newest $((count + 1))" >"$note"
fi

python=${PYTHON:-.venv/bin/python}
[[ -n ${PYTHON:-} || -x $python ]] || python=python3

# The processes of a run speak with each other only, and a proxy keeps them from that.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

# How many GPUs this process sees.
count_gpus() {
  case ${CUDA_VISIBLE_DEVICES-all} in
    all) nvidia-smi --list-gpus 2>/dev/null | wc -l ;;
    "" | -1 | NoDevFiles) echo 0 ;;
    *) tr ',' '\n' <<<"$CUDA_VISIBLE_DEVICES" | wc -l ;;
  esac
}

# Under SLURM and Open MPI, JAX gives each process one GPU. Here those that the tasks of a node see are divided among
# them, so that one task a node has all. Where SLURM has divided them, a task sees fewer than the node has: all are its.
place=${SLURM_LOCALID:-${OMPI_COMM_WORLD_LOCAL_RANK:-}}
if [[ -n $place ]] && share=$(count_gpus) && ((share > 0)); then
  tasks=${SLURM_STEP_TASKS_PER_NODE:-${OMPI_COMM_WORLD_LOCAL_SIZE:-1}}
  tasks=${tasks%%[(,]*} first=0
  if ((share == ${SLURM_GPUS_ON_NODE:-share} && tasks > 1)); then
    ((share % tasks == 0)) || fail "$share GPUs do not divide among the $tasks tasks of a node; see --ntasks-per-node"
    share=$((share / tasks)) first=$((place * share))
  fi
  export JAX_LOCAL_DEVICE_IDS=${JAX_LOCAL_DEVICE_IDS:-$(seq -s, "$first" $((first + share - 1)))}
  # A driver that fails is an error then, rather than a run on the processor.
  export JAX_PLATFORMS=${JAX_PLATFORMS:-cuda,cpu}
fi

# Signals reach Python, which takes the place of this shell.
exec "$python" -m deemo_jax.train --config "$config" --workdir "$workdir" --resume "${flags[@]}"
