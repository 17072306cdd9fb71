"""Step checkpoints. The one file that knows Orbax (v1, still experimental).

A checkpoint is a folder named by its step: `trainable`, `opt_state`, `loop` (step, rng, skipped_in_row), and a JSON of
what is needed to judge whether it fits. It is there when it is whole. Frozen weights are in none: their hash is.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import orbax.checkpoint.experimental.v1 as ocp

from deemo_jax.errors import UserError
from deemo_jax.models.weights import flatten
from deemo_jax.training.state import TrainState, Tree

LOOP = ("step", "rng", "skipped_in_row")
MENDS = {
    "opened": "check the path and its permissions",
    "written": "check space and permissions",
    "read": "remove this folder to go on from an earlier one",
    "restored": "remove this folder to go on from an earlier one",
}


class Checkpoints:
    """The checkpoints of a run.

    Args:
        folder: made when missing, unless `read_only`.
        keep: how many stay.
        read_only: nothing is made, cleaned or deleted.
    """

    def __init__(self, folder: Path, *, keep: int = 1, read_only: bool = False) -> None:
        if read_only and not folder.is_dir():
            raise UserError(f"{folder}: no checkpoints there; train first, or name another run")
        self.path = folder.absolute()
        policy = ocp.training.preservation_policies
        with _clear(self.path, "opened"):
            self._orbax = ocp.training.Checkpointer(
                self.path,
                preservation_policy=policy.PreserveAll() if read_only else policy.LatestN(keep),
                cleanup_tmp_directories=not read_only,
            )
        self._saving: Any = None

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.wait()
        except UserError:
            if kind is None:  # an error that is on its way already says more
                raise
        finally:
            self._orbax.close()

    def latest(self) -> int | None:
        """The newest whole checkpoint's step."""
        latest = self._orbax.latest
        return None if latest is None else latest.step

    def save(self, step: int, state: TrainState, metadata: Mapping[str, Any]) -> None:
        """Copies the state to the host and writes it in the background; `state` may be donated afterwards.

        Raises:
            UserError: this or the previous one cannot be written.
        """
        self.wait()
        parts = {
            "trainable": state.trainable,
            "opt_state": state.opt_state,
            "loop": {name: getattr(state, name) for name in LOOP},
        }
        with _clear(self.path / str(step), "written"):
            self._saving = self._orbax.save_checkpointables_async(
                step, parts, force=True, custom_metadata=dict(metadata)
            )

    def wait(self) -> None:
        """Until what was begun is on disk.

        Raises:
            UserError: it could not be written.
        """
        saving, self._saving = self._saving, None
        if saving is not None:
            with _clear(self.path, "written"):
                saving.result()

    def metadata(self, step: int) -> dict[str, Any]:
        """What was given to `save`.

        Raises:
            UserError: it cannot be read.
        """
        return dict(self._describe(step).custom_metadata or {})

    def restore(self, step: int, target: TrainState) -> TrainState:
        """The whole state.

        Args:
            step: of `latest`.
            target: arrays or `jax.ShapeDtypeStruct`s with the shapes, dtypes and shardings to restore into; the devices
                may be others than those that saved.

        Raises:
            UserError: it holds other parameters, or cannot be read.
        """
        self._check(step, target.trainable)
        parts = {
            "trainable": _abstract(target.trainable),
            "opt_state": _abstract(target.opt_state),
            "loop": {name: _abstract(getattr(target, name)) for name in LOOP},
        }
        with _clear(self.path / str(step), "restored"):
            found = self._orbax.load_checkpointables(step, parts)
        return TrainState(trainable=found["trainable"], opt_state=found["opt_state"], **found["loop"])

    def restore_trainable(self, step: int, target: Tree) -> Tree:
        """The parameters only; see `restore`."""
        self._check(step, target)
        with _clear(self.path / str(step), "restored"):
            return self._orbax.load_checkpointables(step, {"trainable": _abstract(target)})["trainable"]

    def _describe(self, step: int) -> Any:
        with _clear(self.path / str(step), "read"):
            return self._orbax.checkpointables_metadata(step)

    def _check(self, step: int, target: Tree) -> None:
        stored = {path: tuple(leaf.shape) for path, leaf in flatten(self._describe(step).metadata["trainable"]).items()}
        wanted = {path: tuple(leaf.shape) for path, leaf in flatten(target).items()}
        different = sorted(path for path in stored | wanted if stored.get(path) != wanted.get(path))
        if different:
            shown = [
                f"{path}: {stored.get(path, 'absent')}, not {wanted.get(path, 'absent')}" for path in different[:3]
            ]
            more = f"; and {len(different) - 3} more" if len(different) > 3 else ""
            raise UserError(
                f"{self.path / str(step)}: holds other parameters than this config trains ({'; '.join(shown)}{more}); "
                "use the config of that run, or another --workdir"
            )


def _abstract(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), tree)


@contextlib.contextmanager
def _clear(path: Path, verb: str) -> Iterator[None]:
    """Whatever Orbax raises on a damaged folder or full disk, as one line; `verb` is of `MENDS`."""
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        said = next(iter(str(error).splitlines()), "")[:300]
        raise UserError(
            f"{path}: the checkpoint cannot be {verb} ({type(error).__name__}: {said}); {MENDS[verb]}"
        ) from error
