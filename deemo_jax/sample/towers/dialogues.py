"""The texts that the sample's decoder is pre-trained on: written dialogues in the form of the paper's Eq. 1.

A large language model knows that "gutted" is no good news, that folded arms are closed, and that a high and fast voice
is lively. These dialogues teach as much: in the place of audio and video tokens, words describe what is heard and seen;
the answer restates the tones of words, voice and body, and the emotion that follows from them by a fixed rule
(`balance`). No clip, speaker or emotion label of a corpus is used.
"""

import dataclasses
from collections.abc import Collection, Iterator, Mapping

import numpy as np

from deemo_jax.core.schema import Clip, Modality, NFBLSegment
from deemo_jax.data.prompts import Task, answer_text, build_prompt
from deemo_jax.data.sequence import Slots
from deemo_jax.data.tokenizer import ByteTokenizer
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.sample import script
from deemo_jax.sample.cues import NEGATIVE, POSITIVE, Cues, Tone
from deemo_jax.sample.render.motion import GESTURES
from deemo_jax.sample.script import SentenceSet
from deemo_jax.systems.deemo.template import DEEMO

HEARD: Mapping[Tone, tuple[str, ...]] = {
    Tone.POSITIVE: ("highfast", "fasthigh", "quick up", "up quick"),
    Tone.NEGATIVE: ("low slow", "slow low", "dragging", "deep dim"),
    Tone.NEUTRAL: ("mid even", "even mid", "highslow", "low fast", "ordinary"),
}
SEEN: Mapping[Tone, tuple[str, ...]] = {
    Tone.POSITIVE: ("fists up", "arms raised", "palms open", "hands spread", "raising fists", "open palms"),
    Tone.NEGATIVE: ("arms folded", "hand at neck", "head bowed", "shrinking", "folding arms", "touching neck"),
    Tone.NEUTRAL: ("hands on desk", "hands at rest", "holding mic", "sitting", "one hand up", "looking aside"),
}
# How often the body language of a tone has a label; a body at rest has one half of the time.
NAMED: Mapping[Tone, float] = {Tone.POSITIVE: 1.0, Tone.NEGATIVE: 1.0, Tone.NEUTRAL: 0.5}
# What each cue counts in `balance`, and how often a dialogue shows a modality.
WEIGHTS = {"words": 3.0, "voice": 2.0, "body": 2.0}
PRESENCE = 0.75


@dataclasses.dataclass(frozen=True)
class Dialogues:
    """A batch of written dialogues, padded on the right.

    Attributes:
        token_ids: Int32[B T].
        weights: Float32[B T], of each token as a target: 1 in answers, less elsewhere, 0 in padding.
        slots: Bool[B T], where descriptions stand in for media tokens.
        answers: Int32[B], where the answers begin.
    """

    token_ids: np.ndarray
    weights: np.ndarray
    slots: np.ndarray
    answers: np.ndarray


def balance(tones: Mapping[str, Tone]) -> str:
    """The emotion that follows from the tones by their weighted sum; a sum of 0 is positive."""
    sign = {Tone.POSITIVE: 1.0, Tone.NEUTRAL: 0.0, Tone.NEGATIVE: -1.0}
    total = sum(WEIGHTS[cue] * sign[tone] for cue, tone in tones.items())
    return NEGATIVE if total < 0 else POSITIVE


def dialogues(
    seed: int,
    *,
    batch: int,
    length: int,
    audio: int,
    video: int,
    sentence_set: SentenceSet = "towers",
    context: float = 0.1,
) -> Iterator[Dialogues]:
    """Endless batches, a pure function of the seed.

    Args:
        seed: of the corpus.
        batch: B.
        length: T; a dialogue that is longer is drawn again.
        audio: positions that a description of the voice fills.
        video: positions that a description of the body fills.
        sentence_set: whose sentences are said.
        context: weight of the tokens outside the answer.
    """
    rng = np.random.default_rng(seed)
    while True:
        token_ids = np.zeros((batch, length), np.int32)
        weights = np.zeros((batch, length), np.float32)
        slots = np.zeros((batch, length), bool)
        answers = np.zeros(batch, np.int32)
        for row in range(batch):
            ids, described, start = _dialogue(rng, length, audio, video, sentence_set)
            token_ids[row, : len(ids)] = ids
            weights[row, 1:start], weights[row, start : len(ids)] = context, 1.0
            slots[row, : len(described)] = described
            answers[row] = start
        yield Dialogues(token_ids, weights, slots, answers)


def _dialogue(
    rng: np.random.Generator, length: int, audio: int, video: int, sentence_set: SentenceSet
) -> tuple[list[int], list[bool], int]:
    """Token ids, which of them stand in for media, and where the answer begins."""
    tokenizer = ByteTokenizer()
    while True:
        given = _given(rng)
        said = {cue: Tone(rng.choice(list(Tone))) for cue in WEIGHTS}
        clip = _clip(rng, said, given, sentence_set)
        fill = [_filled(rng, HEARD[said["voice"]], audio), _filled(rng, SEEN[said["body"]], video)]
        ids, described = [tokenizer.bos_id], [False]
        labels = [segment.label for segment in clip.nfbl]
        shown = given if labels else given - {Modality.NFBL}
        task = Task.RECOGNITION_REASONING
        for part in build_prompt(clip.transcript, labels, shown, task, MediaTokens(audio, video), template=DEEMO):
            media = isinstance(part, Slots)
            text = tokenizer.encode(fill[part.first > 0] if isinstance(part, Slots) else part)
            ids += text
            described += [media] * len(text)
        start = len(ids)
        ids += [*tokenizer.encode(answer_text(clip, task)), tokenizer.eos_id]
        if len(ids) <= length:
            return ids, described, start


def _given(rng: np.random.Generator) -> frozenset[Modality]:
    kept = frozenset(modality for modality in Modality if rng.random() < PRESENCE)
    return kept or frozenset({Modality.TRANSCRIPT})


def _clip(
    rng: np.random.Generator, said: Mapping[str, Tone], given: Collection[Modality], sentence_set: SentenceSet
) -> Clip:
    """A dialogue as a clip: what is not given counts as neutral in the answer."""
    sources = {"words": {Modality.TRANSCRIPT}, "voice": {Modality.AUDIO}, "body": {Modality.VIDEO, Modality.NFBL}}
    tones = {cue: tone if sources[cue] & set(given) else Tone.NEUTRAL for cue, tone in said.items()}
    labels = list(GESTURES[said["body"]])
    named = [str(rng.choice(labels))] if rng.random() < NAMED[said["body"]] else []
    return Clip(
        clip_id="written",
        video_id="written",
        person_id="",
        start_s=0.0,
        end_s=1.0,
        transcript=script.sentence(rng, said["words"], sentence_set),
        nfbl=tuple(NFBLSegment(0.0, 1.0, label) for label in named),
        emotion=balance(tones),
        reasoning=script.reasoning(Cues(**tones)),
    )


def _filled(rng: np.random.Generator, descriptions: tuple[str, ...], length: int) -> str:
    """One description, repeated to exactly `length` bytes from a random place, since media tokens come in no order."""
    text = f"{rng.choice(descriptions)} " * length
    start = int(rng.integers(0, 4))
    return text[start : start + length]
