"""The file of --truth: what it states of its corpus, and what is refused."""

import json

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.evaluation.truth import read_truth

CORPUS = {
    "kind": "synthetic",
    "cues": {"voice": {"negative": "flat", "neutral": "even"}},
    "optimal_accuracy": {"": 0.6, "audio": 0.735},
}


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(clip="a", **more):
    return {"clip_id": clip, "emotion": "negative", **more}


def test_what_the_corpus_states_is_read_with_the_cues_of_every_clip(tmp_path):
    rows = [row(clip, corpus=CORPUS, cues={"voice": state}) for clip, state in (("a", "negative"), ("b", "neutral"))]
    truth = read_truth(write(tmp_path / "t.jsonl", *rows))
    assert truth.corpus.kind == "synthetic" and truth.corpus.optimal_accuracy == {"": 0.6, "audio": 0.735}
    assert (truth.cues("a"), truth.cues("b")) == ({"voice": "negative"}, {"voice": "neutral"})
    with pytest.raises(UserError, match="clip c is not in the truth"):
        truth.cues("c")


def test_a_truth_without_a_statement_of_its_corpus_is_read(tmp_path):
    truth = read_truth(write(tmp_path / "t.jsonl", row(cues={"voice": "negative"}, reasoning="so")))
    assert truth.corpus is None and truth.cues("a") == {} and truth.of("a") == ("negative", "so")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([row(corpus="synthetic")], "row 1: corpus must be a JSON object"),
        ([row(corpus=CORPUS)], "row 1: cues lacks the state of 'voice'; give negative or neutral"),
        ([row(corpus=CORPUS, cues={"voice": []})], "row 1: cues lacks the state of 'voice'"),
        ([row(corpus={"kind": "x"}), row("b")], "row 2: states another corpus"),
        ([row(), row("b", corpus={"kind": "x"})], "row 2: states another corpus"),
    ],
)
def test_a_statement_that_does_not_fit_is_refused(tmp_path, rows, says):
    with pytest.raises(UserError, match=r"t\.jsonl") as refused:
        read_truth(write(tmp_path / "t.jsonl", *rows))
    assert says in str(refused.value)
