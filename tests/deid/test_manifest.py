import dataclasses
import json

import pytest

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.deid.manifest import (
    Manifest,
    Masks,
    file_names,
    find_manifests,
    load_manifest,
    load_masks,
    verify,
    write_masks,
)


@pytest.fixture
def written(tmp_path):
    """A manifest on disk beside the files it speaks of."""
    video, masks, tracks, name = file_names("clip_1")
    (tmp_path / video).write_bytes(b"video")
    write_masks(tmp_path / masks, Masks(64, 48, (((0, 0, 5, 5), (1, 2, 3, 4)), ())))
    (tmp_path / tracks).write_text("{}")
    manifest = Manifest(
        clip_id="clip_1",
        file=video,
        output_sha256=files.sha256(tmp_path / video),
        masks=masks,
        masks_sha256=files.sha256(tmp_path / masks),
        tracks=tracks,
        tracks_sha256=files.sha256(tmp_path / tracks),
        source_sha256="0" * 64,
        settings={"mask": "solid"},
        software={"av": "1"},
        voice={"key_id": "ab"},
        faces={"frames": 2},
        notes=("short",),
    )
    files.write_json(tmp_path / name, manifest.to_json())
    return tmp_path, manifest, tmp_path / name


def test_round_trip(written):
    folder, manifest, path = written
    assert load_manifest(path) == manifest
    assert verify(manifest, folder) == folder / "clip_1.mp4"
    assert load_masks(folder / manifest.masks) == Masks(64, 48, (((0, 0, 5, 5), (1, 2, 3, 4)), ()))
    assert find_manifests([folder]) == find_manifests([path]) == [path]


@pytest.mark.parametrize("name", ["clip_1.mp4", "clip_1.masks.json", "clip_1.tracks.json"])
def test_changed_or_missing_files_are_noticed(written, name):
    folder, manifest, _ = written
    (folder / name).write_bytes(b"other")
    with pytest.raises(UserError, match=r"hash differs.*de-identify the clip again"):
        verify(manifest, folder)
    (folder / ".clip_1.whole").mkdir()
    with pytest.raises(UserError, match=r"hash differs.*run it again"):
        verify(manifest, folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match=name):
        verify(manifest, folder)


def test_incomplete(written):
    folder, manifest, path = written
    with pytest.raises(UserError, match="not complete"):
        verify(dataclasses.replace(manifest, complete=False), folder)
    path.write_text(json.dumps(manifest.to_json() | {"complete": False}))
    with pytest.raises(UserError, match="incomplete"):
        load_manifest(path)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 1},
        {"file": "../clip_1.mp4"},
        {"file": "other.mp4"},
        {"clip_id": "../x"},
        {"output_sha256": "abc"},
        {"settings": []},
        {"notes": [1]},
        {"masks": 3},
        {"complete": "yes"},
    ],
)
def test_malformed(written, change):
    _, manifest, path = written
    path.write_text(json.dumps(manifest.to_json() | change))
    with pytest.raises(UserError, match="de-identify the clip again"):
        load_manifest(path)


def test_a_missing_key_and_no_json(written):
    _, manifest, path = written
    row = manifest.to_json()
    del row["voice"]
    path.write_text(json.dumps(row))
    with pytest.raises(UserError, match="lacks voice"):
        load_manifest(path)
    path.write_text("[]")
    with pytest.raises(UserError, match="not a de-identification manifest"):
        load_manifest(path)


GOOD = {"width": 64, "height": 48, "dropped": [1], "frames": [[0, 0, 64, 48], []]}
INSTEAD = [
    *({side: value} for side in ("width", "height") for value in (10**9, 10**400, 0, -2, 64.0, 1e9, True, "64", None)),
    *({"frames": value} for value in ([], {}, {"0": []}, 3, None, "ab", [{}], [None], [[1, 2, 3]], ["abcd"])),
    *({"frames": [[0, 0, *far]]} for far in ((65, 48), (64, 49), (0, 4), (4, 0), (4.0, 4), ("4", 4), (True, 4))),
    *({"frames": [[-1, 0, 4, 4]]}, {"frames": [[10**400, 0, 10**401, 4]]}),
    *({"dropped": value} for value in (None, {}, [3], [1, 1], [1, 0], [-1], [0.0], [True], ["0"], [10**400])),
]


@pytest.mark.parametrize("row", [{}, [], 3, "width", None, *(GOOD | change for change in INSTEAD)])
def test_malformed_masks(tmp_path, row):
    path = tmp_path / "m.json"
    path.write_text(json.dumps(GOOD))
    assert load_masks(path) == Masks(64, 48, (((0, 0, 64, 48),), ()), (1,))
    path.write_text(json.dumps(row))
    with pytest.raises(UserError, match="no file of masks"):
        load_masks(path)


def test_paths_without_a_manifest_and_unsafe_clip_ids_are_refused(tmp_path):
    with pytest.raises(UserError, match="run deidentify first"):
        find_manifests([tmp_path])
    with pytest.raises(UserError, match="run deidentify first"):
        find_manifests([tmp_path / "absent"])
    with pytest.raises(UserError, match="clip id"):
        file_names("a/b")
