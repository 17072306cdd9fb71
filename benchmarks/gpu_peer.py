"""Hugging Face's modules at the sizes of the 7B recipe, random weights: `Twin` for a training step, `decoder` alone.

The frozen parts are in bfloat16 and what learns in float32 under autocast, with PyTorch's fused attention and AdamW.
The audio trunk is AST's, which has ImageBind's shape at this stride: 230 tokens where that has 229.
Axes: B batch, F frames, M clips, T positions, D width.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from deemo_jax.core.errors import UserError

try:
    import torch
    import transformers
    from torch import nn
except ImportError as error:
    raise UserError("the peer is PyTorch's: make setup EXTRAS=convert") from error

ON = "cuda" if torch.cuda.is_available() else "cpu"
VERSIONS = f"transformers {transformers.__version__}, PyTorch {torch.__version__}"


def decoder() -> Any:
    """LLaMA 7B, frozen, in bfloat16."""
    config = transformers.LlamaConfig()
    return _frozen(lambda: transformers.LlamaForCausalLM._from_config(config, attn_implementation="sdpa"))


class Twin:
    """The recipe's towers, Q-Formers, projections and decoder.

    Args:
        compiled: whether the blocks of towers and decoder are compiled, each kind once.
    """

    def __init__(self, *, compiled: bool) -> None:
        sizes: Any = {
            "hidden_size": 1408,
            "intermediate_size": 6144,
            "num_hidden_layers": 39,
            "num_attention_heads": 16,
        }
        vision = transformers.Blip2VisionConfig(**sizes, image_size=224, patch_size=14)
        self.vision = _frozen(lambda: transformers.Blip2VisionModel(vision))
        self.frame_qformer = _frozen(lambda: _qformer(12, 2, 1408))
        self.audio = _frozen(lambda: transformers.ASTModel(transformers.ASTConfig(max_length=204)))
        self.audio_head = _frozen(lambda: nn.Linear(768, 1024, bias=False))
        self.decoder = decoder()
        with torch.device(ON):
            self.learnt = nn.ModuleDict(
                {
                    "video": _qformer(2, 1, 768),
                    "audio": _qformer(2, 1, 1024),
                    "video_out": nn.Linear(768, 4096),
                    "audio_out": nn.Linear(768, 4096),
                }
            )
            self.queries = nn.ParameterDict(
                {"frame": torch.randn(1, 32, 768), "video": torch.randn(1, 32, 768), "audio": torch.randn(1, 8, 768)}
            )
        self.optimizer = torch.optim.AdamW([*self.learnt.parameters(), *self.queries.parameters()], lr=3e-5)
        if compiled:
            for blocks in (self.vision.encoder.layers, self.decoder.model.layers):
                for block in blocks:
                    block.compile()

    def features(self, frames: torch.Tensor, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the frozen stems make of frames [B, F, 3, 224, 224] and spectrograms [B, M, 204, 128]."""
        with torch.no_grad(), torch.autocast(ON, torch.bfloat16):
            tokens = self.vision(frames.flatten(0, 1)).last_hidden_state
            queries = self.queries["frame"].expand(len(tokens), -1, -1)
            found = self.frame_qformer(query_embeds=queries, encoder_hidden_states=tokens).last_hidden_state
            heard = self.audio_head(self.audio(mel.flatten(0, 1)).last_hidden_state[:, 0])
        return found.reshape(len(frames), -1, 768), heard.reshape(*mel.shape[:2], 1024)

    def step(
        self, ids: torch.Tensor, labels: torch.Tensor, features: Callable[[], tuple[torch.Tensor, torch.Tensor]]
    ) -> None:
        """One step: the loss on `labels`, gradients of what learns, AdamW."""
        found, heard = features()
        with torch.autocast(ON, torch.bfloat16):
            media = [
                self.learnt[f"{name}_out"](
                    self.learnt[name](
                        query_embeds=self.queries[name].expand(len(ids), -1, -1), encoder_hidden_states=tokens
                    ).last_hidden_state
                )
                for name, tokens in (("audio", heard), ("video", found))
            ]
            media_BTD = torch.cat(media, dim=1).to(torch.bfloat16)
            text_BTD = self.decoder.get_input_embeddings()(ids)
            inputs = torch.cat([text_BTD[:, :1], media_BTD, text_BTD[:, 1 + media_BTD.shape[1] :]], dim=1)
            loss = self.decoder(inputs_embeds=inputs, labels=labels, use_cache=False).loss
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        wait()


def steps(twin: Twin, size: int, length: int, frames: int, clips: int) -> dict[str, Callable[[], None]]:
    """Functions that do a step: from pixels and spectrograms, and from features of the same."""
    with torch.device(ON):
        pixels = torch.randn(size, frames, 3, 224, 224, dtype=torch.bfloat16)
        mel = torch.randn(size, clips, 204, 128, dtype=torch.bfloat16)
        ids = torch.randint(3, 32000, (size, length))
    labels = ids.clone()
    labels[:, : -(length // 5)] = -100
    kept = twin.features(pixels, mel)
    return {
        "from pixels": lambda: twin.step(ids, labels, lambda: twin.features(pixels, mel)),
        "from features": lambda: twin.step(ids, labels, lambda: kept),
    }


def answers(model: Any, ids: np.ndarray, new: int) -> Callable[[], None]:
    """A function that continues prompts [B, T] greedily by `new` tokens."""
    prompts = torch.from_numpy(ids).to(ON)

    def run() -> None:
        with torch.inference_mode():
            model.generate(prompts, do_sample=False, min_new_tokens=new, max_new_tokens=new, pad_token_id=0)
        wait()

    return run


def wait() -> None:
    """Until the device has done what it was given."""
    if ON == "cuda":
        torch.cuda.synchronize()


def _qformer(depth: int, cross_every: int, encoder: int) -> Any:
    config = transformers.Blip2QFormerConfig(
        hidden_size=768,
        num_hidden_layers=depth,
        num_attention_heads=12,
        intermediate_size=3072,
        cross_attention_frequency=cross_every,
        encoder_hidden_size=encoder,
    )
    return transformers.Blip2QFormerModel(config)


def _frozen(make: Callable[[], Any]) -> Any:
    """A module that is made on the device in bfloat16, and does not learn."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(ON):
            return make().eval().requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
