"""A batch for human eyes: who stands where, and what is trained on."""

import itertools

import numpy as np

from deemo_jax.data.tokenizer import Tokenizer
from deemo_jax.models.batch import Batch
from deemo_jax.schema import Modality


def describe_batch(batch: Batch, tokenizer: Tokenizer, row: int = 0) -> str:
    """One row of a batch, a line for each stretch of equal role: positions, role, target or not, tokens or text."""
    slots, valid = np.asarray(batch.slots[row]), np.asarray(batch.valid[row])
    ids, loss = np.asarray(batch.token_ids[row]), np.asarray(batch.loss_mask[row])
    roles = _roles(slots, valid, bool(batch.has_audio[row]))
    shows = [modality for modality in Modality if getattr(batch, f"has_{modality}")[row]]
    state = "" if batch.record_valid[row] else ", masked"
    lines = [f"record {int(batch.index[row])}{state}: shows {', '.join(shows) or 'nothing'}"]
    for (role, target), group in itertools.groupby(range(len(roles)), lambda t: (roles[t], bool(loss[t]))):
        places = list(group)
        first, last = places[0], places[-1]
        if role == "text":
            text = tokenizer.decode([token for token in ids[places].tolist() if token != tokenizer.eos_id])
            content = ("<bos>" if ids[first] == tokenizer.bos_id else "") + repr(text)[1:-1]
            content += "<eos>" if ids[last] == tokenizer.eos_id else ""
        else:
            content = "" if role == "padding" else f"tokens {slots[first]}..{slots[last]}"
        lines.append(f"{first:5d}..{last:<5d} {role:8s}{'target  ' if target else '        '}{content}".rstrip())
    return "\n".join(lines)


def _roles(slots: np.ndarray, valid: np.ndarray, has_audio: bool) -> list[str]:
    """Slots number audio first: the stretch that starts at 0 is audio exactly when the record shows audio."""
    roles = []
    previous, role = -1, "text"
    for slot, real in zip(slots.tolist(), valid.tolist(), strict=True):
        if slot >= 0 and previous < 0:
            role = "audio" if has_audio and slot == 0 else "video"
        roles.append("padding" if not real else "text" if slot < 0 else role)
        previous = slot
    return roles
