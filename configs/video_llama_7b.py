"""Video-LLaMA at full size on DEEMO-MER: its prompt, Vicuna v0 and the schedule of its second stage on vision.

    python -m deemo_jax.train --config configs/video_llama_7b.py --workdir runs/vl --config.init=runs/stage1 ...

    python -m deemo_jax.train --config configs/video_llama_7b.py:data=lineage ...

Both branches learn at once, on the de-identified clips; with `data=lineage` the video branch learns alone, on what
Video-LLaMA tunes it on: instructions about pictures and films, built as in docs/instructions.md. It has neither
transcripts nor body language as text, so these are not shown. Weights are converted as for
configs/deemo_llama_7b.py:vicuna=v0. The sources of the hyper-parameters are in docs/recipes.md.
"""

from ml_collections import ConfigDict

from configs import deemo_llama_7b
from configs.lineage_data import INSTRUCTIONS, taken


def get_config(arguments: str = "") -> ConfigDict:
    """The recipe; `arguments` are those of configs/deemo_llama_7b.py, and `data=lineage`.

    Raises:
        ValueError: an unknown argument or choice.
    """
    arguments, instructions = taken(arguments)
    config = deemo_llama_7b.get_config(",".join(filter(None, ("vicuna=v0,template=video_llama", arguments))))
    config.name = "video_llama_7b"
    config.data.update({"batch_size": 32, "modalities": "video,audio", "frame_crop": True, "cached_views": 0})
    if instructions:
        config.data.update({"mixture": dict.fromkeys(INSTRUCTIONS, 1), "modalities": "video"})
    config.train.steps = 3 * 1000
    return config
