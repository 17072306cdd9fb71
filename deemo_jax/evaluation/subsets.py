"""Subsets of modalities by letters, as the paper's Table 4 has them: 'V', 'TV', 'TVAN'."""

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Modality

LETTERS = {"T": Modality.TRANSCRIPT, "V": Modality.VIDEO, "A": Modality.AUDIO, "N": Modality.NFBL}
# The rows of the table.
TABLE_4 = "V,A,N,T,TV,TVA,TVAN"


def parse_subsets(text: str) -> dict[str, frozenset[Modality]]:
    """Reads 'V,TV' -> {'V': {video}, 'TV': {transcript, video}}, in that order.

    Raises:
        UserError: a letter that stands for none, or twice in a subset; a subset twice, or none at all.
    """
    found: dict[str, frozenset[Modality]] = {}
    for name in filter(None, (part.strip() for part in text.upper().split(","))):
        if set(name) - set(LETTERS) or len(set(name)) < len(name):
            raise UserError(
                f"subset {name[:20]!r}: each of T (transcript), V (video), A (audio), N (NFBL) once at most"
            )
        chosen = frozenset(LETTERS[letter] for letter in name)
        if chosen in found.values():
            raise UserError(f"subset {name!r} comes twice; name each once")
        found[name] = chosen
    if not found:
        raise UserError(f"subsets {text!r}: name at least one, such as {TABLE_4}")
    return found
