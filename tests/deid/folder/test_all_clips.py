import dataclasses
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from deemo_jax import deidentify
from deemo_jax.core import cli, files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.find_films import find_sources
from deemo_jax.deid.folder.all_clips import deidentify_all
from deemo_jax.deid.folder.one_source import Options
from deemo_jax.deid.folder.refused_list import REFUSALS
from deemo_jax.deid.keys import VoiceKey, load_key
from deemo_jax.deid.manifest import SUFFIX, find_manifests, load_manifest, load_masks, verify
from deemo_jax.deid.settings import Settings
from deemo_jax.deid.source_spans import LONGEST_CLIP_S, SHARED_S, SourceSpan, pieces, read_segments
from deemo_jax.media.audio import sound_seconds
from deemo_jax.media.video import frame_times, read_frames

# So that three frames without a face, which are bridged by default, are too many. Large faces are found sooner.
STRICT = Settings(hole_s=0.2, smallest_face=0.2)


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
    outcomes = deidentify_all(found, out, STRICT, key, workers=2)
    assert statuses(outcomes) == {"Jane_Example.mp4": "done", "lost.mp4": "refused", "text.mp4": "bad"}
    listed = {row["kind"]: row for row in rows(out)}
    assert listed["refused"]["times_s"] == [0.4, 0.5, 0.6] and "lost in 3 of 9" in listed["refused"]["reason"]
    done = outcomes[0].clip_id
    assert sorted(p.name for p in out.iterdir()) == [
        f"{done}.manifest.json",
        f"{done}.masks.json",
        f"{done}.mp4",
        f"{done}.tracks.json",
        REFUSALS,
    ]
    everything = b"".join(p.read_bytes() for p in out.iterdir()) + " ".join(p.name for p in out.iterdir()).encode()
    assert not any(word in everything for word in (b"Jane", str(sources).encode(), key.secret))


@pytest.mark.slow
def test_a_second_run_keeps_what_the_first_one_made(sources, tmp_path, key, monkeypatch):
    out, found = tmp_path / "out", find_sources([str(sources)])
    first = deidentify_all(found, out, STRICT, key)
    clip = next(out.glob("*.mp4"))
    stamp = clip.stat().st_mtime_ns

    def must_not_run(*args, **options):
        raise AssertionError("the work was done already")

    with monkeypatch.context() as patch:
        patch.setattr("deemo_jax.deid.clip.deidentify_clip", must_not_run)
        again = deidentify_all(found[:2], out, STRICT, key)
    assert statuses(again) == {"Jane_Example.mp4": "kept", "lost.mp4": "refused"}
    assert again[1].reason == first[1].reason and clip.stat().st_mtime_ns == stamp
    assert len(rows(out)) == 2  # the text file was not looked at again, and stays listed

    # A clip that was accepted with other settings is not undone by the next run over the folder.
    by_hand = deidentify_all(found[1:2], out, dataclasses.replace(STRICT, on_missing="mask_frame"), key)
    assert statuses(by_hand) == {"lost.mp4": "done"}
    assert [row["kind"] for row in rows(out)] == ["bad"]
    assert statuses(deidentify_all(found, out, STRICT, key))["lost.mp4"] == "kept"

    clip.write_bytes(b"spoilt")
    assert statuses(deidentify_all(found[:1], out, STRICT, key)) == {"Jane_Example.mp4": "done"}
    assert statuses(deidentify_all(found[:1], out, Settings.preset("paper", hole_s=0.2, smallest_face=0.2), key)) == {
        "Jane_Example.mp4": "done"
    }


def test_another_key_makes_other_clips(raw, tmp_path, key):
    other = VoiceKey(b"another secret of good length")
    first = deidentify_all([raw.path], tmp_path, STRICT, key)[0]
    with pytest.raises(UserError, match=f"made with another voice key .1 with {key.key_id}"):
        deidentify_all([raw.path], tmp_path, STRICT, other)
    second = deidentify_all([raw.path], tmp_path, STRICT, other, options=Options(new_key=True))[0]
    assert second.status == "done" and first.clip_id != second.clip_id


