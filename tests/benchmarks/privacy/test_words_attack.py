import pytest

from benchmarks.privacy import words_attack
from benchmarks.privacy.interviews import FAMILIES, interviews


def test_interviews_say_what_is_true_and_where():
    rows = interviews(1, 10)
    assert rows == interviews(1, 10) != interviews(2, 10)
    marked = [row["transcript"][one["start"] : one["end"]] for row in rows for one in row["identifiers"]]
    assert all(words and words == words.strip() for words in marked)
    sentences = [sentence for family in FAMILIES for sentence in family]
    assert len(set(sentences)) == len(sentences)
    assert {row["group"] for row in rows if row["person_id"] == "p3"} == {"family 3"}


@pytest.mark.slow
def test_the_tables(capsys):
    assert words_attack.main(["--persons", "60"]) == 0
    printed = capsys.readouterr().out
    assert "| sport, of 6 |" in printed and "direct: persons of whom none is left" in printed
