"""LLaMA decoders by Hugging Face's names. Their query and key weights are already ordered for `rotate`'s pairs."""

from deemo_jax.conversion.tables.rules import Ignored, Rule, WeightTable
from deemo_jax.conversion.tables.transforms import LINEAR, LINEAR_FROM_HEADS, SAME, Transform

LAYER = "model.layers.{layer}"

LLAMA_IGNORED = (Ignored(r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq", "rotary frequencies, computed here"),)

# A tied head is the embedding, transposed: one public tensor fills both.
_BOTH = Transform(
    "embedding and tied head",
    lambda shapes: shapes[0],
    lambda public, shapes: [public, public.T],
    lambda ours: ours[0],
)


def llama(tied: bool) -> WeightTable:
    """The decoder.

    Args:
        tied: whether the output head is the embedding, of which the file holds one tensor.
    """
    embedding = "model.embed_tokens.weight"
    ends = (
        (Rule(embedding, ("embedding", "head"), _BOTH),)
        if tied
        else (Rule(embedding, "embedding", SAME), Rule("lm_head.weight", "head", LINEAR))
    )
    projections = tuple(
        Rule(f"{LAYER}.self_attn.{public}_proj.weight", f"blocks/{ours}/kernel", LINEAR)
        for public, ours in (("q", "query"), ("k", "key"), ("v", "value"))
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
    return WeightTable("llama", (*ends, *projections, out, *mlp, *norms), ignored)
