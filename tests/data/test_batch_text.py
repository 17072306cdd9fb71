"""The dump of a batch, of hand-made records through a real pipeline."""

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest

from deemo_jax.core.schema import Clip, Modality, NFBLSegment, Provenance
from deemo_jax.data.batch_rows import RowSpec
from deemo_jax.data.batch_text import describe_first, describe_row
from deemo_jax.data.clip_source import Record
from deemo_jax.data.pipeline import Pipeline
from deemo_jax.data.prompts import Task
from deemo_jax.data.tokenizer import ByteTokenizer
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.systems.deemo.template import DEEMO
from deemo_jax.systems.video_llama.template import VIDEO_LLAMA

BYTES = ByteTokenizer()
LENGTH = 240
SPEC = RowSpec(
    tokenizer=BYTES,
    task=Task.RECOGNITION_REASONING,
    template=DEEMO,
    tokens=MediaTokens(2, 3),
    max_length=LENGTH,
    frames=2,
    clips=2,
    modalities=frozenset(Modality),
    dropout={},
    with_answer=True,
)
ANSWER = "The emotion is positive. It sounds so."


def record(transcript: str = "Well played.") -> Record:
    jpeg = cv2.imencode(".jpg", np.zeros((224, 224, 3), np.uint8))[1].tobytes()
    nfbl = (NFBLSegment(0.0, 1.0, "crossing legs"),)
    clip = Clip("c", "v", "p", 0.0, 1.0, transcript, nfbl, "positive", "It sounds so.")
    provenance = Provenance("external: x", "external: x", "not de-identified", "external")
    return Record(clip, provenance, (jpeg,) * 2, np.zeros((2, 128, 204), np.float32))


def pipeline(records: list[Record], **changes: Any) -> Pipeline:
    spec = dataclasses.replace(SPEC, **changes)
    return Pipeline(records, spec, batch_size=len(records), train=spec.with_answer)


def row(**changes: Any) -> list[str]:
    return describe_row(pipeline([record()], **changes).batch_at(0), BYTES, SPEC.tokens)


def test_every_position_stands_in_one_line_with_its_role_and_text() -> None:
    head, *lines = row()
    prompt = "<bos><Audio></Audio>, <Video></Video>, <Transcription>Well played.</Transcription>, <NFBL>crossing legs"
    length = len(
        BYTES.encode(prompt.removeprefix("<bos>") + "</NFBL>, <User>What does the person feel, and why?</User>")
    )
    length += 1 + 5 + len(ANSWER) + 1
    assert head == (
        "row 0, record 0: shows audio, video, transcript, nfbl; "
        f"{length} of {LENGTH} positions, {len(ANSWER) + 1} with loss"
    )
    spans = [tuple(int(part) for part in line.split()[0].split("..")) for line in lines]
    assert [t for first, last in spans for t in range(first, last + 1)] == list(range(LENGTH))
    assert [line.split()[1] for line in lines] == ["text", "audio", "text", "video", "text", "text", "padding"]
    assert [line.split(maxsplit=2)[2:] for line in lines[:4]] == [
        ["<bos><Audio>"],
        ["0..1"],
        ["</Audio>, <Video>"],
        ["0..2"],
    ]
    assert [line for line in lines if " loss " in line] == [lines[5]] and lines[5].endswith(f"loss  {ANSWER}<eos>")


def test_a_model_that_sees_but_does_not_hear_has_video_and_no_audio() -> None:
    roles = [line.split()[1] for line in row(modalities=frozenset({Modality.VIDEO}))[1:]]
    assert roles == ["text", "video", "text", "text", "padding"]


def test_media_without_text_between_them_are_told_apart() -> None:
    wording = dataclasses.replace(DEEMO.wording, audio="{}", video="{}")
    lines = row(template=dataclasses.replace(DEEMO, wording=wording))[1:]
    assert [line.split()[1:] for line in lines[1:3]] == [["audio", "0..1"], ["video", "0..2"]]


def test_line_ends_and_every_trained_stretch_are_seen() -> None:
    lines = row(template=VIDEO_LLAMA)[1:]
    assert lines[0].endswith("<bos>\\n\\n")
    loss = [line.partition("loss  ")[2] for line in lines if " loss " in line]
    assert loss == ["###", f"###Assistant: {ANSWER}\\n###"]


def test_the_first_rows_say_what_was_cut_and_what_cannot_be_read() -> None:
    damaged = dataclasses.replace(record(), jpegs=(b"no image",) * 2)
    records = [record(), record("word " * 60), record(""), damaged]
    text = describe_first(pipeline(records), BYTES, SPEC.tokens, rows=9)
    first, *rows = text.split("\n\n")
    assert first == "the first 4 of 4 rows of the first batch, of 1 in an epoch"
    heads = {int(head.split("record ")[1].split(":")[0]): head for head in (one.splitlines()[0] for one in rows)}
    assert heads[0].endswith("with loss; transcript whole") and heads[1].endswith("with loss; transcript cut to fit")
    assert "transcript" not in heads[2]
    assert "shows nothing; 1 of 240 positions, 0 with loss; cannot be read (ValueError: " in heads[3]
    assert len(describe_first(pipeline(records), BYTES, SPEC.tokens, rows=2).split("\n\n")) == 3


@pytest.mark.parametrize("text", ["eos <eos> twice", ""])
def test_a_prompt_alone_has_no_loss(text: str) -> None:
    batch = pipeline([record(text)], with_answer=False).batch_at(0)
    lines = describe_row(batch, BYTES, SPEC.tokens)
    assert lines[0].endswith(", 0 with loss") and not any(" loss " in line for line in lines[1:])
