import hashlib
import os
import wave
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, write_json, write_jsonl
from deemo_jax.data.build.annotations import read_annotations
from deemo_jax.data.build.attestation import admit_attested, load_attestation, write_template
from deemo_jax.data.build.records import make_record, read_mel
from deemo_jax.media import imagebind_mel
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.picture import Frame
from tests.attested_clips import write_attested


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_attested(tmp_path)
    return tmp_path


def admit(folder: Path, **changes: bool):
    return admit_with_notes(folder, **changes)[0]


def admit_with_notes(folder: Path, **changes: bool):
    settings = {"skip_missing": False, "known": [folder / "clips.jsonl"]} | changes
    return admit_attested(folder / "attestation.json", read_annotations(folder / "clips.jsonl"), **settings)


def edit(folder: Path, **changes: object) -> None:
    path = folder / "attestation.json"
    write_json(path, read_json(path) | changes)


def attest_again(folder: Path) -> list[str]:
    """An attestation of the files as they are; the notes about the others."""
    filled = read_json(folder / "attestation.json")
    (folder / "attestation.json").unlink()
    path, notes = write_template(folder)
    write_json(path, filled | {"files": read_json(path)["files"]})
    return notes


def level(jpeg: bytes) -> float:
    """How bright a stored frame is."""
    return float(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE).mean())


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
    template = read_json(write_template(folder)[0])
    assert template["files"] == filled["files"] and len(template["files"]) == 6 * 4
    assert template["holder"] == template["method"] == template["date"] == ""
    with pytest.raises(UserError, match="exists already"):
        write_template(folder)


@pytest.mark.parametrize("name", ["clip02/001.png", "clip02/voice.wav", "clip03/mel.npy", "clip04.mp4"])
def test_a_changed_file_is_refused(folder: Path, name: str) -> None:
    write_clip(folder / "clip04.mp4", moving(), 10.0, None)
    for path in (folder / "clip04").glob("*.png"):
        path.unlink()
    attest_again(folder)
    assert len(admit(folder)) == 6
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(UserError, match=f"privacy gate: .*{name}: its hash differs"):
        admit(folder, skip_missing=True)


def test_hashes_are_sha256_in_any_case_and_no_other_kind(folder: Path) -> None:
    files = read_json(folder / "attestation.json")["files"]
    edit(folder, files={name: digest.upper() for name, digest in files.items()})
    assert len(admit(folder)) == 6
    for kind in ("md5", "sha1", "sha512", "sha3_256", "blake2s"):
        wrong = "its hash differs" if hashlib.new(kind).digest_size == 32 else "no sha256"
        edit(folder, files={name: hashlib.new(kind, (folder / name).read_bytes()).hexdigest() for name in files})
        with pytest.raises(UserError, match=wrong):
            admit(folder)


@pytest.mark.parametrize("name", ["clip03/raw.jpg", "clip03/more/RAW.PNG", "clip03/raw.wav", "clip03.mp4"])
def test_a_file_that_the_attestation_lacks_is_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"a face")
    with pytest.raises(UserError, match=f"{name}: the attestation .* lacks this file"):
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


@pytest.mark.parametrize(
    "name", ["../secret/x.png", "/etc/passwd", "clip00/../../x.png", "x.png", "a//x.png", "./a/x.png", "a\\b.png", ".."]
)
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
    "changes",
    [
        {"version": 9},
        {"files": {}},
        {"files": {"clip00/000.png": "abc"}},
        {"date": "last spring"},
        {"holder": "Lab \ud800"},
    ],
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
        np.full((1, 128, 204), 1e300),
        np.full((1, 128, 204), -1e30, np.float32),
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


@pytest.mark.parametrize("kind", [">f4", "<f2", "f8"])
def test_a_mel_array_may_be_of_any_float(tmp_path: Path, kind: str) -> None:
    array = np.random.default_rng(0).normal(size=(1, 128, 204)).astype(np.float16)
    np.save(tmp_path / "mel.npy", np.asfortranarray(array.astype(kind)))
    np.testing.assert_array_equal(read_mel(tmp_path / "mel.npy"), array.astype(np.float32))


def test_a_mel_array_that_promises_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "mel.npy", np.zeros((2, 128, 204), np.float32))
    data = (tmp_path / "mel.npy").read_bytes()
    (tmp_path / "mel.npy").write_bytes(data.replace(b"(2, 128, 204)", b"(900,128,204)"))
    with pytest.raises(UserError, match=r"mel\.npy: not a plain \.npy array, or cut off .*; export it again"):
        read_mel(tmp_path / "mel.npy")


