"""Labels by answer and by likelihood: each as scored alone, where they agree, and what has no label."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import PromptRecipe, TokenizerRecipe
from deemo_jax.core.schema import Labels
from deemo_jax.data.prompt_config import parse_template
from deemo_jax.data.tokenizer import make_tokenizer
from deemo_jax.evaluation.predictions import label_of, read_predictions
from deemo_jax.evaluation.scores.protocol_scores import protocol_scores
from deemo_jax.generation.label_odds import statements
from deemo_jax.systems.registry import TEMPLATES
from tests import commands
from tests.evaluation.samples import imagined

LABELS = Labels(("neutral", "angry", "very happy"))


def row(answer: str | None, odds: list[float] | None, true: str = "angry", clip: str = "a") -> dict:
    known = None if odds is None else dict(zip(LABELS, odds, strict=True))
    stated = {} if answer is None else {"answer": answer}
    return {"clip_id": clip, "emotion_true": true, "log_likelihoods": known, **stated}


def written(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def test_each_protocol_reads_its_own_and_only_that(tmp_path: Path) -> None:
    rows = [
        row("The emotion is angry.", [-3, -2, -1], clip="a"),
        row("I cannot tell.", [-1, -2, -3], clip="b"),
        row("The emotion is neutral.", None, clip="c"),
        row("The emotion is neutral.", [-1, -1, -2], clip="d"),  # two are equally likely
        row(None, [-9, -2, -3], clip="e"),
    ]
    path = written(tmp_path / "p.jsonl", rows)
    found = list(read_predictions(path, labels=LABELS, protocol="likelihood"))
    assert [label_of(one, "likelihood") for one in found] == ["very happy", "neutral", None, None, "angry"]
    assert [label_of(one, "answer") for one in found] == ["angry", None, "neutral", "neutral", None]
    with pytest.raises(UserError, match=r"row 5: emotion_predicted .* is missing; --read likelihood scores"):
        list(read_predictions(path, labels=LABELS))
    written(path, [{"clip_id": "a", "emotion_true": "angry", "answer": "angry", "log_likelihood": None}])
    with pytest.raises(UserError, match=r"log_likelihoods is missing; .*null.* \(is 'log_likelihood' meant"):
        list(read_predictions(path, labels=LABELS, protocol="likelihood"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_runs_own_likelihoods_are_of_statements_with_what_ends_them(name: str) -> None:
    tokenizer = make_tokenizer(TokenizerRecipe(name="bytes"))
    template = parse_template(PromptRecipe(task="recognition", template=name))
    said = [tokenizer.decode(ids) for ids in statements(template, tokenizer, LABELS)]
    assert [text.strip() for text in said] == [f"The emotion is {label}." for label in LABELS]


def test_both_are_scored_side_by_side() -> None:
    rng = np.random.default_rng(0)
    rows = [
        dataclasses.replace(
            one,
            log_likelihoods=dict(zip(("negative", "positive"), rng.standard_normal(2), strict=True)),
            emotion_predicted=None if number < 30 else one.emotion_predicted,
            person_id=f"p{number % 12}",
        )
        for number, one in enumerate(imagined({"all": 0.8}))
    ]
    rows[40] = dataclasses.replace(rows[40], log_likelihoods=None)
    found = protocol_scores(rows)
    assert found is not None
    true = [one.emotion_true for one in rows]
    for scores, protocol in ((found.answer, "answer"), (found.likelihood, "likelihood")):
        said = [label_of(one, protocol) or "unparsed" for one in rows]
        assert scores.accuracy.value == pytest.approx(accuracy_score(true, said), abs=1e-12)
        weighted = f1_score(true, said, average="weighted", labels=["negative", "positive"], zero_division=0)
        assert scores.f1_weighted.value == pytest.approx(weighted, abs=1e-12)
    assert (found.answer.unparsed, found.likelihood.unparsed, found.both) == (30, 1, len(rows) - 31)
    pairs = [(label_of(one, "answer"), label_of(one, "likelihood")) for one in rows]
    alike = [a == b for a, b in pairs if a and b]
    assert found.agreement.value == pytest.approx(np.mean(alike), abs=1e-12) and found.agreement.known
    assert protocol_scores([dataclasses.replace(one, log_likelihoods=None) for one in rows]) is None


def test_the_command_scores_likelihoods_of_any_labels(tmp_path: Path) -> None:
    rows = [row(None, [-1.0, -2.0, -3.0 + number], LABELS.names[number % 3], f"c{number}") for number in range(6)]
    flags = ["--predictions", written(tmp_path / "p.jsonl", rows), "--labels", ",".join(LABELS)]
    done = commands.run("evaluate", *flags, "--read", "likelihood", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Recognition by the likeliest statement" in done.stdout and "Labels by the answer" not in done.stdout
    found = json.loads((tmp_path / "out" / "recognition.json").read_text())
    assert found["protocol"] == "likelihood" and found["sets"]["all"]["confusion"]["neutral"]["neutral"] == 1
    assert found["sets"]["all"]["unparsed"] == 1  # the third clip's first and third label are equally likely
    done = commands.run("evaluate", "--workdir", tmp_path, "--read", "likelihood")
    assert done.returncode == 2 and "--read goes with --predictions" in done.stderr
    whole = [one | {"answer": "The emotion is angry."} for one in rows]
    flags[1] = written(tmp_path / "q.jsonl", whole)
    done = commands.run("evaluate", *flags)
    assert done.returncode == 0 and "Labels by the answer, and by the likeliest statement" in done.stdout
