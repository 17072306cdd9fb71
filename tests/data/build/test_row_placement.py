import dataclasses
import json

import numpy as np
import pytest

from deemo_jax.build import main
from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.data.build.annotations import read_rows
from deemo_jax.data.build.gate import admit_rows
from deemo_jax.data.clip_source import ClipSource, decode_jpeg
from deemo_jax.deid.manifest import file_names, load_manifest
from deemo_jax.deid.source_map import Known, add
from deemo_jax.media.video import sample_frames
from tests.data.build.test_gate import write_deidentified


def row(**changes):
    return {
        "video_id": "v1", "person_id": "p1", "start_s": 0.0, "end_s": 1.0, "transcript": "", "emotion": "positive",
        "reasoning": "",
    } | changes  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A film of ten frames in a second."""
    folder = tmp_path_factory.mktemp("made")
    write_deidentified(folder, "c1")
    return folder


@pytest.fixture
def clips(made, tmp_path):
    """Puts clips of the same film into a folder, with what their manifests are to say; and reads rows about them."""

    def put(clip_id, **changes):
        for old, new in zip(file_names("c1")[:3], file_names(clip_id)[:3], strict=True):
            (tmp_path / new).write_bytes((made / old).read_bytes())
        names = dict(zip(("file", "masks", "tracks"), file_names(clip_id), strict=False))
        record = dataclasses.replace(load_manifest(made / "c1.manifest.json"), clip_id=clip_id, **names | changes)
        files.write_json(tmp_path / file_names(clip_id)[3], record.to_json())

    put.folder = tmp_path
    return put


def admit(clips, *rows, source_map=None, skip_missing=False):
    path = clips.folder / "rows.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    admitted = admit_rows([clips.folder], read_rows(path), source_map, skip_missing=skip_missing)
    return {one.clip.clip_id: one.span for one in admitted}


def sources(clips, *known):
    add(clips.folder / "map", [Known(*one) for one in known])
    return clips.folder / "map"


def test_an_id_that_a_clip_and_a_row_without_one_share_is_refused(clips):
    clips("c1", source_sha256="1" * 64)
    rows = [row(file="talk.mp4", clip_id="mine"), row(clip_id="mine")]
    with pytest.raises(UserError, match="row 2: clip 'mine' comes twice"):
        admit(clips, *rows, source_map=sources(clips, ("/raw/talk.mp4", "1" * 64, "c1")))


LONG = {"span": (0.0, 183.0), "source_sha256": "1" * 64}


def test_rows_of_one_recording_are_cut_from_it(clips):
    clips("c1", **LONG)
    cut = [row(clip_id="c1", start_s=10, end_s=20), row(clip_id="c1", start_s=30.5, end_s=40)]
    assert admit(clips, *cut) == {"c1_0010000_0020000": (10, 20), "c1_0030500_0040000": (30.5, 40)}
    assert admit(clips, cut[0]) == {"c1": (10, 20)}
    with pytest.raises(UserError, match="row 3: clip 'c1_0010000_0020000' comes twice, first in row 1"):
        admit(clips, *cut, cut[0])
    with pytest.raises(UserError, match=r"row 2: 180 to 190 s lies outside of its recording, which lasts 183.0 s"):
        admit(clips, cut[0], row(clip_id="c1", start_s=180, end_s=190))


@pytest.mark.parametrize(("start", "end"), [(0, 183), (0, 170), (1000, 1183), (0, 0), (500, 510)])
def test_a_row_as_long_as_its_clip_or_of_another_clock_is_all_of_it(clips, start, end):
    clips("c1", **LONG)
    assert admit(clips, row(clip_id="c1", start_s=start, end_s=end)) == {"c1": None}


def test_clips_of_earlier_versions_are_taken_whole_or_cut(clips):
    clips("c1")
    assert load_manifest(clips.folder / "c1.manifest.json").span is None
    assert admit(clips, row(clip_id="c1", start_s=0.2, end_s=0.5)) == {"c1": None}
    found = admit(clips, *(row(clip_id="c1", start_s=start, end_s=start + 0.3) for start in (0.0, 0.5)))
    assert list(found.values()) == [(0.0, 0.3), (0.5, 0.8)]


def test_rows_by_file_name_need_the_private_list(clips):
    clips("c1", **LONG)
    named = [row(file="interview.mp4", start_s=0, end_s=183)]
    with pytest.raises(UserError, match=r"row 1: 'interview.mp4' is a file name; give --source_map"):
        admit(clips, *named)
    source_map = sources(clips, ("/raw/a/interview.mp4", "1" * 64, "c1"))
    assert admit(clips, *named, source_map=source_map) == {"c1": None}
    # As a clip id, or under an id of the row's own.
    assert admit(clips, row(clip_id="interview.mp4", end_s=183), source_map=source_map) == {"c1": None}
    own = row(file="a/interview.mp4", clip_id="mine", start_s=3, end_s=5)
    assert admit(clips, own, source_map=source_map) == {"mine": (3, 5)}
    assert admit(clips, row(file="interview", start_s=3, end_s=5), source_map=source_map) == {
        "c1_0003000_0005000": (3, 5)
    }
    assert admit(clips, row(file="c1", start_s=3, end_s=5)) == {"c1_0003000_0005000": (3, 5)}
    with pytest.raises(UserError, match=r"row 1: 'talk.mp4' is a file name; .*map does not know it"):
        admit(clips, row(file="talk.mp4"), source_map=source_map)
    sources(clips, ("/raw/a/gone.mp4", "5" * 64, "c5"), ("/raw/b/interview.mp4", "6" * 64, "c6"))
    with pytest.raises(UserError, match="not among the manifests; was it refused"):
        admit(clips, row(file="gone.mp4"), source_map=source_map)
    with pytest.raises(UserError, match=r"is the name of 2 files \(/raw/a/interview.mp4, /raw/b/interview.mp4\)"):
        admit(clips, *named, source_map=source_map)
    assert admit(clips, own, row(file="gone.mp4"), source_map=source_map, skip_missing=True) == {"mine": (3, 5)}


def test_a_row_lies_in_a_recording_by_most_of_it(clips):
    for clip_id, span in (("c1_a", (0.0, 100.0)), ("c1_b", (130.0, 180.0))):
        clips(clip_id, span=span, asked=span, recording="c1", source_sha256="1" * 64)
    assert admit(clips, row(clip_id="c1", start_s=99.5, end_s=100.3)) == {"c1_0099500_0100300": (99.5, 100)}
    for start, end in ((100.1, 100.4), (99.9, 100.3), (129.6, 129.9), (0, 0)):
        with pytest.raises(UserError, match="lies whole in none of the pieces"):
            admit(clips, row(clip_id="c1", start_s=start, end_s=end))
    clips("c2", **LONG | {"source_sha256": "2" * 64})
    with pytest.raises(UserError, match="outside of its recording"):
        admit(clips, row(file="c2", start_s=183.1, end_s=183.4))


def test_pieces_of_a_long_recording_are_found_and_seams_told(clips):
    for clip_id, span in (("c1_a", (0.0, 100.0)), ("c1_b", (80.0, 180.0))):
        clips(clip_id, span=span, asked=span, recording="c1", source_sha256="1" * 64)
    rows = [row(clip_id="c1", start_s=start, end_s=end) for start, end in ((10, 20), (85, 95), (170, 180.2))]
    assert admit(clips, *rows) == {
        "c1_0010000_0020000": (10, 20),
        "c1_0085000_0095000": (85, 95),
        "c1_0170000_0180200": (90, 100),
    }
    with pytest.raises(UserError, match=r"70 to 110 s lies whole in none of the pieces .*\(0.0-100.0, 80.0-180.0 s\)"):
        admit(clips, *rows, row(clip_id="c1", start_s=70, end_s=110))
    assert admit(clips, row(clip_id="c1_b", start_s=80, end_s=180)) == {"c1_b": None}
    assert admit(clips, row(clip_id="c1_b", start_s=0, end_s=100)) == {"c1_b": None}


def test_rows_of_one_recording_may_not_hide_that_they_are_of_one_person(clips):
    clips("c1", **LONG)
    rows = [row(clip_id="c1", start_s=n, end_s=n + 5, person_id="", video_id=f"v{n}") for n in (0, 50)]
    with pytest.raises(UserError, match="are of one recording, and their video_id differs"):
        admit(clips, *rows)
    assert len(admit(clips, *(one | {"person_id": "p"} for one in rows))) == 2
    assert len(admit(clips, *(one | {"video_id": "v"} for one in rows))) == 2


def test_records_hold_the_pictures_and_the_sound_of_their_span(clips, capsys):
    clips("c1", span=(0.0, 1.0), source_sha256="1" * 64)
    rows = [row(clip_id="c1", start_s=0.0, end_s=0.3), row(clip_id="c1", start_s=0.5, end_s=0.9)]
    (clips.folder / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    data, shown = clips.folder / "data", ["--frames", "2", "--clips", "2", "--workers", "0", "--fractions", "train=1"]
    paths = ["--manifest", clips.folder, "--annotations", clips.folder / "rows.jsonl", "--data_dir", data]
    assert main(["deemo_mer", *map(str, paths), *shown]) == 0
    assert "long for what is stored" not in capsys.readouterr().out
    first, second = ClipSource(data, "deemo_mer", "train")
    assert second.clip.end_s == pytest.approx(0.9) and first.clip.clip_id != second.clip.clip_id
    for record, span in ((first, (0.0, 0.3)), (second, (0.5, 0.9))):
        wanted = sample_frames(clips.folder / "c1.mp4", 2, 224, *span)[0]
        assert all(
            np.abs(decode_jpeg(jpeg).astype(int) - image).max() < 6
            for jpeg, image in zip(record.jpegs, wanted, strict=True)
        )
    # Columns beyond the sound of the span are those of silence; 0.3 s are 15 % of 204.
    empty = [int((np.ptp(record.mel[0], axis=0) == 0).sum()) for record in (first, second)]
    assert empty[0] > empty[1] > 0


def test_what_is_long_for_what_is_stored_of_it_is_told(clips, capsys):
    clips("c1", **LONG)
    nfbl = [{"start_s": 0, "end_s": end_s, "label": "nods"} for end_s in (183.4, 191.5)]
    (clips.folder / "rows.jsonl").write_text(json.dumps(row(clip_id="c1", start_s=0, end_s=183, nfbl=nfbl)) + "\n")
    paths = ["--manifest", clips.folder, "--annotations", clips.folder / "rows.jsonl", "--data_dir", clips.folder / "d"]
    assert main(["deemo_mer", *map(str, paths), "--workers", "0", "--fractions", "train=1"]) == 0
    said = capsys.readouterr().out
    assert (
        "1 clips are long for what is stored of them, the longest 'c1': 183 s as 8 frames and 8 sounds of 2 s" in said
    )
    assert "1 clips have body language beyond their end, the first 'c1': at 191.5 s, and it lasts 183.0 s" in said
