from pathlib import Path

import pytest

from deemo_jax.data.templates import DEEMO, VICUNA_V1, Template
from deemo_jax.data.tokenizer import ByteTokenizer, HFTokenizer, check_tokenizer, make_tokenizer
from deemo_jax.errors import UserError


def test_bytes_round_trip_any_text() -> None:
    tokenizer = make_tokenizer({"name": "bytes"})
    text = "Why? Ääkköset, 日本語 🙂"
    ids = tokenizer.encode(text)
    assert min(ids) >= 3 and max(ids) < tokenizer.vocab_size == 259
    assert tokenizer.decode([tokenizer.bos_id, *ids, tokenizer.eos_id, *ids, tokenizer.pad_id]) == text


def test_bytes_cut_inside_a_character_decode_without_it() -> None:
    tokenizer = ByteTokenizer()
    assert tokenizer.decode(tokenizer.encode("aä")[:-1]) == "a"


def test_a_tokenizer_json_reads_like_llama(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2, "good": 3, "day": 4}, unk_token="<unk>")
    built = tokenizers.Tokenizer(model)
    built.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    built.add_special_tokens(["<s>", "</s>"])
    built.save(str(tmp_path / "tokenizer.json"))
    tokenizer = make_tokenizer({"name": "llama", "path": str(tmp_path)})
    assert (tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.vocab_size) == (0, 1, 2, 5)
    assert tokenizer.encode("good day") == [3, 4]
    assert tokenizer.decode([1, 3, 4, 2, 4, 0]) == "good day"


def test_what_is_said_cannot_end_a_sequence(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2, "<": 3, "/": 4, "s": 5, ">": 6}
    built = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, [], unk_token="<unk>"))
    built.add_special_tokens(["<s>", "</s>"])
    assert built.encode("s</s>").ids == [5, 2]
    built.save(str(tmp_path / "tokenizer.json"))
    assert HFTokenizer(tmp_path).encode("s</s>") == [5, 3, 4, 5, 6]


def test_a_sentencepiece_model_is_preferred(tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    (tmp_path / "text").write_text("the game was good and the day was long\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text"), model_prefix=str(tmp_path / "tokenizer"), vocab_size=18, minloglevel=2
    )
    (tmp_path / "tokenizer.json").write_text("{}")
    tokenizer = HFTokenizer(tmp_path)
    ids = tokenizer.encode("the good day")
    assert tokenizer.bos_id not in ids and tokenizer.vocab_size == 18
    assert tokenizer.decode([*ids, tokenizer.eos_id]) == "the good day"


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"name": "words"}, "choose 'bytes' or 'llama'"),
        ({"name": "llama", "path": ""}, "config.tokenizer.path"),
        ({"name": "llama", "path": "/nowhere"}, "/nowhere"),
    ],
)
def test_a_wrong_config_says_how_to_mend_it(config: dict[str, str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        make_tokenizer(config)


def test_a_malformed_file_is_a_user_error(tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer.model"):
        (tmp_path / name).write_text("{ nonsense")
        with pytest.raises(UserError, match="not a tokenizer"):
            HFTokenizer(tmp_path / name)


class Special(ByteTokenizer):
    """Bytes with other special ids."""

    def __init__(self, bos: int, eos: int, pad: int = 0) -> None:
        self.bos_id, self.eos_id, self.pad_id = bos, eos, pad


@pytest.mark.parametrize(
    ("tokenizer", "rows", "template", "says"),
    [
        (ByteTokenizer(), 258, DEEMO, "258 rows for a tokenizer of 259 ids; .*published beside.* use at least 259"),
        (Special(-1, 1), 300, DEEMO, r"needs three ids of their own, but has bos -1, eos 1, pad 0 \(-1: none\)"),
        (Special(0, 2), 300, DEEMO, "bos 0, eos 2, pad 0"),
        (Special(1, 2, pad=259), 300, DEEMO, "pad 259"),
        (
            Special(5, 6),
            300,
            VICUNA_V1,
            "has bos 5, eos 6, .*vicuna_v1 is of decoders with bos 1 and eos 2; .*published",
        ),
    ],
)
def test_a_tokenizer_of_another_decoder_is_refused(
    tokenizer: ByteTokenizer, rows: int, template: Template, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        check_tokenizer(tokenizer, rows, template)


def test_a_tokenizer_that_can_belong_is_taken() -> None:
    check_tokenizer(ByteTokenizer(), 259, VICUNA_V1)
    check_tokenizer(ByteTokenizer(), 32001, VICUNA_V1)
    check_tokenizer(Special(5, 6), 300, DEEMO)
