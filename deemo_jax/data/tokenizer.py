"""Text to ids and back: a byte-level tokenizer that needs no download, and the user's own LLaMA tokenizer."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from deemo_jax.core.config import from_plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import open_input, read_json
from deemo_jax.core.recipe import TokenizerRecipe
from deemo_jax.systems.prompt_template import Template

SPARE_ROWS = 256
"""A published embedding has at most so many rows more than its tokenizer has ids: none, or up to a round number."""
PROBE = "AÉ"


@runtime_checkable
class Tokenizer(Protocol):
    """What the data and evaluation rooms ask of a tokenizer. `encode` adds no special token.

    The pad id stands at media tokens and behind a sequence's end, where nobody reads it: it may be the eos.
    """

    bos_id: int
    eos_id: int
    pad_id: int
    vocab_size: int

    def encode(self, text: str) -> list[int]: ...

    def decode(self, ids: Sequence[int]) -> str: ...


class ByteTokenizer:
    """UTF-8 bytes, shifted past three special ids: pad 0, bos 1, eos 2, byte b is b + 3."""

    pad_id = 0
    bos_id = 1
    eos_id = 2
    vocab_size = 259

    def encode(self, text: str) -> list[int]:
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
    """A decoder's tokenizer from local files, as published beside LLaMA, Vicuna and LLaMA-3 weights.

    `tokenizer.model` (SentencePiece) is preferred to `tokenizer.json`: it is the one that LLaMA-1, LLaMA-2 and Vicuna
    were trained with. LLaMA-3 has a `tokenizer.json` only; its own `tokenizer.model` is of another kind and passed
    over. A special token in a text ("</s>", "<|eot_id|>") is only text: a transcript can end no sequence. Where a
    SentencePiece model, like LLaMA's, has a dummy space prefix, every separately encoded text gets it.

    bos and eos are those that a `tokenizer.model` has, or that `tokenizer_config.json` or else
    `special_tokens_map.json` name beside a `tokenizer.json`; failing these, <s> and </s>. The pad id is that of a token
    that is no text: the pad of the same files, else unk (LLaMA's 0), else eos.

    Every text is encoded whole, once and always alike: truncation, padding and BPE-dropout that a `tokenizer.json` was
    saved with are switched off, and the special tokens that it would put around a text are left out. The data room
    places them itself.

    Args:
        path: one of these two files, or the folder that holds it.

    Raises:
        UserError: neither file is there, it cannot be read, lacks a bos or eos, gives its added tokens other ids than
            it says, or loses capitals or accents, which no LLaMA's does.
    """

    def __init__(self, path: str | Path) -> None:
        file = _tokenizer_file(Path(path))
        self._sentencepiece = file.suffix == ".model"
        self._model: Any
        try:
            if self._sentencepiece:
                import sentencepiece

                # The files beside it are not asked: early conversions of LLaMA name </s> as bos there, or nothing.
                self._model = sentencepiece.SentencePieceProcessor(model_file=str(file))
                self.bos_id, self.eos_id = self._model.bos_id(), self._model.eos_id()
                self.pad_id = self._model.pad_id() if self._model.pad_id() >= 0 else self._model.unk_id()
                self.vocab_size = self._model.vocab_size()
            else:
                import tokenizers

                self._model = tokenizers.Tokenizer.from_file(str(file))
                _encode_whole(self._model)
                _check_added(self._model, file)
                self.bos_id, self.eos_id, self.pad_id = _special_ids(self._model, file)
                # Not how many there are: numbers may be left out.
                self.vocab_size = max(self._model.get_vocab(with_added_tokens=True).values()) + 1
            _check_kept(self._normalized(PROBE), file)
        except ImportError as error:
            raise UserError(f"{file}: reading it needs the package {error.name}; pip install {error.name}") from error
        except UserError:
            raise
        except Exception as error:  # both libraries raise bare RuntimeError/Exception on a malformed file
            raise UserError(f"{file}: not a tokenizer that can be read ({error})") from error

    def _normalized(self, text: str) -> str:
        if self._sentencepiece:
            return self._model.normalize(text)
        return self._model.normalizer.normalize_str(text) if self._model.normalizer else text

    def encode(self, text: str) -> list[int]:
        if self._sentencepiece:
            return list(self._model.encode(text))
        return list(self._model.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text up to the first eos, without pad, bos and what is no id of this tokenizer."""
        kept: list[int] = []
        for token in ids:
            if token == self.eos_id:
                break
            if token not in (self.pad_id, self.bos_id) and 0 <= token < self.vocab_size:
                kept.append(int(token))
        return self._model.decode(kept)


def make_tokenizer(config: Mapping[str, Any]) -> Tokenizer:
    """`config.tokenizer`, see `TokenizerRecipe`, to a tokenizer.

    Raises:
        UserError: an unknown name or key, or no path for 'llama'.
    """
    recipe = from_plain(TokenizerRecipe, config, "config.tokenizer")
    if recipe.name == "bytes":
        return ByteTokenizer()
    if recipe.name == "llama":
        if not recipe.path:
            raise UserError(
                "config.tokenizer.path: empty; give the folder that holds tokenizer.model or tokenizer.json"
            )
        return HFTokenizer(recipe.path)
    raise UserError(f"config.tokenizer.name: {recipe.name!r} is unknown; choose 'bytes' or 'llama'")


def check_tokenizer(tokenizer: Tokenizer, rows: int, template: Template) -> None:
    """Whether a tokenizer can belong to a decoder.

    Args:
        tokenizer: of the recipe.
        rows: of the decoder's embedding. A few more than the tokenizer has ids are usual (Vicuna v0 has one), and any
            number for bytes, which belong to no published decoder.
        template: of the recipe.

    Raises:
        UserError: it has more ids than the decoder has rows or far fewer, lacks a special id, has one for both ends of
            a text, or has others than the decoders that the template was made for.
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
    special = {"bos": tokenizer.bos_id, "eos": tokenizer.eos_id, "pad": tokenizer.pad_id}
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
    """Lines of a piece in base 64 and its rank; a SentencePiece model and JSON begin otherwise."""
    with open_input(file) as handle:
        return re.match(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n", handle.read(256)) is not None


def _encode_whole(model: Any) -> None:
    """Undoes what `save` keeps of how a tokenizer was last used."""
    model.encode_special_tokens = True
    model.no_truncation()
    model.no_padding()
    if getattr(model.model, "dropout", None) is not None:
        model.model.dropout = None


def _check_added(model: Any, file: Path) -> None:
    """The library gives an added token the next free id, whatever the file says of it."""
    for token in read_json(file).get("added_tokens") or ():
        said, given = token["id"], model.token_to_id(token["content"])
        if said != given:
            raise UserError(
                f"{file}: says that its token {token['content']} has the id {said}, which would become {given}; take "
                "the file that was published beside the decoder's weights"
            )


def _check_kept(normalized: str, file: Path) -> None:
    kept = unicodedata.normalize("NFC", normalized)
    if lost := [letter for letter in PROBE if letter not in kept]:
        raise UserError(
            f"{file}: changes what is written before it is read ({', '.join(lost)} is lost: lower case, or no accents);"
            " take the tokenizer that was published beside the decoder's weights"
        )


def _special_ids(model: Any, file: Path) -> tuple[int, int, int]:
    """bos, eos and pad of a `tokenizer.json`."""
    named = _named(file.parent)
    found = []
    for name, usual in (("bos", "<s>"), ("eos", "</s>")):
        token = named.get(name, usual)
        number = model.token_to_id(token)
        if number is None:
            raise UserError(
                f"{file}: has no token {token} as its {name}; put the tokenizer_config.json beside it that was "
                "published with it"
            )
        found.append(int(number))
    bos, eos = found
    # Some name a pad that is a word like any other; decoding would drop it from answers.
    reserved = {number for number, token in model.get_added_tokens_decoder().items() if token.special}
    pad, *unknown = (
        model.token_to_id(token) if token else None
        for token in (named.get("pad"), named.get("unk"), getattr(model.model, "unk_token", None))
    )
    candidates = [pad if pad in reserved else None, *unknown]
    return bos, eos, next((number for number in candidates if number not in (None, bos)), eos)


def _named(folder: Path) -> dict[str, str]:
    """The special tokens that the files beside a tokenizer name; as in Hugging Face's code, the config's come first."""
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
