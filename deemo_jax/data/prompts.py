"""Prompts, the answers to be learnt, and how an answer is read. By default they have the form of the paper's Eq. 1:

    <Audio>A</Audio>, <Video>V</Video>, <Transcription>T</Transcription>, <NFBL>labels</NFBL>, <User>Prompt</User>answer

Of an absent modality tags, tokens and comma are left out. Other forms are the templates of `deemo_jax.systems`.
"""

import dataclasses
import enum
import functools
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Sequence

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import PromptRecipe
from deemo_jax.core.schema import DEEMO_LABELS, Clip, Labels, Modality
from deemo_jax.data.prompt_config import around, parse_template
from deemo_jax.data.tokenizer import Tokenizer
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.systems.prompt_template import Template, Text


class Task(enum.StrEnum):
    """What the model is asked for: the emotion, the reasoning, or both."""

    RECOGNITION = "recognition"
    REASONING = "reasoning"
    RECOGNITION_REASONING = "recognition_reasoning"


# Raised whenever a text below, or one of a template, changes: a checkpoint is used with the texts of its training only.
INSTRUCTION_VERSION = 1

# This project's own: those of the paper are in a supplement that is not public. `config.prompt.question` replaces them.
INSTRUCTIONS: dict[Task, str] = {
    Task.RECOGNITION: "What does the person feel?",
    Task.REASONING: "Why does the person feel so?",
    Task.RECOGNITION_REASONING: "What does the person feel, and why?",
}
# The words of an instruction behind which labels are named.
ASKED = "What does the person feel"
# In a recipe's own question, the place where labels are named.
LABELS = "{labels}"


@dataclasses.dataclass(frozen=True, slots=True)
class Slots:
    """A place for media tokens in a prompt.

    Attributes:
        first: number of the first token, among all audio tokens and then all video tokens.
        count: number of tokens.
    """

    first: int
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """One sequence before padding; all tuples have the same length.

    Attributes:
        token_ids: ids of text; the pad id at media tokens.
        slots: -1 at text, else the number of the media token, among all audio tokens and then all video tokens.
        loss: True at the tokens that are trained: the answer and its end.
        cut: whether the transcript was shortened to fit.
    """

    token_ids: tuple[int, ...]
    slots: tuple[int, ...]
    loss: tuple[bool, ...]
    cut: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class PromptSpec:
    """How the sequences of all clips are written.

    Attributes:
        tokenizer: text to ids.
        task: chooses the answer, and the instruction unless the template has a question of its own.
        template: the form of the prompt.
        tokens: of the model's branches.
        max_length: T, the longest sequence, tokens.
        with_answer: whether the answer follows the prompt, as in training.
        labels: of the dataset; the instruction names them, unless they are DEEMO's.
        max_answer: tokens of the answer with its end, at most; a longer one loses its last. 0 for any number.
    """

    tokenizer: Tokenizer
    task: Task
    template: Template
    tokens: MediaTokens
    max_length: int
    with_answer: bool
    labels: Labels = DEEMO_LABELS
    max_answer: int = 0


def parse_task(name: str) -> Task:
    """Reads `config.prompt.task`.

    Raises:
        UserError: no such task.
    """
    try:
        return Task(name)
    except ValueError as error:
        raise UserError(f"config.prompt.task: {name!r} is unknown; choose from {', '.join(Task)}") from error


def parse_prompt(prompt: PromptRecipe) -> tuple[Task, Template]:
    """Reads `config.prompt`: what is asked for, and the form of the prompt.

    Raises:
        UserError: see `parse_task` and `deemo_jax.data.prompt_config.parse_template`.
    """
    template = parse_template(prompt)
    return parse_task(prompt.task), template


def instruction(task: Task, labels: Labels = DEEMO_LABELS) -> str:
    """The question of a task. Labels other than DEEMO's are named: 'What does the person feel (sad or glad)?'"""
    text = INSTRUCTIONS[task]
    return text if labels == DEEMO_LABELS else text.replace(ASKED, f"{ASKED} ({labels})")


