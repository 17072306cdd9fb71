"""The tokenizer files in a decoder's folder, which are copied beside the weights, so that one path names both."""

import dataclasses
import shutil
from pathlib import Path

from deemo_jax.core import files
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import Recipe, TokenizerRecipe
from deemo_jax.data.prompt_config import parse_template
from deemo_jax.data.tokenizer import check_tokenizer, make_tokenizer

# Files each of which is a whole tokenizer.
VOCABULARIES = ("tokenizer.model", "tokenizer.json")
# All files of a tokenizer, in the order in which they are recorded.
NAMES = (*VOCABULARIES, "tokenizer_config.json", "special_tokens_map.json")


@dataclasses.dataclass(frozen=True)
class TokenizerFiles:
    """The files of a tokenizer.

    Attributes:
        found: in the order of `NAMES`; empty where a decoder's folder has none.
    """

    found: tuple[Path, ...] = ()

    def hashes(self) -> dict[str, str]:
        """File name -> SHA-256."""
        return {file.name: files.sha256(file) for file in self.found}

    def copy(self, folder: Path) -> None:
        """Copies the files into a folder."""
        for file in self.found:
            shutil.copyfile(file, folder / file.name)


def find_tokenizer_files(decoder: str | None, recipe: Recipe, rows: int) -> TokenizerFiles:
    """The tokenizer in a decoder's folder, after opening it as training does.

    Args:
        decoder: the folder; None where the decoder is not among the sources.
        recipe: whose tokenizer and prompt it must fit, where the recipe uses a LLaMA tokenizer.
        rows: of the decoder's embedding.

    Raises:
        UserError: the tokenizer is damaged, or does not belong to the decoder.
    """
    found = tuple(Path(decoder) / name for name in NAMES if (Path(decoder) / name).is_file()) if decoder else ()
    if decoder and any(file.name in VOCABULARIES for file in found):
        opened = make_tokenizer(TokenizerRecipe("llama", decoder))
        try:
            if recipe.tokenizer.name == "llama":
                check_tokenizer(opened, rows, parse_template(recipe.prompt))
        except UserError as error:
            raise UserError(f"{decoder}: its tokenizer does not fit: {error}") from error
    return TokenizerFiles(found)
