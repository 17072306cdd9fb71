"""Where an answer ends, in tokens and in text."""

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Labels
from deemo_jax.data.tokenizer import ByteTokenizer
from deemo_jax.generation.answer_text import cut, parse_reasoning, stop_ids
from deemo_jax.generation.answers import Decoding, answer
from deemo_jax.generation.buckets import bucket, fitted, lengths
from tests.models import tiny


class Llama(ByteTokenizer):
    """Writes '###' as LLaMA does: one id at the start of a word, two behind a letter."""

    def encode(self, text):
        merged = text.startswith(("###", " ###"))
        return [835] if merged else [ord(letter) for letter in text[: text.index("#")]] + [2277, 29937]

    def decode(self, ids):
        return "".join({835: " ###", 2277: "##", 29937: "#"}.get(number, chr(number % 256)) for number in ids).lstrip()


class Short(ByteTokenizer):
    """Has fewer ids than the decoder has rows, and cannot read the others."""

    vocab_size = 4

    def decode(self, ids):
        assert max(ids) < self.vocab_size
        return "".join("  .a"[number] for number in ids)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_an_answer_has_no_id_that_the_tokenizer_lacks(temperature):
    decoding = Decoding(max_new_tokens=8, temperature=temperature)
    said = answer(*tiny.part("media"), tiny.batch([1, 3], [1, 2, 3], length=8), Short(), decoding)
    assert len(said.texts) == 2


def test_every_spelling_of_a_stop_is_known():
    assert set(stop_ids(Llama(), ["###"])) == {(835,), (2277, 29937)}
    assert stop_ids(ByteTokenizer(), ["###", "é"]) == ((38, 38, 38), (198, 172))
    assert stop_ids(ByteTokenizer(), ["", " "]) == stop_ids(ByteTokenizer(), []) == ()


def test_text_is_cut_at_the_first_stop():
    assert cut("sad. ###Human: ### no", ["Human", "###"]) == ("sad.", True)
    assert cut("sad # ##", ["###"]) == ("sad # ##", False)
    assert cut("sad ", []) == ("sad ", False)


def test_a_handful_of_lengths():
    assert lengths(336) == (64, 128, 256, 336)
    assert lengths(64) == (64,) and lengths(20) == (20,)
    assert [bucket(length, 336) for length in (1, 64, 65, 256, 257, 336)] == [64, 64, 128, 256, 336, 336]
    with pytest.raises(UserError, match=r"takes 337 tokens, .* at most 336"):
        bucket(337, 336)


def test_only_padding_is_taken_away():
    batch = tiny.batch([1] * 70, [1, tiny.VIDEO], length=200)
    short = fitted(batch)
    assert short.token_ids.shape == short.slots.shape == short.loss_mask.shape == (2, 128)
    assert (short.valid.sum(axis=1) == batch.valid.sum(axis=1)).all()
    assert short.frames is batch.frames


@pytest.mark.parametrize(
    "wrong", [{"temperature": -1.0}, {"temperature": float("nan")}, {"top_p": 0.0}, {"top_p": 1.1}, {"seed": -1},
              {"max_new_tokens": 0}]
)  # fmt: skip
def test_senseless_numbers_are_named(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        Decoding(**wrong)


def test_reasoning_is_what_follows_the_statement():
    assert parse_reasoning("The emotion is positive. The words are glad.") == "The words are glad."
    assert parse_reasoning(" the emotion is negative") == ""
    assert (
        parse_reasoning("She feels positive, for the words are glad.") == "She feels positive, for the words are glad."
    )


def test_an_opening_statement_of_a_label_of_two_words_is_no_reasoning():
    labels = Labels(("happy", "very happy"))
    assert parse_reasoning("The emotion is very happy. The words are glad.", labels) == "The words are glad."
    assert parse_reasoning("The emotion is sad. So.", labels) == "So."
