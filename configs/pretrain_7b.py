"""Stage 1 at full size (paper, 4.2): the video branch learns to caption WebVid and CC3M.

    python -m deemo_jax.build webvid --source WEBVID --data_dir DATA --frames 16 --workers 8
    python -m deemo_jax.build cc3m --source CC3M --data_dir DATA --workers 8
    python -m deemo_jax.train --config configs/pretrain_7b.py --workdir runs/stage1 --config.data.data_dir=DATA \\
        --config.init=weights/deemo_llama_7b --config.tokenizer.path=weights/deemo_llama_7b
    python -m deemo_jax.train --config configs/deemo_llama_7b.py --workdir runs/stage2 --config.init=runs/stage1 ...

Hyper-parameters are those of Video-LLaMA's first stage on vision, see docs/recipes.md: ViT-g/14, BLIP-2's Q-Former on
each frame and Vicuna 7B frozen; the video Q-Former, its queries, the frame positions and the projection trained, for
5 x 2,500 steps of 32 examples on each of 8 GPUs, each step of one dataset. There is no audio branch: audio learns in a
first stage of its own there.

Arguments are those of configs/deemo_llama_7b.py (`configs/pretrain_7b.py:vicuna=v0`); `audio` has no effect. Another
set of captions: `--config.data.mixture='{"captions": 1}' --config.data.dataset=captions`.
"""

from ml_collections import ConfigDict

from configs import deemo_llama_7b
from deemo_jax.systems.deemo.template import CAPTION
from deemo_jax.systems.video_llama.template import VIDEO_LLAMA, VIDEO_LLAMA_STAGE1

# Beginning-of-sequence, 32 video tokens, 32 tokens of a caption with its end, in whole 32s.
POSITIONS = 96
# Template of stage 2 -> that of stage 1.
CAPTIONS = {VIDEO_LLAMA.name: VIDEO_LLAMA_STAGE1.name}


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
            "dataset": "webvid",
            "mixture": {"webvid": 100, "cc3m": 24},
            "mixing": "batch",
            "test_split": "validation",
            "batch_size": 256,
            "max_length": POSITIONS,
            "max_answer": 32,
            "frame_sampling": "head_tail",
            "frame_crop": True,
            "modalities": "video",
            # Frames are drawn and cropped anew each time that a clip is shown, so encoders run in every step.
            "cached_views": 0,
        }
    )
    config.prompt.task = "reasoning"  # free text
    config.prompt.template = CAPTIONS.get(config.prompt.template, CAPTION.name)
    config.optimizer.update({"lr": 1e-4, "lr_min": 8e-5, "warmup_steps": 2500})
    config.train.steps = 5 * 2500
    return config
