"""Tokenizers: one for bytes, which needs no files, and those that are published beside LLaMA weights."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input, read_json, sha256
from deemo_jax.core.recipe import TokenizerRecipe
from deemo_jax.systems.prompt_template import Template

# The most rows that a published embedding has beyond the ids of its tokenizer: none, or up to a round number. Qwen2.5's
# 7B has the most, 399.
SPARE_ROWS = 512
# Begins a turn in ChatML; tokenizers that have it as a token may do without a bos, as Qwen's do.
TURN = "<|im_start|>"
# A tokenizer that makes text lower case, or removes accents, does not give this text back.
PROBE = "AÉ"


@runtime_checkable
class Tokenizer(Protocol):
    """What is asked of a tokenizer. `encode` adds no special token; `decode` gives the text up to the first eos.

    The pad id stands at media tokens and behind a sequence's end, where the model does not read it, so it may be the
    eos. `bos_id` is None where sequences begin without one. `specials` are names and ids of the tokens beside the
    words; `encode` gives none of them that the file marks as special.
    """

    eos_id: int
    pad_id: int
    vocab_size: int
    specials: Mapping[str, int]

    @property
    def bos_id(self) -> int | None: ...

    def encode(self, text: str) -> list[int]: ...

    def decode(self, ids: Sequence[int]) -> str: ...


class ByteTokenizer:
    """The bytes of UTF-8. Ids: pad 0, bos 1, eos 2, and b + 3 for byte b."""

    pad_id = 0
    bos_id = 1
    eos_id = 2
    vocab_size = 259
    specials: Mapping[str, int] = MappingProxyType({})

    def encode(self, text: str) -> list[int]:
        """An id for each byte."""
        return [byte + 3 for byte in text.encode("utf-8")]

    def decode(self, ids: Sequence[int]) -> str:
        """Text up to the first eos; pad, bos and broken UTF-8 are left out."""
        kept: list[int] = []
        for token in ids:
            if token == self.eos_id:
                break
            if 3 <= token < self.vocab_size:
                kept.append(int(token) - 3)
        return bytes(kept).decode("utf-8", errors="ignore")


class HFTokenizer:
    """A decoder's tokenizer from local files, as published beside LLaMA, Vicuna, LLaMA-3 and Qwen weights.

    `tokenizer.model` (SentencePiece) is preferred to `tokenizer.json`: LLaMA-1, LLaMA-2 and Vicuna were trained with
    it. LLaMA-3 has a usable `tokenizer.json` only; its `tokenizer.model` has another format and is ignored. The name of
    a special token in a text ("</s>", "<|eot_id|>") is encoded as text, so that no transcript can end a sequence. Where
    a SentencePiece model has a dummy space prefix, as LLaMA's has, every text that is encoded by itself gets it.

    bos and eos are those of a `tokenizer.model`, or those that `tokenizer_config.json` or else
    `special_tokens_map.json` name beside a `tokenizer.json`; failing these, <s> and </s>. A tokenizer with ChatML's
    tokens that names no bos has none: Qwen's sequences begin without one. The pad id is that of a token
    which is no text: the pad of the same files, else unk (LLaMA's 0), else eos.

    Truncation, padding and BPE-dropout that a `tokenizer.json` was saved with are switched off, and the special tokens
    that it would put around a text are left out: `deemo_jax.data.prompts` adds them.

    Args:
        path: one of these two files, or the folder that holds it.

    Raises:
        UserError: neither file is there, it cannot be read, lacks a bos or eos, gives its added tokens other ids than
            it states, or loses capitals or accents, which a LLaMA tokenizer keeps.
    """

    def __init__(self, path: str | Path) -> None:
        file = _tokenizer_file(Path(path))
        self._sentencepiece = file.suffix == ".model"
        self._model: Any
        self.bos_id: int | None
        self.specials: Mapping[str, int]
        try:
            if self._sentencepiece:
                import sentencepiece

                # The files beside it are not read: in early conversions of LLaMA they name </s>, or nothing, as bos.
                self._model = sentencepiece.SentencePieceProcessor(model_file=str(file))
                self.bos_id, self.eos_id = self._model.bos_id(), self._model.eos_id()
                self.pad_id = self._model.pad_id() if self._model.pad_id() >= 0 else self._model.unk_id()
                self.vocab_size, self.specials = self._model.vocab_size(), {}
            else:
                import tokenizers

                self._model = tokenizers.Tokenizer.from_file(str(file))
                _encode_whole(self._model)
                _check_added(self._model, file)
                self.bos_id, self.eos_id, self.pad_id = _special_ids(self._model, file)
                # The greatest id, not the number of ids, some of which may be unused.
                self.vocab_size = max(self._model.get_vocab(with_added_tokens=True).values()) + 1
                self.specials = _added(self._model)
            _check_kept(self._normalized(PROBE), file)
        except ImportError as error:
            raise UserError(f"{file}: reading it needs the package {error.name}; pip install {error.name}") from error
        except UserError:
            raise
        except Exception as error:  # both libraries raise plain RuntimeError or Exception on a malformed file
            raise UserError(f"{file}: not a tokenizer that can be read ({error})") from error

    def _normalized(self, text: str) -> str:
        if self._sentencepiece:
            return self._model.normalize(text)
        return self._model.normalizer.normalize_str(text) if self._model.normalizer else text

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without special tokens."""
        if self._sentencepiece:
            return list(self._model.encode(text))
        return list(self._model.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text up to the first eos; pad, bos and numbers that are no ids are left out."""
        kept: list[int] = []
        for token in ids:
            if token == self.eos_id:
                break
            if token not in (self.pad_id, self.bos_id) and 0 <= token < self.vocab_size:
                kept.append(int(token))
        return self._model.decode(kept)


def make_tokenizer(recipe: TokenizerRecipe) -> Tokenizer:
    """The tokenizer of `config.tokenizer`.

    Raises:
        UserError: an unknown name, no path for 'llama', or see `HFTokenizer`.
    """
    if recipe.name == "bytes":
        return ByteTokenizer()
    if recipe.name == "llama":
        if not recipe.path:
            raise UserError(
                "config.tokenizer.path: empty; give the folder that holds tokenizer.model or tokenizer.json"
            )
        return HFTokenizer(recipe.path)
    raise UserError(f"config.tokenizer.name: {recipe.name!r} is unknown; choose 'bytes' or 'llama'")


def tokenizer_hash(recipe: TokenizerRecipe) -> str:
    """A text that identifies the tokenizer of `config.tokenizer`: its name, and the hash of its file.

    Raises:
        UserError: there is no such file.
    """
    return f"{recipe.name} {sha256(_tokenizer_file(Path(recipe.path)))}" if recipe.path else recipe.name


def check_tokenizer(tokenizer: Tokenizer, rows: int, template: Template) -> None:
    """Checks that a tokenizer can belong to a decoder.

    Args:
        tokenizer: of the recipe.
        rows: of the decoder's embedding. Up to `SPARE_ROWS` more than ids are accepted (Vicuna v0 has one more), and
            any number for the tokenizer of bytes, which no published decoder has.
        template: of the recipe.

    Raises:
        UserError: the tokenizer has more ids than the decoder has rows, or far fewer; lacks a special id, or has one
            twice; has other special ids than the decoders that the template was made for; or lacks its tokens.
    """
    mend = "give in config.tokenizer the tokenizer that was published beside the decoder's weights"
    if rows < tokenizer.vocab_size:
        raise UserError(
            f"config.model.decoder.vocab: {rows} rows for a tokenizer of {tokenizer.vocab_size} ids; {mend}, or, for a "
            f"decoder without weights yet, use at least {tokenizer.vocab_size}"
        )
    if isinstance(tokenizer, HFTokenizer) and rows - tokenizer.vocab_size > SPARE_ROWS:
        raise UserError(
            f"config.model.decoder.vocab: {rows} rows for a tokenizer of {tokenizer.vocab_size} ids leave more than "
            f"{SPARE_ROWS} without a use; {mend}, or, for a decoder without weights yet, use {tokenizer.vocab_size}"
        )
    special = {"eos": tokenizer.eos_id, "pad": tokenizer.pad_id}
    if tokenizer.bos_id is not None:
        special = {"bos": tokenizer.bos_id, **special}
    listed = ", ".join(f"{name} {number}" for name, number in special.items())
    inside = all(0 <= number < tokenizer.vocab_size for number in special.values())
    if not inside or tokenizer.bos_id in (tokenizer.eos_id, tokenizer.pad_id):
        raise UserError(
            f"config.tokenizer: needs a bos of its own, an eos and a pad, all below {tokenizer.vocab_size}, but has "
            f"{listed} (-1: none); {mend}"
        )
    if template.special_ids not in (None, (tokenizer.bos_id, tokenizer.eos_id)):
        bos, eos = template.special_ids
        raise UserError(
            f"config.tokenizer: has {listed}, but the template {template.name} is of decoders with bos {bos} and eos "
            f"{eos}; {mend}, or choose another config.prompt.template"
        )
    _check_turns(tokenizer, template)


def _check_turns(tokenizer: Tokenizer, template: Template) -> None:
    """Checks that a tokenizer has the tokens that a template is made of, and ends answers with the same token.

    Raises:
        UserError: it has not.
    """
    lacking = [name for name in template.specials if name not in tokenizer.specials]
    if lacking:
        raise UserError(
            f"config.tokenizer: has no token {', '.join(lacking)}, of which the template {template.name} is made; give "
            "the tokenizer.json of decoders that were trained with it, or choose another config.prompt.template"
        )
    if template.end is not None and tokenizer.specials[template.end] != tokenizer.eos_id:
        raise UserError(
            f"config.tokenizer: has the eos {tokenizer.eos_id}, but the template {template.name} ends answers with "
            f"{template.end}; take the tokenizer of the instruction-tuned weights, or name that as eos_token in "
            "tokenizer_config.json, or choose another config.prompt.template"
        )


def _tokenizer_file(path: Path) -> Path:
    candidates = [path / "tokenizer.model", path / "tokenizer.json"] if path.is_dir() else [path]
    files = [file for file in candidates if file.is_file() and file.suffix in (".model", ".json")]
    for file in files:
        if not _is_tiktoken(file):
            return file
    if files:
        raise UserError(
            f"{files[0]}: is LLaMA-3's tokenizer in Meta's own form; give the folder with its tokenizer.json, as "
            "Hugging Face's form of the same weights has it"
        )
    raise UserError(f"{path}: no tokenizer.model or tokenizer.json there; give the folder of the LLaMA tokenizer")


def _is_tiktoken(file: Path) -> bool:
    """Whether a file has LLaMA-3's format: lines with a piece in base 64 and its rank."""
    with open_input(file) as handle:
        return re.match(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n", handle.read(256)) is not None


def _encode_whole(model: Any) -> None:
    """Switches off truncation, padding and dropout, which a file keeps from the last use of a tokenizer."""
    model.encode_special_tokens = True
    model.no_truncation()
    model.no_padding()
    if getattr(model.model, "dropout", None) is not None:
        model.model.dropout = None


def _check_added(model: Any, file: Path) -> None:
    """Checks the ids of added tokens: the library gives them the next free ids, whatever the file states.

    Raises:
        UserError: an id differs from the one in the file.
    """
    for token in read_json(file).get("added_tokens") or ():
        said, given = token["id"], model.token_to_id(token["content"])
        if said != given:
            raise UserError(
                f"{file}: says that its token {token['content']} has the id {said}, which would become {given}; take "
                "the file that was published beside the decoder's weights"
            )


def _check_kept(normalized: str, file: Path) -> None:
    """Checks that `PROBE` keeps its capital and its accent when it is normalized.

    Raises:
        UserError: it does not.
    """
    kept = unicodedata.normalize("NFC", normalized)
    if lost := [letter for letter in PROBE if letter not in kept]:
        raise UserError(
            f"{file}: changes what is written before it is read ({', '.join(lost)} is lost: lower case, or no accents);"
            " take the tokenizer that was published beside the decoder's weights"
        )


def _added(model: Any) -> dict[str, int]:
    """Names and ids of the tokens of a `tokenizer.json` beside its words."""
    return {token.content: number for number, token in model.get_added_tokens_decoder().items()}


def _special_ids(model: Any, file: Path) -> tuple[int | None, int, int]:
    """The ids of bos, eos and pad of a `tokenizer.json`."""
    named, added = _named(file.parent), _added(model)
    found: list[int | None] = []
    for name, usual in (("bos", "<s>"), ("eos", "</s>")):
        if name == "bos" and name not in named and TURN in added and usual not in added:
            found.append(None)
            continue
        token = named.get(name, usual)
        number = model.token_to_id(token)
        if number is None:
            raise UserError(
                f"{file}: has no token {token} as its {name}; put the tokenizer_config.json beside it that was "
                "published with it"
            )
        found.append(int(number))
    bos, eos = found
    assert eos is not None
    # Some files name an ordinary word as pad; decoding would drop it from answers, so only special tokens are accepted.
    reserved = {number for number, token in model.get_added_tokens_decoder().items() if token.special}
    pad, *unknown = (
        model.token_to_id(token) if token else None
        for token in (named.get("pad"), named.get("unk"), getattr(model.model, "unk_token", None))
    )
    candidates = [pad if pad in reserved else None, *unknown]
    return bos, eos, next((number for number in candidates if number not in (None, bos)), eos)


def _named(folder: Path) -> dict[str, str]:
    """The special tokens that files beside a tokenizer name; tokenizer_config.json wins, as in Hugging Face's code."""
    named: dict[str, str] = {}
    for file in (folder / "special_tokens_map.json", folder / "tokenizer_config.json"):
        content = read_json(file) if file.is_file() else {}
        if not isinstance(content, dict):
            raise UserError(f"{file}: must be a JSON object; take the one that was published with the tokenizer")
        for name in ("bos", "eos", "unk", "pad"):
            token = content.get(f"{name}_token")
            text = token.get("content") if isinstance(token, dict) else token
            if isinstance(text, str) and text:  # null and "" name none
                named[name] = text
    return named
