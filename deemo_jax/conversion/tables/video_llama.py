"""Video-LLaMA's connectors: the video and the audio branch's checkpoint, and MiniGPT-4's projection.

They hold optimizer state and buffers beside the weights. The audio branch was trained on ImageBind's picture vectors of
length 1, not on its audio vectors of length 20: a rough start, no more.
"""

from deemo_jax.conversion.tables.qformer import bert_qformer
from deemo_jax.conversion.tables.rules import Ignored, Rule, Table
from deemo_jax.conversion.tables.transforms import LINEAR

_BUFFERS = (
    Ignored(r"(video_|audio_)?Qformer\.bert\.embeddings\.position_ids", "buffers of the Q-Formers' text branches"),
    Ignored(
        r"(llama_model\.)?model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq", "rotary frequencies, computed here"
    ),
    Ignored(
        r"audio_encoder\.modality_(preprocessors\.text\.mask|postprocessors\.\w+\.\d+\.log_logit_scale)",
        "buffers of ImageBind",
    ),
)


def projection(public: str, ours: str) -> tuple[Rule, Rule]:
    """A linear projection to the decoder's width."""
    return Rule(f"{public}.weight", f"{ours}/kernel", LINEAR), Rule(f"{public}.bias", f"{ours}/bias")


def video_branch(cross_every: int) -> Table:
    """The 2-layer video Q-Former, its queries, frame positions and projection; rooted at the video branch."""
    qformer = bert_qformer("video_llama", "video_Qformer", "video_query_tokens", cross_every)
    positions = Rule("video_frame_position_embedding.weight", "connector/frame_positions")
    return _branch(qformer, "connector/video_qformer", positions, "llama_proj")


def audio_branch(cross_every: int) -> Table:
    """The 2-layer audio Q-Former, its queries, clip positions and projection; rooted at the audio branch."""
    qformer = bert_qformer("video_llama_audio", "audio_Qformer", "audio_query_tokens", cross_every)
    positions = Rule("audio_position_embedding.weight", "connector/clip_positions")
    return _branch(qformer, "connector/qformer", positions, "audio_llama_proj")


MINIGPT4 = Table(
    "minigpt4",
    projection("llama_proj", "projector/linear"),
    (Ignored(r"(?!llama_proj\.).*", "everything but the projection"),),
)


def _branch(qformer: Table, mount: str, positions: Rule, projector: str) -> Table:
    rules = (*qformer.mounted(mount).rules, positions, *projection(projector, "projector/linear"))
    return Table(qformer.name, rules, _BUFFERS)
