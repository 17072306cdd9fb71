"""Joins the processes of one run, as SLURM, a TPU slice, GKE or Open MPI starts them."""

import jax

from deemo_jax.core.errors import UserError


def join_cluster() -> None:
    """Meets the other processes of this run; must be called before JAX computes anything.

    Raises:
        UserError: nothing says where they are, or they cannot be reached.
    """
    try:
        jax.distributed.initialize()
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        said = next(iter(str(error).splitlines()), "")
        raise UserError(
            f"--distributed: no cluster of SLURM, TPU, GKE or Open MPI was found here ({said}); start the "
            "command through one of them, e.g. with srun, or leave the flag out to train in one process"
        ) from error
