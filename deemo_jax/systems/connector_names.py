"""What a published checkpoint calls the tensors of its connector."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class QFormerNames:
    """A Q-Former in BLIP-2's code, without its text branch.

    Attributes:
        prefix: of its keys; '.bert.embeddings...' and '.bert.encoder...' follow.
        queries: key of its query tokens.
    """

    prefix: str
    queries: str


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectionNames:
    """A linear layer to the decoder's width, the one part that is taken from a checkpoint.

    Attributes:
        prefix: of its keys; '.weight' and '.bias' follow.
        ignored: (regular expression for whole keys, why they are left out), of what else the file holds.
    """

    prefix: str
    ignored: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectorNames:
    """A Q-Former over frames or clips, their positions in time, and the projection behind it.

    Attributes:
        qformer: the Q-Former.
        positions: key of the table with a row for each frame or clip.
        projection: prefix of the projection's keys.
        ignored: (regular expression for whole keys, why they are left out), of what else the file holds.
    """

    qformer: QFormerNames
    positions: str
    projection: str
    ignored: tuple[tuple[str, str], ...]
