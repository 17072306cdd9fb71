import json
from pathlib import Path
from typing import Any

import pytest

from deemo_jax.core.config import from_plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import TokenizerRecipe
from deemo_jax.core.schema import Modality
from deemo_jax.data.prompts import PromptSpec, Task, answer_text, build_example
from deemo_jax.data.tokenizer import ByteTokenizer, HFTokenizer, check_tokenizer, make_tokenizer
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.systems.deemo.template import DEEMO
from deemo_jax.systems.prompt_template import Template
from deemo_jax.systems.registry import TEMPLATES
from deemo_jax.systems.vicuna.template import VICUNA_V1
from tests.data.samples import CLIP

BEGIN, END, TURN, PAD = "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|finetune_right_pad_id|>"
TEXT = 'She said: "27 chances –  and a day", naïve 日本 🙂\n\n'


def test_bytes_round_trip_any_text() -> None:
    tokenizer = make_tokenizer(TokenizerRecipe("bytes"))
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
    tokenizer = make_tokenizer(TokenizerRecipe("llama", str(tmp_path)))
    assert (tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.vocab_size) == (0, 1, 2, 5)
    assert tokenizer.encode("good day") == [3, 4]
    assert tokenizer.decode([1, 3, 4, 2, 4, 0]) == "good day"
    assert tokenizer.decode([-1, 3, 5, 1 << 40, 4]) == "good day"


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
    assert tokenizer.decode([-1, *ids, 18, 1 << 20]) == "the good day"  # a decoder may have more rows than that


@pytest.fixture
def words(tmp_path: Path) -> Any:
    """A tokenizer to be saved as `tmp_path / "tokenizer.json"`: every letter is a token."""
    tokenizers = pytest.importorskip("tokenizers")
    vocab = {token: number for number, token in enumerate(("<unk>", "<s>", "</s>", *"abcdefgh "))}
    built = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, [], unk_token="<unk>"))
    built.add_special_tokens(["<s>", "</s>"])
    return built


def around(built: Any) -> None:
    import tokenizers

    ends = [("<s>", 1), ("</s>", 2)]
    built.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)


@pytest.mark.parametrize(
    "saved_with",
    [
        lambda built: built.enable_truncation(max_length=4),
        lambda built: built.enable_truncation(max_length=4, direction="left"),
        lambda built: built.enable_padding(length=294),
        lambda built: built.enable_padding(length=294, direction="left", pad_id=2, pad_token="</s>"),
        around,
        lambda built: (built.enable_truncation(max_length=4), built.enable_padding(length=8), around(built)),
    ],
    ids=["truncation", "truncation left", "padding", "padding left", "special tokens around", "all"],
)
def test_a_text_is_encoded_whole_whatever_the_file_was_saved_with(saved_with: Any, words: Any, tmp_path: Path) -> None:
    saved_with(words)
    words.save(str(tmp_path / "tokenizer.json"))
    config = {"model_max_length": 4, "padding_side": "left", "add_bos_token": True, "add_eos_token": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    text = "a bad cab had a bag"
    assert words.encode(text).ids != [words.token_to_id(letter) for letter in text]
    tokenizer = HFTokenizer(tmp_path)
    assert tokenizer.encode(text) == [words.token_to_id(letter) for letter in text]
    assert tokenizer.encode("") == []


def test_a_text_is_encoded_alike_each_time(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    vocab = {token: number for number, token in enumerate(("<unk>", "<s>", "</s>", "a", "b", "ab"))}
    built = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, [("a", "b")], dropout=0.5, unk_token="<unk>"))
    built.save(str(tmp_path / "tokenizer.json"))
    assert HFTokenizer(tmp_path).encode("ab" * 40) == [5] * 40


def test_added_tokens_have_the_ids_that_the_file_says(words: Any, tmp_path: Path) -> None:
    words.add_tokens(["<face>"])
    path = tmp_path / "tokenizer.json"
    words.save(str(path))
    assert HFTokenizer(path).encode("a<face>b") == [3, 12, 4]
    content = json.loads(path.read_text())
    (face,) = [token for token in content["added_tokens"] if token["content"] == "<face>"]
    face["id"] = 31
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="its token <face> has the id 31, which would become 12"):
        HFTokenizer(path)


@pytest.mark.parametrize("normalizer", ["Lowercase", "BertNormalizer", "StripAccents"])
def test_a_tokenizer_that_loses_capitals_or_accents_is_refused(normalizer: str, words: Any, tmp_path: Path) -> None:
    import tokenizers

    kinds = tokenizers.normalizers
    words.normalizer = kinds.Sequence([kinds.NFD(), getattr(kinds, normalizer)()])
    words.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match=r"is lost: lower case, or no accents\); take the tokenizer"):
        HFTokenizer(tmp_path)
    words.normalizer = kinds.Sequence([kinds.NFD(), kinds.Prepend("x")])
    words.save(str(tmp_path / "tokenizer.json"))
    HFTokenizer(tmp_path)


