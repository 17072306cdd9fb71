"""Stage 1 at full size: the video branch learns to caption WebVid and CC3M, before configs/deemo_llama_7b.py.

    python -m deemo_jax.fit --config configs/pretrain_7b.py --topology v5e:2x4 --config.mesh.fsdp=8 --config.mesh.data=1

Hyper-parameters are those of Video-LLaMA's first stage on vision: ViT-g/14, BLIP-2's Q-Former on each frame and Vicuna
7B frozen; the video Q-Former, its queries, the frame positions and the projection trained, for 5 x 2,500 steps of 32
examples on each of 8 GPUs. A sequence is the 32 video tokens and a caption of at most 32 tokens. There is no audio
branch: audio learns in a first stage of its own there.

Arguments are those of configs/deemo_llama_7b.py (`configs/pretrain_7b.py:vicuna=v0`); `audio` has no effect. The
dataset, `captions`, is one of clip and caption pairs, which `build` does not make yet: `fit` needs none.
"""

from ml_collections import ConfigDict

from configs import deemo_llama_7b

# Beginning-of-sequence, tags of the template, 32 video tokens, 32 tokens of a caption and its end, in whole eights.
POSITIONS = 96


def get_config(arguments: str = "") -> ConfigDict:
    """The recipe; `arguments` are those of configs/deemo_llama_7b.py.

    Raises:
        ValueError: an unknown argument or choice.
    """
    config = deemo_llama_7b.get_config(arguments)
    config.name = "pretrain_7b"
    del config.model.audio
    config.data.update(
        {
            "dataset": "captions",
            "test_split": "val",
            "batch_size": 256,
            "max_length": POSITIONS,
            "modalities": "video",
            # The lineage draws and crops frames anew each time that a clip is shown, so encoders run in every step.
            "cached_views": 0,
        }
    )
    config.prompt.task = "reasoning"  # free text
    config.optimizer.update({"lr": 1e-4, "lr_min": 8e-5, "warmup_steps": 2500})
    config.train.steps = 5 * 2500
    return config
