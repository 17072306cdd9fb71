"""What a run knows, where that is invented speakers only, and whether a clip is of them."""

import functools
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import DataRecipe
from deemo_jax.data.clip_source import ClipSource, open_builder

SYNTHETIC = "synthetic"
WARNING = (
    "this answer means nothing: the run knows the invented speakers of a synthetic corpus only, and this clip is not "
    "in its dataset"
)


class KnownClips:
    """The clips of a run's dataset.

    Args:
        data: of the run's recipe; `corpus` is the kind of its corpus.
    """

    def __init__(self, data: DataRecipe) -> None:
        self._data, self.synthetic = data, data.corpus == SYNTHETIC

    def warning(self, path: Path, clip_id: str) -> str:
        """What a reader of the answer must know first; empty where the run knows real people, or this clip.

        Args:
            path: of the clip; its name without the suffix may be the name of a clip in the dataset.
            clip_id: its name in the dataset, whatever the file is called.
        """
        if not self.synthetic or path.stem in self._ids or clip_id in self._ids:
            return ""
        return WARNING

    @functools.cached_property
    def _ids(self) -> frozenset[str]:
        """Of all clips in the run's dataset; none where it is gone."""
        data = self._data
        try:
            splits = list(open_builder(data.data_dir, data.dataset).info.splits)
            sources = [ClipSource(data.data_dir, data.dataset, split) for split in splits]
            return frozenset(record.clip.clip_id for source in sources for record in source)
        except (UserError, OSError, RuntimeError, ValueError):
            return frozenset()
