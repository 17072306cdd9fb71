"""Checks that the tokenizer, the prompt template and the decoder of a recipe belong together."""

from deemo_jax.core.recipe import Recipe
from deemo_jax.data.prompt_config import parse_conversation, parse_template
from deemo_jax.data.tokenizer import check_tokenizer, make_tokenizer
from deemo_jax.models.deemo_llama import DeemoLlamaConfig


def check_text_fits(recipe: Recipe) -> None:
    """To be called before a recipe's model is built.

    Raises:
        UserError: the tokenizer cannot be read, or does not belong to the decoder or the template; or the config of
            the model is wrong.
    """
    rows = DeemoLlamaConfig.from_config(recipe.model).decoder.config.vocab
    tokenizer = make_tokenizer(recipe.tokenizer)
    for template in (parse_template(recipe.prompt), parse_conversation(recipe.prompt)):
        if template is not None:
            check_tokenizer(tokenizer, rows, template)