def answer_text(clip: Clip, task: Task) -> str:
    """The answer that the model is trained to give."""
    statement = f"The emotion is {clip.emotion}."
    if task is Task.RECOGNITION:
        return statement
    return clip.reasoning if task is Task.REASONING else f"{statement} {clip.reasoning}".rstrip()


def build_prompt(
    transcript: str,
    nfbl: Collection[str],
    modalities: Collection[Modality],
    task: Task,
    tokens: MediaTokens,
    *,
    template: Template,
    labels: Labels = DEEMO_LABELS,
) -> list[str | Slots]:
    """The prompt as texts and places of media tokens in turn, in the order audio, video, transcript, NFBL, user.

    Args:
        transcript: the words that are said.
        nfbl: labels of body language, in order of time.
        modalities: those that the prompt has.
        task: chooses the instruction, unless the template has a question of its own.
        tokens: of the model's branches.
        template: the form of the prompt.
        labels: of the dataset; the instruction names them, unless they are DEEMO's.
    """
    parts: list[str | Slots] = []
    question = _question(task, template, labels)
    for group in _stretches(_parts(transcript, nfbl, modalities, question, tokens, template)):
        parts.append(group if isinstance(group, Slots) else "".join(span.text for span in group))
    return parts


def build_example(clip: Clip, modalities: Collection[Modality], spec: PromptSpec) -> Example:
    """A clip's sequence: bos, prompt and, in training, the answer and its end. Where it is too long the transcript is
    shortened.

    Args:
        clip: the clip.
        modalities: those that the prompt has.
        spec: how sequences are written.

    Raises:
        UserError: it does not fit into `max_length` even without the transcript.
    """
    answer = answer_text(clip, spec.task) if spec.with_answer else None

    def sequence(transcript: str, answer: str | None = answer) -> _Sequence:
        return _written(clip, modalities, spec, transcript, answer)

    one, room = sequence(clip.transcript), spec.max_length
    cut = len(one.ids) > room and Modality.TRANSCRIPT in modalities
    if cut:
        one = _shortened(clip.transcript, sequence, spec.tokenizer, room)
    if len(one.ids) > room:
        prompt = len(sequence("" if cut else clip.transcript, None).ids)
        raise UserError(
            f"clip {clip.clip_id}: the prompt without its transcript takes {prompt} tokens and the answer "
            f"{len(one.ids) - prompt}, {len(one.ids)} in all, but config.data.max_length is {room}; raise it"
        )
    return Example(tuple(one.ids), tuple(one.slots), tuple(one.loss), cut)


def least_length(clip: Clip, modalities: Collection[Modality], spec: PromptSpec) -> int:
    """Tokens of a clip's sequence with nothing left of its transcript, which must fit; arguments as `build_example`."""
    answer = answer_text(clip, spec.task) if spec.with_answer else None
    return len(_written(clip, modalities, spec, "", answer).ids)


def opening_ids(text: str, template: Template, tokenizer: Tokenizer) -> list[int]:
    """The first ids of an answer whose first words are `text`, as it is tokenized behind its prompt in training."""
    said = around(template.answer)[0] + text
    if not template.joined:
        return tokenizer.encode(said)
    # Where prompt and answer are tokenized as one text, the answer gets no dummy space in front.
    reply = "".join(part.text for part in template.reply)
    return tokenizer.encode(reply + said)[len(tokenizer.encode(reply)) :]


def parse_emotion(answer: str, labels: Labels = DEEMO_LABELS) -> str | None:
    """The label that an answer states; None where it states none, or several.

    The first sentence that says "emotion is ..." (or appears, seems, leans) and names one label decides. Without such a
    sentence the answer must name one label only. A label behind a negation ("not positive") does not count.
    """
    sentences = [sentence for sentence in re.split(r"[.!?;\n]+", answer.lower()) if sentence.strip()]
    for sentence in sentences:
        if statement := _STATEMENT.search(sentence):
            named = _named(sentence[statement.end() :], labels)
            if len(named) == 1:
                return named.pop()
    named = set().union(*(_named(sentence, labels) for sentence in sentences))
    return named.pop() if len(named) == 1 else None


