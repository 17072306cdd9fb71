"""Decoders by the names of Hugging Face's LLaMA, Qwen2 and Qwen3, whose queries and keys have the order of `rotate`."""

from deemo_jax.conversion.tables.rules import Ignored, Rule, WeightTable
from deemo_jax.conversion.tables.transforms import FLAT, LINEAR, LINEAR_FROM_HEADS, SAME, Transform
from deemo_jax.models.parts.llama import LlamaConfig

LAYER = "model.layers.{layer}"

LLAMA_IGNORED = (Ignored(r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq", "rotary frequencies, computed here"),)

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"

# A tied head is the embedding, transposed: one public tensor fills both, where the model has both.
_BOTH = Transform(
    "embedding and tied head",
    lambda shapes: shapes[0],
    lambda public, shapes: [public, public.T],
    lambda ours: ours[0],
)


def llama(config: LlamaConfig, tied: bool) -> WeightTable:
    """The decoder.

    Args:
        config: of our decoder; where `tied`, its head may be tied or not.
        tied: whether the public output head is the embedding, of which the file holds one tensor.
    """
    ends: tuple[Rule, ...] = (Rule(EMBEDDING, "embedding", SAME),)
    if tied and not config.tied:
        ends = (Rule(EMBEDDING, ("embedding", "head"), _BOTH),)
    elif not tied:
        ends += (Rule(HEAD, "head", LINEAR),)
    projections = tuple(
        Rule(f"{LAYER}.self_attn.{public}_proj.weight", f"blocks/{ours}/kernel", LINEAR)
        for public, ours in (("q", "query"), ("k", "key"), ("v", "value"))
    )
    if config.qkv_bias:
        projections += tuple(
            Rule(f"{LAYER}.self_attn.{public}_proj.bias", f"blocks/{ours}/bias", FLAT)
            for public, ours in (("q", "query"), ("k", "key"), ("v", "value"))
        )
    if config.qk_norm:
        projections += tuple(
            Rule(f"{LAYER}.self_attn.{public}_norm.weight", f"blocks/{ours}_norm/scale")
            for public, ours in (("q", "query"), ("k", "key"))
        )
    mlp = tuple(
        Rule(f"{LAYER}.mlp.{part}_proj.weight", f"blocks/{part}/kernel", LINEAR) for part in ("gate", "up", "down")
    )
    norms = (
        Rule(f"{LAYER}.input_layernorm.weight", "blocks/norm1/scale"),
        Rule(f"{LAYER}.post_attention_layernorm.weight", "blocks/norm2/scale"),
        Rule("model.norm.weight", "norm/scale"),
    )
    out = Rule(f"{LAYER}.self_attn.o_proj.weight", "blocks/out/kernel", LINEAR_FROM_HEADS)
    # Some files hold a tied head twice.
    ignored = (*LLAMA_IGNORED, *((Ignored(r"lm_head\.weight", "the tied head, which is the embedding"),) * tied))
    copies = ((HEAD, EMBEDDING),) * tied
    return WeightTable("llama", (*ends, *projections, out, *mlp, *norms), ignored, copies)
