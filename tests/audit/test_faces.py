import dataclasses

import pytest

from deemo_jax.audit.attacks.reidentify import embed_clip
from deemo_jax.audit.audited_clips import AuditedClip, Found, find_clips
from deemo_jax.audit.face_scan import scan_clip
from deemo_jax.audit.faces import faces_section
from deemo_jax.audit.folder_check import check_all
from deemo_jax.audit.refusals import Refusals
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.manifest import Masks, write_masks
from deemo_jax.deid.settings import Settings
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.video import read_frames
from tests.audit.onnx_files import bright_yunet

REFUSED = Refusals({"a face is lost": 2, "no reason on record": 1})


@pytest.fixture
def bare(audited, tmp_path):
    """The raw file under a forged manifest, with masks in a corner."""
    manifest = audited.manifest
    (tmp_path / manifest.file).write_bytes(audited.source.read_bytes())
    (tmp_path / manifest.tracks).write_bytes((audited.folder / manifest.tracks).read_bytes())
    write_masks(tmp_path / manifest.masks, Masks(320, 240, (((0, 0, 20, 20),),) * 12))
    digests = {"output_sha256": manifest.file, "masks_sha256": manifest.masks}
    forged = dataclasses.replace(manifest, **{k: files.sha256(tmp_path / name) for k, name in digests.items()})
    files.write_json(tmp_path / "c1.manifest.json", forged.to_json())
    return AuditedClip(forged, tmp_path, audited.source, audited.truth)


def test_what_is_covered_and_what_is_not(audited, bare):
    good, bad = scan_clip(None, 4, audited), scan_clip(None, 4, bare)
    assert all(f.outside < 0.5 for f in good.frames["BlazeFace, written"])
    assert all(f.outside == f.on_face > 0.5 for f in bad.frames["BlazeFace, written"])
    assert all(f.outside < 0.2 and f.on_face < 0.2 for f in good.frames["CenterFace, written"])
    assert all(f.anywhere > 0.5 for f in good.frames["CenterFace, raw"])
    assert all(f.outside < 0.2 for f in good.frames["CenterFace, raw"])
    assert all(f.outside == f.on_face > 0.5 for f in bad.frames["CenterFace, written"])


def test_a_clip_that_lacks_frames_of_its_source(audited, tmp_path):
    """Frames 3 and 4 of the source are left out: the truth of the later ones must move along."""
    manifest = audited.manifest
    kept = [frame for frame in read_frames(audited.source) if frame.index not in (3, 4)]
    write_clip(tmp_path / manifest.file, kept, 10)
    write_masks(tmp_path / manifest.masks, Masks(320, 240, (((0, 0, 20, 20),),) * 10, (3, 4)))
    shorter = dataclasses.replace(audited, folder=tmp_path)
    scan = scan_clip(None, 1, shorter).frames
    assert len(scan["CenterFace, written"]) == len(scan["CenterFace, raw"]) == 10
    assert all(f.on_face > 0.5 for frames in scan.values() for f in frames)
    embedded = embed_clip("grey", shorter)
    assert (embedded.raw * embedded.written).sum(axis=1).min() > 0.98


def section_of(clip, **options):
    found = dataclasses.replace(check_all(Found((clip,)), clip.folder, 1, 4), refusals=REFUSED)
    return faces_section([clip], found, every=4, **options)


@pytest.mark.slow
def test_the_section_of_a_good_clip(audited, tmp_path):
    (tmp_path / "bright.onnx").write_bytes(bright_yunet())
    section = section_of(audited, detector=tmp_path / "bright.onnx")
    assert section.failures == ()
    curves = section.numbers["curves"]
    assert list(curves) == [
        "CenterFace, written",
        "BlazeFace, written",
        "YuNet, written",
        "CenterFace, raw",
        "BlazeFace, raw",
        "YuNet, raw",
    ]
    assert curves["CenterFace, written"]["outside"][3:] == [0.0] * 15
    assert curves["CenterFace, raw"]["anywhere"][3] == 1.0
    assert section.numbers["leaks"] == 0 and section.numbers["counts"]["boxes"] == audited.manifest.faces["boxes"]
    assert section.numbers["refused"] == {"a face is lost": 2, "no reason on record": 1}
    text = "\n".join(table.text() for table in section.tables)
    assert (
        "0.00%" in text
        and "3 of 4 (75.0%" in section.tables[3].caption
        and section.figures[0].png.startswith(b"\x89PNG")
    )


@pytest.mark.slow
def test_the_section_of_a_bare_clip(bare):
    section = section_of(bare)
    assert section.numbers["leaks"] == 12 and len(section.failures) == 2
    assert section.numbers["curves"]["CenterFace, written"]["outside"][3] == 1.0
    assert any("--detector mtcnn" in note for note in section.notes)


@pytest.mark.slow
def test_without_truth_and_source(audited):
    (clip,) = find_clips(audited.folder).clips
    section = section_of(clip)
    assert section.numbers["leaks"] is None and list(section.numbers["curves"]) == [
        "CenterFace, written",
        "BlazeFace, written",
    ]
    assert any("needs --truth" in note for note in section.notes)


def test_raw_files_are_found_by_their_hash(audited, tmp_path):
    other = tmp_path / "a" / "renamed.mp4"
    other.parent.mkdir()
    other.write_bytes(audited.source.read_bytes())
    (tmp_path / "c1.mp4").write_bytes(b"carries the name, and is another")
    assert find_clips(audited.folder, None, tmp_path).clips[0].source == other
    other.unlink()
    with pytest.raises(UserError, match="raw file of c1"):
        find_clips(audited.folder, None, tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        find_clips(audited.folder, None, tmp_path / "absent")


def test_a_span_is_compared_with_that_span_of_its_source(make_clip, tmp_path, key):
    """The wall alone is seen where the span does not lie."""
    source = make_clip(tmp_path / "long.mp4", frames=16, hidden=tuple(range(8))).path
    manifest = deidentify_clip(source, tmp_path / "out", "c1", Settings(), key, span=(0.8, 1.6), recording="c0")
    scan = scan_clip(None, 4, AuditedClip(manifest, tmp_path / "out", source))
    raw = next(frames for name, frames in scan.frames.items() if name.startswith("CenterFace") and "raw" in name)
    assert len(raw) == 2 and min(frame.anywhere for frame in raw) > 0.5