@pytest.mark.parametrize(
    "names",
    [
        ["frame_1", "frame_2", "frame_10", "frame_11"],
        ["f1", "f02", "f3", "f010", "f0011", "f12"],
        ["shot2_10", "shot2_11", "shot10_2", "shot10_30"],
        ["2", "10", "a", "B", "c"],
        ["first", "other", "second", "third"],
        ["Take 9 (1)", "take 9 (2)", "Take 9 (10)", "take 10 (1)"],
        ["part2/f9", "part2/f10", "part10/f1"],
        ["f" + "0" * 90 + "9", "f" + "1" * 90, "f1" + "0" * 90],
    ],
)
def test_frames_come_in_the_order_in_which_people_count(tmp_path: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        path = tmp_path / "c" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8, 3), 40 * number, np.uint8))
    write_template(tmp_path)
    edit(tmp_path, holder="Nobody", method="drawn", date="2025-01-31")
    write_jsonl(tmp_path / "clips.jsonl", [{"clip_id": "c", "video_id": "v", "start_s": 0, "end_s": 1, "transcript": "",
                "emotion": "positive", "reasoning": ""}])  # fmt: skip
    (clip,) = admit(tmp_path)
    assert [path.relative_to(tmp_path / "c").with_suffix("").as_posix() for path in clip.images] == names
    levels = [level(jpeg) for jpeg in make_record(clip, len(names), 1)["frames"]]
    np.testing.assert_allclose(levels, 40 * np.arange(len(names)), atol=2)


def test_files_may_lie_deeper_and_what_is_not_taken_is_named(folder: Path) -> None:
    (folder / "clip00" / "frames").mkdir()
    for path in (folder / "clip00").glob("*.png"):
        path.rename(path.parent / "frames" / path.name)
    for name in ("clip00/._000.png", "clip00/frames/.DS_Store", "clip01/Thumbs.db", "__MACOSX/clip00/000.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\0\5\x16\7")
    (folder / "clip01" / "notes.txt").write_text("raw")
    (folder / "clip01" / "f.webp").write_bytes(b"RIFF")
    (folder / "clip02" / "link").symlink_to(folder / "clip01")
    (folder / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"")
    said = attest_again(folder)
    assert len(said) == 2 and "clips.jsonl" in said[1]
    clips, notes = admit_with_notes(folder)
    assert [len(clip.images) for clip in clips] == [3] * 6
    assert notes[0].startswith("ignored") and ": 4 (" in notes[0] and "'clip00/._000.png'" in notes[0]
    assert notes[1].endswith(r": 4 ('caf\udce9.txt', 'clip01/f.webp', 'clip01/notes.txt', 'clip02/link')")


def test_system_files_that_an_older_attestation_lists_are_ignored(folder: Path) -> None:
    (folder / "clip00" / "._voice.wav").write_bytes(b"\0\5\x16\7")
    files = read_json(folder / "attestation.json")["files"]
    edit(folder, files=files | {"clip00/._voice.wav": hashlib.sha256(b"\0\5\x16\7").hexdigest()})
    assert admit(folder)[0].sound == folder.resolve() / "clip00" / "voice.wav"


def test_attested_clips_without_an_annotation_are_named(folder: Path) -> None:
    rows = (folder / "clips.jsonl").read_text().splitlines(keepends=True)
    (folder / "clips.jsonl").write_text("".join(rows[2:]))
    (folder / "clip09").mkdir()
    (folder / "clip09" / "f.png").write_bytes(b"")
    clips, notes = admit_with_notes(folder)
    assert len(clips) == 4 and notes == [
        "attested clips without an annotation, left out: 2 ('clip00', 'clip01')",
        "clips that are neither attested nor annotated, left out: 1 ('clip09')",
    ]


def test_a_name_that_is_not_utf_8_is_refused(folder: Path) -> None:
    (folder / "clip00" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"")
    (folder / "attestation.json").unlink()
    with pytest.raises(UserError, match=r"'clip00/caf\\udce9.png' is not UTF-8; rename it"):
        write_template(folder)


