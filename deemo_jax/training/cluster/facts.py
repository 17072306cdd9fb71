"""What must be alike on all processes of a run, by names that a person reads when it is not."""

import hashlib
import json
from typing import Any

from deemo_jax.core.config import leaves
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.versions import code_sha256
from deemo_jax.data.fingerprint import Fingerprint
from deemo_jax.models.checkpoint_origin import versions


def run_facts(recipe: Recipe, start: int) -> dict[str, Any]:
    """Config, versions, code, and the checkpoint of step `start` to go on from."""
    # Hosts may hold the data in different places: its content is compared.
    config = {f"config.{key}": value for key, value in leaves(recipe.resolved()).items() if key != "data.data_dir"}
    return config | versions() | {"checkpoint to go on from": start, "code of deemo_jax (sha256)": code_sha256()}


def data_facts(data: Fingerprint) -> dict[str, Any]:
    """The content of a dataset."""
    shards = {name: (shard.bytes, shard.sha256) for name, shard in sorted(data.shards.items())}
    identity = hashlib.sha256(json.dumps(shards).encode()).hexdigest()
    splits = {f"records of split {name!r}": count for name, count in data.splits.items()}
    return {"dataset": f"{data.dataset} {data.version}", "shards of the data (sha256)": identity, **splits}