def test_a_sentencepiece_model_that_loses_capitals_is_refused(tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    (tmp_path / "text").write_text("The game was good and the day was long\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text"),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=18,
        minloglevel=2,
        normalization_rule_name="nmt_nfkc_cf",
    )
    with pytest.raises(UserError, match="lower case"):
        HFTokenizer(tmp_path)


def write_llama3(folder: Path, **files: Any) -> None:
    """A tokenizer.json made as LLaMA-3's is: byte-level BPE, special ids at the end, a bos by itself, no unk."""
    tokenizers = pytest.importorskip("tokenizers")
    built = tokenizers.Tokenizer(tokenizers.models.BPE(ignore_merges=True))
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    digits = tokenizers.pre_tokenizers.Split(tokenizers.Regex(r"\p{N}{1,3}| ?\p{L}+|\s+|[^\s\p{L}\p{N}]+"), "isolated")
    built.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [digits, byte_level(add_prefix_space=False, use_regex=False)]
    )
    built.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=byte_level.alphabet(), show_progress=False
    )
    built.train_from_iterator([TEXT, "The emotion is negative."] * 5, trainer)
    built.add_special_tokens([BEGIN, END, TURN, PAD])
    built.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{BEGIN} $A", special_tokens=[(BEGIN, built.token_to_id(BEGIN))]
    )
    built.save(str(folder / "tokenizer.json"))
    for name, content in files.items():
        (folder / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))


def piece(tokenizer: HFTokenizer, name: str) -> int:
    return tokenizer._model.token_to_id(name)


@pytest.mark.parametrize("eos", [END, TURN])
def test_a_llama3_tokenizer_reads_as_huggingface_reads_it(eos: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    # As published: what the two files say of the end differs, and one of them says it in an object.
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": eos,
        "added_tokens_decoder": {},
    }
    written = {"content": END, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    write_llama3(tmp_path, tokenizer_config=config, special_tokens_map={"bos_token": BEGIN, "eos_token": written})
    ours = make_tokenizer(TokenizerRecipe("llama", str(tmp_path)))
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert (ours.bos_id, ours.eos_id) == (theirs.bos_token_id, theirs.eos_token_id)
    assert ours.vocab_size == len(theirs) == ours.bos_id + 4
    assert ours.pad_id == ours.eos_id, "it has neither pad nor unk"
    for text in (TEXT, " two  spaces ", "ASSISTANT: 1984"):
        assert ours.encode(text) == theirs(text, add_special_tokens=False).input_ids
        assert ours.decode([ours.bos_id, *ours.encode(text), ours.eos_id, *ours.encode(text)]) == text
    said = ours.encode(f"a{TURN}{END}{BEGIN}")
    assert max(said) < ours.bos_id and ours.decode(said) == f"a{TURN}{END}{BEGIN}"


@pytest.mark.parametrize(
    ("files", "pad"),
    [
        ({"tokenizer_config": {"pad_token": PAD}}, PAD),
        ({"tokenizer_config": {"pad_token": {"content": PAD}}}, PAD),
        ({"tokenizer_config": {"pad_token": None, "unk_token": ""}, "special_tokens_map": {"pad_token": PAD}}, PAD),
        ({"tokenizer_config": {"pad_token": "!", "unk_token": PAD}}, PAD),
        ({"tokenizer_config": {"pad_token": "!"}}, TURN),  # a word like any other
        ({"tokenizer_config": {"pad_token": "[PAD]"}}, TURN),  # is not there
        ({"tokenizer_config": {"pad_token": BEGIN}}, TURN),
    ],
)
def test_padding_is_a_token_that_is_no_text(files: dict[str, Any], pad: str, tmp_path: Path) -> None:
    files["tokenizer_config"] |= {"bos_token": BEGIN, "eos_token": TURN}
    write_llama3(tmp_path, **files)
    tokenizer = HFTokenizer(tmp_path / "tokenizer.json")
    assert (tokenizer.bos_id, tokenizer.eos_id) == (piece(tokenizer, BEGIN), piece(tokenizer, TURN))
    assert tokenizer.pad_id == piece(tokenizer, pad)
    assert tokenizer.decode([*tokenizer.encode("a! b"), tokenizer.pad_id]) == "a! b"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "has no token <s> as its bos; put the tokenizer_config.json beside it"),
        ({"tokenizer_config": {"bos_token": BEGIN}}, "has no token </s> as its eos"),
        ({"special_tokens_map": {"bos_token": BEGIN, "eos_token": "<|im_end|>"}}, r"no token <\|im_end\|> as its eos"),
        ({"tokenizer_config": []}, "tokenizer_config.json: must be a JSON object"),
        ({"tokenizer_config": "{ nonsense"}, "tokenizer_config.json: not valid JSON"),
    ],
)
def test_special_tokens_that_are_not_there_are_asked_for(files: dict[str, Any], says: str, tmp_path: Path) -> None:
    write_llama3(tmp_path, **files)
    with pytest.raises(UserError, match=says):
        HFTokenizer(tmp_path)


