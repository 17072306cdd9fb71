import dataclasses

import numpy as np
import pytest

from deemo_jax.audit.attacks.reidentify import Embedded, embed_clip, halves, rank1, reidentification_section
from deemo_jax.core.errors import UserError


def clip(person, raw, written=(1.0, 0.0)):
    return Embedded(person, np.array(raw, float), np.array(written, float))


def test_rank1():
    clips = [clip("a", (1, 0.1)), clip("a", (1, 0)), clip("b", (0, 1)), clip("b", (0.1, 1)), clip("alone", (1, 1))]
    gallery, probes = halves(clips)
    assert [c.person for c in gallery] == [c.person for c in probes] == ["a", "b"]
    assert rank1(gallery, probes, "raw", "raw").value == 1.0
    assert rank1(gallery, probes, "raw", "written").value == 0.5  # all look like a
    same = rank1(gallery, probes, "written", "written")
    assert same.value == 0.5 and (same.low, same.high) == (0.5, 0.5)  # everybody is nearest: a guess of two


def test_embedding_a_clip(audited):
    of = embed_clip("grey", audited)
    assert of.person == "p1" and of.raw.shape == of.written.shape == (256,)
    assert np.linalg.norm(of.raw) == pytest.approx(1) and abs(of.raw @ of.written) < 0.5
    nowhere = dataclasses.replace(audited, truth=audited.truth | {"faces": [[]] * 12})
    assert embed_clip("grey", nowhere).raw.size == 0


class Colours:
    """An embedder of one line, which no other process can be sent."""

    def __init__(self):
        self.asked, self.kept_here = 0, lambda: None

    def embed(self, crop):
        self.asked += 1
        return crop.mean(axis=(0, 1))


def test_any_embedder_will_do(audited):
    clips = [dataclasses.replace(audited, truth=audited.truth | {"person_id": p}) for p in ("p1", "p1", "p2", "p2")]
    colours = Colours()
    section = reidentification_section(clips, colours, workers=2)
    assert colours.asked == 4 * 2 * 4 and section.numbers["embedder"] == "given"
    assert section.numbers["rank1"].keys() and "(Colours)" in section.notes[0]
    colours.embed = lambda crop: crop
    with pytest.raises(UserError, match=r"Colours\.embed: gives no vector"):
        reidentification_section(clips, colours)
    with pytest.raises(UserError, match="no method embed"):
        reidentification_section(clips, object())


def test_the_section(audited):
    clips = [dataclasses.replace(audited, truth=audited.truth | {"person_id": p}) for p in ("p1", "p1", "p2", "p2")]
    section = reidentification_section(clips, "grey")
    assert section.numbers["chance"] == 0.5 and section.numbers["persons"] == 2
    # The same film of two "persons": a guess, whatever is shown.
    assert [rate["value"] for rate in section.numbers["rank1"].values()] == [0.5] * 3
    for clips, embedder, why in (
        ([audited], None, "--face_embedder"),
        ([audited], "grey", "two persons"),
        ([dataclasses.replace(audited, truth=None)], "grey", "--truth"),
        ([dataclasses.replace(audited, source=None)], "grey", "--source"),
    ):
        section = reidentification_section(clips, embedder)
        assert section.notes[0].startswith("Not measured") and why in section.notes[0] and not section.tables
