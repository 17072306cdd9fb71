"""How the names of a connector's tensors in a published checkpoint are described."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class QFormerNames:
    """Names of a Q-Former in BLIP-2's code, without its branch for text.

    Attributes:
        prefix: of the keys, which go on with '.bert.embeddings...' and '.bert.encoder...'.
        queries: key of the query tokens.
    """

    prefix: str
    queries: str


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectionNames:
    """Names of a linear layer to the decoder's width, in a checkpoint of which nothing else is used.

    Attributes:
        prefix: of the keys, which go on with '.weight' and '.bias'.
        ignored: (regular expression for whole keys, why they are not used) of the other tensors.
    """

    prefix: str
    ignored: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectorNames:
    """Names of a Q-Former over frames or clips, of their positions, and of the projection behind the Q-Former.

    Attributes:
        qformer: the Q-Former.
        positions: key of the table with a row for each frame or clip.
        projection: prefix of the projection's keys.
        ignored: (regular expression for whole keys, why they are not used) of the other tensors.
    """

    qformer: QFormerNames
    positions: str
    projection: str
    ignored: tuple[tuple[str, str], ...]
