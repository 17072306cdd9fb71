"""The rules of Q-Formers: BLIP-2's and those of Video-LLaMA's two branches, in BERT's and in Hugging Face's names."""

import dataclasses

from deemo_jax.conversion.tables.rules import MEMBER, Place, Rule, WeightTable
from deemo_jax.conversion.tables.transforms import FLAT, LINEAR, LINEAR_FROM_HEADS, TABLE, Transform
from deemo_jax.systems.connector_names import QFormerNames


def bert_qformer(source: str, names: QFormerNames, cross_every: int) -> WeightTable:
    """A Q-Former without its text branch.

    Args:
        source: name of the source.
        names: the public names.
        cross_every: of its config. Public layer l is member l mod cross_every of our group l // cross_every.
    """
    norm = f"{names.prefix}.bert.embeddings.LayerNorm"
    layer = f"{names.prefix}.bert.encoder.layer.{{layer}}"
    return _table(source, names.queries, norm, layer, cross_every, "self")


def hugging_face_qformer(source: str, cross_every: int) -> WeightTable:
    """A Q-Former by the names of `transformers.Blip2QFormerModel`; the queries are under 'query_tokens'."""
    return _table(
        source, "query_tokens", "qformer.layernorm", "qformer.encoder.layer.{layer}", cross_every, "attention"
    )


def _table(source: str, queries: str, norm: str, layer: str, cross_every: int, inner: str) -> WeightTable:
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
    return WeightTable(source, (Rule(queries, "queries", TABLE), *_norm(norm, "norm"), *placed))


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
