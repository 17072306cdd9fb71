"""All prompt templates, by the names that recipes use in `config.prompt.template`."""

from collections.abc import Mapping

from deemo_jax.systems.affectgpt.template import AFFECTGPT, AFFECTGPT_CONVERSATION, AFFECTGPT_V2
from deemo_jax.systems.deemo.template import CAPTION, DEEMO
from deemo_jax.systems.prompt_template import Template
from deemo_jax.systems.qwen.template import QWEN, QWEN3
from deemo_jax.systems.vicuna.template import VICUNA_V1
from deemo_jax.systems.video_llama.template import LLAMA_2, VIDEO_LLAMA, VIDEO_LLAMA_IMAGE, VIDEO_LLAMA_STAGE1

TEMPLATES: Mapping[str, Template] = {
    one.name: one
    for one in (
        *(DEEMO, CAPTION, AFFECTGPT, AFFECTGPT_V2, AFFECTGPT_CONVERSATION),
        *(VIDEO_LLAMA, VIDEO_LLAMA_STAGE1, VIDEO_LLAMA_IMAGE),
        *(VICUNA_V1, LLAMA_2, QWEN, QWEN3),
    )
}
