"""Files of the published sizes, with all that they hold, as PyTorch wrote them: minutes and gigabytes, so slow."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

pytest.importorskip("torch")
import torch

from configs.deemo_llama_7b import get_config
from deemo_jax.conversion import engine
from deemo_jax.conversion.parity import verdict
from deemo_jax.core.recipe import Recipe
from deemo_jax.models import presets
from deemo_jax.models.parts.vit import ViT, ViTConfig
from deemo_jax.models.weights import open_tensors, unflatten
from tests import public_weights

pytestmark = pytest.mark.slow

# Vicuna itself stands in a folder of its own form.
FILES = {name: file for name, file in public_weights.FILES.items() if name != "llama"}
# As wide as Vicuna, which the projections must be, and otherwise as small as can be.
DECODER = {"name": "llama", "vocab": 64, "width": 4096, "depth": 1, "heads": 32, "kv_heads": 32, "mlp": 64, "eps": 1e-5}


def write_pickle(name: str, path: Path) -> str:
    """A public file in half precision: tensors, what must be skipped, wrappers, and what stands beside."""
    content = public_weights.manifest(name)
    state: dict[str, Any] = {
        key: torch.from_numpy(np.array(public_weights.tensor(key, tuple(shape)))).half()
        for key, shape in {**content["tensors"], **content["ignore"]}.items()
    }
    for wrapper in reversed(content["wrapper"]):
        state = {wrapper: state}
    torch.save(state | content.get("beside", {}), path)
    return str(path)


def llama_shapes() -> dict[str, tuple[int, ...]]:
    found = {}
    for key, shape in public_weights.shapes(
        "vicuna-7b", keep=r"^(?!model\.layers)|\.layers\.0\.", extras=False
    ).items():
        found[key] = tuple({32000: 64, 11008: 64}.get(size, size) for size in shape)
    return found


def test_the_published_towers_and_connectors(tmp_path: Path) -> None:
    """All but Vicuna: every tensor of every manifest is mapped or knowingly ignored, and ViT-g's 39 blocks run."""
    sources = {name: write_pickle(file, tmp_path / f"{name}.pth") for name, file in FILES.items()}
    sources["llama"] = str(public_weights.write_llama(tmp_path / "llama", DECODER, llama_shapes()))
    config = get_config("precision=float32")
    config.model = {"video": presets.VIDEO_BRANCH, "audio": presets.AUDIO_BRANCH, "decoder": DECODER}
    recipe = Recipe.from_config(config)
    record = engine.convert(recipe, sources, tmp_path / "out")
    assert record["drawn_at_random"] == []
    for row in record["report"]:
        content = public_weights.manifest(FILES[row["source"]]) if row["source"] in FILES else None
        if content:
            assert row["mapped"] == len(content["tensors"])
            assert sum(row["ignored"].values()) == len(content["ignore"])
    for name in FILES:
        if name != "eva_vit_g" and name != "blip2":
            Path(sources[name]).unlink()
    stored = open_tensors(tmp_path / "out")
    mount = "video/encoder/"
    tree = {path.removeprefix(mount): stored[path][...] for path in stored if path.startswith(mount)}
    assert sum(value.size for value in tree.values()) == 985_897_344
    pixels = np.random.default_rng(0).standard_normal((1, 224, 224, 3), np.float32)
    tokens = np.asarray(jax.jit(ViT(ViTConfig(output_norm=True)).apply)({"params": unflatten(tree)}, pixels))
    assert tokens.shape == (1, 257, 1408) and np.isfinite(tokens).all()
    del tree
    rows = verdict.compare(recipe, tmp_path / "out", {name: sources[name] for name in ("eva_vit_g", "blip2")})
    assert all(row.passed for row in rows), verdict.table(rows)
    assert next(row.relative for row in rows if row.name == "ViT: output norm") < 1e-5
