"""Invented clips in the layout of an attested folder, at its smallest."""

import wave
from pathlib import Path

import cv2
import numpy as np

from deemo_jax.core.files import read_json, write_json, write_jsonl
from deemo_jax.data.build.attestation import write_template

RATE = 16_000


def write_attested(
    folder: Path, clips: int = 6, persons: int = 3, frames: int = 3, seconds: float = 0.5
) -> tuple[Path, Path]:
    """Writes clips of several persons: grey pictures that grow brighter, and tones (of odd clips, mel arrays of noise).

    Args:
        folder: where to; clip folders, `attestation.json` (filled in) and `clips.jsonl` appear in it.
        clips: how many.
        persons: they take turns.
        frames: PNG files per clip.
        seconds: of sound.

    Returns:
        The attestation and the annotations.
    """
    rng = np.random.default_rng(0)
    rows = []
    for number in range(clips):
        home = folder / f"clip{number:02d}"
        home.mkdir(parents=True)
        for frame in range(frames):
            level = 255 * (number * frames + frame) // (clips * frames)
            cv2.imwrite(str(home / f"{frame:03d}.png"), np.full((60, 80, 3), level, np.uint8))
        if number % 2:
            np.save(home / "mel.npy", rng.standard_normal((2, 128, 204)).astype(np.float32))
        else:
            _write_tone(home / "voice.wav", 200.0 + 20 * number, seconds)
        rows.append(_annotation(number, number % persons, seconds))
    attestation, _ = write_template(folder)
    statement = {"holder": "Nobody", "method": "drawn, not filmed", "date": "2025-01-31"}
    write_json(attestation, read_json(attestation) | statement)
    write_jsonl(folder / "clips.jsonl", rows)
    return attestation, folder / "clips.jsonl"


def _annotation(number: int, person: int, seconds: float) -> dict[str, object]:
    emotion = ("negative", "positive")[number % 2]
    return {
        "clip_id": f"clip{number:02d}",
        "video_id": f"recording{person}",
        "person_id": f"person{person}",
        "start_s": 2.0 * number,
        "end_s": 2.0 * number + seconds,
        "transcript": f"We played set number {number}.",
        "nfbl": [{"start_s": 0.0, "end_s": seconds, "label": "touching the neck"}] if number % 3 == 0 else [],
        "emotion": emotion,
        "reasoning": f"The words sound {emotion}.",
    }


def _write_tone(path: Path, hertz: float, seconds: float) -> None:
    samples = 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
