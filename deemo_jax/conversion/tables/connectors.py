"""The tables of published connectors, from the names in `deemo_jax.systems`; paths begin below a modality's branch."""

import dataclasses

from deemo_jax.conversion.tables.qformer import bert_qformer
from deemo_jax.conversion.tables.rules import Ignored, Rule, WeightTable
from deemo_jax.conversion.tables.transforms import LINEAR
from deemo_jax.systems.connector_names import ConnectorNames, ProjectionNames
from deemo_jax.systems.minigpt4.weight_names import PROJECTION
from deemo_jax.systems.video_llama.weight_names import AUDIO_BRANCH, VIDEO_BRANCH

# Path of the projector's linear layer.
PROJECTOR = "projector/linear"


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectorPaths:
    """Paths of the Q-Former over frames or clips, and of the table of their positions."""

    qformer: str
    positions: str


FRAMES = ConnectorPaths("connector/video_qformer", "connector/frame_positions")
CLIPS = ConnectorPaths("connector/qformer", "connector/clip_positions")


def connector(source: str, names: ConnectorNames, paths: ConnectorPaths, cross_every: int) -> WeightTable:
    """The table of a Q-Former, its queries, positions and projection.

    Args:
        source: name of the source.
        names: the public names.
        paths: `FRAMES` or `CLIPS`.
        cross_every: of the Q-Former's config.
    """
    qformer = bert_qformer(source, names.qformer, cross_every).mounted(paths.qformer)
    rules = (*qformer.rules, Rule(names.positions, paths.positions), *_linear(names.projection))
    return WeightTable(source, rules, _ignored(names))


def projection(source: str, names: ProjectionNames) -> WeightTable:
    """The table of a projection alone."""
    return WeightTable(source, _linear(names.prefix), _ignored(names))


def video_llama(cross_every: int) -> WeightTable:
    """Video-LLaMA's video branch."""
    return connector("video_llama", VIDEO_BRANCH, FRAMES, cross_every)


def video_llama_audio(cross_every: int) -> WeightTable:
    """Video-LLaMA's audio branch."""
    return connector("video_llama_audio", AUDIO_BRANCH, CLIPS, cross_every)


def minigpt4() -> WeightTable:
    """MiniGPT-4's projection."""
    return projection("minigpt4", PROJECTION)


def _linear(prefix: str) -> tuple[Rule, Rule]:
    return Rule(f"{prefix}.weight", f"{PROJECTOR}/kernel", LINEAR), Rule(f"{prefix}.bias", f"{PROJECTOR}/bias")


def _ignored(names: ConnectorNames | ProjectionNames) -> tuple[Ignored, ...]:
    return tuple(Ignored(pattern, why) for pattern, why in names.ignored)
