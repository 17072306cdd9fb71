"""The rules that all BERT-shaped Q-Formers of the lineage share (BLIP-2, Video-LLaMA's video and audio branches)."""

import dataclasses

from deemo_jax.conversion.tables.rules import MEMBER, Place, Rule, Table
from deemo_jax.conversion.tables.transforms import FLAT, LINEAR, LINEAR_FROM_HEADS, TABLE, Transform


def bert_qformer(name: str, prefix: str, queries: str, cross_every: int) -> Table:
    """A Q-Former without its text branch.

    Args:
        name: of the source.
        prefix: of its keys, e.g. 'video_Qformer'.
        queries: the key of its query tokens.
        cross_every: of its config: layer l is member l mod cross_every of group l // cross_every.
    """
    norm = f"{prefix}.bert.embeddings.LayerNorm"
    layer = f"{prefix}.bert.encoder.layer.{{layer}}"
    return _table(name, queries, norm, layer, cross_every, "self")


def hugging_face_qformer(name: str, cross_every: int) -> Table:
    """The same under the names of `transformers.Blip2QFormerModel`, with 'query_tokens' beside it."""
    return _table(name, "query_tokens", "qformer.layernorm", "qformer.encoder.layer.{layer}", cross_every, "attention")


def _table(name: str, queries: str, norm: str, layer: str, cross_every: int, inner: str) -> Table:
    group = f"groups/{MEMBER}"

    def place(index: int) -> Place:
        row, offset = divmod(index, cross_every)
        return Place(row, f"plain{offset}" if offset else "cross")

    layers = [
        *_attention(f"{layer}.attention", inner, f"{group}/self"),
        *_attention(f"{layer}.crossattention", inner, f"{group}/cross"),
        *_linear(f"{layer}.intermediate_query.dense", f"{group}/mlp/up"),
        *_linear(f"{layer}.output_query.dense", f"{group}/mlp/down"),
        *_norm(f"{layer}.output_query.LayerNorm", f"{group}/mlp_norm"),
    ]
    placed = [dataclasses.replace(rule, place=place) for rule in layers]
    return Table(name, (Rule(queries, "queries", TABLE), *_norm(norm, "norm"), *placed))


def _attention(public: str, inner: str, ours: str) -> list[Rule]:
    rules = []
    for part in ("query", "key", "value"):
        rules += _linear(f"{public}.{inner}.{part}", f"{ours}_attention/{part}", bias=FLAT)
    rules += _linear(f"{public}.output.dense", f"{ours}_attention/out", LINEAR_FROM_HEADS)
    return rules + _norm(f"{public}.output.LayerNorm", f"{ours}_norm")


def _linear(public: str, ours: str, kernel: Transform = LINEAR, bias: Transform = FLAT) -> list[Rule]:
    return [Rule(f"{public}.weight", f"{ours}/kernel", kernel), Rule(f"{public}.bias", f"{ours}/bias", bias)]


def _norm(public: str, ours: str) -> list[Rule]:
    return [Rule(f"{public}.weight", f"{ours}/scale"), Rule(f"{public}.bias", f"{ours}/bias")]
