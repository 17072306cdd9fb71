"""Predictions of an imagined system on an imagined corpus, and clips before and after de-identification."""

import re

import numpy as np

from deemo_jax.core.files import sha256, write_json
from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.data.corpus_statement import CorpusStatement
from deemo_jax.deid.manifest import Manifest, Masks, file_names, write_masks
from deemo_jax.evaluation.predictions import Prediction
from deemo_jax.evaluation.truth import Truth
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame

RATE = 16_000
STATES = ("negative", "neutral", "positive")
CUES = {
    "words": dict(zip(STATES, ("sad", "plain", "glad"), strict=True)),
    "voice": dict(zip(STATES, ("flat", "even", "lively"), strict=True)),
    "body": dict(zip(STATES, ("closed", "still", "open"), strict=True)),
}
CORPUS = CorpusStatement("imagined", CUES, {"all": 0.899, "transcript": 0.81, "audio,video": 0.813, "": 0.6})


def sentence(states):
    """A reasoning that names every cue; `states` by cue."""
    return ", ".join(f"the {cue} is {CUES[cue][states[cue]]}" for cue in CUES).capitalize() + "."


def imagined(skill, clips=200, seed=0):
    """Rows for every set in `skill` ({'all': 0.9, ...}): right so often, about the emotion and about each cue."""
    rng = np.random.default_rng(seed)
    rows = []
    for clip in range(clips):
        truth = DEEMO_LABELS.names[int(rng.random() < 0.6)]
        cues = {cue: str(rng.choice(STATES)) for cue in CUES}
        for name, right in skill.items():
            emotion = truth if rng.random() < right else next(e for e in DEEMO_LABELS if e != truth)
            said = {cue: state if rng.random() < right else str(rng.choice(STATES)) for cue, state in cues.items()}
            answer = f"The emotion is {emotion}. {sentence(said)}"
            rows.append(Prediction(f"clip{clip:03d}", name, answer, emotion, truth, sentence(said), sentence(cues)))
    return rows


def truth_of(rows):
    """The truth of imagined rows: their labels and references, the cues that these state, and their corpus."""
    found = {}
    for row in rows:
        words = re.findall(r"the (\w+) is (\w+)", row.reference.lower())
        cues = {cue: next(state for state in STATES if CUES[cue][state] == word) for cue, word in words}
        found[row.clip_id] = {"emotion": str(row.emotion_true), "reasoning": row.reference, "cues": cues}
    return Truth(found, CORPUS)


def media_folders(folder):
    """Three raw clips (in a subfolder, under names of their own) and their de-identified files with manifests."""
    raw, deid = folder / "raw", folder / "deid"
    for number in range(3):
        before, clip_id = raw / "day" / f"IMG_{number}.mp4", f"clip{number:03d}"
        _write_clip(before, 40 * number, 400)
        _write_clip(deid / f"{clip_id}.mp4", 40 * number + 100, 800)
        _write_manifest(deid, clip_id, before)
    (raw / "day" / "notes.txt").write_text("no clip")
    return raw, deid


def _write_clip(path, level, hertz, frames=10):
    """A one-second clip: a grey level that rises slowly, and a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Frame(i, i / 10, np.full((48, 64, 3), level + i, np.uint8)) for i in range(frames)]
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32)
    write_clip(path, pictures, 10.0, (tone, RATE))


def _write_manifest(folder, clip_id, source):
    video, masks, tracks, name = file_names(clip_id)
    write_masks(folder / masks, Masks(64, 48, ((),) * 10))
    (folder / tracks).write_text("{}")
    made = Manifest(
        clip_id=clip_id,
        file=video,
        output_sha256=sha256(folder / video),
        masks=masks,
        masks_sha256=sha256(folder / masks),
        tracks=tracks,
        tracks_sha256=sha256(folder / tracks),
        source_sha256=sha256(source),
        settings={},
        software={},
        voice={},
        faces={},
    )
    write_json(folder / name, made.to_json())
