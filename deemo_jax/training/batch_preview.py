"""The first batch that a recipe trains on, as text; no weight is drawn or read."""

from deemo_jax.core.config import Config
from deemo_jax.core.recipe import Recipe
from deemo_jax.data.batch_text import describe_first
from deemo_jax.data.pipeline import make_pipeline
from deemo_jax.data.tokenizer import make_tokenizer
from deemo_jax.data.tokenizer_fit import check_text_fits
from deemo_jax.models.from_recipe import check_shapes, make_model


def preview(config: Config, rows: int = 4) -> str:
    """The first rows of the batch of step 0.

    Args:
        config: see `deemo_jax.core.recipe.Recipe`.
        rows: the most rows of the batch that are shown.

    Raises:
        UserError: a mistake in the config, or a dataset that is missing or damaged.
    """
    recipe = Recipe.from_config(config)
    check_text_fits(recipe)
    model, tokenizer = make_model(recipe), make_tokenizer(recipe.tokenizer)
    check_shapes(model, recipe)
    tokens = model.config.tokens
    pipeline = make_pipeline(recipe, tokens, train=True, tokenizer=tokenizer)
    return describe_first(pipeline, tokenizer, tokens, rows)
