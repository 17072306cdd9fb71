"""Hostile manifests, refused lists and records beside a clip: findings or one line, no bug, and texts on a page."""

import copy
import json
import random

import numpy as np
import pytest

from deemo_jax.audit import clip_check, face_scan
from deemo_jax.audit.audit import audit
from deemo_jax.audit.options import AuditOptions
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from tests.audit.copies import add

SCRIPT = "<script>alert(1)</script><img src=x>\x1b[31m\u202e /home/jane/secret.txt"
VALUES = (
    *(
        float("inf"),
        -1,
        0,
        True,
        None,
        10**299,
        -(10**400),
        1e308,
        "",
        SCRIPT,
        "\ud800",
        "../../etc/passwd",
        "a" * 5000,
    ),
    *([], {}, [SCRIPT] * 50, {SCRIPT: {SCRIPT: [SCRIPT]}}, [0, 1e8], list(range(1000)), "0" * 64, "c1.mp4", "\x00"),
    *("{{7*7}}", "=cmd()", "gaussian", "none"),
)
REFUSED = {"clip_id": "c9", "kind": "refused", "reason": "a face is lost in 1 of 9", "times_s": [1.0], "made_by": "{}"}
RECORD = {"version": 1, "pictures": 2, "with_a_face": [1], "recorded": "2026-01-01", "sheet_sha256": "0" * 64}


def places(value):
    """Every container in a decoded file, and a key of it."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(min(4, len(value)))
        yield from ((value, key) for key in keys)
        for key in keys:
            yield from places(value[key])


def spoilt(value, rng):
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 3))):
        if not (found := list(places(value))):
            break
        where, key = rng.choice(found)
        if rng.random() < 0.2 and isinstance(where, dict):
            key = rng.choice((SCRIPT, "people", "\ud800"))
        where[key] = copy.deepcopy(rng.choice(VALUES))
    return value


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_file_beside_a_clip_ends_the_audit_with_a_bug(audited, tmp_path, monkeypatch, seed):
    rng, nothing = random.Random(seed), np.zeros((0, 5), np.float32)
    for module in (clip_check, face_scan):
        for name in ("CenterFace", "BlazeFace"):
            monkeypatch.setattr(module, name, lambda *_: lambda picture: nothing)
    told = 0
    for number in range(60):
        folder = tmp_path / str(number)
        (folder / "audit").mkdir(parents=True)
        files.write_json(folder / "audit" / "sheet.json", [{"clip_id": "c1", "output_sha256": "0" * 64}])
        record = RECORD | {"sheet_sha256": files.sha256(folder / "audit" / "sheet.json")}
        manifest = add(audited, folder, "c1").to_json()
        kind = rng.choice(("manifest", "manifest", "refused", "record"))
        rows = {"manifest": manifest, "refused": REFUSED, "record": record}
        rows[kind] = spoilt(rows[kind], rng)
        (folder / "c1.manifest.json").write_text(json.dumps(rows["manifest"]))
        (folder / "refused.jsonl").write_text(json.dumps(rows["refused"]) + "\n")
        (folder / "audit" / "human_check.json").write_text(json.dumps(rows["record"]))
        options = AuditOptions(report=True, certificate=True, command=("DIR", SCRIPT), every=12, sheet=1)
        try:
            found = audit(folder, options=options)
        except UserError as error:
            assert len(str(error).splitlines()) == 1
            continue
        assert not any("this program, fails" in why for why in found.checks.unchecked.values()), rows["manifest"]
        told += bool(found.checks.checked)
        pages = [(folder / "audit" / name).read_text() for name in ("report.html", "certificate.html")]
        assert not any(bad in page for page in pages for bad in ("<script", "<img src=x", "\x1b"))
        assert "/home/jane" not in pages[1]
    assert told > 20  # else nothing was read
