#!/usr/bin/env bash
# The end of a job of SLURM: one that was stopped, and saved, is requeued; any other ends with its exit code.
#
#   launch/slurm/requeue.sh JOB CODE
set -uo pipefail

# Exit code of a run that was asked to stop, and saved.
STOPPED=75

job=$1 code=$2
if ((code == STOPPED)); then
  scontrol requeue "$job" && sleep 60 # which ends this script
  echo "stopped and saved, but SLURM does not requeue this job; submit it again" >&2
fi
exit "$code"
