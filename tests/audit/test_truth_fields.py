import json

import pytest

from deemo_jax.audit.truth_fields import read_boxes, read_planted
from deemo_jax.core.errors import UserError

BOX = [1, 2.5, 3, 4]


def test_what_can_be_read():
    assert read_boxes({"faces": [BOX, [BOX, BOX], [], None]}, "c1") == [[BOX], [BOX, BOX], [], []]
    assert read_boxes({"planted": []}, "c1") is read_boxes(None, "c1") is None
    assert read_planted({}, "c1") == [] and read_planted({"planted": ["Zoë \U0001f600", ""]}, "c1")[1] == ""


@pytest.mark.parametrize(
    "faces",
    [
        "null",
        "5",
        "{}",
        '"abcd"',
        "[5]",
        "[{}]",
        "[0]",
        '[""]',
        "[false]",
        '["abcd"]',
        '[["1", 2, 3, 4]]',
        "[[1, 2, 3]]",
    ]
    + ["[[[1, 2, 3, 4], 5]]", "[[[1, 2, 3, 4], [1]]]", '[[{"a": 1}]]', '[["abcd"]]', "[[null, 2, 3, 4]]"]
    + [f"[[1, 2, {far}, 4]]" for far in ("Infinity", "NaN", "1e999", "1" + 400 * "0", "true", "[3]", '"3"', "1e7")]
    + [f"[[{near}, 2, 3, 4]]" for near in ("-Infinity", "NaN", "-1" + 400 * "0", "-1e308", "3")],
)
def test_boxes_that_are_none(faces):
    with pytest.raises(UserError, match="c1: its truth has no usable face boxes"):
        read_boxes({"faces": json.loads(faces)}, "c1")


@pytest.mark.parametrize("planted", ['"Jane"', "[5]", "null", "{}", r'["\ud800"]', r'["Jane \udfff Example"]'])
def test_strings_that_nobody_can_have_planted(planted):
    with pytest.raises(UserError, match='"planted" of its truth') as error:
        read_planted({"planted": json.loads(planted)}, "c1")
    str(error.value).encode()
