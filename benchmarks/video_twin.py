"""A PyTorch twin of a model of video and text: Hugging Face's modules with the weights of ours, trained as we train.

Blip2VisionModel, a Blip2QFormerModel on each frame, one over the queries of all frames, a linear projection, and
LlamaForCausalLM with its own loss; torch.optim.AdamW. What is written here is how media tokens come into the sequence.

Axes: B batch, T sequence, F frames, Q queries, D width.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from benchmarks import blip2_peers, peers
from deemo_jax.conversion.tables.blip2_hf import vision_model
from deemo_jax.conversion.tables.llama import llama
from deemo_jax.conversion.tables.qformer import hugging_face_qformer
from deemo_jax.conversion.tables.rules import Rule, WeightTable, to_public
from deemo_jax.conversion.tables.transforms import LINEAR
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.batch import Batch
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.parts.vit import CLIP_MEAN, CLIP_STD

import torch  # isort: skip  (`peers` says how to install it)

FRAME, VIDEO = "frame_qformer", "video_qformer"


def learnt_table(model: DeemoLlamaConfig) -> WeightTable:
    """Connector and projector by the twin's names."""
    video: Any = model.video
    rules = [Rule("positions", "video/connector/frame_positions")]
    for name, config in ((FRAME, video.connector.config.frame), (VIDEO, video.connector.config.video)):
        table = hugging_face_qformer(name, config.cross_every).mounted(f"video/connector/{name}")
        for rule in table.rules:
            public = rule.public.replace("query_tokens", f"{name}_queries").replace("qformer.", f"{name}.", 1)
            rules.append(dataclasses.replace(rule, public=public))
    rules.append(Rule("projector.weight", "video/projector/linear/kernel", LINEAR))
    rules.append(Rule("projector.bias", "video/projector/linear/bias"))
    return WeightTable("twin", tuple(rules))


def frozen_table(model: DeemoLlamaConfig) -> WeightTable:
    """Encoder and decoder by the twin's names."""
    vision, decoder = vision_model().mounted("video/encoder"), llama(model.decoder.config, False).mounted("decoder")
    rules = [
        *(
            dataclasses.replace(rule, public=rule.public.replace("vision_model.", "vision.", 1))
            for rule in vision.rules
        ),
        *(dataclasses.replace(rule, public=f"decoder.{rule.public}") for rule in decoder.rules),
    ]
    return WeightTable("twin", tuple(rules))


class VideoTwin(torch.nn.Module):
    """The twin of a model whose video connector is `per_frame`, without audio and without dropout."""

    def __init__(self, model: DeemoLlamaConfig, values: dict[str, np.ndarray]) -> None:
        """
        Args:
            model: ours.
            values: path -> our parameter, of all of them.
        """
        super().__init__()
        video: Any = model.video
        vit, connector, decoder = video.encoder.config, video.connector.config, model.decoder.config
        self.vision = blip2_peers.vision(vit)
        self.frame_qformer = blip2_peers.qformer(connector.frame, vit.width)
        self.video_qformer = blip2_peers.qformer(connector.video, connector.frame.width)
        self.frame_qformer_queries = torch.nn.Parameter(torch.empty(1, connector.frame.queries, connector.frame.width))
        self.video_qformer_queries = torch.nn.Parameter(torch.empty(1, connector.video.queries, connector.video.width))
        self.positions = torch.nn.Parameter(torch.empty(connector.max_frames, connector.frame.width))
        self.projector = torch.nn.Linear(connector.video.width, decoder.width)
        self.decoder = peers.decoder(decoder)
        peers.load(self, to_public(learnt_table(model), values) | to_public(frozen_table(model), values))
        self.eval()
        self.vision.requires_grad_(False)
        self.decoder.requires_grad_(False)

    def forward(self, batch: Batch) -> torch.Tensor:
        """The mean cross-entropy of a batch of NumPy arrays."""
        pixels = (torch.from_numpy(batch.frames) / 255 - torch.tensor(CLIP_MEAN)) / torch.tensor(CLIP_STD)
        B, F = pixels.shape[:2]
        tokens = self.vision(pixels.flatten(0, 1).permute(0, 3, 1, 2)).last_hidden_state
        each = self.frame_qformer(
            query_embeds=self.frame_qformer_queries.expand(B * F, -1, -1), encoder_hidden_states=tokens
        ).last_hidden_state
        each = each.unflatten(0, (B, F)) + self.positions[:F, None]
        joined = self.video_qformer(
            query_embeds=self.video_qformer_queries.expand(B, -1, -1), encoder_hidden_states=each.flatten(1, 2)
        ).last_hidden_state
        media_BQD = self.projector(joined)
        (ids, labels), slots = peers.labels_of(batch), torch.from_numpy(batch.slots).long()
        text_BTD = self.decoder.get_input_embeddings()(ids)
        gathered_BTD = media_BQD.gather(1, slots.clamp(min=0)[..., None].expand(-1, -1, media_BQD.shape[-1]))
        return self.decoder(
            inputs_embeds=torch.where(slots[..., None] >= 0, gathered_BTD, text_BTD),
            attention_mask=torch.from_numpy(batch.valid).long(),
            position_ids=torch.from_numpy(batch.positions).long(),
            labels=labels,
        ).loss

    def gradients(self) -> dict[str, np.ndarray]:
        """Name -> gradient of the last loss, of what learns."""
        return {name: value.grad.numpy() for name, value in self.named_parameters() if value.grad is not None}


class TwinTraining:
    """PyTorch's AdamW over a twin, as LAVIS sets it up: no decay of biases and norms, warmup, cosine from step 0."""

    def __init__(self, twin: VideoTwin, recipe: Recipe) -> None:
        """
        Args:
            twin: whose parameters with gradients are trained.
            recipe: of the run.
        """
        self._twin, self._recipe, self._step = twin, recipe, 0
        learnt, rates = [value for value in twin.parameters() if value.requires_grad], recipe.optimizer
        matrices, vectors = ([value for value in learnt if (value.ndim >= 2) is many] for many in (True, False))
        groups = [{"params": matrices, "weight_decay": rates.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=0.0, betas=(rates.b1, rates.b2), eps=rates.eps)

    def step(self, batch: Batch) -> float:
        """One step; returns the loss before it."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        self._optimizer.zero_grad()
        loss = self._twin(batch)
        loss.backward()
        if clip := self._recipe.optimizer.clip_norm:
            torch.nn.utils.clip_grad_norm_(self._twin.parameters(), clip)
        self._optimizer.step()
        self._step += 1
        return loss.item()

    def _rate(self) -> float:
        """LAVIS' LinearWarmupCosineLRScheduler."""
        rates, step = self._recipe.optimizer, self._step
        if step < rates.warmup_steps:
            return min(rates.lr, rates.warmup_start + (rates.lr - rates.warmup_start) * step / rates.warmup_steps)
        turned = (1 + math.cos(math.pi * step / self._recipe.train.steps)) / 2
        return (rates.lr - rates.lr_min) * turned + rates.lr_min
