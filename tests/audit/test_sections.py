import json
import shutil

import pytest

from deemo_jax.audit.sections import AuditOptions, full_audit
from deemo_jax.errors import UserError


def test_the_whole_audit(audited, tmp_path):
    folder = tmp_path / "deid"
    shutil.copytree(audited.folder, folder)
    truth = tmp_path / "truth.jsonl"
    truth.write_text(json.dumps(dict(audited.truth)) + "\n")
    found, sections = full_audit(folder, truth, audited.source.parent, AuditOptions(every=6, sheet=5))
    assert not found.failures and not any(section.failures for section in sections)
    names = ["promises", "faces", "human", "reidentification", "voice", "utility", "container", "text"]
    written = json.loads((folder / "audit.json").read_text())
    assert list(written) == ["summary", "sections", "clips"] and list(written["sections"]) == names
    page = (folder / "audit" / "report.html").read_text()
    assert "speaker.mp4" not in page and str(tmp_path) not in page and str(audited.source.parent) not in page
    assert (folder / "audit" / "sheet_01.png").exists()

    assert written["sections"]["human"]["verdict"] == "waits for a person"

    for options, why in (
        (AuditOptions(detector=truth), "not a YuNet"),
        (AuditOptions(face_embedder=str(truth)), "not a face embedder"),
        (AuditOptions(detector=tmp_path / "absent.onnx"), "no such file"),
    ):
        with pytest.raises(UserError, match=why):
            full_audit(folder, truth, audited.source.parent, options)

    _, sections = full_audit(folder, None, None, AuditOptions(every=6, sheet=5))
    unknown = [s.name for s in sections if any("ot measured" in note for note in s.notes)]
    assert unknown == ["faces", "human", "reidentification", "voice", "utility", "container", "text"]
    assert "not measured: needs --truth" in (folder / "audit" / "report.html").read_text()
