"""What PyTorch computes from public files, with Hugging Face's modules, or torch.nn's where there are none (ImageBind).

Each function yields (name, output) stage by stage, in float32. One layer is in memory at a time, so that a 7B decoder
needs the memory of one block. Tensors are loaded by their public names and not through this project's tables, so that a
mistake in a table shows.

Axes: N images or clips, B batch, T sequence, S encoder tokens, F frames or clips, P tokens of each, Q queries, E width.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deemo_jax.conversion.io.public_file import PublicFile
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.models.parts.imagebind import ImageBindConfig
from deemo_jax.models.parts.qformer import QFormerConfig
from deemo_jax.models.parts.vit import ViTConfig

try:
    import torch
    from torch import nn
except ImportError as error:
    raise UserError("comparing with PyTorch needs it: make setup EXTRAS=convert") from error

# Name of an output, and its values.
Stage = tuple[str, np.ndarray]
# Plain attention, not a fused kernel.
EAGER: dict[str, Any] = {"attn_implementation": "eager"}
Get = Callable[[str], "torch.Tensor"]


def getter(file: PublicFile) -> Get:
    """Reads a public tensor as float32."""
    return lambda key: torch.from_numpy(np.array(file.read(key), np.float32))


def vision_tower(
    file: PublicFile, hugging_face: bool, norm: Get, config: ViTConfig, depths: Sequence[int], pixels: np.ndarray
) -> Iterator[Stage]:
    """EVA's ViT-g, and BLIP-2's norm behind it.

    Args:
        file: eva_vit_g.pth, or a Hugging Face folder of BLIP-2.
        hugging_face: whether it is the folder.
        norm: reads the file that holds the norm.
        config: sizes.
        depths: numbers of blocks after which tokens are yielded, ascending.
        pixels: Float32[N H W 3], normalised.
    """
    from transformers import Blip2VisionConfig
    from transformers.models.blip_2.modeling_blip_2 import Blip2EncoderLayer

    theirs: Any = Blip2VisionConfig(
        hidden_size=config.width,
        intermediate_size=config.mlp,
        num_hidden_layers=config.depth,
        num_attention_heads=config.heads,
        image_size=config.image,
        patch_size=config.patch,
        layer_norm_eps=config.eps,
        **EAGER,
    )
    names = ("class_embedding", "position_embedding", "patch_embedding.weight", "patch_embedding.bias")
    flat = ("cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias")
    get = getter(file)
    token, positions, kernel, bias = (
        get(f"vision_model.embeddings.{n}" if hugging_face else f) for n, f in zip(names, flat, strict=True)
    )
    patches = nn.functional.conv2d(torch.from_numpy(pixels).permute(0, 3, 1, 2), kernel, bias, stride=config.patch)
    x = patches.flatten(2).transpose(1, 2)
    x = torch.cat([token.expand(len(x), -1, -1), x], dim=1) + positions
    for index in range(depths[-1]):
        layer = Blip2EncoderLayer(theirs).eval().requires_grad_(False)
        layer.load_state_dict(_vision_layer(file, index, hugging_face))
        x = layer(x)
        if index + 1 in depths:
            yield f"after {index + 1} blocks", x.numpy()
    if depths[-1] == config.depth:
        name = "vision_model.post_layernorm" if hugging_face else "ln_vision"
        # 1e-5 is BLIP-2's eps for this norm; Hugging Face's config has another.
        yield (
            "output norm",
            nn.functional.layer_norm(x, x.shape[-1:], norm(f"{name}.weight"), norm(f"{name}.bias"), 1e-5).numpy(),
        )


def _vision_layer(file: PublicFile, index: int, hugging_face: bool) -> dict[str, Any]:
    get, has = getter(file), file.shapes.__contains__
    theirs = ("layer_norm1", "layer_norm2", "mlp.fc1", "mlp.fc2", "self_attn.projection")
    eva = ("norm1", "norm2", "mlp.fc1", "mlp.fc2", "attn.proj")
    prefix = f"vision_model.encoder.layers.{index}" if hugging_face else f"blocks.{index}"
    state = {
        f"{name}.{kind}": get(f"{prefix}.{name if hugging_face else other}.{kind}")
        for name, other in zip(theirs, eva, strict=True)
        for kind in ("weight", "bias")
    }
    attention = f"{prefix}.{'self_attn' if hugging_face else 'attn'}"
    if has(f"{attention}.qkv.bias"):
        fused = get(f"{attention}.qkv.bias")
    else:  # as EVA's file has it, and files of Hugging Face's first version
        query, value = get(f"{attention}.q_bias"), get(f"{attention}.v_bias")
        fused = torch.cat([query, torch.zeros_like(query), value])
    return state | {"self_attn.qkv.weight": get(f"{attention}.qkv.weight"), "self_attn.qkv.bias": fused}


def qformer(file: PublicFile, prefix: str, queries: str, config: QFormerConfig, tokens: np.ndarray) -> Iterator[Stage]:
    """A Q-Former of BLIP-2 or Video-LLaMA in Hugging Face's module: the queries before the first and after each layer.

    Args:
        file: the file that holds it.
        prefix: of its keys: 'Qformer.bert.', 'video_Qformer.bert.', or Hugging Face's 'qformer.'.
        queries: key of its query tokens.
        config: sizes.
        tokens: Float32[B S E], the encoder's.
    """
    from transformers import Blip2QFormerConfig, Blip2QFormerModel

    theirs: Any = Blip2QFormerConfig(
        hidden_size=config.width,
        num_hidden_layers=config.depth,
        num_attention_heads=config.heads,
        intermediate_size=config.mlp,
        layer_norm_eps=config.eps,
        cross_attention_frequency=config.cross_every,
        encoder_hidden_size=tokens.shape[-1],
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **EAGER,
    )
    model = Blip2QFormerModel(theirs).eval().requires_grad_(False)
    get, state = getter(file), {}
    for key in file.shapes:
        if key.startswith(prefix):
            name = key.removeprefix(prefix).replace("embeddings.LayerNorm", "layernorm")
            name = re.sub(r"attention\.self\.", "attention.attention.", name)
            if name in model.state_dict():
                state[name] = get(key)
    model.load_state_dict(state)
    batch = get(queries).expand(len(tokens), -1, -1)
    found = model(query_embeds=batch, encoder_hidden_states=torch.from_numpy(tokens), output_hidden_states=True)
    yield "queries in", found.hidden_states[0].numpy()
    for index, hidden in enumerate(found.hidden_states[1:], 1):
        yield f"after {index} layers", hidden.numpy()
    yield "queries out", found.last_hidden_state.numpy()


def positions(get: Get, key: str, tokens: np.ndarray) -> Iterator[Stage]:
    """Positions of frames or clips added to tokens (Float32[B F P E]), from an `nn.Embedding`'s table."""
    places = nn.functional.embedding(torch.arange(tokens.shape[1]), get(key))
    yield "added", (torch.from_numpy(tokens) + places[None, :, None]).numpy()


