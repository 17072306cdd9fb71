"""Modality sets: read from text, and limited to what a run is shown."""

from collections.abc import Iterable

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import Modality, set_name


def parse_sets(text: str) -> list[frozenset[Modality]]:
    """Reads sets such as 'all;transcript;video,audio', in that order, each once.

    Raises:
        UserError: a name that is no modality, or no set at all.
    """
    sets = [Modality.parse_set(part) for part in text.split(";") if part.strip()]
    if not sets:
        raise UserError(f"modalities {text!r}: name at least one set, such as 'all;transcript;video,audio'")
    return list(dict.fromkeys(sets))


def fullest(sets: Iterable[str]) -> str:
    """The name of the set with the most modalities; the first one of several."""
    return max(sets, key=lambda name: len(Modality.parse_set(name)))


def shown_to(recipe: Recipe) -> frozenset[Modality]:
    """The modalities that a run is shown: those of its recipe that its model has a branch for."""
    from deemo_jax.models.deemo_llama import DeemoLlamaConfig  # it imports JAX, which the other functions do not need

    model = DeemoLlamaConfig.from_config(recipe.model)
    without = {m for m in (Modality.AUDIO, Modality.VIDEO) if getattr(model, m) is None}
    return recipe.data.shown - without


def allowed_sets(text: str, recipe: Recipe) -> list[frozenset[Modality]]:
    """The modality sets that a person asks for.

    Args:
        text: as `parse_sets` reads it; 'all' stands for all that the run is shown. Empty for this set and for
            transcript, video and audio alone, as far as the run is shown these.
        recipe: of the run.

    Raises:
        UserError: a set names a modality that the run is not shown.
    """
    known = shown_to(recipe)
    if not text:
        alone = (Modality.TRANSCRIPT, Modality.VIDEO, Modality.AUDIO)
        return list(dict.fromkeys([known, *(frozenset({m}) for m in alone if m in known)]))
    asked = parse_sets(text)
    for chosen in asked:
        if chosen - known and chosen != frozenset(Modality):
            raise UserError(
                f"--modalities {set_name(chosen)!r}: this run is shown {set_name(known)} only; choose among these"
            )
    return list(dict.fromkeys(chosen & known for chosen in asked))
