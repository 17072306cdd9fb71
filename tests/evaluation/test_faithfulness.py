"""From predictions of whole and masked clips, or a run, to the table of claims that stay."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.evaluation import faithfulness
from deemo_jax.evaluation.predictions import Prediction
from tests import commands
from tests.evaluation.samples import CORPUS, imagined, truth_of
from tests.tiny_runs import NEW

VOICELESS, BODILESS = "video,transcript,nfbl", "audio,transcript"


def rows() -> list[Prediction]:
    """A system that claims of voice and body what is there; the voice also where it hears none, the body never so."""
    found = imagined({"all": 1.0}, clips=60)
    silent = "The words are plain, the voice is even, the body is still."
    voiceless = [dataclasses.replace(row, modalities=VOICELESS) for row in found]
    bodiless = [dataclasses.replace(row, modalities=BODILESS, reasoning=silent) for row in found]
    people = {row.clip_id: f"p{number % 12}" for number, row in enumerate(found)}
    return [
        dataclasses.replace(row, person_id=people[row.clip_id])
        for row in (*found, *voiceless, *bodiless)
    ]  # fmt: skip


def written(path: Path, given: list[Prediction]) -> Path:
    path.write_text("".join(json.dumps(row.to_json()) + "\n" for row in given))
    return path


def truth_file(path: Path, given: list[Prediction]) -> Path:
    corpus = {"kind": "imagined", "cues": CORPUS.cues}
    stated = truth_of(given).rows
    path.write_text(
        "".join(json.dumps({"clip_id": clip, **row, "corpus": corpus}) + "\n" for clip, row in stated.items())
    )
    return path


def test_cues_of_the_truth_tell_who_makes_up_a_voice(tmp_path: Path) -> None:
    given = rows()
    out, truth = tmp_path / "out", truth_file(tmp_path / "truth.jsonl", given)
    flags = ["--predictions", written(tmp_path / "p.jsonl", given), "--truth", truth, "--out", out]
    done = commands.run("evaluate", "--faithfulness", *flags)
    assert done.returncode == 0, done.stderr
    found = read_json(out / "faithfulness.json")
    voice, body = found["sources"]["voice"], found["sources"]["body"]
    assert found["persons"] == 12 and voice["read_by"] == body["read_by"] == "cues" and voice["modalities"] == VOICELESS
    assert voice["unfaithful"] == 1 and 0.2 < voice["unfaithful_shuffled"] < 0.6 and voice["right"] == 1
    assert voice["claims"] == voice["claims_masked"] > 20
    assert body["unfaithful"] == 0 and body["claims_masked"] == 0 and body["right_masked"] is None
    assert "words" not in found["sources"] and any("words: there are no answers to" in note for note in found["notes"])
    assert "Intervals are over 12 persons" in done.stdout and "right without the source" in done.stdout
    assert (out / "faithfulness.md").read_text().startswith("# Faithfulness")
    again = commands.run("evaluate", "--faithfulness", *flags)
    assert again.returncode == 2 and "is there; --overwrite" in again.stderr


def test_keywords_need_no_truth_and_count_what_is_said_of_nothing_too(tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", rows())
    found = faithfulness.faithfulness_of_file(path)
    voice, body = found.scores["voice"], found.scores["body"]
    assert not found.by_cues and voice.claims == voice.n == 60 and voice.right is None
    assert voice.unfaithful.value == 1 and voice.shuffled < 0.6
    # "The body is still" is a claim for who knows no truth, and stays where it was one.
    assert body.unfaithful.value == pytest.approx(body.shuffled, abs=1e-9) and 0.1 < body.unfaithful.value < 0.6
    keywords = tmp_path / "k.json"
    keywords.write_text(json.dumps({"hands": {"masks": ["video", "nfbl"], "words": ["hand*"]}}))
    found = faithfulness.faithfulness_of_file(path, keywords=keywords)
    assert list(found.scores) == ["hands"] and found.scores["hands"].claims == 0
    assert "-" in faithfulness.text(found)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--faithfulness"], "name a run with --workdir"),
        (["--keywords", "k.json", "--workdir", "x"], "--keywords goes with --faithfulness"),
        (["--faithfulness", "--workdir", "x", "--modalities", "all"], "takes no --modalities"),
        (["--faithfulness", "--workdir", "absent"], "absent"),
    ],
)
def test_mistakes_are_one_line(flags: list[str], says: str) -> None:
    done = commands.run("evaluate", *flags)
    assert done.returncode == 2 and says in done.stderr and done.stderr.count("\n") == 1


def test_a_file_of_whole_clips_only_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", imagined({"all": 0.8}, clips=5))
    with pytest.raises(UserError, match=rf"no source can be scored: .*voice: there are no answers to '{VOICELESS}'"):
        faithfulness.faithfulness_of_file(path)


@pytest.mark.slow
@pytest.mark.usefixtures("one_length")
def test_a_run_answers_whole_and_masked_clips(untrained_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(untrained_run, tmp_path / "run")
    flags = ["--workdir", run, "--faithfulness", "--limit", 2, "--batch_size", 2, "--max_new_tokens", NEW]
    done = commands.run("evaluate", *flags)
    assert done.returncode == 0, done.stderr
    folder = run / "evaluation" / "test-first2-step0-all+audio_video_nfbl+video_transcript_nfbl+audio_transcript"
    assert f"written: {folder / 'faithfulness.md'}" in done.stdout
    assert {row["n"] for row in read_json(folder / "faithfulness.json")["sources"].values()} == {2}
    assert commands.run("evaluate", *flags).stdout == done.stdout