def projection(get: Get, name: str, tokens: np.ndarray) -> Iterator[Stage]:
    """Query tokens (Float32[B Q E]) in the decoder's width."""
    yield "projected", nn.functional.linear(torch.from_numpy(tokens), *_linear(get, name)).numpy()


def imagebind(get: Get, config: ImageBindConfig, depths: Sequence[int], mel: np.ndarray) -> Iterator[Stage]:
    """ImageBind's audio trunk of torch.nn's modules; `nn.MultiheadAttention` has the extra key and value built in.

    Args:
        get: reads imagebind_huge.pth.
        config: sizes.
        depths: numbers of blocks after which tokens are yielded, ascending.
        mel: Float32[N 128 204].
    """
    stem, width = "modality_preprocessors.audio", config.width
    x = nn.functional.conv2d(torch.from_numpy(mel)[:, None], get(f"{stem}.rgbt_stem.proj.weight"), stride=config.stride)
    x = _norm(x.flatten(2).transpose(1, 2), get, f"{stem}.rgbt_stem.norm_layer", config.stem_eps)
    x = torch.cat([get(f"{stem}.cls_token").expand(len(x), -1, -1), x], dim=1)
    x = x + get(f"{stem}.pos_embedding_helper.pos_embed")
    for index in range(depths[-1]):
        name = f"modality_trunks.audio.blocks.{index}"
        attend = nn.MultiheadAttention(width, config.heads, add_bias_kv=True, batch_first=True)
        attend.eval().requires_grad_(False)
        attend.load_state_dict({key: get(f"{name}.attn.{key}") for key in attend.state_dict()})
        h = _norm(x, get, f"{name}.norm_1", config.eps)
        x = x + attend(h, h, h, need_weights=False)[0]
        h = nn.functional.linear(_norm(x, get, f"{name}.norm_2", config.eps), *_linear(get, f"{name}.mlp.fc1"))
        x = x + nn.functional.linear(nn.functional.gelu(h), *_linear(get, f"{name}.mlp.fc2"))
        if index + 1 in depths:
            yield f"after {index + 1} blocks", _norm(x, get, "modality_heads.audio.0", config.eps).numpy()
    if depths[-1] == config.depth and config.output == "vector":
        vector = _norm(x, get, "modality_heads.audio.0", config.eps)[:, 0] @ get("modality_heads.audio.2.weight").T
        scale = get("modality_postprocessors.audio.1.log_logit_scale").exp().clamp(max=100)
        yield "clip vectors", (nn.functional.normalize(vector, dim=-1) * scale).numpy()


