"""Which clips a run can be asked about, where it was trained on invented speakers only."""

import functools
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import DataRecipe
from deemo_jax.data.clip_source import ClipSource, open_builder

# Of `config.data.corpus`: all speakers are invented.
SYNTHETIC = "synthetic"
WARNING = (
    "this answer means nothing: the run knows the invented speakers of a synthetic corpus only, and this clip is not "
    "in its dataset"
)


class KnownClips:
    """The clips of a run's dataset.

    Args:
        data: `config.data` of the run.

    Attributes:
        synthetic: whether all speakers of the dataset are invented.
    """

    def __init__(self, data: DataRecipe) -> None:
        self._data, self.synthetic = data, data.corpus == SYNTHETIC

    def warning(self, path: Path, clip_id: str) -> str:
        """Why an answer on a clip means nothing; empty where the speakers are real, or the clip is in the dataset.

        Args:
            path: of the clip; the name of the file without its suffix may be a clip id of the dataset.
            clip_id: of the clip by its manifest.
        """
        if not self.synthetic or path.stem in self._ids or clip_id in self._ids:
            return ""
        return WARNING

    @functools.cached_property
    def _ids(self) -> frozenset[str]:
        """The ids of all clips in the run's dataset; empty where the dataset cannot be read."""
        data = self._data
        try:
            splits = list(open_builder(data.data_dir, data.dataset).info.splits)
            sources = [ClipSource(data.data_dir, data.dataset, split) for split in splits]
            return frozenset(record.clip.clip_id for source in sources for record in source)
        except (UserError, OSError, RuntimeError, ValueError):
            return frozenset()
