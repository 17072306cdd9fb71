import dataclasses

import pytest

from benchmarks.privacy.planted import KINDS, PLAIN, TEMPLATES, Planted, sentences
from benchmarks.privacy.words import COLUMNS, Share, score, scored, table
from deemo_jax.deid.text.spans import Span


def test_planted_sentences_say_where_their_values_are():
    for style in ("written", "spoken"):
        said = sentences(3, 400, "held_out", style)
        assert said == sentences(3, 400, "held_out", style) != sentences(4, 400, "held_out", style)
        kinds = {kind for sentence in said for kind, _, _ in sentence.spans}
        assert kinds == set(KINDS)
        for sentence in said:
            for _, start, end in sentence.spans:
                assert sentence.text[start:end].strip() == sentence.text[start:end] != ""
    assert not set(TEMPLATES["tuned"]) & set(TEMPLATES["held_out"]) and not set(PLAIN["tuned"]) & set(PLAIN["held_out"])


class Blind:
    method = "blind"

    def find(self, text):
        return []


class Blunt:
    method = "blunt"

    def find(self, text):
        return [Span(0, len(text), "NAME")]


def test_scores_tell_engines_apart():
    said = [Planted("I saw Mara in Veldt.", (("NAME", 6, 10), ("PLACE", 14, 19)), 0), Planted("I am sad.", (), 1)]
    blind, blunt, rules = score(said, Blind()), score(said, Blunt()), score(said)
    assert (blind.overall, blind.precision, blind.kept.hits) == (Share(0, 2), Share(0, 0), 6)
    assert (blunt.overall, blunt.precision, blunt.kept.hits) == (Share(2, 2), Share(1, 2), 0)
    assert (rules.overall, rules.typed, rules.kept_emotion) == (Share(2, 2), Share(2, 2), Share(1, 1))
    assert score(said, Blind(), listed=True).overall == Share(2, 2)
    half = Span(6, 8, "NAME")
    partly = dataclasses.make_dataclass("Partly", [("method", str, "half")])()
    partly.find = lambda text: [half] if "Mara" in text else []
    assert score(said, partly).overall == Share(0, 2)  # what is covered in part is not covered


def test_share():
    assert Share(8, 10).interval == pytest.approx((0.4439, 0.9748), abs=1e-3)
    assert Share(0, 0).interval == (0.0, 1.0) and Share(5, 5).interval[1] == 1.0


def test_the_table():
    scores = scored(1, 300)
    held_out, names = scores["held_out"], scores["spoken_listed"].recall["NAME"]
    assert held_out.overall.hits >= 0.85 * held_out.overall.count
    assert held_out.precision.hits >= 0.95 * held_out.precision.count
    assert held_out.kept_emotion.hits >= 0.99 * held_out.kept_emotion.count > 100
    assert names.hits >= 0.95 * names.count
    text = table(scores, 300).text()
    assert "recall of NAME" in text and all(title in text for title, *_ in COLUMNS.values())


def test_calls_and_scores_cost_no_other_words():
    """What is told from a name or a number by its place in the sentence takes nothing that is plain."""
    said = [sentence for style in ("written", "spoken") for sentence in sentences(5, 450, "held_out", style)]
    found = score(said)
    assert found.precision.hits >= 0.97 * found.precision.count and found.kept.hits >= 0.99 * found.kept.count
    calls = [
        Planted("Tellin, you are great. Iga too.", (("NAME", 0, 6), ("NAME", 23, 26)), 0),
        Planted("Exhausted, I cried. Mate, it hurts. Overall, I am glad.", (), 1),
        Planted("It was 6:4, 7:6(5), or 6 4 7 6.", (("NUMBER", 7, 18), ("NUMBER", 23, 30)), 2),
        Planted("I LOST TO SERENA WILLIAMS AND I CRIED", (("NAME", 10, 25),), 3),
    ]
    exact = score(calls)
    assert (exact.overall, exact.typed, exact.precision) == (Share(5, 5), Share(5, 5), Share(5, 5))
    assert exact.kept.hits == exact.kept.count
