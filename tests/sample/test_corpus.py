import itertools
import json

import av
import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Clip
from deemo_jax.evaluation.scores.cue_scores import CueReader
from deemo_jax.evaluation.truth import read_truth
from deemo_jax.sample import corpus, script
from deemo_jax.sample.__main__ import main
from deemo_jax.sample.corpus_clip import PROSODY, plan, sound
from deemo_jax.sample.corpus_settings import CorpusSettings
from deemo_jax.sample.cues import Cues, Tone

SETTINGS = CorpusSettings(seed=3)


def _decode(path):
    with av.open(str(path)) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    with av.open(str(path)) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return frames, samples


def _rows(folder):
    return [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus")
    assert corpus.make(path, 3, SETTINGS) == (3, 0)
    return path


def test_rows_are_clip_records_with_the_truth_beside(folder):
    rows = _rows(folder)
    assert [row["clip_id"] for row in rows] == ["s3_000000", "s3_000001", "s3_000002"]
    for row in rows:
        record = Clip.from_json(row, "truth.jsonl")
        assert len(row["transcript"].encode()) <= 64 and 2.5 <= record.end_s - record.start_s <= 4.0
        assert record.reasoning == script.reasoning(Cues(**{name: Tone(tone) for name, tone in row["cues"].items()}))
        assert " ".join(word["text"] for word in row["words"]) == row["transcript"].replace(",", "").rstrip(".")
        assert all(0 <= word["start_s"] < word["end_s"] <= record.end_s - record.start_s for word in row["words"])
        for segment in record.nfbl:
            assert segment.end_s - segment.start_s >= 0.6 * (record.end_s - record.start_s)


def test_every_row_states_the_corpus_and_what_can_be_reached(folder):
    truth = read_truth(folder / "truth.jsonl")
    assert truth.corpus == corpus.statement() and truth.corpus.kind == "synthetic"
    assert list(truth.corpus.cues) == ["words", "voice", "body"]
    assert {
        name: round(100 * truth.corpus.optimal_accuracy[name], 1) for name in ("", "all", "nfbl", "audio,video")
    } == {
        "": 60.0,
        "all": 89.9,
        "nfbl": 73.5,
        "audio,video": 81.3,
    }
    assert len(truth.corpus.optimal_accuracy) == len(truth.corpus.optimal_balanced_accuracy) == 16
    assert truth.corpus.optimal_balanced_accuracy["video"] == pytest.approx(0.68)
    for row in _rows(folder):
        assert CueReader(truth.corpus.cues).stated(row["reasoning"]) == truth.cues(row["clip_id"]) == row["cues"]


def test_files_are_h264_and_aac_of_the_told_length(folder):
    for row in _rows(folder):
        duration = row["end_s"] - row["start_s"]
        with av.open(str(folder / row["file"])) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            assert (video.codec_context.name, video.pix_fmt, video.width, video.height) == ("h264", "yuv420p", 320, 240)
            assert (audio.codec_context.name, audio.rate, audio.layout.name) == ("aac", 22050, "mono")
            assert video.average_rate == 10
        frames, samples = _decode(folder / row["file"])
        assert len(frames) == len(row["faces"]) == len(row["hands"]) == round(10 * duration)
        assert len(samples) / 22050 == pytest.approx(duration, abs=0.1)


def test_speech_is_where_the_words_are(folder):
    row = _rows(folder)[0]
    _, samples = _decode(folder / row["file"])
    start, end = (round(22050 * time) for time in (row["words"][0]["start_s"], row["words"][-1]["end_s"]))
    spoken, before = np.std(samples[start:end]), np.std(samples[: max(start - 1500, 500)])
    assert spoken > 0.03 and before < spoken / 10


def test_planted_strings_are_in_the_file(folder):
    for row in _rows(folder):
        data = (folder / row["file"]).read_bytes()
        assert len(row["planted"]) >= 6
        assert all(text.encode() in data for text in row["planted"])


def test_the_same_seed_gives_the_same_pixels_and_samples_in_other_processes(folder, tmp_path):
    corpus.make(tmp_path, 1, SETTINGS, workers=2)
    assert _rows(tmp_path) == _rows(folder)[:1]
    for row in _rows(tmp_path):
        for first, second in zip(_decode(tmp_path / row["file"]), _decode(folder / row["file"]), strict=True):
            np.testing.assert_array_equal(first, second)


def test_what_is_there_is_reused_and_what_is_too_much_goes(tmp_path):
    small = CorpusSettings(seed=1, width=160, height=120, frame_rate=4)
    assert corpus.make(tmp_path, 2, small) == (2, 0)
    kept = (tmp_path / "clips" / "s1_000000.mp4").stat().st_mtime_ns
    (tmp_path / "clips" / "s1_000001.mp4").unlink()
    assert corpus.make(tmp_path, 3, small) == (2, 1)
    assert (tmp_path / "clips" / "s1_000000.mp4").stat().st_mtime_ns == kept
    assert corpus.make(tmp_path, 1, small) == (0, 1)
    assert [path.name for path in (tmp_path / "clips").iterdir()] == ["s1_000000.mp4"] and len(_rows(tmp_path)) == 1


def test_a_folder_of_other_settings_is_refused(folder):
    before = (folder / "truth.jsonl").read_bytes()
    with pytest.raises(UserError, match=r"other seed, frame_rate; delete it or choose another --out"):
        corpus.make(folder, 3, CorpusSettings(seed=4, frame_rate=12))
    assert (folder / "truth.jsonl").read_bytes() == before


def test_clips_of_unknown_origin_are_refused(tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "mine.mp4").write_bytes(b"")
    with pytest.raises(UserError, match=r"no settings\.json"):
        corpus.make(tmp_path, 1, SETTINGS)


@pytest.mark.parametrize("flag", [["--clips", "0"], ["--width", "321"], ["--fps", "0"], ["--seed", "-1"]])
def test_impossible_flags_are_named_and_nothing_is_written(flag, tmp_path):
    with pytest.raises(UserError, match=flag[0]):
        main(["clips", "--out", str(tmp_path / "x"), *flag])
    assert not (tmp_path / "x").exists()


def test_an_unwritable_place_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be"):
        corpus.make(tmp_path / "file" / "out", 1, SETTINGS)


def test_the_card_says_what_is_synthetic(folder):
    card = (folder / "README.md").read_text()
    assert "warp of one public-domain portrait" in card and "Nobody in it exists" in card and "89.9 %" in card


def test_length_of_clip_and_sentence_do_not_tell_the_voice_cue():
    plans = [plan(CorpusSettings(seed=0), index) for index in range(1500)]
    for measure in (lambda clip: clip.duration_s, lambda clip: len(clip.sentence)):
        means = [np.mean([measure(clip) for clip in plans if clip.cues.voice is tone]) for tone in Tone]
        spread = np.std([measure(clip) for clip in plans])
        assert max(means) - min(means) < 0.2 * spread


def test_the_slowest_voice_is_done_before_the_clip_ends():
    slow = [clip for index in range(60) if (clip := plan(SETTINGS, index)).cues.voice is Tone.NEGATIVE]
    assert slow
    for clip in slow:
        words = sound(clip)[2]
        assert clip.rate == pytest.approx(PROSODY[Tone.NEGATIVE][2], rel=0.031)
        assert words[0].start_s > 0 and words[-1].end_s < clip.duration_s


def test_people_are_spread_and_keep_their_videos_short():
    plans = [plan(CorpusSettings(seed=0), index) for index in range(650)]
    assert len({clip.identity.person_id for clip in plans}) >= 24
    videos = {}
    for clip in plans:
        videos.setdefault(clip.video_id, []).append((clip.start_s, clip.start_s + clip.duration_s))
    for spans in videos.values():
        assert len(spans) <= 4 and all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
