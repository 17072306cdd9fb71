"""The names in Video-LLaMA's two checkpoints: finetune-vicuna7b-v2.pth (video), finetune_vicuna7b_audiobranch.pth.

They hold optimizer state and buffers beside the weights. The audio branch was trained on ImageBind's vectors of images,
of length 1, not on its vectors of audio, of length 20, so it must be trained further before it is of use.
"""

from deemo_jax.systems.connector_names import ConnectorNames, QFormerNames

_BUFFERS = (
    (r"(video_|audio_)?Qformer\.bert\.embeddings\.position_ids", "buffers of the Q-Formers' text branches"),
    (r"(llama_model\.)?model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq", "rotary frequencies, computed here"),
    (
        r"audio_encoder\.modality_(preprocessors\.text\.mask|postprocessors\.\w+\.\d+\.log_logit_scale)",
        "buffers of ImageBind",
    ),
)

VIDEO_BRANCH = ConnectorNames(
    qformer=QFormerNames("video_Qformer", "video_query_tokens"),
    positions="video_frame_position_embedding.weight",
    projection="llama_proj",
    ignored=_BUFFERS,
)
AUDIO_BRANCH = ConnectorNames(
    qformer=QFormerNames("audio_Qformer", "audio_query_tokens"),
    positions="audio_position_embedding.weight",
    projection="audio_llama_proj",
    ignored=_BUFFERS,
)
