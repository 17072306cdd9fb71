"""The audit's speaker encoders, trained to tell invented speakers apart that the sample corpus never lets speak.

Twenty-five voices of the family `towers`, each with other vocal tracts and pitches, make a few hundred speakers.
"plain" is trained on them as they are; "informed", VoicePrivacy's semi-informed attacker, further on changed voices.
Axes: N utterances, B windows, F frames, K mel bands, S speakers.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from deemo_jax.audit.attacks.speaker_network import EMBEDDING, WINDOW_FRAMES, SpeakerNet, example
from deemo_jax.core import parallel
from deemo_jax.core.progress import with_progress
from deemo_jax.deid.voice.mcadams import mcadams
from deemo_jax.deid.voice.recast import recast
from deemo_jax.media.speaker_mel import speech_frames
from deemo_jax.models.weights import save_tree
from deemo_jax.sample.corpus_clip import PROSODY
from deemo_jax.sample.cues import Tone
from deemo_jax.sample.identity import SPEAKERS, Voice, make_identity
from deemo_jax.sample.script import sentence
from deemo_jax.sample.seeds import generator
from deemo_jax.sample.towers.optimise import apply, fit
from deemo_jax.sample.towers.pretrain import SCORES, SPEAKERS_FILE, write_card
from deemo_jax.sample.towers.prosody import recording

# How pseudo-speakers differ from the voice that they are made of: scale of the vocal tract, semitones.
TRACT, PITCH = (0.92, 1.08), (-3.0, 3.0)
ALPHA = (0.5, 0.9)  # McAdams coefficients of the changed voices, evenly drawn
# Additive-margin softmax (Wang et al., "Additive margin softmax for face verification", 2018).
SCALE, MARGIN = 20.0, 0.15


@dataclasses.dataclass(frozen=True)
class SpeakerRecipe:
    """How many speakers are heard, how long the encoders learn.

    Attributes:
        speakers: S.
        utterances: of each.
        steps: optimizer updates of the plain encoder.
        informed_steps: further ones on changed voices.
        batch: B.
        learning_rate: the peak.
    """

    speakers: int = 300
    utterances: int = 8
    steps: int = 900
    informed_steps: int = 700
    batch: int = 64
    learning_rate: float = 2e-3


def pretrain_speakers(recipe: SpeakerRecipe, *, seed: int, workers: int) -> dict[str, Any]:
    """Trains the encoders; returns the parameters of "plain" and "informed", without the tables of speakers."""
    jobs = [(seed, who, take) for who in range(recipe.speakers) for take in range(recipe.utterances)]
    heard = list(with_progress(parallel.each(_utterance, jobs, workers), "utterances", len(jobs)))
    owners = [who for _, who, _ in jobs]
    net = SpeakerNet()
    params: Any = {
        "net": nn.unbox(net.init(jax.random.key(seed), example())["params"]),
        "table": np.random.default_rng(seed).normal(size=(recipe.speakers, EMBEDDING)).astype(np.float32) / 10,
    }

    def loss(params: Any, batch: tuple[Array, Array], key: PRNGKeyArray) -> Float[Array, ""]:
        frames, who = batch
        table = params["table"] / jnp.linalg.norm(params["table"], axis=1, keepdims=True)
        cosines = apply(net, params["net"], frames) @ table.T
        logits = SCALE * (cosines - MARGIN * jax.nn.one_hot(who, len(table)))
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, who))

    nets = {}
    for name, steps, version in (("plain", recipe.steps, 0), ("informed", recipe.informed_steps, 1)):
        windows = _windows([pair[version] for pair in heard], owners, recipe.batch, seed)
        params = fit(
            loss, params, windows, steps=steps, learning_rate=recipe.learning_rate, seed=seed, name=f"{name} encoder"
        )
        nets[name] = jax.tree.map(lambda x: np.asarray(x, np.float16), params["net"])
    return nets


def write_encoders(out: Path, *, seed: int, workers: int) -> None:
    """Trains the encoders, writes them into `out` and names them on the card of towers that lie there."""
    save_tree(out / SPEAKERS_FILE, pretrain_speakers(SpeakerRecipe(), seed=seed, workers=workers), {"seed": str(seed)})
    if (out / SCORES).is_file():
        write_card(out, seed)


def _windows(
    heard: Sequence[Float[np.ndarray, "_ K"]], who: Sequence[int], batch: int, seed: int
) -> Iterator[tuple[Float[np.ndarray, "B F K"], np.ndarray]]:
    rng = np.random.default_rng(seed)
    labels = np.asarray(who, np.int32)
    while True:
        rows = rng.integers(len(heard), size=batch)
        cut = np.stack([_window(heard[row], rng) for row in rows])
        # Other microphones: a random slope and curve over the mel bands.
        mel = np.linspace(-1, 1, cut.shape[2])
        tilt = rng.normal(0, 0.3, (batch, 2)) @ np.stack([mel, mel**2])
        yield (cut + tilt[:, None]).astype(np.float32), labels[rows]


def _window(frames: Float[np.ndarray, "F K"], rng: np.random.Generator) -> Float[np.ndarray, "F K"]:
    frames = np.tile(frames, (-(-WINDOW_FRAMES // len(frames)), 1))
    start = rng.integers(len(frames) - WINDOW_FRAMES + 1)
    return frames[start : start + WINDOW_FRAMES]


def pseudo_speaker(seed: int, index: int) -> Voice:
    """A voice of the family `towers` with a vocal tract and a pitch of its own."""
    rng = generator("pseudo speaker", seed, index)
    voice = make_identity(seed, index % SPEAKERS, "towers").voice
    pitch = voice.pitch_hz * 2 ** (rng.uniform(*PITCH) / 12)
    return dataclasses.replace(voice, pitch_hz=float(pitch), tract=float(voice.tract * rng.uniform(*TRACT)))


def _utterance(job: tuple[int, int, int]) -> tuple[Float[np.ndarray, "_ K"], Float[np.ndarray, "_ K"]]:
    """One utterance as it was spoken, and changed: half of them by McAdams, half recast."""
    seed, who, take = job
    rng = generator("speaker utterance", seed, who, take)
    tone = Tone(rng.choice(list(Tone)))
    pitch, span, tempo = PROSODY[tone]
    text = sentence(rng, tone, "towers")
    samples = recording(text, pseudo_speaker(seed, who), pitch + rng.uniform(-1, 1), tempo, span, rng)
    changed = recast(samples, rng) if take % 2 else mcadams(samples, float(rng.uniform(*ALPHA)))
    return speech_frames(samples), speech_frames(changed)