_STATEMENT = re.compile(
    r"\bemotion(?:s|al\s+state|al\s+tone)?\b[^,:]*?(?:\b(?:is|are|appears?|seems?|leans?|feels?)\b|:)"
)
_DENIED = (
    r"(\b(?:not|never|no|neither|nor|isn't|hardly|rather\s+than|instead\s+of|than)\b(?:\s+[\w-]+){0,2}?\s+[\"'*]*)?"
)


def _named(text: str, labels: Labels) -> set[str]:
    """The labels that a text in lower case names."""
    known = {name.lower(): name for name in labels}
    return {known[" ".join(match[2].split())] for match in _naming(labels).finditer(text) if not match[1]}


@functools.cache
def _naming(labels: Labels) -> re.Pattern[str]:
    # Longer labels first, so that "very happy" is not read as the label "very", where both are labels.
    names = sorted((name.lower() for name in labels), key=len, reverse=True)
    choice = "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in names)
    return re.compile(rf"{_DENIED}\b({choice})(?:ly)?\b")


@dataclasses.dataclass(slots=True)
class _Sequence:
    """An `Example` that is being made; its answer begins at the position `begins`."""

    ids: list[int]
    slots: list[int]
    loss: list[bool]
    begins: int = 0

    def cut(self, length: int) -> "_Sequence":
        """Its first positions."""
        return _Sequence(self.ids[:length], self.slots[:length], self.loss[:length], self.begins)

    def add(self, ids: Sequence[int], slots: Iterable[int], loss: Iterable[bool]) -> None:
        self.ids += ids
        self.slots += slots
        self.loss += loss


def _written(
    clip: Clip, modalities: Collection[Modality], spec: PromptSpec, transcript: str, answer: str | None
) -> _Sequence:
    """A clip's sequence with a transcript in place of its own."""
    question = _question(spec.task, spec.template, spec.labels)
    nfbl = [segment.label for segment in clip.nfbl]
    parts = _parts(transcript, nfbl, modalities, question, spec.tokens, spec.template)
    one = _sequence(parts, answer, spec.template, spec.tokenizer)
    return one.cut(one.begins + spec.max_answer) if spec.max_answer else one


def _question(task: Task, template: Template, labels: Labels) -> str:
    if template.question is None:
        return instruction(task, labels)
    return template.question.replace(LABELS, str(labels))


def _parts(
    transcript: str,
    nfbl: Collection[str],
    modalities: Collection[Modality],
    question: str,
    tokens: MediaTokens,
    template: Template,
) -> list[Text | Slots]:
    inputs: dict[Modality, Text | Slots] = {
        Modality.AUDIO: Slots(0, tokens.audio),
        Modality.VIDEO: Slots(tokens.audio, tokens.video),
        Modality.TRANSCRIPT: Text(transcript),
        Modality.NFBL: Text(", ".join(nfbl)),
    }
    header, opening = around(template.header)
    frame = [Text(header), Text(template.system), Text(opening)] if template.header else []
    parts: list[Text | Slots] = [*_marked(frame[:1], template), *frame[1:2], *_marked(frame[2:], template)]
    parts += _marked(template.opening, template)
    for modality, content in inputs.items():
        if modality in modalities:
            before, behind = around(getattr(template.wording, modality))
            parts += [Text(before), content, Text(behind)]
    parts.append(Text(question.join(around(template.wording.user))))
    return [*parts, *_marked(template.reply, template)]


def _marked(texts: Iterable[Text], template: Template) -> list[Text]:
    """A template's own texts, cut where the names of its special tokens stand."""
    if not template.specials:
        return list(texts)
    names = re.compile("(" + "|".join(re.escape(name) for name in template.specials) + ")")
    return [
        Text(piece, text.trained, special=piece in template.specials)
        for text in texts
        for piece in names.split(text.text)
        if piece
    ]


