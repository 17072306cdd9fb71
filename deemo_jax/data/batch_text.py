"""A batch as text: what stands at which position, and what is trained on."""

import itertools

import numpy as np

from deemo_jax.core.schema import Modality
from deemo_jax.data.pipeline import Pipeline
from deemo_jax.data.tokenizer import Tokenizer
from deemo_jax.models.batch import Batch
from deemo_jax.models.media_tokens import MediaTokens


def describe_first(pipeline: Pipeline, tokenizer: Tokenizer, tokens: MediaTokens, rows: int = 4) -> str:
    """The first rows of a pipeline's first batch, a paragraph for each, and what was wrong with their records.

    Args:
        pipeline: of the recipe.
        tokenizer: of the recipe.
        tokens: of the model's branches.
        rows: the most rows that are described.

    Raises:
        UserError: a prompt does not fit.
    """
    batch = pipeline.batch_at(0)
    rows = min(rows, len(batch.index))
    paragraphs = [f"the first {rows} of {len(batch.index)} rows of the first batch, of {pipeline.steps} in an epoch"]
    for row in range(rows):
        index, (head, *lines) = int(batch.index[row]), describe_row(batch, tokenizer, tokens, row)
        if Modality.TRANSCRIPT in _shown(batch, row):
            head += f"; transcript {'cut to fit' if index in pipeline.counts.cut else 'whole'}"
        elif index in pipeline.counts.cut:
            head += "; conversation cut to fit"
        if index in pipeline.counts.unreadable:
            head += f"; cannot be read ({pipeline.counts.unreadable[index]})"
        paragraphs.append("\n".join([head, *lines]))
    return "\n\n".join(paragraphs)


def describe_row(batch: Batch, tokenizer: Tokenizer, tokens: MediaTokens, row: int = 0) -> list[str]:
    """One row of a batch in lines: a summary, then a line for each stretch of positions with the same role.

    A line gives the positions, the role (text, audio, video or padding), 'loss' where the tokens are targets, and the
    decoded text, or the numbers of the tokens within their branch.
    """
    slots, valid = np.asarray(batch.slots[row]), np.asarray(batch.valid[row])
    ids, loss = np.asarray(batch.token_ids[row]), np.asarray(batch.loss_mask[row])
    roles = [_role(slot, real, tokens.audio) for slot, real in zip(slots.tolist(), valid.tolist(), strict=True)]
    lines = []
    for (role, target), group in itertools.groupby(range(len(roles)), lambda t: (roles[t], bool(loss[t]))):
        places = list(group)
        first, last = places[0], places[-1]
        if role == "text":
            content = _text(ids[places].tolist(), tokenizer)
        else:
            start = tokens.audio if role == "video" else 0
            content = "" if role == "padding" else f"{slots[first] - start}..{slots[last] - start}"
        lines.append(f"{first:5d}..{last:<5d} {role:8s}{'loss  ' if target else '      '}{content}".rstrip())
    shows = ", ".join(_shown(batch, row)) or "nothing"
    amounts = f"{int(valid.sum())} of {len(valid)} positions, {int(loss.sum())} with loss"
    return [f"row {row}, record {int(batch.index[row])}: shows {shows}; {amounts}", *lines]


def _shown(batch: Batch, row: int) -> list[Modality]:
    return [modality for modality in Modality if getattr(batch, f"has_{modality}")[row]]


def _role(slot: int, real: bool, audio_tokens: int) -> str:
    if not real:
        return "padding"
    return "text" if slot < 0 else "audio" if slot < audio_tokens else "video"


def _text(ids: list[int], tokenizer: Tokenizer) -> str:
    """Decoded text on one line, with special tokens shown by their names, or as <bos> and <eos>."""
    special = {number: name for name, number in tokenizer.specials.items()} | {tokenizer.eos_id: "<eos>"}
    if tokenizer.bos_id is not None:
        special[tokenizer.bos_id] = "<bos>"
    text = ""
    for is_special, group in itertools.groupby(ids, special.__contains__):
        tokens = list(group)
        text += "".join(special[token] for token in tokens) if is_special else repr(tokenizer.decode(tokens))[1:-1]
    return text
