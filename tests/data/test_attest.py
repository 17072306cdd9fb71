from pathlib import Path

import numpy as np
import pytest

from deemo_jax.data.annotations import read_annotations
from deemo_jax.data.attest import admit_attested, load_attestation, write_template
from deemo_jax.data.records import make_record, read_mel
from deemo_jax.errors import UserError
from deemo_jax.files import read_json, write_json
from tfds_builders.deemo_mer.dummy_data import write_dummy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dummy(tmp_path)
    return tmp_path


def admit(folder: Path, **changes: bool):
    settings = {"skip_missing": False} | changes
    return admit_attested(folder / "attestation.json", read_annotations(folder / "clips.jsonl"), **settings)


def edit(folder: Path, **changes: object) -> None:
    path = folder / "attestation.json"
    write_json(path, read_json(path) | changes)


def test_attested_clips_are_admitted_as_external(folder: Path) -> None:
    admitted = admit(folder)
    assert [one.clip.clip_id for one in admitted] == [f"clip{i:02d}" for i in range(6)]
    provenance = admitted[0].provenance
    assert provenance.source == "external" and provenance.transcript == "not de-identified"
    assert provenance.video == "external: drawn, not filmed, by Nobody, 2025-01-31"


def test_a_record_holds_frames_in_order_and_a_mel_of_wav_or_array(folder: Path) -> None:
    wav, array = (make_record(one, frames=3, clips=4) for one in admit(folder)[:2])
    assert [len(one["frames"]) for one in (wav, array)] == [3, 3]
    assert wav["mel"].shape == (4, 128, 204) and array["mel"].shape == (2, 128, 204)
    assert wav["mel"].dtype == array["mel"].dtype == np.float32
    np.testing.assert_array_equal(array["mel"], np.load(folder / "clip01" / "mel.npy"))


@pytest.mark.parametrize("key", ["holder", "method", "date"])
def test_a_template_must_be_filled_in(folder: Path, key: str) -> None:
    edit(folder, **{key: " "})
    with pytest.raises(UserError, match=f"{key} is blank"):
        admit(folder)


def test_a_template_has_every_hash_and_blank_statements(folder: Path) -> None:
    filled = read_json(folder / "attestation.json")
    (folder / "attestation.json").unlink()
    template = read_json(write_template(folder))
    assert template["files"] == filled["files"] and len(template["files"]) == 6 * 4
    assert template["holder"] == template["method"] == template["date"] == ""
    with pytest.raises(UserError, match="exists already"):
        write_template(folder)


def test_a_changed_file_is_refused(folder: Path) -> None:
    (folder / "clip02" / "001.png").write_bytes(b"another picture")
    with pytest.raises(UserError, match=r"clip02/001\.png: its hash differs"):
        admit(folder)


def test_a_file_that_the_attestation_lacks_is_refused(folder: Path) -> None:
    (folder / "clip03" / "raw.jpg").write_bytes(b"a face")
    with pytest.raises(UserError, match=r"clip03/raw\.jpg: the attestation .* lacks this file"):
        admit(folder)


def test_an_attested_file_that_is_gone_is_refused(folder: Path) -> None:
    (folder / "clip04" / "000.png").unlink()
    with pytest.raises(UserError, match=r"clip04/000\.png is attested but not there"):
        admit(folder)


def test_a_clip_that_is_not_attested_is_refused_or_skipped(folder: Path) -> None:
    files = read_json(folder / "attestation.json")["files"]
    edit(folder, files={name: digest for name, digest in files.items() if not name.startswith("clip05")})
    with pytest.raises(UserError, match="1 of 6 annotated clips have no paper trail, the first is 'clip05'"):
        admit(folder)
    assert len(admit(folder, skip_missing=True)) == 5


@pytest.mark.parametrize("name", ["../secret/x.png", "/etc/passwd", "clip00/../../x.png", "x.png", "a/b/c.png"])
def test_paths_stay_inside_the_folder(folder: Path, name: str) -> None:
    edit(folder, files={name: "0" * 64})
    with pytest.raises(UserError, match="not of the form clip_id/file"):
        load_attestation(folder / "attestation.json")


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "000.png"
    inside = folder / "clip00" / "000.png"
    outside.write_bytes(inside.read_bytes())
    inside.unlink()
    inside.symlink_to(outside)
    with pytest.raises(UserError, match="leads out of the folder"):
        admit(folder)


@pytest.mark.parametrize(
    "changes", [{"version": 9}, {"files": {}}, {"files": {"clip00/000.png": "abc"}}, {"date": "last spring"}]
)
def test_a_malformed_attestation_is_refused(folder: Path, changes: dict[str, object]) -> None:
    edit(folder, **changes)
    with pytest.raises(UserError):
        admit(folder)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 128, 203), np.float32),
        np.zeros((0, 128, 204), np.float32),
        np.zeros((2, 128, 204), np.int32),
        np.full((1, 128, 204), np.nan, np.float32),
        np.array([{"an": "object"}], object),
    ],
)
def test_a_mel_array_is_bounded_and_plain(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "mel.npy", array, allow_pickle=True)
    with pytest.raises(UserError, match=r"mel\.npy"):
        read_mel(tmp_path / "mel.npy")


def test_annotations_name_a_clip_once(folder: Path) -> None:
    path = folder / "clips.jsonl"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    with pytest.raises(UserError, match="'clip00' comes twice"):
        read_annotations(path)