def test_meta_s_own_form_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_text("IQ== 0\nIg== 1\nIw== 2\n")
    for path in (tmp_path, tmp_path / "tokenizer.model"):
        with pytest.raises(
            UserError, match=r"tokenizer.model: is LLaMA-3's .* give the folder with its tokenizer.json"
        ):
            HFTokenizer(path)
    write_llama3(tmp_path, tokenizer_config={"bos_token": BEGIN, "eos_token": TURN})
    assert HFTokenizer(tmp_path).encode("a") == HFTokenizer(tmp_path / "tokenizer.json").encode("a")


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_nothing_is_read_out_of_the_pad_id(template: Template, tmp_path: Path) -> None:
    """With the eos for a pad, a sequence is the same but for the ids at its media tokens."""
    named = {"bos_token": BEGIN, "eos_token": TURN}
    write_llama3(tmp_path, tokenizer_config=named)
    same = HFTokenizer(tmp_path)
    write_llama3(tmp_path, tokenizer_config={**named, "pad_token": PAD})
    other = HFTokenizer(tmp_path)
    assert same.pad_id == same.eos_id != other.pad_id
    task, sizes = Task.RECOGNITION_REASONING, {"tokens": MediaTokens(2, 3), "max_length": 2000}
    one, two = (
        build_example(
            CLIP,
            frozenset(Modality),
            PromptSpec(task=task, tokenizer=each, template=template, with_answer=True, **sizes),
        )
        for each in (same, other)
    )
    assert (one.slots, one.loss) == (two.slots, two.loss)
    text = [token for token, slot in zip(one.token_ids, one.slots, strict=True) if slot < 0]
    assert text == [token for token, slot in zip(two.token_ids, two.slots, strict=True) if slot < 0]
    assert text.count(same.eos_id) == template.eos and answer_text(CLIP, task) in same.decode(text)
    assert not any(loss for loss, slot in zip(one.loss, one.slots, strict=True) if slot >= 0)


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
        make_tokenizer(from_plain(TokenizerRecipe, config, "config.tokenizer"))


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
        (Special(-1, 1), 300, DEEMO, r"needs a bos .* below 259, but has bos -1, eos 1, pad 0 \(-1: none\)"),
        (Special(1, -1), 300, DEEMO, "bos 1, eos -1, pad 0"),
        (Special(1, 259), 300, DEEMO, "bos 1, eos 259, pad 0"),
        (Special(2, 2), 300, DEEMO, "needs a bos of its own.* bos 2, eos 2, pad 0"),
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
    """And what is next to it is not: each line is at the edge of one condition."""
    for tokenizer, rows, template, beside in (
        (ByteTokenizer(), 259, VICUNA_V1, (ByteTokenizer(), 258, VICUNA_V1)),
        (ByteTokenizer(), 32001, VICUNA_V1, (Special(2, 1), 32001, VICUNA_V1)),
        (Special(5, 6), 300, DEEMO, (Special(5, 6), 300, VICUNA_V1)),
        (Special(5, 6, pad=6), 300, DEEMO, (Special(5, 6, pad=5), 300, DEEMO)),
        (Special(5, 258), 300, DEEMO, (Special(5, 259), 300, DEEMO)),
    ):
        assert check_tokenizer(tokenizer, rows, template) is None
        with pytest.raises(UserError):
            check_tokenizer(*beside)


def test_a_tokenizer_far_smaller_than_its_decoder_is_refused(tmp_path: Path) -> None:
    write_llama3(tmp_path, tokenizer_config={"bos_token": BEGIN, "eos_token": TURN})
    tokenizer = HFTokenizer(tmp_path)
    count = tokenizer.vocab_size
    for rows in (count, count + 1, count + 512):
        check_tokenizer(tokenizer, rows, DEEMO)
    says = rf"{count + 513} rows for a tokenizer of {count} ids leave more than 512 .*published beside.* use {count}$"
    with pytest.raises(UserError, match=says):
        check_tokenizer(tokenizer, count + 513, DEEMO)
    with pytest.raises(UserError, match="vicuna_v1 is of decoders with bos 1 and eos 2"):
        check_tokenizer(tokenizer, count, VICUNA_V1)
