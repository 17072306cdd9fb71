"""What a run knows, where that is the sample corpus only, and whether a clip is of it."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.data.source import ClipSource, open_builder
from deemo_jax.sample.ids import CLIP_ID

SYNTHETIC = "synthetic"
WARNING = (
    "this answer means nothing: the run knows the drawn and invented speakers of the sample corpus only, and this clip "
    "is none of theirs"
)


class Corpus:
    """The data of a run.

    Args:
        config: the run's; `data.corpus` names the corpus. Runs of the sample's recipe that lack the key are known by
            their name.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        named = config["data"].get("corpus", SYNTHETIC if config.get("name") == "sample" else "")
        self._config, self.synthetic = config, named == SYNTHETIC

    def warning(self, path: Path, clip_id: str) -> str:
        """What a reader of the answer must know first; empty for a clip of the sample, or a run that is not its.

        Args:
            path: of the clip; clips of the sample are called s3_000017.
            clip_id: its name in the dataset, whatever the file is called.
        """
        if not self.synthetic or CLIP_ID.fullmatch(path.stem) or CLIP_ID.fullmatch(clip_id) or clip_id in self._ids:
            return ""
        return WARNING

    @functools.cached_property
    def _ids(self) -> frozenset[str]:
        """Of all clips in the run's dataset; none where it is gone."""
        data = self._config["data"]
        try:
            splits = list(open_builder(data["data_dir"], data["dataset"]).info.splits)
            sources = [ClipSource(data["data_dir"], data["dataset"], split) for split in splits]
            return frozenset(record.clip.clip_id for source in sources for record in source)
        except (UserError, OSError, RuntimeError, ValueError):
            return frozenset()
