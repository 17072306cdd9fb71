"""The flags by which `evaluate` and `sweep` ask for the evaluation of a run."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

if TYPE_CHECKING:
    from deemo_jax.evaluation.evaluate_run import EvaluationRequest

# They are flags of the command that has them defined, and so in its --help.
flags.disclaim_key_flags()


@dataclasses.dataclass(frozen=True)
class RunFlags:
    """Flags that name a run, and how it is evaluated; see `EvaluationRequest` for each."""

    workdir: flags.FlagHolder[str]
    out: flags.FlagHolder[str]
    overwrite: flags.FlagHolder[bool]
    from_step: flags.FlagHolder[int | None]
    split: flags.FlagHolder[str]
    limit: flags.FlagHolder[int]
    batch_size: flags.FlagHolder[int]
    max_new_tokens: flags.FlagHolder[int]
    data_dir: flags.FlagHolder[str]
    truth: flags.FlagHolder[str]
    accept_data_change: flags.FlagHolder[bool]
    verify_data: flags.FlagHolder[bool]

    @property
    def choosing(self) -> tuple[flags.FlagHolder, ...]:
        """Those that tell one evaluation of a run from another."""
        return (
            self.out,
            self.overwrite,
            self.from_step,
            self.split,
            self.limit,
            self.max_new_tokens,
            self.data_dir,
            self.truth,
        )

    def request(self, **more: Any) -> "EvaluationRequest":
        """What the flags ask for.

        Args:
            more: fields of the request that no flag here gives.
        """
        # It imports JAX: mistakes in flags, and --help, answer at once without it.
        from deemo_jax.evaluation.evaluate_run import EvaluationRequest

        return EvaluationRequest(
            workdir=Path(self.workdir.value),
            split=self.split.value,
            limit=self.limit.value,
            step=self.from_step.value,
            batch_size=self.batch_size.value,
            max_new_tokens=self.max_new_tokens.value,
            data_dir=self.data_dir.value,
            accept_data_change=self.accept_data_change.value,
            verify_data=self.verify_data.value,
            truth=path_of(self.truth),
            out=path_of(self.out),
            overwrite=self.overwrite.value,
            **more,
        )


def define_run_flags() -> RunFlags:
    """Defines the flags, as those of the module that calls this."""
    return RunFlags(
        workdir=flags.DEFINE_string("workdir", "", "Folder of a run; results go to its evaluation/."),
        out=flags.DEFINE_string(
            "out", "", "Folder of this evaluation; default: one below evaluation/ with a name of its own."
        ),
        overwrite=flags.DEFINE_bool("overwrite", False, "Remove the evaluation that is there and evaluate again."),
        from_step=flags.DEFINE_integer(
            "from_step", None, "Which checkpoint of the run; default: the newest.", lower_bound=0
        ),
        split=flags.DEFINE_string("split", "", "Which split to answer; empty is the run's config.data.test_split."),
        limit=flags.DEFINE_integer("limit", 0, "Only so many clips of the split; 0 is all.", lower_bound=0),
        batch_size=flags.DEFINE_integer(
            "batch_size", 32, "Clips that are answered at once, by all devices.", lower_bound=1
        ),
        max_new_tokens=flags.DEFINE_integer("max_new_tokens", 160, "The longest answer, in tokens.", lower_bound=1),
        data_dir=flags.DEFINE_string("data_dir", "", "Where the run's dataset lies now, if it was moved."),
        truth=flags.DEFINE_string(
            "truth",
            "",
            "JSON lines with clip_id, emotion and reasoning that overrule the labels. Where they state their corpus, "
            "its cues and the best accuracy are in the report.",
        ),
        accept_data_change=flags.DEFINE_bool(
            "accept_data_change", False, "Take other data than the run was trained on; the report says so."
        ),
        verify_data=flags.DEFINE_bool(
            "verify_data", False, "First hold the hash of every shard against what build recorded."
        ),
    )


def path_of(flag: flags.FlagHolder[str]) -> Path | None:
    """The path that a flag names; None where it is empty."""
    return Path(flag.value) if flag.value else None
