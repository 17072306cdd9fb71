"""The lineage's two-step procedure on EMER, as AffectGPT's scorer of 2024 and Emotion-LLaMA have it.

The clue score is one question, which in spite of its name is about descriptions of the emotional state. For the label
score each text is first cut down to its words of emotion, and then the two lists are compared.
"""

from collections.abc import Iterator, Mapping, Sequence

from deemo_jax.evaluation.judge.protocols.judgement import SCORE, TEXT, Asker, Judgement, TextPair, judgement, schema
from deemo_jax.evaluation.judge.protocols.prompt_file import load_prompts
from deemo_jax.evaluation.judge.protocols.quoted import quoted, quoted_list
from deemo_jax.llm.outcome import Outcome, Reply
from deemo_jax.llm.request import Decoding, Request

CLUE = schema(reference=TEXT, prediction=TEXT, reason=TEXT, score=SCORE)
WORDS = schema(words={"type": "array", "items": TEXT})
LABEL = schema(reason=TEXT, score=SCORE)


def judge_emer(pairs: Sequence[TextPair], repeats: int, decoding: Decoding, ask: Asker) -> list[list[Judgement]]:
    """Judges pairs, four requests each, in two steps; see `judgement.Overlap`."""
    places = [(number, sample) for number in range(len(pairs)) for sample in range(repeats)]
    first = ask([request for place in places for request in _first(pairs[place[0]], place, decoding)])
    second = ask([request for place in places for request in _second(first, place, decoding)])
    return [[_read(first, second, f"{number}.{sample}") for sample in range(repeats)] for number in range(len(pairs))]


def _first(pair: TextPair, place: tuple[int, int], decoding: Decoding) -> Iterator[Request]:
    """The clue question, and the words of both texts."""
    prompts, (number, sample) = load_prompts("emer"), place
    name = f"{number}.{sample}"
    reference, prediction = quoted(pair.reference), quoted(pair.prediction)
    yield prompts.request(f"{name}.clue", "clue", CLUE, sample, decoding, reference=reference, prediction=prediction)
    yield prompts.request(f"{name}.reference", "words", WORDS, sample, decoding, text=reference)
    yield prompts.request(f"{name}.prediction", "words", WORDS, sample, decoding, text=prediction)


def _second(first: Mapping[str, Outcome], place: tuple[int, int], decoding: Decoding) -> Iterator[Request]:
    """The question about both lists of words, where both are there."""
    number, sample = place
    lists = [first[f"{number}.{sample}.{side}"] for side in ("reference", "prediction")]
    words = [quoted_list([str(word) for word in one.value["words"]]) for one in lists if isinstance(one, Reply)]
    if len(words) == len(lists):
        yield load_prompts("emer").request(
            f"{number}.{sample}", "label", LABEL, sample, decoding, reference=words[0], prediction=words[1]
        )


def _read(first: Mapping[str, Outcome], second: Mapping[str, Outcome], name: str) -> Judgement:
    clue, label = first[f"{name}.clue"], second.get(name)
    outcomes = [clue, first[f"{name}.reference"], first[f"{name}.prediction"], *([label] if label else [])]
    reasons = [str(one.value["reason"]) for one in (clue, label) if isinstance(one, Reply)]
    return judgement(outcomes, _score(clue), _score(label), " / ".join(reasons))


def _score(outcome: Outcome | None) -> int | None:
    return int(outcome.value["score"]) if isinstance(outcome, Reply) else None
