"""Splits of a dataset: by person, so that no person is in two, or as a published list of ids has them.

Some of the training persons can be moved to a split of their own, on which probabilities are calibrated (`set_apart`).
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.core.schema import Clip

# Name of a split -> ids of its clips.
Splits = dict[str, list[str]]
TRAIN, VALIDATION = "train", "validation"
# Share of the training clips that `build` moves to the validation split by default.
VALIDATION_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class Recurring:
    """Persons who are in more than one split, and the number of their clips."""

    persons: tuple[str, ...]
    clips: int


def parse_fractions(text: str) -> dict[str, float]:
    """Reads 'train=0.4,test=0.6'.

    Returns:
        Name of a split -> its share of the clips.

    Raises:
        UserError: it is malformed, or the fractions are not positive with the sum 1.
    """
    fractions: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        try:
            fraction = float(value)
        except ValueError:
            fraction = -1.0
        if not _is_name(name) or name in fractions or not 0 < fraction <= 1:
            raise UserError(f"--fractions {text!r}: {part!r} is not NAME=FRACTION; e.g. train=0.4,test=0.6")
        fractions[name] = fraction
    if abs(sum(fractions.values()) - 1) > 1e-6:
        raise UserError(f"--fractions {text!r}: they sum to {sum(fractions.values()):g}, not 1")
    return fractions


def split_by_person(clips: Sequence[Clip], fractions: Mapping[str, float], seed: int) -> Splits:
    """Splits clips near the fractions so that no person is in two splits; equal seeds and clips give equal splits.

    Persons are dealt out in order of their numbers of clips, those with as many in an order of the seed, each to the
    split that lacks the most clips.

    Raises:
        UserError: there are fewer persons than splits.
    """
    groups: dict[str, list[str]] = {}
    owner = person_groups(clips)
    for clip in sorted(clips, key=lambda clip: clip.clip_id):
        groups.setdefault(owner[clip.clip_id], []).append(clip.clip_id)
    if len(groups) < len(fractions):
        raise UserError(
            f"{len(groups)} persons cannot fill {len(fractions)} splits without one being in two; "
            "bring more persons, or fewer splits in --fractions"
        )
    names = sorted(groups)
    order = [names[i] for i in np.random.default_rng(seed).permutation(len(names))]
    order.sort(key=lambda name: -len(groups[name]))
    splits: Splits = {name: [] for name in fractions}
    for place, group in enumerate(order):
        empty = [name for name in fractions if not splits[name]]
        candidates = empty if len(empty) >= len(order) - place else list(fractions)
        split = max(candidates, key=lambda name: fractions[name] * len(clips) - len(splits[name]))
        splits[split] += groups[group]
    return {name: sorted(ids) for name, ids in splits.items()}


def set_apart(clips: Sequence[Clip], splits: Splits, share: float, seed: int) -> Splits:
    """Moves whole persons from `train` to a new split `validation`; other splits are not changed.

    Persons are looked at in an order of the seed, and each is moved that brings the new split nearer to `share` of the
    training clips, so that it has at most twice that.

    Returns:
        The splits; without `validation` where even one person would be too many.

    Raises:
        UserError: there is no `train`, or there is a `validation`.
    """
    if TRAIN not in splits or VALIDATION in splits:
        lacks = f"there is no split {TRAIN!r}" if TRAIN not in splits else f"the split {VALIDATION!r} is there already"
        raise UserError(f"--validation {share:g}: {lacks}; give --validation 0, or splits that it can be taken from")
    groups: dict[str, list[str]] = {}
    owner = person_groups(clips)
    for clip_id in splits[TRAIN]:
        groups.setdefault(owner[clip_id], []).append(clip_id)
    wanted, names, taken = share * len(splits[TRAIN]), sorted(groups), set[str]()
    for i in np.random.default_rng(seed).permutation(len(names)):
        more = taken.union(groups[names[i]])
        if abs(len(more) - wanted) <= abs(len(taken) - wanted):
            taken = more
    if not taken:
        return splits
    parts: Splits = {}
    for split, ids in splits.items():
        parts[split] = [clip_id for clip_id in ids if clip_id not in taken] if split == TRAIN else ids
        if split == TRAIN:
            parts[VALIDATION] = sorted(taken)
    return parts


def read_splits(path: str | Path) -> Splits:
    """Reads a JSON file of {split: [clip ids]}.

    Raises:
        UserError: it is malformed, or a clip is in two splits, or twice in one.
    """
    value = read_json(path)
    if not isinstance(value, dict) or not value:
        raise UserError(f"{path}: not a table of split to clip ids")
    seen: dict[str, str] = {}
    for split, ids in value.items():
        if not _is_name(split) or not isinstance(ids, list) or not ids or not all(isinstance(i, str) for i in ids):
            raise UserError(f"{path}: split {split!r} needs a plain name and a non-empty list of clip ids")
        for clip_id in ids:
            if clip_id in seen:
                raise UserError(
                    f"{path}: clip {clip_id!r} is in {seen[clip_id]!r} and in {split!r}; a clip has one split"
                )
            seen[clip_id] = split
    return {split: sorted(ids) for split, ids in value.items()}


def recurring(clips: Sequence[Clip], splits: Splits) -> Recurring:
    """The persons who are in more than one split."""
    owner = person_groups(clips)
    where: dict[str, set[str]] = {}
    count: dict[str, int] = {}
    for split, ids in splits.items():
        for clip_id in ids:
            where.setdefault(owner[clip_id], set()).add(split)
            count[owner[clip_id]] = count.get(owner[clip_id], 0) + 1
    persons = tuple(sorted(person for person, names in where.items() if len(names) > 1))
    return Recurring(persons, sum(count[person] for person in persons))


def person_groups(clips: Sequence[Clip]) -> dict[str, str]:
    """Clip id -> a name for its person. Where a person is not named, all persons of that recording are one group."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    nameless = {clip.video_id for clip in clips if not clip.person_id}
    nodes = {}
    for clip in clips:
        person, video = f"person {clip.person_id}", f"recording {clip.video_id}"
        nodes[clip.clip_id] = person if clip.person_id else video
        if clip.person_id and clip.video_id in nameless:
            first, second = sorted((root(person), root(video)))
            parent[second] = first
    return {clip_id: root(node) for clip_id, node in nodes.items()}


def _is_name(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name) is not None