def decoder(file: PublicFile, folder: Path, depth: int, ids: np.ndarray) -> Iterator[Stage]:
    """A LLaMA or Qwen: embeddings, the output of each of `depth` blocks, and behind the last block the logits.

    Args:
        file: the weights.
        folder: that holds its config.json.
        depth: number of blocks to run.
        ids: Int64[B T].
    """
    import transformers

    kind = {"qwen2": "Qwen2", "qwen3": "Qwen3"}.get(read_json(folder / "config.json").get("model_type"), "Llama")
    config = getattr(transformers, f"{kind}Config").from_pretrained(folder, local_files_only=True, **EAGER)
    modules = importlib.import_module(f"transformers.models.{kind.lower()}.modeling_{kind.lower()}")
    make_layer, make_norm, make_rotary = (
        getattr(modules, f"{kind}{part}") for part in ("DecoderLayer", "RMSNorm", "RotaryEmbedding")
    )
    get = getter(file)
    x = nn.functional.embedding(torch.from_numpy(ids), get("model.embed_tokens.weight"))
    yield "embeddings", x.numpy()
    positions = torch.arange(ids.shape[1])[None]
    rotary = make_rotary(config)(x, positions)
    mask = torch.full((ids.shape[1],) * 2, torch.finfo(torch.float32).min).triu(1)[None, None]
    for index in range(depth):
        layer = make_layer(config, index).eval().requires_grad_(False)
        layer.load_state_dict({key: get(f"model.layers.{index}.{key}") for key in layer.state_dict()})
        x = layer(x, attention_mask=mask, position_ids=positions, position_embeddings=rotary)
        yield f"after {index + 1} blocks", x.numpy()
    if depth == config.num_hidden_layers:
        norm = make_norm(config.hidden_size, config.rms_norm_eps).requires_grad_(False)
        norm.load_state_dict({"weight": get("model.norm.weight")})
        head = "model.embed_tokens.weight" if config.tie_word_embeddings else "lm_head.weight"
        yield "logits", (norm(x) @ get(head).T).numpy()


def _norm(x: "torch.Tensor", get: Get, name: str, eps: float) -> "torch.Tensor":
    return nn.functional.layer_norm(x, x.shape[-1:], get(f"{name}.weight"), get(f"{name}.bias"), eps)


def _linear(get: Get, name: str) -> tuple["torch.Tensor", "torch.Tensor"]:
    return get(f"{name}.weight"), get(f"{name}.bias")
