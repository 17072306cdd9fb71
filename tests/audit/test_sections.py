import dataclasses
import json
import shutil

import numpy as np
import pytest

from deemo_jax.audit.audit import audit
from deemo_jax.audit.clip_check import CheckResult
from deemo_jax.audit.folder_check import FolderCheck
from deemo_jax.audit.options import AuditOptions
from deemo_jax.audit.sections import attack_sections, container_section
from deemo_jax.core.errors import UserError
from tests.audit.copies import add


def test_the_whole_audit(audited, tmp_path):
    folder = tmp_path / "deid"
    shutil.copytree(audited.folder, folder)
    truth = tmp_path / "truth.jsonl"
    truth.write_text(json.dumps(dict(audited.truth)) + "\n")
    found = audit(folder, truth, audited.source.parent, AuditOptions(report=True, attacks=True, every=6, sheet=5))
    assert found.verdict is None and not any(section.failures for section in found.sections)
    names = ["promises", "faces", "human", "reidentification", "voice", "words", "utility", "container"]
    written = json.loads((folder / "audit.json").read_text())
    assert list(written) == ["summary", "sections", "clips"] and list(written["sections"]) == names
    page = (folder / "audit" / "report.html").read_text()
    assert "speaker.mp4" not in page and str(tmp_path) not in page and str(audited.source.parent) not in page
    assert (folder / "audit" / "sheet_01.png").exists()

    assert written["sections"]["human"]["verdict"] == "waits for a person"

    for options, why in (
        (AuditOptions(report=True, detector=truth), "not a YuNet"),
        (AuditOptions(report=True, attacks=True, face_embedder=str(truth)), "not a face embedder"),
        (AuditOptions(report=True, detector=tmp_path / "absent.onnx"), "no such file"),
        (AuditOptions(report=True, face_embedder="grey"), "attacks=True"),
    ):
        with pytest.raises(UserError, match=why):
            audit(folder, truth, audited.source.parent, options)

    sections = audit(folder, None, None, AuditOptions(report=True, attacks=True, every=6, sheet=5)).sections
    unknown = [s.name for s in sections if any("ot measured" in note for note in s.notes)]
    assert unknown == ["faces", "human", "reidentification", "voice", "words", "utility", "container"]
    assert "not measured: needs --truth" in (folder / "audit" / "report.html").read_text()


def test_metadata_that_is_left_is_told_without_what_it_says(audited):
    left = ("Jane Smith", "container.title=Jane's talk", "stream1.Title=x", "container.Jane's note=x")
    found = FolderCheck((CheckResult("c1", metadata=(*left, "tracks video/h264, data/x")), CheckResult("c2")), 1)
    truth = dict(audited.truth) | {"planted": ["Jane Smith", "another"]}
    section = container_section(found, [dataclasses.replace(audited, truth=truth)])
    assert dict(section.tables[0].rows) == {
        "clips with anything left": "1 of 2",
        "... planted strings": "1",
        "... container.title": "1",
        "... stream.title": "1",
        "... another tag": "1",
        "... other tracks": "1",
    }
    assert "Jane" not in str(section)


def test_the_whole_audit_of_bad_clips(audited, tmp_path):
    """Beside a good clip, whose manifest counts strange things; and alone."""
    counts = dict(audited.manifest.faces) | {"\ud800": 1, "boxes": 10**299}
    add(audited, tmp_path, "c2", faces=counts)
    (tmp_path / "X.mp4").write_bytes(audited.source.read_bytes())
    (tmp_path / "bad.manifest.json").write_text("{}")
    (tmp_path / "refused.jsonl").write_text(json.dumps({"reason": "\ud800 is lost"}) + "\n")
    whole = audit(tmp_path, None, None, AuditOptions(report=True, every=6, sheet=5))
    found, sections = whole.checks, whole.sections
    assert found.failures == {} and found.unchecked.keys() == {"X.mp4", "bad"}
    assert sections[0].failures == ("2 of 3 clips or files could not be checked",)
    assert [s.name for s in sections if s.tables] == ["promises", "faces", "human", "container"]
    untried = [s.name for s in sections if "attackers were not tried; --attacks" in " ".join(s.notes)]
    assert untried == ["reidentification", "voice", "words"]
    page = (tmp_path / "audit" / "report.html").read_text()
    assert "X.mp4" in page and "another reason" in page and "is lost" not in page
    assert "2 clips de-identified, of which 1 could be checked, 1 refused" in page

    (tmp_path / "c2.mp4").write_bytes(b"")
    whole = audit(tmp_path, None, None, AuditOptions(report=True, every=6, sheet=5))
    found, sections = whole.checks, whole.sections
    assert found.unchecked.keys() == {"X.mp4", "bad", "c2"}
    assert [s.name for s in sections if s.tables] == ["promises", "container"]
    assert "o clip could be checked" in (tmp_path / "audit" / "report.html").read_text()


class Ear:
    """Hears no more than how loud it is."""

    def embed(self, waveform, sample_rate):
        assert sample_rate == 16_000 and waveform.ndim == 1
        return [float(np.abs(waveform).mean()), 1.0]


class Eye:
    """Sees no more than colours."""

    def embed(self, crop):
        return crop.mean(axis=(0, 1))


@pytest.mark.slow
def test_attackers_of_ones_own(audited):
    """One clip under twelve names, two of each person."""
    clips = []
    for k in range(12):
        manifest = dataclasses.replace(audited.manifest, clip_id=f"k{k}")
        truth = audited.truth | {"clip_id": f"k{k}", "person_id": f"p{k // 2}"}
        clips.append(dataclasses.replace(audited, manifest=manifest, truth=truth))
    given = {"speaker_encoder": Ear(), "voices": ("mcadams_fixed",), "face_embedder": Eye()}
    options = AuditOptions(report=True, attacks=True, every=12, sheet=5, **given)
    sections = attack_sections(clips, options)
    notes = {section.name: " ".join(section.notes) for section in sections}
    assert (
        "an encoder that was given" in notes["voice"] and "an object that was given (Eye)" in notes["reidentification"]
    )
    for options, what in (
        (AuditOptions(report=True, attacks=True, speaker_encoder=object()), "speaker encoder: object has no method"),
        (AuditOptions(report=True, attacks=True, face_embedder=5), "face embedder: int has no method"),
    ):
        with pytest.raises(UserError, match=what):
            audit(audited.folder, None, None, options)
