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
import transformers

from benchmarks import peers
from benchmarks.decoder_sizes import SIZES
from configs import sample
from deemo_jax.conversion.tables.blip2_hf import vision_model
from deemo_jax.conversion.tables.qformer import hugging_face_qformer
from deemo_jax.conversion.tables.rules import to_public
from deemo_jax.core import cli
from deemo_jax.core.recipe import Recipe
from deemo_jax.models.batch import Batch
from deemo_jax.models.params import merge, split, trainable_paths
from deemo_jax.models.weights import flatten
from deemo_jax.training.loss import answer_loss
from deemo_jax.training.step import init_state, make_step

# Tokens of a sequence and of its answer, frames of a video, and its query tokens.
LENGTH, ANSWER, FRAMES, QUERIES = 256, 64, 8, 32
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


def main() -> int:
    """Prints the comparison."""
    parser = cli.Parser("python -m benchmarks.train_step", description=__doc__)
    parser.add_argument("--rows", type=int, default=4, help="examples in a batch")
    parser.add_argument("--repeats", type=int, default=7, help="steps of each")
    flags = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    model, params = peers.model(DECODER, video=VIDEO)
    batch = example(flags.rows)
    ours, theirs = our_step(model, params, batch), their_step(params, batch)
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
    rng = np.random.default_rng(0)
    batch: Any = Batch.zeros(rows, LENGTH, (FRAMES, 224, 224, 3), None)
    slots = np.full((rows, LENGTH), -1, np.int32)
    slots[:, 1 : 1 + QUERIES] = np.arange(QUERIES)
    return jax.device_put(
        batch.replace(
            token_ids=rng.integers(3, DECODER["vocab"], (rows, LENGTH)).astype(np.int32),
            slots=slots,
            positions=np.broadcast_to(np.arange(LENGTH, dtype=np.int32), (rows, LENGTH)),
            valid=np.ones((rows, LENGTH), bool),
            loss_mask=np.broadcast_to(np.arange(LENGTH) >= LENGTH - ANSWER, (rows, LENGTH)).astype(np.float32),
            frames=rng.standard_normal((rows, FRAMES, 224, 224, 3), np.float32),
            record_valid=np.ones(rows, bool),
        )
    )


def our_step(model: Any, params: Any, batch: Any) -> Callable[[], float]:
    """A function that does one step and gives its loss; the state is kept between calls."""
    config = sample.get_config()
    config.model = {"decoder": {"name": "llama", **DECODER}, "video": VIDEO}
    recipe = Recipe.from_config(config)
    trainable, frozen = split(params, trainable_paths(flatten(params), recipe.trainable))
    step = jax.jit(make_step(model, recipe), donate_argnums=0)
    # A step overwrites its state, so that begins with a copy of the parameters.
    held = [init_state(recipe, jax.tree.map(lambda leaf: leaf.copy(), trainable))]

    def run() -> float:
        held[0], metrics = step(held[0], frozen, batch)
        return float(metrics["loss"])

    return run


def their_step(params: Any, batch: Any) -> Callable[[], float]:
    """The same with Hugging Face's modules."""
    values = peers.on_host(params)
    vision, qformer, decoder = towers(values)
    projector = torch.nn.Linear(QFORMER["width"], DECODER["width"])
    kernel, bias = (values[f"video/projector/linear/{name}"] for name in ("kernel", "bias"))
    peers.load(projector, {"weight": kernel.T, "bias": bias})
    queries = torch.nn.Parameter(torch.from_numpy(values["video/connector/qformer/queries"][None].copy()))
    trained = [queries, *qformer.parameters(), *projector.parameters()]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05)
    frames = torch.from_numpy(np.asarray(batch.frames).reshape(-1, 224, 224, 3)).permute(0, 3, 1, 2).contiguous()
    ids = torch.from_numpy(np.asarray(batch.token_ids)).long()
    labels = ids.masked_fill(torch.from_numpy(np.asarray(batch.loss_mask)) == 0, -100)
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
        return float(loss)

    return run


def towers(values: dict[str, np.ndarray]) -> tuple[Any, Any, Any]:
    """Frozen vision tower, trained Q-Former, frozen decoder."""
    sizes: Any = {"hidden_size": VIT["width"], "intermediate_size": VIT["mlp"], "num_hidden_layers": VIT["depth"]}
    sizes |= {"num_attention_heads": VIT["heads"], "image_size": VIT["image"], "patch_size": VIT["patch"]}
    vision = transformers.Blip2VisionModel(transformers.Blip2VisionConfig(**sizes)).eval()
    vision.post_layernorm.eps = 1e-5
    public = to_public(vision_model().mounted("video/encoder"), values)
    peers.load(vision, {key.removeprefix("vision_model."): value for key, value in public.items()})
    sizes = {"hidden_size": QFORMER["width"], "num_hidden_layers": QFORMER["depth"]}
    sizes |= {"num_attention_heads": QFORMER["heads"], "intermediate_size": QFORMER["mlp"]}
    sizes |= {"encoder_hidden_size": VIT["width"], "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    qformer = transformers.Blip2QFormerModel(transformers.Blip2QFormerConfig(**sizes))
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
