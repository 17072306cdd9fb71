"""AffectGPT of 2023 at full size on DEEMO-MER: its prompt, Vicuna v0 and its schedule; all of both branches learns.

    python -m deemo_jax.train --config configs/affectgpt_7b.py --workdir runs/affectgpt --config.init=weights/... ...

It begins with Video-LLaMA's public connectors, converted as for configs/deemo_llama_7b.py:vicuna=v0 (docs/weights.md).
Its code sets 1,000 steps of warmup and never makes one, since it counts epochs from 1; here there are none. The sources
of the hyper-parameters are in docs/recipes.md.
"""

from ml_collections import ConfigDict

from configs import deemo_llama_7b


def get_config(arguments: str = "") -> ConfigDict:
    """The recipe; `arguments` are those of configs/deemo_llama_7b.py.

    Raises:
        ValueError: an unknown argument or choice.
    """
    config = deemo_llama_7b.get_config(",".join(filter(None, ("vicuna=v0,template=affectgpt", arguments))))
    config.name = "affectgpt_7b"
    config.data.update({"frame_crop": True, "cached_views": 0})
    config.optimizer.warmup_steps = 0
    return config
