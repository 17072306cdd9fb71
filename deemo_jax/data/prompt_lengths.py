"""Which clips of a split have prompts that do not fit, known before a run reads them.

A transcript is shortened until its prompt fits; what is left must fit. To read a whole split for that takes a while, so
what was found is kept beside the dataset, in prompt_lengths/, under a name that is a hash of all that it depends on.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, write_json
from deemo_jax.core.progress import with_progress
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import Clip, Modality
from deemo_jax.data.batch_rows import INPUTS, RowSpec
from deemo_jax.data.clip_source import ClipSource, Record
from deemo_jax.data.fingerprint import Fingerprint
from deemo_jax.data.mixture import MixedClips, open_training
from deemo_jax.data.pipeline import make_spec
from deemo_jax.data.prompts import INSTRUCTION_VERSION, least_length
from deemo_jax.data.record_features import RecordKind
from deemo_jax.data.tokenizer import tokenizer_hash
from deemo_jax.models.media_tokens import MediaTokens

# Folder beside the dataset.
FOLDER = "prompt_lengths"
# Clips that a message names.
LISTED = 20


def check_prompts(recipe: Recipe, tokens: MediaTokens, data: Fingerprint, split: str) -> None:
    """Checks that the prompts and answers of a whole split fit, so that none ends a run later.

    Args:
        recipe: of the run.
        tokens: of its model's branches.
        data: the state of its dataset.
        split: of the dataset.

    Raises:
        UserError: some do not fit; it names them.
    """
    trains = split == recipe.data.train_split
    source = open_training(recipe.data) if trains else ClipSource(recipe.data.data_dir, recipe.data.dataset, split)
    spec = make_spec(recipe, tokens, train=True)
    spec = dataclasses.replace(spec, labels=source.labels, dropout={})
    talks = RecordKind.INSTRUCTIONS in (source.kinds if isinstance(source, MixedClips) else {source.kind})
    if not talks and _all_fit(spec):
        return
    facts: dict[str, Any] = {
        "data": data.to_json(),
        "split": split,
        "tokenizer": tokenizer_hash(recipe.tokenizer),
        "prompt": [str(spec.task), repr(spec.template), INSTRUCTION_VERSION],
        "tokens": [tokens.audio, tokens.video],
        "shown": sorted(spec.modalities),
    }
    if spec.max_answer:  # left out of the facts where it is 0, as earlier versions knew of none
        facts |= {"max_answer": spec.max_answer}
    if talks:
        facts |= {"conversation": repr(spec.talk)}
    name = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    file = Path(recipe.data.data_dir, FOLDER, f"{name}.json")
    most = _read(file, len(source))
    if most is None:
        most = [_most(source, index, spec) for index in with_progress(range(len(source)), f"prompts of {split}")]
        with contextlib.suppress(UserError):  # a dataset that cannot be written is measured at each start
            write_json(file, {"split": split, "tokens": most})
    refuse_long({index: source[index] for index, count in enumerate(most) if count > spec.max_length}, spec, split)


def _all_fit(spec: RowSpec) -> bool:
    """Whether every sequence fits, whatever the clip: media alone are shown, and answers are cut."""
    if not spec.max_answer or not spec.modalities <= INPUTS.keys():
        return False
    clip = Clip("", "", "", 0.0, 0.0, "", (), "", "")
    prompt = least_length(clip, spec.modalities, dataclasses.replace(spec, with_answer=False))
    return prompt + spec.max_answer <= spec.max_length


def refuse_long(records: Mapping[int, Record], spec: RowSpec, split: str) -> None:
    """Checks that the sequences of records fit without their transcripts.

    Args:
        records: index -> record.
        spec: how they are written.
        split: its name, for the message.

    Raises:
        UserError: some do not fit; it names them.
    """
    lengths = {
        record.clip.clip_id: least_length(record.clip, _shown(record, spec), spec) for record in records.values()
    }
    long = {clip_id: count for clip_id, count in lengths.items() if count > spec.max_length}
    if long:
        named = ", ".join(f"{clip_id} ({count} tokens)" for clip_id, count in list(long.items())[:LISTED])
        more = f" and {len(long) - LISTED} more" if len(long) > LISTED else ""
        raise UserError(
            f"split {split!r}: {len(long)} clips do not fit into config.data.max_length={spec.max_length} even without "
            f"their transcripts: {named}{more}; raise it to {max(long.values())}, or build the dataset without them"
        )


def _most(source: ClipSource | MixedClips, index: int, spec: RowSpec) -> int:
    """The most tokens that a record takes without its transcript: as if it had all media. 0 if it cannot be read."""
    try:
        record = source.without_media(index)
    except Exception:  # readers raise exceptions of many types on damaged bytes; in training it is masked
        return 0
    return least_length(record.clip, _shown(record, spec) | (spec.modalities & INPUTS.keys()), spec)


def _shown(record: Record, spec: RowSpec) -> frozenset[Modality]:
    has = {Modality.TRANSCRIPT: bool(record.clip.transcript.strip()), Modality.NFBL: bool(record.clip.nfbl)}
    there = record.media | {modality for modality, there in has.items() if there}
    return frozenset(there & spec.modalities)


def _read(file: Path, count: int) -> list[int] | None:
    """What was found before; None where nothing was, or it is damaged."""
    try:
        content: Any = read_json(file)
        most = [int(tokens) for tokens in content["tokens"]]
    except (UserError, KeyError, TypeError, ValueError):
        return None
    return most if len(most) == count else None
