"""Lists of labels."""

import re

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import DEEMO_LABELS, Labels


def test_labels_are_read_in_their_order() -> None:
    labels = Labels.parse(" neutral, very happy,self-assured ")
    assert (labels.names, len(labels), labels.index("very happy")) == (("neutral", "very happy", "self-assured"), 3, 1)
    assert str(labels) == "neutral, very happy or self-assured" and str(DEEMO_LABELS) == "negative or positive"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("happy", "1 labels; name 2 to 100"),
        ("", "0 labels"),
        (",".join(f"l{number}" for number in range(101)), "101 labels"),
        ("happy,sad,Happy", "label 'happy' comes twice"),
        ("happy,sad!", "label 'sad!' is not of letters, digits, single spaces and hyphens"),
        ("happy,very  sad", "single spaces"),
        ("happy," + "a" * 41, "at most 40"),
        ("happy,not happy", "label 'not happy' begins with a word of denial"),
        ("happy,Unparsed", "is how scores call an answer that states none"),
    ],
)
def test_labels_that_no_answer_can_state_are_refused(text: str, why: str) -> None:
    with pytest.raises(UserError, match=re.escape(why)):
        Labels.parse(text)
