"""AffectGPT of 2023 at full size on DEEMO-MER: its prompt, Vicuna v0 and its schedule; all of both branches learns.

    python -m deemo_jax.train --config configs/affectgpt_7b.py --workdir runs/affectgpt --config.init=weights/... ...

    python -m deemo_jax.train --config configs/affectgpt_7b.py:data=lineage ...

With `data=lineage` three sets of instructions are mixed in, in equal parts (docs/instructions.md); the fourth part of
AffectGPT's mixture, 100 clips of EMER, are the clips of DEEMO-MER here.

It begins with Video-LLaMA's public connectors, converted as for configs/deemo_llama_7b.py:vicuna=v0 (docs/weights.md).
Its code sets 1,000 steps of warmup and never makes one, since it counts epochs from 1; here there are none. The sources
of the hyper-parameters are in docs/recipes.md.
"""

from ml_collections import ConfigDict

from configs import deemo_llama_7b
from configs.lineage_data import INSTRUCTIONS, taken
from deemo_jax.systems.affectgpt.template import AFFECTGPT_CONVERSATION


def get_config(arguments: str = "") -> ConfigDict:
    """The recipe; `arguments` are those of configs/deemo_llama_7b.py, and `data=lineage`.

    Raises:
        ValueError: an unknown argument or choice.
    """
    arguments, instructions = taken(arguments)
    config = deemo_llama_7b.get_config(",".join(filter(None, ("vicuna=v0,template=affectgpt", arguments))))
    config.name = "affectgpt_7b"
    config.data.update({"frame_crop": True, "cached_views": 0})
    if instructions:
        config.data.update({"mixture": dict.fromkeys((*INSTRUCTIONS, "deemo_mer"), 1)})
        config.prompt.conversation = AFFECTGPT_CONVERSATION.name
    config.optimizer.warmup_steps = 0
    return config
