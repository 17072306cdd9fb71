"""A manifest that claims more than its film shows is not checked."""

import dataclasses

import pytest

from deemo_jax.audit.audit import audit
from deemo_jax.audit.manifest_claims import check_claims
from deemo_jax.audit.options import AuditOptions
from deemo_jax.core.errors import UserError
from deemo_jax.deid.manifest import Masks
from tests.audit.copies import add

CLIP = Masks(320, 240, ((),) * 12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"span": (0.0, 9e8)}, "is of 900000000.0 s, and the film lasts 1.2"),
        ({"span": (0.0, 0.1)}, "is of 0.1 s"),
        ({"faces": {"frames": 13}}, "faces: frames"),
        ({"faces": {"frames": 12, "looked": 13, "empty": -1}}, "faces: empty, looked"),
        ({"faces": {"looked": "12"}}, "faces: looked"),
        ({"faces": {"filled": float("nan")}}, "faces: filled"),
        ({"faces": {"dropped": 1}}, "faces: dropped"),
        ({"text": {"frames": 10**30}}, "text: frames"),
        ({"background": {"without_person": True}}, "background: without_person"),
    ],
)
def test_claims_that_do_not_fit(audited, changes, message):
    with pytest.raises(UserError, match=message):
        check_claims(dataclasses.replace(audited.manifest, **changes), CLIP, 1.2)


def test_claims_that_fit(audited):
    check_claims(audited.manifest, CLIP, 1.2)
    check_claims(dataclasses.replace(audited.manifest, span=None, faces={}), CLIP, 1e6)
    shorter = Masks(320, 240, ((),) * 9, (9, 10, 11))
    faces = audited.manifest.faces | {"dropped": 3}
    check_claims(dataclasses.replace(audited.manifest, faces=faces, span=(5.0, 8.9)), shorter, 0.9)


def test_a_forged_length_shows_nowhere(audited, tmp_path):
    add(audited, tmp_path, "c1")
    add(audited, tmp_path, "c2", span=(0.0, 6e8))
    found = audit(tmp_path, options=AuditOptions(every=12)).checks
    assert list(found.unchecked) == ["c2"] and abs(found.summary()["seconds"] - 1.2) < 0.01
