"""One training step beside PyTorch's: `python -m benchmarks.train_step [--rows 4] [--repeats 7]`.

A frozen ViT, a Q-Former and a projection that are trained, and a frozen LLaMA with 32,000 ids; on the other side
Hugging Face's modules with the same weights, trained with their own loss and PyTorch's AdamW. Our decoder keeps its
matrix products and recomputes the rest in the backward pass (remat "dots"), which is faster on CPUs. Both sides have
float32 and all cores and run in turns; their first losses are printed. Also prints the memory that logits for answers
only save. Needs PyTorch.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch

from benchmarks import blip2_peers, peers
from benchmarks.decoder_sizes import SIZES
from benchmarks.one_step import LENGTH, our_step, text_batch
from deemo_jax.conversion.tables.blip2_hf import vision_model
from deemo_jax.conversion.tables.qformer import hugging_face_qformer
from deemo_jax.conversion.tables.rules import to_public
from deemo_jax.core import cli
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.params import merge, split, trainable_paths
from deemo_jax.models.weights import flatten
from deemo_jax.training.loss import answer_loss

# Shape of a video's frames, and its query tokens.
SHOWN, QUERIES = (8, 224, 224, 3), 32
VIT: dict[str, Any] = {
    "name": "vit",
    "width": 128,
    "depth": 4,
    "heads": 4,
    "mlp": 512,
    "patch": 28,
    "image": 224,
    "output_norm": True,
}
QFORMER: dict[str, Any] = {"queries": QUERIES, "width": 256, "depth": 4, "heads": 4, "mlp": 1024, "cross_every": 2}
QFORMER |= {"dropout": 0.0, "attention_dropout": 0.0}
VIDEO = {"encoder": VIT, "connector": {"name": "joint", "qformer": QFORMER}, "projector": {"name": "linear"}}
DECODER = {**SIZES["512 x 8, 32,000 ids"], "remat": "dots"}
MODEL = {"decoder": {"name": "llama", **DECODER}, "video": VIDEO}


def main() -> int:
    """Prints the comparison."""
    parser = cli.Parser("python -m benchmarks.train_step", description=__doc__)
    parser.add_argument("--rows", type=int, default=4, help="examples in a batch")
    parser.add_argument("--repeats", type=int, default=7, help="steps of each")
    flags = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    model, params = peers.model(DECODER, video=VIDEO)
    batch = example(flags.rows)
    ours, theirs = our_step(model, params, batch, {"model": MODEL}), their_step(model.config, params, batch)
    losses = ours(), theirs()
    print(f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, {flags.rows} x {LENGTH} positions, float32")
    print(f"first loss: ours {losses[0]:.6f}, PyTorch {losses[1]:.6f}")
    print(f"step: {peers.told(*peers.paired(ours, theirs, flags.repeats))}")
    for chunk in (64, LENGTH):
        print(
            f"temporary memory of loss and gradient, logits of {chunk:>3} positions at a time: "
            f"{temporary_bytes(model, params, batch, chunk) / 1e6:.0f} MB"
        )
    return 0


def example(rows: int) -> Any:
    """A batch of random frames and tokens: video in front, the answer at the end."""
    slots = np.full((rows, LENGTH), -1, np.int32)
    slots[:, 1 : 1 + QUERIES] = np.arange(QUERIES)
    frames = np.random.default_rng(0).standard_normal((rows, *SHOWN), np.float32)
    return jax.device_put(text_batch(rows, DECODER["vocab"], SHOWN).replace(slots=slots, frames=frames))


def their_step(model: DeemoLlamaConfig, params: Any, batch: Any) -> Callable[[], float]:
    """The same with Hugging Face's modules."""
    values = peers.on_host(params)
    vision, qformer, decoder = towers(model, values)
    projector = torch.nn.Linear(QFORMER["width"], DECODER["width"])
    kernel, bias = (values[f"video/projector/linear/{name}"] for name in ("kernel", "bias"))
    peers.load(projector, {"weight": kernel.T, "bias": bias})
    queries = torch.nn.Parameter(torch.from_numpy(values["video/connector/qformer/queries"][None].copy()))
    trained = [queries, *qformer.parameters(), *projector.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05)
    frames = torch.from_numpy(np.array(batch.frames).reshape(-1, 224, 224, 3)).permute(0, 3, 1, 2).contiguous()
    ids, labels = peers.labels_of(batch)
    rows = len(ids)

    def run() -> float:
        with torch.no_grad():
            tokens = vision(frames).last_hidden_state.reshape(rows, -1, VIT["width"])
            text = decoder.get_input_embeddings()(ids)
        found = qformer(query_embeds=queries.expand(rows, -1, -1), encoder_hidden_states=tokens).last_hidden_state
        inputs = torch.cat([text[:, :1], projector(found), text[:, 1 + QUERIES :]], dim=1)
        loss = decoder(inputs_embeds=inputs, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return run


def towers(model: DeemoLlamaConfig, values: dict[str, np.ndarray]) -> tuple[Any, Any, Any]:
    """Frozen vision tower, trained Q-Former, frozen decoder."""
    video: Any = model.video
    vision = blip2_peers.vision(video.encoder.config).eval()
    public = to_public(vision_model().mounted("video/encoder"), values)
    peers.load(vision, {key.removeprefix("vision_model."): value for key, value in public.items()})
    qformer = blip2_peers.qformer(video.connector.config.qformer, VIT["width"])
    table = hugging_face_qformer("blip2_hf", QFORMER["cross_every"]).mounted("video/connector/qformer")
    public = to_public(table, values)
    peers.load(qformer, {k.removeprefix("qformer."): v for k, v in public.items() if k != "query_tokens"})
    decoder = peers.peer(DECODER, values)
    for module in (vision, decoder):
        module.requires_grad_(False)
    return vision, qformer.train(), decoder


def temporary_bytes(model: Any, params: Any, batch: Any, chunk: int) -> int:
    """Memory of the compiled loss and gradient, beside that of arguments and results."""
    trainable, frozen = split(params, trainable_paths(flatten(params), (".*/connector/.*", ".*/projector/.*")))

    def loss(trainable: Any, frozen: Any) -> Any:
        return answer_loss(model, merge(trainable, frozen), batch, None, chunk)[0]

    analysis: Any = jax.jit(jax.grad(loss)).lower(trainable, frozen).compile().memory_analysis()
    return analysis.temp_size_in_bytes


if __name__ == "__main__":
    sys.exit(cli.guarded(main))
