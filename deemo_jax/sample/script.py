"""The sentences that speakers say, those of a post-match interview, and the text of the reasoning.

A sentence is opener + subject + phrase + tail; the phrase carries the tone. Openers and tails come in two sets with
nothing in common, so no sentence of one set is in the other; the phrases are shared, since they are what a
pre-trained language model knows already.
"""

from typing import Literal

import numpy as np

from deemo_jax.sample.cues import Cues, Tone

SentenceSet = Literal["sample", "towers"]
MAX_SENTENCE_BYTES = 48  # the slowest voice says so much within the longest clip

PHRASES: dict[Tone, tuple[str, ...]] = {
    Tone.POSITIVE: (
        "delighted", "so proud", "thrilled", "over the moon", "really happy", "full of joy",
        "so pleased", "overjoyed", "very glad", "on cloud nine", "so grateful", "all smiles",
    ),
    Tone.NEGATIVE: (
        "gutted", "let down", "heartbroken", "so upset", "devastated", "really sad",
        "very angry", "in tears", "crushed", "so frustrated", "ashamed", "in despair",
    ),
    Tone.NEUTRAL: (
        "on schedule", "on the bench", "in midfield", "as usual here", "in the gym", "at the hotel",
        "on the bus", "in the tunnel", "on the pitch", "at the ground", "in the squad", "in the meeting",
    ),
}  # fmt: skip
LEXICON: dict[str, Tone] = {phrase: tone for tone, phrases in PHRASES.items() for phrase in phrases}

SUBJECTS = ("i was", "we were", "the lads were", "all of us were")
OPENERS: dict[SentenceSet, tuple[str, ...]] = {
    "sample": ("well,", "honestly,", "look,", "you know,", "to be fair,", "yes,", "as a team", "like i said,"),
    "towers": ("so,", "i mean,", "right,", "of course", "in the end", "no,", "as a group", "to tell you,"),
}
TAILS: dict[SentenceSet, tuple[str, ...]] = {
    "sample": (
        "after the game.", "at half time.", "when it ended.", "before the draw.", "this evening.",
        "in the last minute.", "for most of it.", "at the whistle.", "when they scored.", "by the end.",
    ),
    "towers": (
        "after the match.", "at the break.", "when we heard.", "before kick off.", "last night.",
        "in the first leg.", "for an hour.", "at that point.", "when he spoke.", "on the day.",
    ),
}  # fmt: skip

CUE_WORDS: dict[str, dict[Tone, str]] = {
    "words": {Tone.POSITIVE: "glad", Tone.NEGATIVE: "sad", Tone.NEUTRAL: "plain"},
    "voice": {Tone.POSITIVE: "lively", Tone.NEGATIVE: "flat", Tone.NEUTRAL: "even"},
    "body": {Tone.POSITIVE: "open", Tone.NEGATIVE: "closed", Tone.NEUTRAL: "still"},
}


def sentence(rng: np.random.Generator, tone: Tone, sentence_set: SentenceSet = "sample") -> str:
    """A lower-case sentence of at most 48 bytes, e.g. 'well, we were over the moon at the whistle.'"""
    parts = (OPENERS[sentence_set], SUBJECTS, PHRASES[tone], TAILS[sentence_set])
    while True:
        text = " ".join(options[int(rng.integers(len(options)))] for options in parts)
        if len(text) <= MAX_SENTENCE_BYTES:
            return text


def reasoning(cues: Cues) -> str:
    """The reference explanation: every cue named, in one regular sentence of at most 110 bytes."""
    words = {name: CUE_WORDS[name][getattr(cues, name)] for name in CUE_WORDS}
    return "The words are {words}, the voice is {voice}, the body is {body}.".format(**words)
