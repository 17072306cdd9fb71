"""Recipes: one ml_collections file each, plain data by `deemo_jax.core.recipe.Recipe`."""
