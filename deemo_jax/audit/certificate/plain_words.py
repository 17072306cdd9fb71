"""What settings of de-identification mean, in words for somebody who does not run it."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from deemo_jax.core.errors import plain
from deemo_jax.deid.manifest import Manifest

# Setting -> what it is about.
ABOUT = {
    "mask": "Faces",
    "background": "What is around people",
    "text_in_picture": "Captions and name tags in the picture",
    "voice": "Voice",
    "prosody": "Share of the course of pitch and loudness that is kept",
    "empty_scenes": "Scenes that show nobody",
    "on_missing": "Where a face is lost from sight",
}
# Setting -> value -> what it means. A value that is not here is shown as it is recorded.
MEANS: dict[str, dict[str, str]] = {
    "mask": {
        "solid": "each face and a margin around it are filled with one colour: nothing is left there to undo",
        "mosaic": "each face is replaced by the same 5 by 5 greys: nothing is left there to undo",
        "gaussian": "each face is blurred, as the DEEMO paper does; deblurring attacks largely undo it",
    },
    "background": {
        "keep": "stays as it is: room, clothes, hair and hands",
        "grey": "replaced by grey; people whose faces are covered stay",
        "blur": "replaced by a few blurred colours with noise; people whose faces are covered stay",
    },
    "text_in_picture": {
        "cover": "covered where it is found",
        "refuse": "clips in which some is found are refused",
        "ignore": "not looked for",
    },
    "voice": {
        "neutral": "everything is said again by one invented voice for all",
        "spoken": "the words of a transcript are said by a synthesiser, one voice for all",
        "mcadams": "formants moved by a secret coefficient for each clip; an attacker who tries undoes it",
        "mcadams_speaker": "formants moved by a secret coefficient for each speaker; an attacker who tries undoes it",
        "mcadams_fixed": "formants moved by a coefficient that everybody knows; anyone can undo it",
        "recast": "pitch, formants and timbre drawn anew; an attacker who tries undoes it",
        "command": "changed by a program of the holder's own",
    },
    "empty_scenes": {
        "refuse": "the clip is refused",
        "accept": "kept where a search of every frame at full size finds nobody",
    },
    "on_missing": {
        "refuse": "the clip is refused",
        "mask_frame": "the whole frame is covered",
        "drop_frame": "the frame is left out",
    },
}
# Parts of a manifest that the certificate or the audit's own parts show already.
SHOWN_ELSEWHERE = frozenset({"settings", "software", "voice", "faces", "sound"})
# The largest count that is believed.
MOST = 10**12
# Of a mapping in manifests: keys that are shown, and characters of a key or value.
MOST_KEYS, MOST_CHARACTERS = 40, 100
# What the lack of a setting means, in manifests that are older than it.
WITHOUT = {"background": "keep", "text_in_picture": "ignore"}
# In every clip of this project, whatever its settings.
ALWAYS = (
    ("Metadata of the files", "all tags, remarks of encoders, chapters and further tracks are left out"),
    ("Names of files", "replaced by pseudonyms, unless the holder kept them"),
)


def what_was_done(manifests: Sequence[Manifest]) -> list[tuple[str, str, str]]:
    """For each thing that is changed: what it is, what was done, in how many clips."""
    rows: list[tuple[str, str, str]] = []
    for key, about in ABOUT.items():
        values = collections.Counter(chosen(m, key) for m in manifests if key in m.settings or key in WITHOUT)
        rows += [
            (about, MEANS.get(key, {}).get(value, value), _of(count, len(manifests)))
            for value, count in values.most_common()
        ]
    if silent := sum(manifest.silent for manifest in manifests):
        rows.append((ABOUT["voice"], "the clip has no sound", _of(silent, len(manifests))))
    return rows + [(about, done, _of(len(manifests), len(manifests))) for about, done in ALWAYS]


def chosen(manifest: Manifest, key: str) -> str:
    """A setting of a clip as text, also where its manifest is older than the setting."""
    return recorded(manifest.settings.get(key, WITHOUT.get(key, "")))


def all_recorded(found: Sequence[Mapping[str, object]]) -> list[tuple[str, str]]:
    """Every key of some mappings and its values, the most frequent first, with how often each is there if it varies."""
    keys, rows = _shown_keys(found), []
    for key in keys:
        counts = collections.Counter(recorded(one[key]) for one in found if key in one)
        if len(counts) == 1 and counts.total() == len(found):
            rows.append((_cut(key), next(iter(counts))))
        else:
            rows.append((_cut(key), "; ".join(f"{value} ({count})" for value, count in counts.most_common(5))))
    if rest := len({key for one in found for key in one}) - len(keys):
        rows.append(("further keys, which are not shown", f"{rest:,}"))
    return rows


def _shown_keys(found: Sequence[Mapping[str, object]]) -> list[str]:
    """The keys of some mappings, in order; of too many the most frequent ones."""
    counts = collections.Counter(key for one in found for key in one)
    most = {key for key, _ in counts.most_common(MOST_KEYS)}
    return [key for key in counts if key in most]


def other_counts(manifests: Sequence[Manifest]) -> list[tuple[str, str]]:
    """Of every further part of the manifests, such as `background`: its counts, summed, and the means of its shares."""
    rows = []
    for field in dataclasses.fields(Manifest):
        parts = [getattr(manifest, field.name) for manifest in manifests]
        if field.name in SHOWN_ELSEWHERE or not all(isinstance(part, Mapping) for part in parts):
            continue
        for key in _shown_keys(parts):
            values = [part[key] for part in parts if key in part and type(part[key]) in (int, float)]
            believed = [value for value in values if 0 <= value <= MOST]
            whole = all(type(value) is int for value in believed)
            if believed:
                told = f"{sum(believed):,}" if whole else f"{sum(believed) / len(believed):.3g} on average"
                rows.append((_cut(f"{field.name}: {key}"), told))
    return rows


def recorded(value: object) -> str:
    """A value of a manifest as text."""
    return _cut(f"{value:g}" if isinstance(value, float) else str(value)) or "none"


def _cut(text: str) -> str:
    """A text of a manifest, plain and not too long."""
    return plain(text[:MOST_CHARACTERS]) + "..." * (len(text) > MOST_CHARACTERS)


def _of(count: int, total: int) -> str:
    return f"{count:,} of {total:,}"
