"""A tokenizer made on the spot as LLaMA's was, and Hugging Face's slow reading of it, which the public code uses."""

from pathlib import Path
from typing import Any

import pytest

# The public code's placeholders, added tokens.
HEAR, SEE = "<AudioHere>", "<ImageHere>"


def write_llama_tokenizer(folder: Path, lines: list[str]) -> Path:
    """Writes a tokenizer.model; "###" is one piece behind a space and two elsewhere, as in LLaMA's vocabulary."""
    sentencepiece = pytest.importorskip("sentencepiece")
    lines = [*lines, "USER ASSISTANT Human Assistant: <Audio> </Video> Transcription"]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 5 + ["a ## b"] * 300 + ["a ### b"] * 100),
        model_prefix=str(folder / "tokenizer"),
        model_type="bpe",
        vocab_size=420,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        allow_whitespace_only_pieces=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        minloglevel=2,
    )
    return folder


def slow_tokenizer(folder: Path) -> Any:
    """Hugging Face's slow tokenizer, with the placeholders as added tokens."""
    backend = pytest.importorskip("transformers.tokenization_utils_sentencepiece").SentencePieceBackend
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    return with_placeholders(backend(vocab_file=str(folder / "tokenizer.model"), legacy=True, **special))


def with_placeholders(tokenizer: Any) -> Any:
    """The tokenizer with the placeholders as added tokens."""
    tokenizer.add_tokens([HEAR, SEE], special_tokens=True)
    return tokenizer


def public_ids(text: str, tokenizer: Any) -> list[int]:
    """A text with placeholders as the public code tokenizes it, without its bos."""
    return list(tokenizer(text, add_special_tokens=False).input_ids)
