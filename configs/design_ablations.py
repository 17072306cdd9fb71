"""What each choice of the design is worth: the rows of `sweep --generated` for the sample and for 7B recipes alike.

    python -m deemo_jax.sweep --config configs/sample.py --workdir runs/design --generated --cache
    python -m deemo_jax.sweep --config configs/deemo_llama_7b.py --workdir runs/design_7b --generated --cache \\
        --config.init=weights/deemo_llama_7b --config.tokenizer.path=weights/deemo_llama_7b --config.data.data_dir=DATA

Each row changes one choice of the recipe that it is given; the last one is the recipe, with which all are compared.
`--rows joint,patches,as_it_is` takes some of them. docs/sweep.md says what the rows need, and has the sample's table.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from deemo_jax.models import presets

VIDEO, AUDIO = "model.video.connector", "model.audio.connector"
# Rows of the table of frame positions: enough for any row, and Video-LLaMA's number.
MAX_FRAMES = 32


def rows(recipe: Mapping[str, Any], stage1: str, joint_init: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a recipe with both branches, the connector `per_frame` and vectors of audio clips.

    Args:
        recipe: as plain nested dicts.
        stage1: workdir of a run of stage 1, which was trained from the recipe's weights.
        joint_init: weights for the connector `joint`, where those of the recipe have BLIP-2's Q-Former under its name
            in `per_frame`; empty where they have none.

    Yields:
        A name, and the keys of the config that differ.
    """
    video, audio, data = recipe["model"]["video"]["connector"], recipe["model"]["audio"]["connector"], recipe["data"]
    joint = joint_connector(video)
    other_weights = {"init": joint_init} if joint_init else {}
    yield "joint", {VIDEO: joint, **other_weights}
    yield "joint_in_order", {VIDEO: {**joint, "frame_embedding": True}, **other_weights}
    # As many positions more as tokens, so that no transcript is cut shorter.
    for key, name, queries in (
        (f"{VIDEO}.video.queries", "video_queries", video["video"]["queries"]),
        (f"{AUDIO}.qformer.queries", "audio_queries", audio["qformer"]["queries"]),
    ):
        yield f"half_the_{name}", {key: queries // 2}
        yield f"twice_the_{name}", {key: 2 * queries, "data.max_length": data["max_length"] + queries}
    yield "half_the_frames", {"data.frames": data["frames"] // 2}
    yield "twice_the_frames", {"data.frames": 2 * data["frames"], f"{VIDEO}.max_frames": MAX_FRAMES}
    yield "half_the_clips", {"data.clips": data["clips"] // 2}
    yield "patches", {"model.audio.encoder.output": "patches"}
    yield "after_stage_1", {"init": stage1}
    yield "projections", {"trainable": ["projections"]}
    yield "with_lora", {"trainable": [*recipe["trainable"], "lora"], "model.decoder.lora": presets.LORA}
    yield "everything", {"trainable": ["full"], "data.cached_views": 0}
    yield "as_it_is", {}


def joint_connector(per_frame: Mapping[str, Any]) -> dict[str, Any]:
    """The connector `joint` beside a given `per_frame`: its Q-Former, with the tokens and dropout of the second one."""
    of_both = ("queries", "dropout", "attention_dropout")
    qformer = {**per_frame["frame"], **{key: per_frame["video"][key] for key in of_both}}
    return {"name": "joint", "qformer": qformer, "frame_embedding": False, "max_frames": per_frame["max_frames"]}
