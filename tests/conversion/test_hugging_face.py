"""Hugging Face's own classes, whole, beside this project's modules after a conversion of what they save."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers

from deemo_jax.conversion import engine
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.parts.llama import Llama
from deemo_jax.models.parts.qformer import QFormer
from deemo_jax.models.parts.vit import ViT
from deemo_jax.models.weights import load_tree
from tests.conversion import tiny

STRETCH = {"factor": 8.0, "low": 1.0, "high": 4.0, "original": 64}
THEIRS = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
DECODER = {**tiny.DECODER, "theta": 500.0, "rope_scaling": STRETCH, "context": 512}
FRAME = tiny.MODEL["video"]["connector"]["frame"]


def randomised(module):
    """Every weight and bias drawn, for fresh ones are zero here and there."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in module.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            norm = "norm" in name.lower() and name.endswith("weight")
            value.copy_(1 + 0.1 * noise if norm else noise * (0.2 if value.ndim < 2 else value.shape[-1] ** -0.5))
            if name.endswith("qkv.bias"):
                value.view(3, -1)[1] = 0  # EVA's keys have no bias
    return module.eval()


def numpy(module, prefix=""):
    return {prefix + key: value.numpy().copy() for key, value in module.state_dict().items()}


@pytest.fixture(scope="module")
def theirs():
    tower = transformers.Blip2VisionConfig(
        hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, image_size=224, patch_size=56
    )
    qformer = transformers.Blip2QFormerConfig(
        hidden_size=16,
        num_hidden_layers=FRAME["depth"],
        num_attention_heads=2,
        intermediate_size=32,
        cross_attention_frequency=FRAME["cross_every"],
        encoder_hidden_size=24,
    )
    decoder = transformers.LlamaConfig(
        vocab_size=DECODER["vocab"],
        hidden_size=DECODER["width"],
        num_hidden_layers=DECODER["depth"],
        num_attention_heads=DECODER["heads"],
        num_key_value_heads=DECODER["kv_heads"],
        intermediate_size=DECODER["mlp"],
        rms_norm_eps=DECODER["eps"],
        max_position_embeddings=DECODER["context"],
        rope_parameters={"rope_type": "llama3", "rope_theta": 500.0, **THEIRS},
    )
    made = transformers.Blip2VisionModel(tower), transformers.Blip2QFormerModel(qformer)
    return *map(randomised, made), randomised(transformers.LlamaForCausalLM(decoder))


@pytest.fixture(scope="module")
def converted(theirs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("public")
    tower, qformer, decoder = theirs
    recipe = tiny.recipe(decoder=DECODER)
    queries = {"query_tokens": np.random.default_rng(0).standard_normal((1, 3, 16), np.float32)}
    public = {**numpy(tower, "vision_model."), **numpy(qformer, "qformer."), **queries}
    (folder / "blip2").mkdir()
    safetensors.numpy.save_file(public, folder / "blip2" / "model.safetensors")
    sources = {"blip2_hf": str(folder / "blip2"), **tiny.write_public(folder, recipe, ("imagebind",))}
    decoder.save_pretrained(folder / "vicuna", max_shard_size="20KB")
    assert len(list((folder / "vicuna").glob("*.safetensors"))) > 1
    engine.convert(recipe, {**sources, "llama": str(folder / "vicuna")}, folder / "out")
    return DeemoLlamaConfig.from_config(recipe.model), load_tree(folder / "out"), queries["query_tokens"]


def near(ours, wanted):
    wanted = wanted.detach().numpy()
    assert np.linalg.norm(np.asarray(ours) - wanted) < 1e-5 * np.linalg.norm(wanted)


def test_vision_model(theirs, converted):
    config, params, _ = converted
    pixels = np.random.default_rng(1).standard_normal((2, 224, 224, 3), np.float32)
    wanted = theirs[0](torch.from_numpy(pixels).permute(0, 3, 1, 2)).last_hidden_state
    near(ViT(config.video.encoder.config).apply({"params": params["video"]["encoder"]}, jnp.asarray(pixels)), wanted)


def test_qformer(theirs, converted):
    config, params, queries = converted
    tokens = np.random.default_rng(2).standard_normal((2, 7, 24), np.float32)
    batch = torch.from_numpy(queries).expand(2, -1, -1)
    wanted = theirs[1](query_embeds=batch, encoder_hidden_states=torch.from_numpy(tokens)).last_hidden_state
    qformer = QFormer(config.video.connector.config.frame)
    on_device = jax.tree.map(jnp.asarray, params["video"]["connector"]["frame_qformer"])
    near(qformer.apply({"params": on_device}, jnp.asarray(tokens)), wanted)


def test_decoder(theirs, converted):
    config, params, _ = converted
    # Past the context before the stretch, where it matters most.
    ids = np.random.default_rng(3).integers(0, DECODER["vocab"], (2, 100))
    wanted = theirs[2](torch.from_numpy(ids)).logits
    decoder, valid = Llama(config.decoder.config), jnp.ones(ids.shape, bool)
    on_device = jax.tree.map(jnp.asarray, params["decoder"])
    near(decoder.apply({"params": on_device}, jnp.asarray(ids), valid, method="score"), wanted)