def _stretches(parts: Sequence[Text | Slots]) -> list[list[Text] | Slots]:
    """Neighbouring texts in one list, to be tokenized as one text; empty texts are left out."""
    stretches: list[list[Text] | Slots] = []
    for is_text, group in itertools.groupby(parts, lambda part: isinstance(part, Text)):
        if is_text:
            texts = [part for part in group if isinstance(part, Text) and part.text]
            stretches += [texts] if texts else []
        else:
            stretches += [part for part in group if isinstance(part, Slots)]
    return stretches


def _sequence(parts: list[Text | Slots], answer: str | None, template: Template, tokenizer: Tokenizer) -> _Sequence:
    """The sequence of a prompt, and of an answer unless that is None; without an answer nothing is trained."""
    said = [] if answer is None else [Text(answer.join(around(template.answer)), trained=True)]
    texts: list[list[Text | Slots]] = [[*parts, *said]] if template.joined else [parts, [*said]]
    one = _Sequence([], [], [])
    if tokenizer.bos_id is not None:
        one.add([tokenizer.bos_id], [-1], [False])
    for text in texts:
        one.begins = len(one.ids)
        for stretch in _stretches(text):
            if isinstance(stretch, Slots):
                one.add(
                    [tokenizer.pad_id] * stretch.count,
                    range(stretch.first, stretch.first + stretch.count),
                    [False] * stretch.count,
                )
            else:
                ids, trained = _encoded(stretch, tokenizer)
                one.add(ids, [-1] * len(ids), trained)
    if answer is None:
        one.loss = [False] * len(one.ids)
    elif template.eos:
        one.add([tokenizer.eos_id], [-1], [True])
    return one


def _encoded(stretch: Sequence[Text], tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """The ids of neighbouring texts, and which are trained; between special tokens they are tokenized as one."""
    ids: list[int] = []
    trained: list[bool] = []
    for special, group in itertools.groupby(stretch, lambda text: _special_id(text, tokenizer)):
        texts = list(group)
        found = _encoded_as_one(texts, tokenizer) if special is None else ([special] * len(texts), [])
        ids += found[0]
        trained += found[1] if special is None else [text.trained for text in texts]
    return ids, trained


def _special_id(text: Text, tokenizer: Tokenizer) -> int | None:
    """The id of a special token; None for text, and for a name that is no token of this tokenizer."""
    return tokenizer.specials.get(text.text) if text.special else None


def _encoded_as_one(stretch: Sequence[Text], tokenizer: Tokenizer) -> tuple[list[int], list[bool]]:
    """The ids of texts that are tokenized as one, and which are trained; a token across a border counts as the later
    text's."""
    spans = [
        Text("".join(span.text for span in group), trained)
        for trained, group in itertools.groupby(stretch, lambda span: span.trained)
    ]
    ids = tokenizer.encode("".join(span.text for span in spans))
    flags: list[bool] = []
    before = ""
    for span in spans[:-1]:
        before += span.text
        border = _agreement(tokenizer.encode(before), ids)
        flags += [span.trained] * (border - len(flags))
    return ids, flags + [spans[-1].trained] * (len(ids) - len(flags))


def _agreement(first: Sequence[int], second: Sequence[int]) -> int:
    """The number of ids that two lists have in common at their beginning."""
    pairs = zip(first, second, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _shortened(transcript: str, sequence: Callable[[str], _Sequence], tokenizer: Tokenizer, room: int) -> _Sequence:
    """The sequence with as many of the transcript's first tokens as fit, or with none."""
    words = tokenizer.encode(transcript)
    kept, too_many = 0, len(words)
    best = sequence("")
    while too_many - kept > 1:
        middle = (kept + too_many) // 2
        candidate = sequence(tokenizer.decode(words[:middle]))
        if len(candidate.ids) <= room:
            kept, best = middle, candidate
        else:
            too_many = middle
    return best
