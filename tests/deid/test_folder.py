import json
import shutil

import pytest

from deemo_jax.deid.folder import REFUSALS, deidentify_all, find_sources
from deemo_jax.deid.keys import VoiceKey
from deemo_jax.deid.settings import Settings
from deemo_jax.errors import UserError


def rows(folder):
    return [json.loads(line) for line in (folder / REFUSALS).read_text().splitlines()]


def statuses(outcomes):
    return {o.source.name: o.status for o in outcomes}


@pytest.fixture
def sources(raw, make_clip, tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    shutil.copy(raw.path, folder / "Jane_Example.mp4")
    make_clip(folder / "lost.mp4", hidden=(4, 5, 6), frames=9)
    (folder / "text.mp4").write_text("no film")
    (folder / "notes.txt").write_text("not a video")
    return folder


def test_the_good_are_done_and_the_others_listed(sources, tmp_path, key):
    out = tmp_path / "out"
    found = find_sources([str(sources)])
    assert [p.name for p in found] == ["Jane_Example.mp4", "lost.mp4", "text.mp4"]
    outcomes = deidentify_all(found, out, Settings(), key, workers=2)
    assert statuses(outcomes) == {"Jane_Example.mp4": "done", "lost.mp4": "refused", "text.mp4": "bad"}
    listed = {row["kind"]: row for row in rows(out)}
    assert listed["refused"]["times_s"] == [0.4, 0.5, 0.6] and "lost in 3 of 9" in listed["refused"]["reason"]
    done = outcomes[0].clip_id
    assert sorted(p.name for p in out.iterdir()) == [
        f"{done}.manifest.json",
        f"{done}.masks.json",
        f"{done}.mp4",
        REFUSALS,
    ]
    everything = b"".join(p.read_bytes() for p in out.iterdir()) + " ".join(p.name for p in out.iterdir()).encode()
    assert not any(word in everything for word in (b"Jane", str(sources).encode(), key.secret))


def test_resuming(sources, tmp_path, key, monkeypatch):
    out, found = tmp_path / "out", find_sources([str(sources)])
    first = deidentify_all(found, out, Settings(), key)
    clip = next(out.glob("*.mp4"))
    stamp = clip.stat().st_mtime_ns

    def must_not_run(*args):
        raise AssertionError("the work was done already")

    with monkeypatch.context() as patch:
        patch.setattr("deemo_jax.deid.folder.deidentify_clip", must_not_run)
        again = deidentify_all(found[:2], out, Settings(), key)
    assert statuses(again) == {"Jane_Example.mp4": "kept", "lost.mp4": "refused"}
    assert again[1].reason == first[1].reason and clip.stat().st_mtime_ns == stamp
    assert len(rows(out)) == 2  # the text file was not looked at again, and stays listed

    # Let through by hand, and not undone by the next run over the whole folder.
    by_hand = deidentify_all(found[1:2], out, Settings(on_missing="mask_frame"), key)
    assert statuses(by_hand) == {"lost.mp4": "done"}
    assert [row["kind"] for row in rows(out)] == ["bad"]
    assert statuses(deidentify_all(found, out, Settings(), key))["lost.mp4"] == "kept"

    clip.write_bytes(b"spoilt")
    assert statuses(deidentify_all(found[:1], out, Settings(), key)) == {"Jane_Example.mp4": "done"}
    assert statuses(deidentify_all(found[:1], out, Settings.preset("paper"), key)) == {"Jane_Example.mp4": "done"}


def test_another_key_makes_other_clips(raw, tmp_path, key):
    other = VoiceKey(b"another secret of good length")
    outcomes = [deidentify_all([raw.path], tmp_path, Settings(), k)[0] for k in (key, other)]
    assert outcomes[0].clip_id != outcomes[1].clip_id


def test_stems(raw, tmp_path, key):
    outcomes = deidentify_all([raw.path], tmp_path / "out", Settings(), key, clip_ids="stem")
    assert outcomes[0].clip_id == "speaker" and (tmp_path / "out" / "speaker.mp4").exists()
    (tmp_path / "other").mkdir()
    twin = shutil.copy(raw.path, tmp_path / "other" / "speaker.mp4")
    with pytest.raises(UserError, match="--clip_ids keyed"):
        deidentify_all([raw.path, twin], tmp_path / "out", Settings(), key, clip_ids="stem")
    odd = shutil.copy(raw.path, tmp_path / "other" / "a b.mp4")
    assert deidentify_all([odd], tmp_path / "out", Settings(), key, clip_ids="stem")[0].status == "bad"


def test_a_refusal_removes_what_other_settings_had_let_through(sources, tmp_path, key):
    out, lost = tmp_path / "out", [sources / "lost.mp4"]
    deidentify_all(lost, out, Settings.preset("paper", on_missing="mask_frame"), key)
    assert len(list(out.glob("*.mp4"))) == 1
    deidentify_all(lost, out, Settings(), key)
    assert [p.name for p in out.iterdir()] == [REFUSALS]


def test_folders_that_cannot_be_used(raw, tmp_path, key):
    with pytest.raises(UserError, match="raw videos"):
        deidentify_all([raw.path], raw.path.parent, Settings(), key)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        deidentify_all([raw.path], tmp_path / "file", Settings(), key)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no video"):
        find_sources([str(tmp_path / "empty")])
