"""What of clips gets onto a page, and that texts stay texts."""

import base64
import dataclasses
import hashlib
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from deemo_jax.core.html_page import MAX_SHOWN, shown
from deemo_jax.core.schema import DEEMO_LABELS, NFBLSegment
from deemo_jax.data.build.dataset_writer import write_dataset
from deemo_jax.evaluation.compared_systems import System
from deemo_jax.evaluation.comparison import compare
from deemo_jax.evaluation.page.clip_material import Material, read_materials
from deemo_jax.evaluation.page.frame_grid import MOST_BYTES, budget, grid
from deemo_jax.evaluation.page.metadata import Metadata
from deemo_jax.evaluation.page.page_view import view
from deemo_jax.evaluation.page.render import policy, render
from deemo_jax.evaluation.page.write_page import PageRequest, write_page
from tests.evaluation.page.pages import HOSTILE, TITLE, Page, as_run, write_rows
from tests.evaluation.samples import imagined, media_folders
from tests.training import tiny
from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder

RAW = "not de-identified"
RULES = "deemo_jax rules 4, 3 replaced"
# Clip id -> what its record says of video, source and transcript.
CLIPS = {
    "good": ("deemo_jax solid, CenterFace 0.2", "deid", RULES),
    "elsewhere": ("external: the holder, masks", "external", "external: the holder"),
    "silent": ("deemo_jax solid, CenterFace 0.2", "deid", "none"),
    "named": ("deemo_jax solid, CenterFace 0.2", "deid", RAW),
    "trackless": ("", "", RULES),
    "unseen": ("none", "deid", RULES),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run over a dataset of `CLIPS`, whose rows do not say how names were taken out, beside the rows."""
    folder = tmp_path_factory.mktemp("shown")
    records = []
    for record, (clip, (video, source, transcript)) in zip(tiny.records(len(CLIPS), 0), CLIPS.items(), strict=True):
        trail = record["provenance"] | {"video": video, "source": source, "transcript": transcript}
        record |= {"clip_id": clip, "provenance": trail, "transcript": f"spoken in {clip}"}
        records.append(record | ({"frames": []} if clip == "unseen" else {}))
    split = {"train": tiny.records(1, 1), "test": records}
    write_dataset(lambda data_dir: Builder(records=split, data_dir=data_dir), folder / "data", overwrite=False)
    rows = [
        dataclasses.replace(row, clip_id=clip, answer=f"answer to {clip}", reasoning=f"reasons of {clip}", reference="")
        for row, clip in zip(imagined({"all": 0.5}, clips=len(CLIPS)), sorted(CLIPS), strict=True)
    ]
    return as_run(folder / "run", rows, folder / "data"), rows


def written(run, out, **more):
    path, view = write_page(PageRequest(paths=[run], out=out, **more))
    return path.read_text(), Page(path.read_text()), view


def test_clips_whose_words_may_hold_names_are_left_out_and_frames_need_a_paper_trail(run, tmp_path):
    text, page, found = written(run[0], tmp_path)
    assert [clip["id"] for clip in page.data["clips"]] == sorted(CLIPS.keys() - {"named"})
    assert page.data["scores"]["sets"]["all"]["n"] == len(CLIPS)
    for said in ("spoken in named", "answer to named", "reasons of named", 'named"'):
        assert said not in text
    assert "1 clips are scored and not shown: names were not taken out of their words" in found.left_out[0]
    pictures = {card.split()[0]: "no frames" not in card for card in page.cards}
    assert pictures == {"elsewhere": True, "good": True, "silent": True, "trackless": False, "unseen": False}
    assert "1 clips have no frames here: the dataset has no paper trail for them." in found.left_out
    sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(sources) == 3 and "spoken in good" in text and "nod" in text
    for source in sources:
        data = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (320, 320, 3)
        assert len(data) <= MOST_BYTES


def test_raw_text_is_shown_when_asked_for(run, tmp_path):
    text, page, found = written(run[0], tmp_path, include_raw_text=True)
    assert len(page.cards) == len(CLIPS) and "spoken in named" in text
    assert "also where names were not taken out" in found.left_out[0]


def test_any_row_that_says_raw_keeps_a_clip_out_and_silence_is_no_permission(run, tmp_path):
    theirs = write_rows(tmp_path / "theirs.jsonl", run[1])
    _, page, found = written(theirs, tmp_path / "a")
    assert not page.cards and "6 clips are scored and not shown: nothing says that names" in found.left_out[0]
    # The dataset says it of the clips' words; what another system has heard, its rows must say.
    text, page, found = written(theirs, tmp_path / "b", data_dir=str(run[0].parent / "data"))
    assert len(page.cards) == len(CLIPS) - 1 and "spoken in good" in text and "reasons of good" not in text
    assert "5 answers of all are scored and their words not shown" in found.left_out[-1]
    truth = tmp_path / "truth.jsonl"
    stated = [
        {"clip_id": row.clip_id, "emotion": row.emotion_true, "reasoning": f"truth of {row.clip_id}"} for row in run[1]
    ]
    truth.write_text("".join(json.dumps(row) + "\n" for row in stated))
    text, page, _ = written(run[0], tmp_path / "e", truth=truth)
    assert "reasons of good" in text and "truth of good" not in text and len(page.cards) == len(CLIPS) - 1
    assert "truth of good" in written(run[0], tmp_path / "f", truth=truth, include_raw_text=True)[0]
    told = write_rows(tmp_path / "told.jsonl", run[1], transcript_provenance=RULES)
    assert len(written(told, tmp_path / "c")[1].cards) == len(CLIPS)
    raw = [dataclasses.replace(row, transcript_provenance=RAW if row.clip_id == "good" else None) for row in run[1]]
    both = PageRequest(paths=[run[0], write_rows(tmp_path / "raw.jsonl", raw)], out=tmp_path / "d")
    assert "good" not in [card.clip_id for card in write_page(both)[1].cards]


def test_frames_of_films_need_their_manifest(tmp_path):
    _, deid = media_folders(tmp_path)
    (deid / "clip001.mp4").write_bytes((deid / "clip000.mp4").read_bytes())
    (deid / "clip002.manifest.json").rename(deid / "other.manifest.json")
    found = read_materials(["clip000", "clip001", "clip002", "other", "../deid/clip000"], None, deid, 20_000)
    assert [clip for clip, material in found.items() if material.picture] == ["clip000"]
    assert found["clip001"].why_no_frames == "the film or its manifest is damaged"
    assert found["clip002"].why_no_frames == "the folder has no manifest of this clip"
    assert found["other"].why_no_frames == "the manifest is that of another clip"
    assert "CenterFace" in found["clip000"].video_provenance


def test_pictures_share_what_a_page_may_weigh():
    noise = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), np.uint8)
    assert budget(1) == MOST_BYTES and 831 * budget(831) * 4 / 3 < 10.7e6
    smooth = np.broadcast_to(np.arange(224, dtype=np.uint8)[:, None, None], noise.shape)
    assert len(grid(np.array(smooth), budget(831))) <= budget(831)
    assert len(grid(noise, 1)) < len(grid(noise, 10**6))


@pytest.fixture(scope="module")
def hostile():
    """A page all of whose texts are hostile."""
    rows = imagined({"all": 0.5}, clips=len(HOSTILE))
    rows = [
        dataclasses.replace(
            row,
            clip_id=f"{i}{said}",
            **dict.fromkeys(("answer", "reasoning", "reference", "person_id"), said),
            transcript_provenance=RULES,
        )
        for i, (row, said) in enumerate(zip(rows, HOSTILE, strict=True))
    ]
    materials = {
        row.clip_id: Material(said, (NFBLSegment(0.0, 1.0, said),), 2.0, RULES, "", b"", said)
        for row, said in zip(rows, HOSTILE, strict=True)
    }
    systems = [System(said, Path("a.jsonl"), said, said, rows) for said in HOSTILE]
    metadata = Metadata(dict.fromkeys(HOSTILE, HOSTILE), HOSTILE)
    found = compare(systems, DEEMO_LABELS)
    return render(view(found, DEEMO_LABELS, materials, metadata, include_raw_text=False))


def test_hostile_texts_stay_texts(hostile):
    page, plain = Page(hostile), Page(hostile)
    hostile.encode()  # no half of a character is left
    assert len(page.scripts) == 2 and hostile.lower().count("</script") == 2
    assert not [tag for tag, _ in page.tags if tag in ("iframe", "object", "embed", "img", "base", "title2")]
    names = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in names if name.startswith("on")} and "style" not in names
    links = [attributes[key] for _, attributes in page.tags for key in ("href", "src", "action") if key in attributes]
    assert links and all(link.startswith(("#", "data:,")) for link in links)
    assert len(page.cards) == len(HOSTILE) and "{{ 7 * 7 }}" in page.cards[3] and "&lt;b&gt;" in page.cards[3]
    assert "\x00" not in hostile and "\x1b" not in hostile
    data = next(body for attributes, body in plain.scripts if "type" in attributes)
    assert data.isascii() and not set("<>&") & set(data)
    assert TITLE in page.data["clips"][0]["id"] and "\u2028" in page.data["clips"][2]["id"]
    assert [system["name"] for system in page.data["systems"]] == list(HOSTILE)


def test_the_policy_allows_this_script_and_style_and_no_connection(hostile):
    page = Page(hostile)
    stated = next(of["content"] for tag, of in page.tags if tag == "meta" and "http-equiv" in of)
    script = next(body for attributes, body in page.scripts if "type" not in attributes)
    rules = dict(rule.split(" ", 1) for rule in stated.split("; "))
    assert stated == policy(page.style, script)
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'" and "connect-src" not in rules
    for name, text in (("script-src", script), ("style-src", page.style)):
        assert rules[name] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert not re.search(r"https?:|@import|url\(", page.style + script)


def test_long_texts_are_cut_and_say_so():
    text = shown("x" * (MAX_SHOWN + 1234))
    assert text.endswith("… (1,234 more characters are not shown)") and len(text) < MAX_SHOWN + 50
    assert shown("a\tb\nc\x07\ud800") == "a\tb\nc\ufffd\ufffd"