def test_a_folder_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def scan(path: str | Path):
        if str(path).endswith("clip03"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    (folder / "attestation.json").unlink()
    with pytest.raises(UserError, match=r"clip03: cannot be read \(Permission denied\)"):
        write_template(folder)


def test_every_frame_is_looked_at_for_its_end(folder: Path) -> None:
    path = folder / "clip00" / "002.png"
    path.write_bytes(path.read_bytes()[:-20])
    attest_again(folder)
    with pytest.raises(UserError, match=r"002\.png: breaks off"):
        make_record(admit(folder)[0], frames=1, clips=1)


def test_nothing_of_a_pictures_tags_is_stored(folder: Path) -> None:
    data = cv2.imencode(".jpg", np.full((60, 80, 3), 90, np.uint8))[1].tobytes()
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x0f\0\x02\0\0\0\x04Jan\0\0\0\0\0"
    data = data[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + data[2:]
    (folder / "clip00" / "000.jpg").write_bytes(data)
    attest_again(folder)
    for jpeg in make_record(admit(folder)[0], frames=4, clips=1)["frames"]:
        assert b"Exif" not in jpeg and b"Jan" not in jpeg


def moving() -> Iterator[Frame]:
    """Ten grey pictures that grow brighter."""
    return (Frame(i, i / 10, np.full((48, 64, 3), 20 * i, np.uint8)) for i in range(10))


def tone(rate: int, hertz: float = 440.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(rate) / rate).astype(np.float32)


def replace_by_film(folder: Path, name: str, sound: bool) -> None:
    """Of clip00, which keeps none of its own files."""
    for path in (folder / "clip00").iterdir():
        path.unlink()
    write_clip(folder / name, moving(), 10.0, (tone(16_000), 16_000) if sound else None)
    attest_again(folder)


@pytest.mark.parametrize("name", ["clip00.mp4", "clip00/any name.mp4"])
@pytest.mark.parametrize("sound", [True, False])
def test_a_film_stands_in_place_of_frames_and_sound(folder: Path, name: str, sound: bool) -> None:
    replace_by_film(folder, name, sound)
    clip = admit(folder)[0]
    assert clip.movie == folder.resolve() / name and not clip.images and clip.provenance.source == "external"
    record = make_record(clip, frames=5, clips=3)
    np.testing.assert_allclose([level(jpeg) for jpeg in record["frames"]], 40 * np.arange(5), atol=4)
    assert record["provenance"]["video"].startswith("external: ")
    assert len(record["mel"]) == (3 if sound else 0)
    assert record["provenance"]["audio"] == (record["provenance"]["video"] if sound else "none")


@pytest.mark.parametrize("name", ["clip00/mel.npy", "clip00.npy"])
def test_a_sound_beside_a_film_stands_in_place_of_the_films_own(folder: Path, name: str) -> None:
    replace_by_film(folder, "clip00.mp4", True)
    np.save(folder / name, np.full((2, 128, 204), 0.5, np.float32))
    attest_again(folder)
    assert (make_record(admit(folder)[0], frames=2, clips=3)["mel"] == 0.5).all()


@pytest.mark.parametrize("more", ["clip00/000.png", "clip00/b.mp4"])
def test_a_clip_is_one_film_or_frames(folder: Path, more: str) -> None:
    replace_by_film(folder, "clip00.mp4", False)
    (folder / more).write_bytes((folder / "clip01" / "000.png").read_bytes())
    attest_again(folder)
    with pytest.raises(UserError, match=r"clip 'clip00' has . frames, . films, 0 sounds; it needs"):
        admit(folder)


def test_a_film_that_is_called_a_sound_is_refused(folder: Path) -> None:
    (folder / "clip00" / "voice.wav").unlink()
    write_clip(folder / "film.mp4", moving(), 10.0, (tone(16_000), 16_000))
    (folder / "film.mp4").rename(folder / "clip00" / "voice.wav")
    attest_again(folder)
    with pytest.raises(UserError, match=r"voice\.wav: is a film by what is in it"):
        make_record(admit(folder)[0], frames=1, clips=1)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_sound_of_any_rate_is_heard_at_its_own(folder: Path, rate: int) -> None:
    write_wav(folder / "clip00" / "voice.wav", tone(rate)[:, None], rate)
    attest_again(folder)
    heard = make_record(admit(folder)[0], frames=1, clips=1)["mel"][0]
    loudest = heard[:, :90].mean(axis=1).argmax()
    wanted = imagebind_mel.mel_clips(tone(16_000), 1)[0, :, :90].mean(axis=1).argmax()  # the same second at 16 kHz
    assert abs(int(loudest) - int(wanted)) <= 1


@pytest.mark.parametrize(("kept", "length"), [(0.5, None), (0.9, None), (0.5, 0xFFFFFFFF), (1.0, 0x7FFFF000)])
def test_a_half_written_sound_is_refused_and_one_of_unknown_length_is_not(
    folder: Path, kept: float, length: int | None
) -> None:
    path = folder / "clip00" / "voice.wav"
    data = path.read_bytes()
    if length:
        data = data[:40] + length.to_bytes(4, "little") + data[44:]
    path.write_bytes(data[: int(kept * len(data))])
    attest_again(folder)
    (clip, *_) = admit(folder)
    if length:
        assert len(make_record(clip, frames=1, clips=1)["mel"])
        return
    with pytest.raises(UserError, match=r"voice\.wav: breaks off"):
        make_record(clip, frames=1, clips=1)


@pytest.mark.parametrize("channels", [2, 8])
def test_a_voice_in_any_channel_is_heard(folder: Path, channels: int) -> None:
    samples = np.zeros((16_000, channels), np.float32)
    samples[:, -1] = tone(16_000)
    write_wav(folder / "clip00" / "voice.wav", samples, 16_000)
    attest_again(folder)
    heard = make_record(admit(folder)[0], frames=1, clips=1)["mel"][0]
    assert heard[:, :90].max() > 0.5  # silence is below -1


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    """16-bit samples, a column a channel."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
