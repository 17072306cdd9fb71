import json

import pytest

from deemo_jax.audit.folder import audit
from deemo_jax.deid.folder import deidentify_all
from deemo_jax.deid.settings import Settings
from deemo_jax.errors import UserError


def test_audit_of_a_folder(raw, tmp_path, key):
    deidentify_all([raw.path], tmp_path / "out", Settings(), key, clip_ids="stem")
    truth = tmp_path / "truth.jsonl"
    truth.write_text(json.dumps(raw.truth) + "\n")
    found = audit(tmp_path / "out", truth, raw.path.parent)
    assert found.failures == {} and found.summary()["least_coverage"] >= 0.98 and found.summary()["clips"] == 1
    assert "least covered true box" in found.table()
    assert json.loads((tmp_path / "out" / "audit.json").read_text())["clips"][0]["clip_id"] == "speaker"
    truth.write_text(json.dumps(raw.truth | {"clip_id": "another"}) + "\n")
    with pytest.raises(UserError, match="no row for speaker"):
        audit(tmp_path / "out", truth, raw.path.parent)
