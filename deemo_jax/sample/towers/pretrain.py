"""All towers in one file, with a card that describes them."""

import json
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from deemo_jax.core import tables
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, sha256
from deemo_jax.models.deemo_llama import DeemoLlamaConfig
from deemo_jax.models.parts.imagebind import ImageBindAudio
from deemo_jax.models.parts.llama import Llama
from deemo_jax.models.parts.vit import ViT
from deemo_jax.models.weights import load_tree, save_tree
from deemo_jax.sample.towers import NAMES
from deemo_jax.sample.towers.decoder import DecoderRecipe, answer_accuracy, pretrain_decoder
from deemo_jax.sample.towers.poses import PoseRecipe, pretrain_vit
from deemo_jax.sample.towers.prosody import ProsodyRecipe, pretrain_trunk

MAX_BYTES = 8 << 20  # the file is kept in the repository
FILE, SCORES = "towers.safetensors", "scores.json"
HEADER = ("tower", "parameters", "seconds", "on held-out speakers or sentences")

CARD = """# The sample's towers

A tiny ViT, audio trunk and decoder with the layout of EVA-CLIP, ImageBind and LLaMA (`configs/sample.py`), pre-trained
on a synthetic corpus and frozen when the sample is trained. They know nothing beyond that corpus: use them for the
sample only.

- Command: `python -m deemo_jax.sample towers --out configs/sample_towers --seed {seed}`
- File: `{file}`, {size:.2f} MiB, sha256 `{digest}`
- What they saw: pictures and speech of invented persons of the family `towers`, none of whom is in the sample corpus;
  sentences of the set `towers`, none of which is in it. The phrases that carry a tone ("gutted") are shared: a language
  model knows what words mean.
- What they learnt: the ViT, where hands, head and body are (faces covered, light, clothes and camera varied); the audio
  trunk, pitch, its range and the rate of speech, in voices of which a third each are raw, changed by `mcadams`, and
  said by the `neutral` voice (half of these around the speaker's usual pitch, as with `--speakers`); the decoder, the
  next byte of written dialogues that describe voice and body in words. The answers of those dialogues are a fixed rule
  over the words on the page (`deemo_jax/sample/towers/dialogues.py`). No emotion label of any clip was used.

{table}
"""


def pretrain(model: Mapping[str, Any], out: Path, only: Collection[str], *, seed: int, workers: int) -> None:
    """Trains the named towers, keeps the others, writes the file and its card.

    Args:
        model: the sample's model as plain data.
        out: the folder to write to.
        only: some of `NAMES`.
        seed: of everything.
        workers: processes that make pictures and speech.

    Raises:
        UserError: a tower is to be kept but is not there, or the file would be larger than 8 MiB.
    """
    config = DeemoLlamaConfig.from_config(model)
    if config.audio is None or config.video is None:
        raise UserError("the sample's model must have an audio and a video branch")
    tree, scores = _kept(out, only)
    for name in NAMES:
        if name not in only:
            continue
        start = time.monotonic()
        if name == "vit":
            vit = ViT(config.video.encoder.config)
            params, score = pretrain_vit(vit, PoseRecipe(), seed=seed, workers=workers)
            tree["video"] = {"encoder": params}
        elif name == "audio":
            trunk = ImageBindAudio(config.audio.encoder.config)
            params, score = pretrain_trunk(trunk, ProsodyRecipe(), seed=seed, workers=workers)
            tree["audio"] = {"encoder": params}
        else:
            params, score = _decoder(config, seed)
            tree["decoder"] = params
        count = sum(int(leaf.size) for leaf in _leaves(params))
        scores[name] = {"parameters": count, "seconds": round(time.monotonic() - start), "scores": score}
        print(f"{name}: {scores[name]}", file=sys.stderr, flush=True)
    _write(out, tree, scores, seed)


def _decoder(config: DeemoLlamaConfig, seed: int) -> tuple[dict[str, Any], dict[str, float]]:
    recipe, decoder = DecoderRecipe(), Llama(config.decoder.config)
    places = {"audio": config.tokens.audio, "video": config.tokens.video}
    params = pretrain_decoder(decoder, recipe, **places, seed=seed)
    right = answer_accuracy(decoder, params, **places, length=recipe.length, seed=seed + 1, sentence_set="sample")
    return params, {"whole_answer": right}


def _kept(out: Path, only: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    if set(only) == set(NAMES):
        return {}, {}
    if not (out / FILE).is_file() or not (out / SCORES).is_file():
        raise UserError(f"{out}: has no towers to keep; leave --only out to train all of them")
    return load_tree(out / FILE), json.loads((out / SCORES).read_text(encoding="utf-8"))


def _write(out: Path, tree: dict[str, Any], scores: dict[str, Any], seed: int) -> None:
    with atomic(out / FILE) as temporary:
        save_tree(temporary, tree, {"seed": str(seed)})
        if temporary.stat().st_size > MAX_BYTES:
            raise UserError(
                f"the towers take {temporary.stat().st_size} bytes, more than {MAX_BYTES}; make them smaller"
            )
    with atomic(out / SCORES) as temporary:
        temporary.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    _write_card(out, seed)


def _write_card(out: Path, seed: int) -> None:
    """Describes the towers that lie in `out`."""
    scores = json.loads((out / SCORES).read_text(encoding="utf-8"))
    rows = [
        (
            name,
            f"{scores[name]['parameters']:,}",
            f"{scores[name]['seconds']}",
            ", ".join(f"{key} {value:.3f}" for key, value in scores[name]["scores"].items()),
        )
        for name in NAMES
        if name in scores
    ]
    file = out / FILE
    described = {"file": file.name, "size": file.stat().st_size / (1 << 20), "digest": sha256(file)}
    card = CARD.format(seed=seed, table=tables.markdown(HEADER, rows), **described)
    with atomic(out / "README.md") as temporary:
        temporary.write_text(card, encoding="utf-8")


def _leaves(tree: Mapping[str, Any]) -> list[Any]:
    return [leaf for value in tree.values() for leaf in (_leaves(value) if isinstance(value, Mapping) else [value])]
