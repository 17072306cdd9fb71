import dataclasses

import numpy as np
import pytest

from deemo_jax.audit.attacks import embedders, reidentify
from deemo_jax.audit.attacks.reidentify import Attack, Embedded, attack_of, embed_clip, halves, reidentification_section
from deemo_jax.core.errors import UserError


def clip(person, raw, written=(1.0, 0.0)):
    return Embedded(person, np.array([raw], float), np.array([written], float))


def test_attacks():
    clips = [clip("a", (1, 0.1)), clip("a", (1, 0)), clip("b", (0, 1)), clip("b", (0.1, 1)), clip("alone", (1, 1))]
    gallery, probes = halves(clips)
    assert [c.person for c in gallery] == [c.person for c in probes] == ["a", "b"]
    raw = attack_of(gallery, probes, Attack("raw", "raw"))
    assert raw.rank1.value == 1 and raw.eer.value == 0
    assert attack_of(gallery, probes, Attack("raw", "raw", learns=True)).rank1.value == 1
    assert attack_of(gallery, probes, Attack("raw", "written")).rank1.value == 0.5  # all look like a
    same = attack_of(gallery, probes, Attack("written", "written")).rank1
    assert same.value == 0.5 and (same.low, same.high) == (0.5, 0.5)  # everybody is nearest: a guess of two


def test_embedding_a_clip(audited):
    of = embed_clip("grey", audited)
    assert of.person == "p1" and of.raw.shape == of.written.shape == (4, 256)
    np.testing.assert_allclose(np.linalg.norm(of.raw, axis=1), 1)
    assert np.abs((of.raw * of.written).sum(axis=1)).max() < 0.5
    nowhere = dataclasses.replace(audited, truth=audited.truth | {"faces": [[]] * 12})
    assert not len(embed_clip("grey", nowhere).raw)


class Colours:
    """An embedder of one line, which no other process can be sent."""

    around = 0.5

    def __init__(self):
        self.shapes, self.kept_here = [], lambda: None

    def embed(self, crop):
        self.shapes.append(crop.shape)
        return crop.mean(axis=(0, 1))


def several(audited, count=6):
    """One clip under two ids for each of so many persons."""
    truths = [audited.truth | {"person_id": f"p{k}"} for k in range(count) for _ in range(2)]
    return [dataclasses.replace(audited, truth=truth) for truth in truths]


def test_any_embedder_will_do(audited):
    colours = Colours()
    section = reidentification_section(several(audited), colours, workers=2)
    assert len(colours.shapes) == 12 * 2 * 4 and "(Colours)" in section.numbers["embedder"]
    # Half of the box is shown on each side of it.
    x0, y0, x1, y1 = audited.truth["faces"][0]
    assert colours.shapes[0][:2] == pytest.approx((2 * (y1 - y0), 2 * (x1 - x0)), abs=4)
    # The same film of six "persons": a guess, whatever is shown.
    assert section.numbers["chance"] == 1 / 6 and section.numbers["persons"] == 6
    for attack in ("nobody", "ignorant", "informed"):
        rates = next(of for name, of in section.numbers["attacks"].items() if name.startswith(attack))
        assert rates["rank1"]["value"] == pytest.approx(1 / 6)
    colours.embed = lambda crop: crop
    with pytest.raises(UserError, match=r"Colours\.embed: gives no vector"):
        reidentification_section(several(audited), colours)
    with pytest.raises(UserError, match="no method embed"):
        reidentification_section(several(audited), object())


def test_without_boxes_the_face_is_looked_for_in_the_raw_film(audited):
    told = embed_clip("grey", audited)
    untold = dataclasses.replace(audited, truth={"person_id": "p1"})
    found = embed_clip("grey", untold)
    assert found.raw.shape == told.raw.shape and (found.raw * told.raw).sum(axis=1).min() > 0.5


def test_what_was_not_measured_says_why(audited, monkeypatch):
    monkeypatch.setattr(embedders, "is_installed", lambda: False)
    for clips, embedder, why in (
        ([audited], None, "make audit_models"),
        (several(audited, reidentify.LEAST_PERSONS - 1), "grey", "needs 6 persons with two clips each, and here are 5"),
        ([dataclasses.replace(audited, truth=None)], "grey", "--truth"),
        ([dataclasses.replace(audited, source=None)], "grey", "--source"),
    ):
        section = reidentification_section(clips, embedder)
        assert section.notes[0].startswith("Not measured") and why in section.notes[0] and not section.tables
