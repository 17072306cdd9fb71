"""Instruction data made on the spot: one file of each form, media for all of it, and rows that cannot be used."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.caption_media import write_image, write_video

TALKS = (
    (("human", "<image>\nWhat is it?"), ("gpt", "A ramp."), ("human", "Which colour?"), ("gpt", "Grey.")),
    (("human", "Is it dark?\n<image>"), ("gpt", "On one side.")),
)


def talk(said: tuple[tuple[str, str], ...], **fields: Any) -> dict[str, Any]:
    """An entry of LLaVA's form."""
    return {"id": "1", "image": "1.jpg", "conversations": [{"from": who, "value": what} for who, what in said]} | fields


def write_instructions(folder: Path, face: np.ndarray | None = None) -> Path:
    """Writes four files and their media: 2 usable rows of LLaVA's form, 1 of VideoChat's, 1 of EMER's, 1 of MERR's."""
    (folder / "media").mkdir(parents=True)
    write_image(folder / "media" / "COCO_train2014_1.jpg", face=face)
    write_video(folder / "media" / "walk.mp4", frames=6)
    write_video(folder / "media" / "s1.mp4", frames=4)
    (folder / "media" / "broken.jpg").write_text("<html>")
    bad = [talk(TALKS[1], image="none.jpg"), talk(TALKS[1], image="broken.jpg"), talk((("gpt", "A"),)), talk(TALKS[1])]
    (folder / "llava.json").write_text(json.dumps([*map(talk, TALKS), *bad]))
    pairs = [{"i": "", "q": f"Question {n}?", "a": f"Answer {n}."} for n in range(3)]
    (folder / "chat.json").write_text(json.dumps([{"video": "walk.mp4", "QA": pairs}]))
    (folder / "emer.csv").write_text("names,emotions,subtitles,reasons\ns1,happy,Well played.,The voice is warm.\n")
    (folder / "merr.json").write_text(json.dumps({"s1": {"smp_reason_caption": "Hands are up.", "text": "Well."}}))
    return folder
