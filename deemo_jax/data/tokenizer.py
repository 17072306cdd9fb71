"""Text to ids and back: a byte-level tokenizer that needs no download, and the user's own LLaMA tokenizer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from deemo_jax.data.templates import Template
from deemo_jax.errors import UserError


class Tokenizer(Protocol):
    """What the data and evaluation rooms ask of a tokenizer. `encode` adds no special token."""

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
    """A LLaMA tokenizer from local files, as published beside LLaMA and Vicuna weights.

    `tokenizer.model` (SentencePiece) is preferred to `tokenizer.json`: it is the one the public weights were trained
    with. Every separately encoded text gets LLaMA's dummy space prefix, and "</s>" in a text is only text: a transcript
    can end no sequence. Padding is id 0, which LLaMA calls unk.

    Args:
        path: one of these two files, or the folder that holds it.

    Raises:
        UserError: neither file is there, or it cannot be read.
    """

    pad_id = 0

    def __init__(self, path: str | Path) -> None:
        file = _tokenizer_file(Path(path))
        self._model: Any
        try:
            if file.suffix == ".model":
                import sentencepiece

                self._model = sentencepiece.SentencePieceProcessor(model_file=str(file))
                self.bos_id, self.eos_id = self._model.bos_id(), self._model.eos_id()
                self.vocab_size = self._model.vocab_size()
            else:
                import tokenizers

                self._model = tokenizers.Tokenizer.from_file(str(file))
                self._model.encode_special_tokens = True
                self.bos_id, self.eos_id = (_special(self._model, token, file) for token in ("<s>", "</s>"))
                self.vocab_size = self._model.get_vocab_size(with_added_tokens=True)
        except ImportError as error:
            raise UserError(f"{file}: reading it needs the package {error.name}; pip install {error.name}") from error
        except UserError:
            raise
        except Exception as error:  # both libraries raise bare RuntimeError/Exception on a malformed file
            raise UserError(f"{file}: not a tokenizer that can be read ({error})") from error
        self._sentencepiece = file.suffix == ".model"

    def encode(self, text: str) -> list[int]:
        if self._sentencepiece:
            return list(self._model.encode(text))
        return list(self._model.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Text up to the first eos, without pad and bos."""
        kept: list[int] = []
        for token in ids:
            if token == self.eos_id:
                break
            if token not in (self.pad_id, self.bos_id):
                kept.append(int(token))
        return self._model.decode(kept)


def make_tokenizer(config: Mapping[str, Any]) -> Tokenizer:
    """`{'name': 'bytes'}` or `{'name': 'llama', 'path': ...}` to a tokenizer.

    Raises:
        UserError: an unknown name, or no path for 'llama'.
    """
    name = config.get("name")
    if name == "bytes":
        return ByteTokenizer()
    if name == "llama":
        if not config.get("path"):
            raise UserError(
                "config.tokenizer.path: empty; give the folder that holds tokenizer.model or tokenizer.json"
            )
        return HFTokenizer(config["path"])
    raise UserError(f"config.tokenizer.name: {name!r} is unknown; choose 'bytes' or 'llama'")


def check_tokenizer(tokenizer: Tokenizer, rows: int, template: Template) -> None:
    """Whether a tokenizer can belong to a decoder.

    Args:
        tokenizer: of the recipe.
        rows: of the decoder's embedding. More than the tokenizer has ids is usual: Vicuna v0 has one more.
        template: of the recipe.

    Raises:
        UserError: it has more ids than the decoder has rows, lacks a special id or gives one to two uses, or has others
            than the decoders that the template was made for.
    """
    mend = "give in config.tokenizer the tokenizer that was published beside the decoder's weights"
    if rows < tokenizer.vocab_size:
        raise UserError(
            f"config.model.decoder.vocab: {rows} rows for a tokenizer of {tokenizer.vocab_size} ids; {mend}, or, for a "
            f"decoder without weights yet, use at least {tokenizer.vocab_size}"
        )
    special = {"bos": tokenizer.bos_id, "eos": tokenizer.eos_id, "pad": tokenizer.pad_id}
    listed = ", ".join(f"{name} {number}" for name, number in special.items())
    if not all(0 <= number < tokenizer.vocab_size for number in special.values()) or len({*special.values()}) < 3:
        raise UserError(f"config.tokenizer: needs three ids of their own, but has {listed} (-1: none); {mend}")
    if template.special_ids not in (None, (tokenizer.bos_id, tokenizer.eos_id)):
        bos, eos = template.special_ids
        raise UserError(
            f"config.tokenizer: has {listed}, but the template {template.name} is of decoders with bos {bos} and eos "
            f"{eos}; {mend}, or choose another config.prompt.template"
        )


def _tokenizer_file(path: Path) -> Path:
    candidates = [path / "tokenizer.model", path / "tokenizer.json"] if path.is_dir() else [path]
    for candidate in candidates:
        if candidate.is_file() and candidate.suffix in (".model", ".json"):
            return candidate
    raise UserError(f"{path}: no tokenizer.model or tokenizer.json there; give the folder of the LLaMA tokenizer")


def _special(model: Any, token: str, file: Path) -> int:
    number = model.token_to_id(token)
    if number is None:
        raise UserError(f"{file}: has no token {token}; a LLaMA tokenizer is expected")
    return int(number)