def test_a_preview_can_be_had_later(raw, tmp_path, key, monkeypatch):
    assert deidentify_all([raw.path], tmp_path, STRICT, key)[0].status == "done"
    monkeypatch.setattr("deemo_jax.deid.clip.deidentify_clip", None)
    assert deidentify_all([raw.path], tmp_path, STRICT, key, options=Options(preview=True))[0].status == "kept"
    (preview,) = tmp_path.glob("*.preview.mp4")
    assert len(frame_times(preview)) == len(frame_times(raw.path))


def test_a_preview_that_cannot_be_made_takes_no_clip_for_bad(raw, tmp_path, key, monkeypatch):
    assert deidentify_all([raw.path], tmp_path, STRICT, key)[0].status == "done"

    def full(*_):
        raise UserError("no space left")

    monkeypatch.setattr("deemo_jax.deid.video.preview.write_preview", full)
    (outcome,) = deidentify_all([raw.path], tmp_path, STRICT, key, options=Options(preview=True))
    assert outcome.status == "kept" and outcome.remarks == ("no preview of it: no space left",)
    assert not (tmp_path / REFUSALS).exists()


def test_a_private_list_that_cannot_be_written_stops_nothing(raw, tmp_path, key, capsys):
    options = Options(source_map=tmp_path)  # a folder
    assert deidentify_all([raw.path], tmp_path / "out", STRICT, key, options=options)[0].status == "done"
    assert "which clip comes from which file is not all on record" in capsys.readouterr().err


def test_file_stems_may_be_clip_ids(raw, tmp_path, key):
    outcomes = deidentify_all([raw.path], tmp_path / "out", STRICT, key, clip_ids="stem")
    assert outcomes[0].clip_id == "speaker" and (tmp_path / "out" / "speaker.mp4").exists()
    (tmp_path / "other").mkdir()
    twin = shutil.copy(raw.path, tmp_path / "other" / "speaker.mp4")
    with pytest.raises(UserError, match="--clip_ids keyed"):
        deidentify_all([raw.path, twin], tmp_path / "out", STRICT, key, clip_ids="stem")
    odd = shutil.copy(raw.path, tmp_path / "other" / "a b.mp4")
    assert deidentify_all([odd], tmp_path / "out", STRICT, key, clip_ids="stem")[0].status == "bad"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != REFUSALS}


def test_a_refusal_leaves_what_other_settings_had_let_through(sources, tmp_path, key):
    out, lost = tmp_path / "out", [sources / "lost.mp4"]
    masked = Settings.preset("paper", hole_s=0.2, smallest_face=0.2, on_missing="mask_frame")
    assert deidentify_all(lost, out, masked, key, options=Options(preview=True))[0].status == "done"
    before = contents(out)
    assert len(before) == 5 and not (out / REFUSALS).exists()
    (refused,) = deidentify_all(lost, out, STRICT, key)
    assert refused.status == "refused" and "before stays" in rows(out)[0]["reason"] and contents(out) == before
    # The refusal is forgotten once the clip is let through; no empty list stays.
    assert deidentify_all(lost, out, masked, key)[0].status == "kept" and not (out / REFUSALS).exists()


@pytest.fixture(scope="module")
def accepted_once(make_clip, tmp_path_factory, key):
    folder = tmp_path_factory.mktemp("accepted")
    source, out = make_clip(folder / "speaker.mp4", frames=5).path, folder / "out"
    deidentify_all([source], out, STRICT, key, clip_ids="stem")
    tracks = Path(shutil.copy(out / "speaker.tracks.json", folder / "corrected.json"))
    options = Options(tracks=tracks, preview=True)
    assert deidentify_all([source], out, STRICT, key, clip_ids="stem", options=options)[0].status == "done"
    return source, out, tracks


@pytest.fixture
def accepted(accepted_once, tmp_path):
    """A raw clip, and a folder that it was accepted into from corrected tracks, with a preview; and those tracks."""
    source, out, tracks = accepted_once
    return source, shutil.copytree(out, tmp_path / "out"), Path(shutil.copy(tracks, tmp_path / "corrected.json"))


