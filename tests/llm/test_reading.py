"""JSON is read out of whatever a model writes, within bounds, and numbers out of range are told from other misfits."""

import pytest

from deemo_jax.llm.reading import MAX_DETAIL, MisfitError, read_reply
from tests.llm.questions import SCHEMA


@pytest.mark.parametrize(
    "text",
    [
        '{"clue": 7}',
        ' \ufeff{"clue": 7}\n',
        '```json\n{"clue": 7}\n```',
        'Of course! Here it is: {"clue": 7} I hope that this helps {you}.',
        '<think>A first {"clue": 3}? No.</think>{"clue": 7}',
        'As {"clue": 7} I said: {"clue": 7}',
        'Braces {in prose} and {"a": 1} before {"clue": 7}',
        '{"clue": 12} would be too much, so {"clue": 7}',
    ],
)
def test_the_object_is_found(text):
    assert read_reply(text, SCHEMA) == {"clue": 7}


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("", "malformed", "no JSON object"),
        ("Seven.", "malformed", "no JSON object: 'Seven.'"),
        ('{"clue": 7', "malformed", "no JSON object"),
        ("[7]", "malformed", "no JSON object"),
        ('{"clue": 7, "clue": 8}', "malformed", "no JSON object"),
        ('{"clue": NaN}', "malformed", "no JSON object"),
        ('{"clue": 1e999}', "malformed", "no JSON object"),
        ('{"clue": ' + "9" * 5000 + "}", "malformed", "no JSON object"),
        ('{"clue": "7"}', "malformed", "not of type 'integer'"),
        ('{"clue": true}', "malformed", "not of type 'integer'"),
        ('{"clue": 7, "eval": "1"}', "malformed", "Additional properties"),
        ('{"clue": 0, "eval": "1"}', "malformed", "Additional properties"),
        ('{"clue": 0}', "out_of_range", "$.clue: 0 is less than the minimum of 1"),
        ('{"clue": 11}', "out_of_range", "greater than the maximum"),
        ('{"clue": 3} or rather {"clue": 4}', "malformed", "2 answers that differ"),
        ('{"a":' * 50_000, "malformed", "longer than"),
        ('{"a":' * 15_000, "malformed", "nested too deep"),
        ('{"clue": 7, "reason": ' + "[" * 40_000, "malformed", "nested too deep"),
        ("{" * 90_000, "malformed", "no JSON object"),
        ("x" * 200_000, "malformed", "longer than 100,000 characters"),
    ],
)
def test_what_does_not_fit_is_told(text, kind, says):
    with pytest.raises(MisfitError) as caught:
        read_reply(text, SCHEMA)
    assert caught.value.kind == kind
    assert says in caught.value.detail
    assert len(caught.value.detail) <= MAX_DETAIL and caught.value.detail.isprintable()


def test_half_characters_and_escapes_of_terminals_do_no_harm():
    value = read_reply('{"clue": 7, "reason": "\\ud800 \\u001b[2J"}', SCHEMA)
    assert value["reason"].encode() == b"? \x1b[2J"
    with pytest.raises(MisfitError) as caught:
        read_reply("no \x1b[2J", SCHEMA)
    assert "\x1b" not in caught.value.detail
