"""Stage 1 of the sample: the video branch learns to caption drawn films, before configs/sample.py.

    make chain      # does all of this

    python -m deemo_jax.sample captions --out runs/captions/raw --workers 2
    python -m deemo_jax.build captions --source runs/captions/raw --data_dir runs/captions/tfds --frames 16 --workers 2
    python -m deemo_jax.train --config configs/sample_pretrain.py --workdir runs/stage1
    python -m deemo_jax.train --config configs/sample.py --workdir runs/stage2 --config.init=runs/stage1

As in configs/pretrain_7b.py no text stands before a caption, frames are drawn from both halves of a film, and cropped.
"""

from ml_collections import ConfigDict

from configs import sample


def get_config() -> ConfigDict:
    """The recipe."""
    config = sample.get_config("video")
    config.name = "sample_pretrain"
    del config.model.audio
    config.data.update(
        {
            "dataset": "captions",
            "data_dir": "runs/captions/tfds",
            "test_split": "train",
            "max_length": 96,
            # A token is a byte here.
            "max_answer": 64,
            "frame_sampling": "head_tail",
            "frame_crop": True,
            "modality_dropout": {},
            "cached_views": 0,
        }
    )
    config.prompt.update({"task": "reasoning", "template": "caption"})
    config.train.steps = 400
    return config