BAD_TRACKS = {
    "bad not_faces": {"not_faces": [[1, 2]]},
    "another clip": {"source_sha256": "0" * 64},
    "other frames": {"frames": 7},
    "no face": {"tracks": []},
    "a face beside": {"tracks": [{"points": [[0, 5, 5, 9, 9], [4, 5, 5, 9, 9]]}]},
}


@pytest.mark.parametrize("change", BAD_TRACKS.values(), ids=BAD_TRACKS)
def test_tracks_that_fail_take_nothing_away(accepted, tmp_path, key, change):
    source, out, tracks = accepted
    before = contents(out)
    tracks.write_text(json.dumps(json.loads(tracks.read_text()) | change))
    outcome = deidentify_all([source], out, STRICT, key, clip_ids="stem", options=Options(tracks=tracks))[0]
    assert outcome.failed and "before stays" in outcome.reason and contents(out) == before
    assert deidentify_all([source], out, STRICT, key, clip_ids="stem")[0].status == "kept"
    assert load_manifest(out / "speaker.manifest.json").faces["corrected"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_a_crash_takes_nothing_away(accepted, key, monkeypatch, error):
    source, out, tracks = accepted
    before = contents(out)

    def crash(*args):
        raise error

    monkeypatch.setattr("deemo_jax.deid.clip._check_copy", crash)
    for settings, options in ((STRICT, Options(tracks=tracks)), (dataclasses.replace(STRICT, crf=30), Options())):
        if error is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                deidentify_all([source], out, settings, key, clip_ids="stem", options=options)
        else:
            (outcome,) = deidentify_all([source], out, settings, key, clip_ids="stem", options=options)
            assert outcome.status == "bad" and error.__name__ in outcome.reason
        assert contents(out) == before


@pytest.mark.parametrize("moved", range(1, 6))
def test_a_replacement_that_was_killed_is_finished_by_the_next_run(accepted, key, monkeypatch, moved):
    source, out, _ = accepted
    settings, replace, count = dataclasses.replace(STRICT, mask="mosaic"), Path.replace, 0

    def killed(path, target):
        nonlocal count
        count += path.parent.suffix == ".whole"
        if count == moved:
            raise KeyboardInterrupt
        return replace(path, target)

    old = contents(out)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            deidentify_all([source], out, settings, key, clip_ids="stem")
    manifest = load_manifest(out / "speaker.manifest.json")
    assert manifest.settings["mask"] == "solid" and (out / "speaker.manifest.json").read_bytes() in old.values()
    if moved > 2:  # the preview is no part of what the gate asks for
        with pytest.raises(UserError, match="run it again"):
            verify(manifest, out)
    else:
        verify(manifest, out)
    monkeypatch.setattr("deemo_jax.deid.clip.deidentify_clip", None)
    assert deidentify_all([source], out, settings, key, clip_ids="stem")[0].status == "kept"
    manifest = load_manifest(out / "speaker.manifest.json")
    verify(manifest, out)
    assert manifest.settings["mask"] == "mosaic" and len(contents(out)) == 4


def test_a_mosaic_of_a_version_that_showed_colours_of_the_face_is_made_anew(accepted, key, monkeypatch):
    source, out, _ = accepted
    path, mosaic = out / "speaker.manifest.json", dataclasses.replace(STRICT, mask="mosaic")
    row = json.loads(path.read_text())

    def anew(*args, **options):
        raise UserError("made anew")

    monkeypatch.setattr("deemo_jax.deid.clip.deidentify_clip", anew)
    old = {name: value for name, value in row["settings"].items() if name != "background"}
    for settings, mask, status in ((old, "solid", "kept"), (old, "mosaic", "bad"), (row["settings"], "mosaic", "kept")):
        path.write_text(json.dumps(row | {"settings": settings | {"mask": mask}}))
        asked = STRICT if mask == "solid" else mosaic
        assert deidentify_all([source], out, asked, key, clip_ids="stem")[0].status == status


def test_tracks_changed_by_hand_are_not_overwritten(make_clip, tmp_path, key):
    source, out = make_clip(tmp_path / "speaker.mp4", frames=3).path, tmp_path / "out"
    deidentify_all([source], out, STRICT, key, clip_ids="stem")
    tracks = out / "speaker.tracks.json"
    tracks.write_text(json.dumps(json.loads(tracks.read_text()) | {"missing": [1]}))
    before = contents(out)
    (outcome,) = deidentify_all([source], out, STRICT, key, clip_ids="stem")
    assert outcome.status == "bad" and "give it as --tracks" in outcome.reason and contents(out) == before


def test_other_bytes_or_another_key_under_the_same_name_are_done_anew(make_clip, tmp_path, key):
    source, out = tmp_path / "speaker.mp4", tmp_path / "out"
    make_clip(source, frames=3)
    assert deidentify_all([source], out, STRICT, key, clip_ids="stem")[0].status == "done"
    make_clip(source, frames=4)
    assert deidentify_all([source], out, STRICT, key, clip_ids="stem")[0].status == "done"
    assert load_manifest(out / "speaker.manifest.json").faces["frames"] == 4
    other = VoiceKey(b"another secret of good length")
    options = Options(new_key=True)
    assert deidentify_all([source], out, STRICT, other, clip_ids="stem", options=options)[0].status == "done"
    assert load_manifest(out / "speaker.manifest.json").voice["key_id"] == other.key_id


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_crashes_its_process_does_not_stop_the_others(make_clip, tmp_path, key, deadly_decoder, workers):
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    for number, name in enumerate(("a", "b_deadly", "c", "d_odd")):
        make_clip(raw / f"{name}.mp4", frames=3 + number)
    for good in ("done", "kept"):
        outcomes = deidentify_all(find_sources([str(raw)]), out, STRICT, key, workers)
        assert [o.status for o in outcomes] == [good, "bad", good, "bad"]
        assert "SIGABRT" in outcomes[1].reason and "RuntimeError: a bug" in outcomes[3].reason
        assert {row["clip_id"] for row in rows(out)} == {outcomes[1].clip_id, outcomes[3].clip_id}
        assert len(contents(out)) == 8


def test_corrected_tracks_stay_with_other_settings(make_clip, tmp_path, key):
    (tmp_path / "raw").mkdir()
    source, out = make_clip(tmp_path / "raw" / "lost.mp4", hidden=(4, 5, 6), frames=9).path, tmp_path / "out"
    assert deidentify_all([source], out, dataclasses.replace(STRICT, on_missing="mask_frame"), key)[0].status == "done"
    (tracks,) = out.glob("*.tracks.json")
    row = json.loads(tracks.read_text())
    row["tracks"].append({"points": [[0, 10, 200, 30, 220], [8, 10, 200, 30, 220]]})
    tracks.write_text(json.dumps(row | {"missing": []}))

    # A file with a mistake in it takes nothing away; the one in the output folder itself may be given.
    (tmp_path / "wrong.json").write_text("{}")
    outcome = deidentify_all([source], out, STRICT, key, options=Options(tracks=tmp_path / "wrong.json"))[0]
    assert outcome.status == "bad" and "wrong.json" not in (out / REFUSALS).read_text() and tracks.exists()
    assert deidentify_all([source], out, STRICT, key, options=Options(tracks=tracks, preview=True))[0].status == "done"
    assert (preview := next(out.glob("*.preview.mp4"))).exists()

    # The film of tracks belongs to the clip that it shows, the correction to every one of this source.
    assert deidentify_all([source], out, dataclasses.replace(STRICT, mask="mosaic"), key)[0].status == "done"
    manifest = load_manifest(find_manifests([out])[0])
    assert manifest.faces["corrected"] and manifest.settings["mask"] == "mosaic" and not preview.exists()
    assert all(any(r[1] > 180 for r in frame) for frame in load_masks(out / manifest.masks).rectangles)
    tracks.unlink()
    assert deidentify_all([source], out, STRICT, key)[0].status == "refused"


def test_edited_rows_of_refused_jsonl_do_no_harm(raw, tmp_path, key):
    out = tmp_path / "out"
    out.mkdir()
    odd = '{"clip_id": ["x"], "kind": "refused"}\n{"clip_id": "y", "source_sha256": {}}\n'
    (out / REFUSALS).write_text('{"clip_id": "x"}\n{"clip_id": null, "kind": "bad"}\n{}\n' + odd)
    assert deidentify_all([raw.path], out, Settings(), key)[0].status == "done"
    assert rows(out) == [{"clip_id": "x"}]


def test_folders_that_cannot_be_used(raw, tmp_path, key):
    with pytest.raises(UserError, match="raw videos"):
        deidentify_all([raw.path], raw.path.parent, STRICT, key)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        deidentify_all([raw.path], tmp_path / "file", STRICT, key)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no video"):
        find_sources([str(tmp_path / "empty")])


@pytest.mark.slow
def test_a_killed_run_is_taken_up_where_it_stopped(make_clip, tmp_path, key):
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    make_clip(raw / "a_refused.mp4", hidden=tuple(range(4)), frames=4)
    for number in range(4):
        make_clip(raw / f"b{number}.mp4", frames=6 + number)
    (tmp_path / "key").write_text(key.secret.hex())
    (tmp_path / "key").chmod(0o600)
    command = [sys.executable, "-m", "deemo_jax.deidentify", str(raw), "--out", str(out), "--key_file"]
    child = subprocess.Popen([*command, str(tmp_path / "key")], stderr=subprocess.DEVNULL)
    # Killed in the middle of a clip: something is done, something is being written.
    deadline = time.monotonic() + 60
    while not (len(list(out.glob("*.manifest.json"))) and list(out.glob(".*.draft"))) and time.monotonic() < deadline:
        time.sleep(0.001)
    workers = psutil.Process(child.pid).children()
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not psutil.wait_procs(workers)[1]
    done = find_manifests([out])
    assert 1 <= len(done) < 4 and list(out.glob(".*.draft")), sorted(out.iterdir())
    for path in done:
        verify(load_manifest(path), out)
    assert [row["kind"] for row in rows(out)] == ["refused"]
    stamps = {
        path.name: path.stat().st_mtime_ns for path in out.glob("*.mp4") if (out / f"{path.stem}{SUFFIX}") in done
    }
    outcomes = deidentify_all(find_sources([str(raw)]), out, Settings(), key)
    assert [o.status for o in outcomes].count("kept") == len(done)
    assert sorted(p.name for p in out.iterdir() if p.name.startswith(".")) == []
    assert len(find_manifests([out])) == 4 and len(list(out.iterdir())) == 4 * 4 + 1
    assert all((out / name).stat().st_mtime_ns == stamp for name, stamp in stamps.items())


def test_nothing_is_written_through_a_link(raw, tmp_path, key):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    out.symlink_to(elsewhere)
    with pytest.raises(UserError, match="symbolic link"):
        deidentify_all([raw.path], out, STRICT, key)
    assert not list(elsewhere.iterdir())
    out.unlink()
    out.mkdir()
    for name in ("speaker.mp4", "speaker.masks.json", "speaker.tracks.json", "speaker.manifest.json"):
        (elsewhere / "file").write_text("mine")
        (out / name).symlink_to(elsewhere / "file")
        outcome = deidentify_all([raw.path], out, STRICT, key, clip_ids="stem")[0]
        assert outcome.status == "bad" and "symbolic link" in outcome.reason
        assert (elsewhere / "file").read_text() == "mine" and (out / name).is_symlink()
        (out / name).unlink()
    (out / REFUSALS).unlink()
    (out / REFUSALS).symlink_to(elsewhere / "file")
    with pytest.raises(UserError, match="symbolic link"):
        deidentify_all([raw.path], out, STRICT, key)
    # A source that is reached through a link may lie in the output folder all the same.
    own = shutil.copy(raw.path, elsewhere / "own.mp4")
    (tmp_path / "own.mp4").symlink_to(own)
    with pytest.raises(UserError, match="raw videos"):
        deidentify_all([tmp_path / "own.mp4"], elsewhere, STRICT, key, clip_ids="stem")


def test_a_folder_that_cannot_be_written_is_known_before_the_work(raw, tmp_path, key, monkeypatch):
    monkeypatch.setattr("deemo_jax.deid.clip.deidentify_clip", lambda *_, **options: pytest.fail("work was done"))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    folder = closed / "out" if os.geteuid() else Path("/proc/deemo_jax_out")  # root may write anywhere but there
    with pytest.raises(UserError, match="cannot be written"):
        deidentify_all([raw.path], folder, STRICT, key)


def test_a_full_disk_leaves_nothing_behind(raw, tmp_path, key):
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from deemo_jax.deid import Settings, VoiceKey, deidentify_all\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        f"source, out, key = Path({str(raw.path)!r}), {str(tmp_path / 'out')!r}, VoiceKey({key.secret!r})\n"
        "o, = deidentify_all([source], out, Settings(), key)\n"
        "print(o.status, o.reason)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.startswith("bad ") and "cannot be written" in done.stdout, done
    assert [p.name for p in (tmp_path / "out").iterdir()] == [REFUSALS]


@pytest.mark.slow
def test_a_lost_key_is_explained(raw, make_clip, tmp_path, key, monkeypatch, capsys):
    out, key_file = tmp_path / "out", tmp_path / "voice.key"
    second = make_clip(tmp_path / "second.mp4", frames=5)

    def run(*flags):
        monkeypatch.setattr(sys, "argv", ["deidentify", *map(str, flags), "--smallest_face", "0.2", "--out", str(out)])
        code = cli.guarded(deidentify.main)
        return code, capsys.readouterr()

    assert run(raw.path, "--key_file", key_file)[0] == 0
    first = load_key(key_file).key_id
    key_file.rename(tmp_path / "lost.key")
    code, said = run(second.path, "--key_file", key_file)
    assert code == 2 and not key_file.exists() and len(list(out.glob("*.mp4"))) == 1
    assert all(
        words in said.err for words in (first, "is not there", "stay valid", "cannot be made again", "--new_key")
    )
    (manifest,) = find_manifests([out])
    verify(load_manifest(manifest), out)
    assert run(second.path, "--key_file", key_file, "--new_key")[0] == 0
    assert {load_manifest(m).voice["key_id"] for m in find_manifests([out])} == {first, load_key(key_file).key_id}
    # A folder of two keys goes on with either, and not with a third.
    assert run(raw.path, "--key_file", tmp_path / "lost.key")[0] == 0
    monkeypatch.setenv("DEEMO_VOICE_KEY", "yet another secret of good length")
    code, said = run(raw.path)
    assert code == 2 and "$DEEMO_VOICE_KEY" in said.err


def test_spans_of_a_recording_are_clips_of_one_voice(make_clip, tmp_path, key):
    source, out = make_clip(tmp_path / "long.mp4", frames=30, hidden=tuple(range(20, 30))).path, tmp_path / "out"
    wanted = [SourceSpan(source, (0.25, 0.9)), SourceSpan(source, (1.0, 2.0), "mine"), SourceSpan(source, (2.0, 3.0))]
    outcomes = deidentify_all(wanted, out, STRICT, key)
    assert [o.status for o in outcomes] == ["done", "done", "refused"]  # a span fails alone
    assert [row["span"] for row in rows(out)] == [[2.0, 3.0]] and rows(out)[0]["clip_id"] == outcomes[2].clip_id
    recording = key.pseudonym(files.sha256(source))
    assert outcomes[0].clip_id == f"{recording}_0000250_0000900"
    made = load_manifest(out / f"{outcomes[0].clip_id}{SUFFIX}")
    assert made.asked == (0.25, 0.9) and made.span == pytest.approx((0.3, 0.9)) and made.recording == recording
    assert np.allclose(frame_times(out / made.file), np.arange(6) / 10, atol=0.002)
    # The picture and the sound of that stretch, in step.
    seen, meant = (list(read_frames(path, *span)) for path, span in ((out / made.file, ()), (source, (0.25, 0.9))))
    for new, old in zip(seen, meant, strict=True):
        assert np.abs(new.image[:40].astype(int) - old.image[:40]).mean() < 3
    assert sound_seconds(out / made.file) == pytest.approx(0.6, abs=0.13)
    mine = load_manifest(out / f"mine{SUFFIX}")
    alike = [key.alpha(m.recording, 0.5, 0.9) for m in (made, mine)]
    assert alike[0] == alike[1] == key.alpha(recording, 0.5, 0.9)
    assert statuses_of(deidentify_all(wanted, out, STRICT, key)) == ["kept", "kept", "refused"]
    moved = [SourceSpan(source, (1.1, 2.0), "mine")]
    assert statuses_of(deidentify_all(moved, out, STRICT, key)) == ["done"]
    # Tracks of one span are not those of another that has as many frames.
    other = SourceSpan(source, (0.65, 1.25))
    options = Options(tracks=out / made.tracks)
    (outcome,) = deidentify_all([other], out, STRICT, key, options=options)
    assert outcome.status == "bad" and "of another clip" in outcome.reason


def statuses_of(outcomes):
    return [o.status for o in outcomes]


def test_what_is_too_long_is_done_in_pieces_that_overlap(make_clip, tmp_path, key, monkeypatch):
    monkeypatch.setattr("deemo_jax.deid.source_spans.LONGEST_CLIP_S", 1.2)
    source, out = (
        make_clip(tmp_path / "long.mp4", frames=30, hidden=tuple(range(25, 30)), speed=1).path,
        tmp_path / "out",
    )
    outcomes = deidentify_all([source], out, STRICT, key)
    settled = statuses_of(outcomes)
    assert len(settled) > 2 and settled == ["done"] * (len(settled) - 1) + ["refused"]  # a piece fails alone
    spans = [load_manifest(path).span for path in sorted(out.glob(f"*{SUFFIX}"))]
    assert spans[0][0] == 0 and all(b - a <= 1.3 for a, b in spans) and spans[1][0] < spans[0][1] - 0.25
    assert statuses_of(deidentify_all([source], out, STRICT, key)) == [s.replace("done", "kept") for s in settled]


def test_pieces_of_an_earlier_run_stay_listed_until_they_are_settled(make_clip, tmp_path, key, monkeypatch):
    monkeypatch.setattr("deemo_jax.deid.source_spans.LONGEST_CLIP_S", 1.2)
    source, out = make_clip(tmp_path / "long.mp4", frames=25, hidden=(3, 4, 5, 21, 22, 23)).path, tmp_path / "out"
    before = [o.span for o in deidentify_all([source], out, STRICT, key) if o.failed]
    assert len(before) == 2 and [tuple(row["span"]) for row in rows(out)] == before
    settled = []

    def killed(_path, outcome):
        settled.append(outcome)
        if len(settled) == 3:  # the recording, its first piece, and another
            raise KeyboardInterrupt

    monkeypatch.setattr("deemo_jax.deid.folder.all_clips._put_on_map", killed)
    with pytest.raises(KeyboardInterrupt):
        deidentify_all([source], out, STRICT, key)
    assert settled[1].failed and [tuple(row["span"]) for row in rows(out)] == before[::-1]


def test_a_span_that_the_film_does_not_reach_is_told(make_clip, tmp_path, key):
    source = make_clip(tmp_path / "short.mp4", frames=6).path
    (outcome,) = deidentify_all([SourceSpan(source, (0.1, 9.0), "mine")], tmp_path / "out", STRICT, key)
    assert "the span was asked for up to 9.00 s, and the film ends at 0.60 s" in outcome.remarks
    assert outcome.remarks == tuple(load_manifest(tmp_path / "out" / f"mine{SUFFIX}").notes)


@pytest.mark.parametrize("seconds", [1801, 2100, 3600, 36_000])
def test_pieces_cover_a_recording(seconds):
    found = pieces(seconds)
    assert found[0][0] == 0 and found[-1][1] == seconds and all(0 < b - a <= LONGEST_CLIP_S for a, b in found)
    assert all(before[1] - after[0] == pytest.approx(SHARED_S) for before, after in itertools.pairwise(found))


def test_lists_of_spans(tmp_path):
    sources, listing = [tmp_path / "a" / "x.mp4", tmp_path / "b" / "x.mp4", tmp_path / "y.mp4"], tmp_path / "spans.csv"
    listing.write_text(f"file,start_s,end_s,clip_id\ny.mp4,1:02,62.5,\n{sources[0]},0,1:00:00.5,mine\n")
    with pytest.raises(UserError, match="row 2: 3600 s long; at most 1800"):
        read_segments(listing, sources)
    listing.write_text(f"file,start_s,end_s,clip_id\ny.mp4,1:02,62.5,\n{sources[0]},0,1:00.5,mine\n")
    assert read_segments(listing, sources) == [
        SourceSpan(sources[2], (62, 62.5)),
        SourceSpan(sources[0], (0, 60.5), "mine"),
    ]
    for row, why in (
        ("x.mp4,0,1,", "give a path"),
        ("z.mp4,0,1,", "is none"),
        (",0,1,", "missing"),
        ("y,2,1,", "no span"),
        ("y,,1,", "start_s"),
        ("y,0,soon,", "end_s"),
        ("y,0,1,a/b", "row 1: clip_id 'a/b': use up to 100 letters"),
        ("y,1:-5,99,", "start_s is '1:-5'"),
        ("y,0,1,one\ny,2,3,One", "row 2: clip id 'One' is that of another span"),
    ):
        listing.write_text(f"file,start_s,end_s,clip_id\n{row}\n")
        with pytest.raises(UserError, match=why):
            read_segments(listing, sources)


def test_a_list_of_spans_that_lacks_a_column(tmp_path):
    (tmp_path / "spans.csv").write_text("file,start,end\ny.mp4,0,1\n")
    with pytest.raises(UserError, match='row 1: "start_s" is missing; give seconds'):
        read_segments(tmp_path / "spans.csv", [tmp_path / "y.mp4"])


def test_lists_of_spans_from_spreadsheets(tmp_path):
    source, listing = tmp_path / "y.mp4", tmp_path / "spans.csv"
    listing.write_bytes("File;Start_s;End_s\ny.mp4;1:00;62,5\n".encode("utf-16"))
    assert read_segments(listing, [source]) == [SourceSpan(source, (60, 62.5))]


def test_lists_of_spans_with_odd_values(tmp_path):
    source, listing = tmp_path / "y.mp4", tmp_path / "spans.jsonl"
    same = '{"file": "y.mp4", "start_s": 0, "end_s": 1}\n{"file": "y", "start_s": 0, "end_s": 1.0}\n'
    listing.write_text(same)
    assert read_segments(listing, [source]) == [SourceSpan(source, (0, 1))]
    for row, why in (
        ('{"file": "y\\u0000", "start_s": 0, "end_s": 1}', "no name"),
        (f'{{"file": "y", "start_s": 0, "end_s": 1{"0" * 400}}}', "end_s"),
    ):
        listing.write_text(row)
        with pytest.raises(UserError, match=why):
            read_segments(listing, [source])


@pytest.mark.slow
def test_two_copies_of_a_film_are_one_clip_and_do_not_disturb_each_other(raw, tmp_path, key):
    copies = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for copy in copies:
        shutil.copy(raw.path, copy)
    outcomes = deidentify_all(copies, tmp_path / "out", STRICT, key, workers=2)
    assert sorted(statuses_of(outcomes)) == ["done", "kept"] and outcomes[0].clip_id == outcomes[1].clip_id
    (manifest,) = find_manifests([tmp_path / "out"])
    verify(load_manifest(manifest), tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_no_clip_is_called_as_the_preview_of_another(raw, tmp_path, key):
    source = tmp_path / "x.Preview.mp4"
    shutil.copy(raw.path, source)
    (outcome,) = deidentify_all([source], tmp_path / "out", STRICT, key, clip_ids="stem")
    assert outcome.status == "bad" and "previews" in outcome.reason
    assert [p.name for p in (tmp_path / "out").iterdir()] == [REFUSALS]


def test_a_span_that_is_too_long_after_all_is_bad_and_not_cut_for_ever(make_clip, tmp_path, key, monkeypatch):
    monkeypatch.setattr("deemo_jax.deid.source_spans.LONGEST_CLIP_S", 0.5)
    source = make_clip(tmp_path / "long.mp4", frames=9).path
    (outcome,) = deidentify_all([SourceSpan(source, (0.0, 0.9))], tmp_path / "out", STRICT, key)
    assert outcome.status == "bad" and "a clip 0.5 s at most" in outcome.reason and not outcome.pieces
