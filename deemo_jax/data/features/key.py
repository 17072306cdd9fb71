"""What the features of one modality are a function of: the dataset, the frozen weights, their config, the sampling."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core.config import leaves, plain
from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import DataRecipe
from deemo_jax.core.schema import Modality
from deemo_jax.data.clip_source import open_builder
from deemo_jax.data.fingerprint import fingerprint_of
from deemo_jax.models.deemo_llama import DeemoLlama
from deemo_jax.models.encoding import stem_params
from deemo_jax.models.params import content_hash

# What has no influence on an encoder's output.
WITHOUT_EFFECT = ("remat",)


@dataclasses.dataclass(frozen=True)
class FeatureKey:
    """What identifies features; equal keys have equal features, but for rounding.

    Attributes:
        modality: 'video' or 'audio'.
        dataset: its name.
        data: SHA-256 of its fingerprint.
        weights: SHA-256 of the stem's parameters.
        model: the stem's config: dtype, encoder, and the part of the connector that belongs to it.
        sampling: how many frames or spectrograms of a clip, and which.
    """

    modality: str
    dataset: str
    data: str
    weights: str
    model: Mapping[str, Any]
    sampling: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """Name of the folder of such features, below `features/` beside the dataset."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return f"{self.modality}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @classmethod
    def from_json(cls, value: Any, where: Path) -> "FeatureKey":
        """Reads `dataclasses.asdict` of a key.

        Raises:
            UserError: the value is something else.
        """
        texts = [field.name for field in dataclasses.fields(cls) if field.type == "str" or field.type is str]
        try:
            key = cls(**value)
            known = all(isinstance(getattr(key, name), str) for name in texts)
            known = known and isinstance(key.model, dict) and isinstance(key.sampling, dict)
        except TypeError as error:
            raise UserError(f"{where}: is no key of features ({error}); remove its folder") from error
        if not known:
            raise UserError(f"{where}: is no key of features; remove its folder")
        return key

    def differences(self, other: "FeatureKey") -> list[str]:
        """What is otherwise in `other`, a phrase each, in the order dataset, model, sampling, weights."""
        found = ["another state of the dataset"] if self.data != other.data else []
        for name in ("model", "sampling"):
            ours, theirs = (leaves(dict(getattr(key, name)), name) for key in (self, other))
            found += [
                f"{key} {theirs.get(key, 'absent')} instead of {ours.get(key, 'absent')}"
                for key in sorted(ours | theirs)
                if ours.get(key) != theirs.get(key)
            ]
        return found + (["other weights"] if self.weights != other.weights else [])


def state_of(data: DataRecipe) -> str:
    """SHA-256 of the fingerprint of a recipe's dataset.

    Raises:
        UserError: no such dataset, or a shard is missing.
    """
    return fingerprint_of(open_builder(data.data_dir, data.dataset))[0].digest


def key_of(data: DataRecipe, state: str, model: DeemoLlama, params: Any, modality: Modality) -> FeatureKey:
    """The key of a recipe's features.

    Args:
        data: `config.data`.
        state: see `state_of`.
        model: of the recipe.
        params: its parameters, those of the stem at least.
        modality: video or audio.
    """
    branch = getattr(model.config, modality)
    parts = {"encoder": {"name": branch.encoder.name, **_config(branch.encoder.config)}}
    if branch.stem != "encoder":
        parts |= {name: _config(of) for name, of in [branch.connector.config.steady_part]}
    return FeatureKey(
        modality=str(modality),
        dataset=data.dataset,
        data=state,
        weights=content_hash(stem_params(params, model.config, modality)),
        model={"dtype": str(model.config.dtype), **parts},
        sampling={"count": data.frames if modality is Modality.VIDEO else data.clips, "rule": "even"},
    )


def _config(of: Any) -> dict[str, Any]:
    values = plain(dataclasses.asdict(of))
    return {key: value for key, value in values.items() if key not in WITHOUT_EFFECT}
