"""Eq. 1 as text: what the model is told, what it should answer, and how an answer is read.

    <Audio>A</Audio>, <Video>V</Video>, <Transcription>T</Transcription>, <NFBL>labels</NFBL>, <User>Prompt</User>answer

A modality that is absent leaves no trace: its tags, its tokens and its comma vanish.
"""

import dataclasses
import enum
import re
from collections.abc import Callable, Collection

from deemo_jax.data.tokenizer import Tokenizer
from deemo_jax.errors import UserError
from deemo_jax.schema import Clip, Emotion, Modality


class Task(enum.StrEnum):
    """What is asked for."""

    RECOGNITION = "recognition"
    REASONING = "reasoning"
    RECOGNITION_REASONING = "recognition_reasoning"


INSTRUCTION_VERSION = 1
"""Grows whenever a text below changes: a model is told what it was trained with."""

INSTRUCTIONS: dict[Task, str] = {
    Task.RECOGNITION: "What does the person feel?",
    Task.REASONING: "Why does the person feel so?",
    Task.RECOGNITION_REASONING: "What does the person feel, and why?",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Slots:
    """Where media tokens stand in a sequence: `count` tokens, the first being `first` in concat(audio, video)."""

    first: int
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """One sequence before padding; all tuples have the same length.

    Attributes:
        token_ids: text ids, the pad id at media tokens.
        slots: -1 at text, else the token's place in concat(audio tokens, video tokens).
        loss: True at the tokens of the answer and its eos.
        cut: whether the transcript was shortened to fit.
    """

    token_ids: tuple[int, ...]
    slots: tuple[int, ...]
    loss: tuple[bool, ...]
    cut: bool


def parse_task(name: str) -> Task:
    """Reads `config.prompt.task`.

    Raises:
        UserError: no such task.
    """
    try:
        return Task(name)
    except ValueError as error:
        raise UserError(f"config.prompt.task: {name!r} is unknown; choose from {', '.join(Task)}") from error


def answer_text(clip: Clip, task: Task) -> str:
    """The answer that the model is trained to give."""
    statement = f"The emotion is {clip.emotion}."
    if task is Task.RECOGNITION:
        return statement
    return clip.reasoning if task is Task.REASONING else f"{statement} {clip.reasoning}".rstrip()


def build_prompt(
    transcript: str, nfbl: Collection[str], modalities: Collection[Modality], task: Task, audio: int, video: int
) -> list[str | Slots]:
    """The prompt of Eq. 1 as alternating text and media slots, in the order audio, video, transcript, NFBL, user.

    Args:
        transcript: what is said.
        nfbl: labels, in order of time.
        modalities: the ones to mention.
        task: chooses the instruction.
        audio: how many tokens the audio branch gives.
        video: how many tokens the video branch gives.
    """
    parts: list[str | Slots] = []
    if Modality.AUDIO in modalities:
        parts += ["<Audio>", Slots(0, audio), "</Audio>, "]
    if Modality.VIDEO in modalities:
        parts += ["<Video>", Slots(audio, video), "</Video>, "]
    if Modality.TRANSCRIPT in modalities:
        parts.append(f"<Transcription>{transcript}</Transcription>, ")
    if Modality.NFBL in modalities:
        parts.append(f"<NFBL>{', '.join(nfbl)}</NFBL>, ")
    parts.append(f"<User>{INSTRUCTIONS[task]}</User>")
    return _joined(parts)


def build_example(
    clip: Clip,
    modalities: Collection[Modality],
    task: Task,
    tokenizer: Tokenizer,
    *,
    audio: int,
    video: int,
    max_length: int,
    with_answer: bool,
) -> Example:
    """A clip's sequence: bos, prompt and, in training, answer and eos. Only the transcript is ever shortened.

    Raises:
        UserError: it does not fit into `max_length` even without the transcript.
    """
    answer = [*tokenizer.encode(answer_text(clip, task)), tokenizer.eos_id] if with_answer else []
    labels = [segment.label for segment in clip.nfbl]

    def prompt(transcript: str) -> tuple[list[int], list[int]]:
        return _tokenized(build_prompt(transcript, labels, modalities, task, audio, video), tokenizer)

    room = max_length - len(answer)
    ids, slots = prompt(clip.transcript)
    cut = len(ids) > room and Modality.TRANSCRIPT in modalities
    if cut:
        ids, slots = _shortened(clip.transcript, prompt, tokenizer, room)
    if len(ids) > room:
        raise UserError(
            f"clip {clip.clip_id}: the prompt without its transcript takes {len(ids)} tokens and the answer "
            f"{len(answer)}, {len(ids) + len(answer)} in all, but config.data.max_length is {max_length}; raise it"
        )
    return Example(
        tuple(ids + answer), tuple(slots + [-1] * len(answer)), (False,) * len(ids) + (True,) * len(answer), cut
    )


def parse_emotion(answer: str) -> Emotion | None:
    """Reads the emotion that an answer states; None when it states none, or leaves it open.

    The first sentence that says "emotion is ..." (or appears, seems, leans) and names one class decides. Without such
    a sentence, the answer must name one class only. A class that is denied ("not positive") is not named.
    """
    sentences = [sentence for sentence in re.split(r"[.!?;\n]+", answer.lower()) if sentence.strip()]
    for sentence in sentences:
        if statement := _STATEMENT.search(sentence):
            named = _named(sentence[statement.end() :])
            if len(named) == 1:
                return named.pop()
    named = set().union(*(_named(sentence) for sentence in sentences))
    return named.pop() if len(named) == 1 else None


_STATEMENT = re.compile(
    r"\bemotion(?:s|al\s+state|al\s+tone)?\b[^,:]*?(?:\b(?:is|are|appears?|seems?|leans?|feels?)\b|:)"
)
_CLASS = re.compile(
    r"(\b(?:not|never|no|neither|nor|isn't|hardly|rather\s+than|instead\s+of|than)\b(?:\s+[\w-]+){0,2}?\s+[\"'*]*)?"
    r"\b(negative|positive)(?:ly)?\b"
)


def _named(text: str) -> set[Emotion]:
    return {Emotion(match[2]) for match in _CLASS.finditer(text) if not match[1]}


def _joined(parts: list[str | Slots]) -> list[str | Slots]:
    """Neighbouring texts become one, so that a tokenizer sees whole stretches."""
    joined: list[str | Slots] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _tokenized(parts: list[str | Slots], tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    ids, slots = [tokenizer.bos_id], [-1]
    for part in parts:
        if isinstance(part, Slots):
            ids += [tokenizer.pad_id] * part.count
            slots += range(part.first, part.first + part.count)
        else:
            text = tokenizer.encode(part)
            ids += text
            slots += [-1] * len(text)
    return ids, slots


def _shortened(
    transcript: str, prompt: Callable[[str], tuple[list[int], list[int]]], tokenizer: Tokenizer, room: int
) -> tuple[list[int], list[int]]:
    """The prompt with the longest start of the transcript, in its own tokens, that fits (or with none of it)."""
    words = tokenizer.encode(transcript)
    kept, too_many = 0, len(words)
    best = prompt("")
    while too_many - kept > 1:
        middle = (kept + too_many) // 2
        candidate = prompt(tokenizer.decode(words[:middle]))
        if len(candidate[0]) <= room:
            kept, best = middle, candidate
        else:
            too_many = middle
    return best
