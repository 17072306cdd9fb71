"""What a judge said, on a page: recomputed from the files of the judgement."""

import json

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256, write_json, write_jsonl
from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.evaluation.compared_systems import systems_of_sets
from deemo_jax.evaluation.comparison import compare
from deemo_jax.evaluation.judge.judge_identity import JudgeIdentity
from deemo_jax.evaluation.judge.judgement_files import judgements_of
from deemo_jax.evaluation.page.judge_scores import judged_scores
from deemo_jax.evaluation.page.page_view import view
from deemo_jax.evaluation.page.render import render
from tests import commands
from tests.evaluation.judge.test_judge_command import judge, rows, run, write
from tests.evaluation.page.pages import HOSTILE, Page, write_rows
from tests.evaluation.samples import imagined
from tests.llm.server import Server


@pytest.fixture
def judged(tmp_path):
    """A file of predictions of two sets, and the folder of a judgement of one of them."""
    file = write_rows(tmp_path / "a.jsonl", imagined({"all": 0.9, "audio": 0.7}, clips=12))
    who = JudgeIdentity("local", HOSTILE[0], (HOSTILE[0],), "deemo 1", 0.0, None, None, None, 2)
    rng, folder = np.random.default_rng(0), judgements_of(file) / "deemo-1-x"
    rows = [
        {
            "clip_id": f"clip{i:03d}",
            "clue": int(rng.integers(1, 11)),
            "label": None if i < 2 else 7,
            "reason": "a secret",
        }
        for i in range(12)
        for _ in range(2)
    ]
    one = {"mean": {"value": 5.5, "low": 4.0, "high": 7.0}, "calibrated": None}
    fixed = one | {"calibrated": {"corrected": {"value": 6.25, "low": None, "high": None}}}
    setting = {"systems": [{"name": "a", "sha256": sha256(file), "modalities": "all"}]}
    folder.mkdir(parents=True)
    write_jsonl(folder / "scores.jsonl", rows)
    summary = {"judge": who.to_json(), "setting": setting, "scores": {"clue": one, "label": fixed}}
    write_json(folder / "judge.json", summary)
    return file, folder, rows, summary


def test_distributions_and_means_are_those_of_the_files(judged):
    file, _, rows, _ = judged
    systems = systems_of_sets(file, DEEMO_LABELS)
    found = judged_scores(systems)
    page = Page(
        text := render(view(compare(systems, DEEMO_LABELS), DEEMO_LABELS, {}, None, found, include_raw_text=True))
    )
    assert [(one["system"], one["score"]) for one in page.data["judged"]] == [
        ("all", "clue overlap"),
        ("all", "label overlap"),
    ]
    for one, key, line in zip(page.data["judged"], ("clue", "label"), page.tables["judged"][1:], strict=True):
        given = [row[key] for row in rows if row[key] is not None]
        assert one["counts"] == np.bincount(given, minlength=11)[1:].tolist()
        assert one["failed"] == len(rows) - len(given) == int(line[-1]) and line[3].split() == ["5.50", "4.00–7.00"]
    assert [line[4].strip() for line in page.tables["judged"][1:]] == ["not calibrated", "6.25"]
    assert (
        "a secret" not in text and text.lower().count("</script") == 2 and HOSTILE[0] in page.data["judged"][0]["judge"]
    )


def test_judgements_of_earlier_answers_are_left_and_damaged_ones_told(judged):
    file, folder, rows, summary = judged
    systems = systems_of_sets(file, DEEMO_LABELS)
    for changed in ({"setting": {}}, {"setting": {"systems": [{"name": "a", "sha256": "0", "modalities": "all"}]}}):
        write_json(folder / "judge.json", summary | changed)
        assert judged_scores(systems) == []
    write_json(folder / "judge.json", summary)
    write_jsonl(folder / "scores.jsonl", [rows[0] | {"clue": 11}])
    with pytest.raises(UserError, match="is damaged"):
        judged_scores(systems)
    write_json(folder / "judge.json", summary | {"judge": 7})
    with pytest.raises(UserError, match="is damaged"):
        judged_scores(systems)
    assert json.loads((folder / "judge.json").read_text())["judge"] == 7


@pytest.mark.slow
def test_what_the_judge_command_writes_is_on_the_page(tmp_path):
    predictions = write(tmp_path / "theirs.jsonl", rows(24))
    with Server(judge) as server:
        assert run(server, "--predictions", predictions, "--repeats", 2).returncode == 0
    assert commands.run("evaluate", "--report", predictions, "--out", tmp_path / "out").returncode == 0
    page = Page((tmp_path / "out" / "report.html").read_text())
    (file,) = judgements_of(predictions).glob("*/scores.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for one, key in zip(page.data["judged"], ("clue", "label"), strict=True):
        given = [line[key] for line in lines]
        assert one["counts"] == np.bincount(given, minlength=11)[1:].tolist() and sum(one["counts"]) == 48
        assert one["mean"]["value"] == pytest.approx(np.mean(given), abs=1e-12) and one["mean"]["interval"]
