"""Recipes: one ml_collections file each, plain data by `deemo_jax.training.recipe.Recipe`."""
