"""Video-LLaMA at full size on DEEMO-MER: its prompt, Vicuna v0 and the schedule of its second stage on vision.

    python -m deemo_jax.train --config configs/video_llama_7b.py --workdir runs/vl --config.init=runs/stage1 ...

Both branches learn at once, on the de-identified clips; Video-LLaMA tunes them one after the other, on instructions
about pictures and films. It has neither transcripts nor body language as text, so these are not shown. Weights are
converted as for configs/deemo_llama_7b.py:vicuna=v0. The sources of the hyper-parameters are in docs/recipes.md.
"""

from ml_collections import ConfigDict

from configs import deemo_llama_7b


def get_config(arguments: str = "") -> ConfigDict:
    """The recipe; `arguments` are those of configs/deemo_llama_7b.py.

    Raises:
        ValueError: an unknown argument or choice.
    """
    config = deemo_llama_7b.get_config(",".join(filter(None, ("vicuna=v0,template=video_llama", arguments))))
    config.name = "video_llama_7b"
    config.data.update({"batch_size": 32, "modalities": "video,audio", "frame_crop": True, "cached_views": 0})
    config.train.steps = 3 * 1000
    return config
