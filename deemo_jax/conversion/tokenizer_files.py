"""The tokenizer files in a decoder's folder: they are copied beside the weights, so that one path serves both."""

import dataclasses
import shutil
from pathlib import Path

from deemo_jax.core import files
from deemo_jax.core.config import from_plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe, TokenizerRecipe
from deemo_jax.data.prompt_config import parse_template
from deemo_jax.data.tokenizer import check_tokenizer, make_tokenizer

VOCABULARIES = ("tokenizer.model", "tokenizer.json")
"""Either is a whole tokenizer."""
NAMES = (*VOCABULARIES, "tokenizer_config.json", "special_tokens_map.json")


@dataclasses.dataclass(frozen=True)
class TokenizerFiles:
    """The files of a tokenizer; none where a decoder's folder has none.

    Attributes:
        found: in the order of `NAMES`.
    """

    found: tuple[Path, ...] = ()

    def hashes(self) -> dict[str, str]:
        """Name -> hash."""
        return {file.name: files.sha256(file) for file in self.found}

    def copy(self, folder: Path) -> None:
        """Puts them into a folder."""
        for file in self.found:
            shutil.copyfile(file, folder / file.name)


def find_tokenizer_files(decoder: str | None, recipe: Recipe, rows: int) -> TokenizerFiles:
    """The tokenizer in a decoder's folder, opened as training will open it.

    Args:
        decoder: its folder, if it is among the sources.
        recipe: says how it is opened; one with another tokenizer than a LLaMA's will not use it.
        rows: of the decoder's embedding.

    Raises:
        UserError: it is damaged, or cannot belong to the decoder.
    """
    found = tuple(Path(decoder) / name for name in NAMES if (Path(decoder) / name).is_file()) if decoder else ()
    if decoder and any(file.name in VOCABULARIES for file in found):
        used = from_plain(TokenizerRecipe, recipe.tokenizer, "config.tokenizer").name == "llama"
        opened = make_tokenizer({"name": "llama", "path": decoder})
        try:
            if used:
                check_tokenizer(opened, rows, parse_template(recipe.prompt))
        except UserError as error:
            raise UserError(f"{decoder}: its tokenizer does not fit: {error}") from error
    return TokenizerFiles(found)
