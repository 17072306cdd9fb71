import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.build import main
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.data.build.annotations import read_annotations
from deemo_jax.data.build.gate import admit_deidentified
from deemo_jax.data.clip_source import ClipSource
from deemo_jax.deid.manifest import Manifest, Masks, file_names, write_masks
from deemo_jax.deid.settings import Settings
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from tests.attested_clips import write_attested


def write_deidentified(folder: Path, clip_id: str, sound: bool = True) -> None:
    """Files as `deidentify` leaves them: a moving grey picture with a tone, masks, and a manifest with their hashes."""
    video, masks, tracks, manifest = file_names(clip_id)
    pictures = (Frame(i, i / 10, np.full((48, 64, 3), 20 * i, np.uint8)) for i in range(10))
    tone = 0.2 * np.sin(np.arange(16_000) / 10).astype(np.float32)
    write_clip(folder / video, pictures, 10.0, (tone, 16_000) if sound else None)
    write_masks(folder / masks, Masks(64, 48, ((),) * 10))
    (folder / tracks).write_text("{}")
    record = Manifest(
        clip_id=clip_id,
        file=video,
        output_sha256=files.sha256(folder / video),
        masks=masks,
        masks_sha256=files.sha256(folder / masks),
        tracks=tracks,
        tracks_sha256=files.sha256(folder / tracks),
        source_sha256="0" * 64,
        settings=dataclasses.asdict(Settings()),
        software={"deemo_jax": "0"},
        voice={"method": "mcadams" if sound else "none", "key_id": "3f9a01bc", "sample_rate": 16_000},
        faces={},
    )
    files.write_json(folder / manifest, record.to_json())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deidentified")
    for number in range(4):
        write_deidentified(folder, f"clip{number:02d}", sound=number != 3)
    write_attested(folder / "dummy", clips=4, persons=2)
    shutil.move(folder / "dummy" / "clips.jsonl", folder / "clips.jsonl")
    shutil.rmtree(folder / "dummy")
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "in")


def admit(folder: Path, skip_missing: bool = False):
    return admit_deidentified([folder], read_annotations(folder / "clips.jsonl"), skip_missing=skip_missing)


def test_clips_with_a_manifest_are_admitted_with_their_trail(folder: Path) -> None:
    admitted = admit(folder)
    assert [one.clip.clip_id for one in admitted] == ["clip00", "clip01", "clip02", "clip03"]
    provenance = admitted[0].provenance
    assert provenance.video == "deemo_jax solid, CenterFace 0.2" and provenance.source == "deid"
    assert provenance.audio == "deemo_jax mcadams, key 3f9a01bc"
    assert provenance.transcript == "not de-identified" and '"margin": 0.25' in provenance.settings


def test_the_dataset_is_made_from_the_deidentified_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    arguments = ["--manifest", str(folder), "--annotations", str(folder / "clips.jsonl"), "--data_dir", str(data)]
    assert (
        main(["deemo_mer", *arguments, "--frames", "5", "--clips", "3", "--fractions", "train=1", "--workers", "0"])
        == 0
    )
    said, records = capsys.readouterr().out, list(ClipSource(data, "deemo_mer", "train"))
    assert [len(record.mel) for record in records] == [3, 3, 3, 0]  # the last clip has no sound track
    assert records[3].provenance.audio == "none" and "clips without sound, which are shown without it: 1" in said
    assert all(len(record.jpegs) == 5 and record.provenance.source == "deid" for record in records)
    for path in (data / "deemo_mer/1.0.0").iterdir():
        assert str(tmp_path).encode() not in path.read_bytes()  # no machine path travels with the data


def test_a_clip_without_a_manifest_is_refused_or_left_out(folder: Path) -> None:
    (folder / "clip02.manifest.json").unlink()
    with pytest.raises(UserError, match="1 of 4 annotated clips have no paper trail, the first is 'clip02'"):
        admit(folder)
    assert [one.clip.clip_id for one in admit(folder, skip_missing=True)] == ["clip00", "clip01", "clip03"]


def test_no_manifest_at_all_is_refused_even_when_missing_ones_may_be_skipped(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_deidentified(tmp_path / "empty", "stranger")
    with pytest.raises(UserError, match="none of the 4 annotated clips"):
        admit_deidentified([tmp_path / "empty"], read_annotations(folder / "clips.jsonl"), skip_missing=True)


@pytest.mark.parametrize("name", ["clip01.mp4", "clip01.masks.json"])
def test_a_changed_file_is_refused(folder: Path, name: str) -> None:
    with open(folder / name, "ab") as file:
        file.write(b" ")
    with pytest.raises(UserError, match=f"{name}: its hash differs"):
        admit(folder, skip_missing=True)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "clip01.mp4").unlink()
    with pytest.raises(UserError, match=r"clip01\.mp4"):
        admit(folder, skip_missing=True)


def test_an_incomplete_manifest_is_refused(folder: Path) -> None:
    path = folder / "clip01.manifest.json"
    files.write_json(path, files.read_json(path) | {"complete": False})
    with pytest.raises(UserError, match="incomplete"):
        admit(folder, skip_missing=True)


def test_two_manifests_of_one_clip_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    write_deidentified(tmp_path / "again", "clip00")
    with pytest.raises(UserError, match="clip 'clip00' has another manifest"):
        admit_deidentified([folder, tmp_path / "again"], read_annotations(folder / "clips.jsonl"), skip_missing=False)
