#!/usr/bin/env bash
# Trains on all hosts of a Cloud TPU VM; runs on your own machine. docs/launch.md says how the hosts are set up.
#
#   TPU_NAME=... launch/tpu_vm/train.sh CONFIG [FLAGS of python -m deemo_jax.train]
#
#   TPU_NAME   the TPU VM; its project and zone are those of `gcloud config`, or of CLOUDSDK_CORE_PROJECT and
#              CLOUDSDK_COMPUTE_ZONE
#   CHECKOUT   the folder of this repository on its hosts; without it deemo_jax, in the home folder
set -euo pipefail

[[ -n ${TPU_NAME:-} && -n ${1:-} ]] || {
  echo "error: TPU_NAME=... launch/tpu_vm/train.sh CONFIG: name the TPU VM and a recipe" >&2
  exit 2
}
# A machine whose TPU does not answer is an error then, rather than a run on its processor.
command="cd $(printf %q "${CHECKOUT:-deemo_jax}") && JAX_PLATFORMS=tpu,cpu launch/run.sh$(printf ' %q' "$@" --distributed)"
exec gcloud compute tpus tpu-vm ssh "$TPU_NAME" --worker=all --command="$command"
