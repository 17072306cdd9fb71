"""Prompts, the answers to be learnt, and how an answer is read. By default they have the form of the paper's Eq. 1:

    <Audio>A</Audio>, <Video>V</Video>, <Transcription>T</Transcription>, <NFBL>labels</NFBL>, <User>Prompt</User>answer

Of an absent modality tags, tokens and comma are left out. Other forms are the templates of `deemo_jax.systems`.
"""

import dataclasses
import enum
import functools
import re
from collections.abc import Callable, Collection

from deemo_jax.core.errors import UserError
from deemo_jax.core.recipe import PromptRecipe
from deemo_jax.core.schema import DEEMO_LABELS, Clip, Conversation, Labels, Modality
from deemo_jax.data.conversation import conversation_example, least_conversation
from deemo_jax.data.prompt_config import around, parse_template
from deemo_jax.data.sequence import Draft, Example, Slots, marked, opening, stretches
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
        max_answer: tokens of the answer with its end, at most; a longer one loses its last. 0 for any number. It does
            not concern conversations.
        conversation: the form of clips that come with questions of their own; None for that of the prompt.
    """

    tokenizer: Tokenizer
    task: Task
    template: Template
    tokens: MediaTokens
    max_length: int
    with_answer: bool
    labels: Labels = DEEMO_LABELS
    max_answer: int = 0
    conversation: Template | None = None

    @property
    def talk(self) -> Template:
        """The form of clips that come with questions of their own."""
        return self.conversation or self.template


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
    """The answer that the model is trained to give; of a clip whose emotion has no label always the reasoning."""
    if not clip.emotion:
        return clip.reasoning
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
    for group in stretches(_parts(transcript, nfbl, modalities, question, tokens, template)):
        parts.append(group if isinstance(group, Slots) else "".join(span.text for span in group))
    return parts


def build_example(clip: Clip, modalities: Collection[Modality], spec: PromptSpec) -> Example:
    """A clip's sequence: bos, prompt and, in training, the answer and its end. Where it is too long the transcript is
    shortened, or the conversation.

    Args:
        clip: the clip.
        modalities: those that the prompt has.
        spec: how sequences are written.

    Raises:
        UserError: it does not fit into `max_length` even without the transcript, or with the first question alone.
    """
    if clip.conversation is not None:
        return _conversation(clip, clip.conversation, modalities, spec)
    answer = answer_text(clip, spec.task) if spec.with_answer else None

    def sequence(transcript: str, answer: str | None = answer) -> Draft:
        return _written(clip, modalities, spec, transcript, answer)

    one, room = sequence(clip.transcript), spec.max_length
    cut = len(one) > room and Modality.TRANSCRIPT in modalities
    if cut:
        one = _shortened(clip.transcript, sequence, spec.tokenizer, room)
    if len(one) > room:
        prompt = len(sequence("" if cut else clip.transcript, None))
        raise UserError(
            f"clip {clip.clip_id}: the prompt without its transcript takes {prompt} tokens and the answer "
            f"{len(one) - prompt}, {len(one)} in all, but config.data.max_length is {room}; raise it"
        )
    return one.finished(cut)


def least_length(clip: Clip, modalities: Collection[Modality], spec: PromptSpec) -> int:
    """Tokens of a clip's sequence that must fit: with nothing left of its transcript, and of a conversation its first
    question and a token of the answer, or its first turn. Arguments as `build_example`.
    """
    if clip.conversation is not None:
        shown = Modality.VIDEO in modalities
        return least_conversation(clip.conversation, spec.talk, spec.tokens, spec.tokenizer, shown=shown)
    answer = answer_text(clip, spec.task) if spec.with_answer else None
    return len(_written(clip, modalities, spec, "", answer))


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


def _written(
    clip: Clip, modalities: Collection[Modality], spec: PromptSpec, transcript: str, answer: str | None
) -> Draft:
    """A clip's sequence with a transcript in place of its own."""
    question = _question(spec.task, spec.template, spec.labels)
    nfbl = [segment.label for segment in clip.nfbl]
    parts = _parts(transcript, nfbl, modalities, question, spec.tokens, spec.template)
    one = _sequence(parts, answer, spec.template, spec.tokenizer)
    return one.cut(one.begins + spec.max_answer) if spec.max_answer else one


def _conversation(clip: Clip, talk: Conversation, modalities: Collection[Modality], spec: PromptSpec) -> Example:
    example = conversation_example(
        talk,
        spec.talk,
        spec.tokens,
        spec.tokenizer,
        shown=Modality.VIDEO in modalities,
        room=spec.max_length,
        with_answers=spec.with_answer,
    )
    if example.cut and (least := least_length(clip, modalities, spec)) > spec.max_length:
        raise UserError(
            f"clip {clip.clip_id}: its first question and what must follow take {least} tokens, but "
            f"config.data.max_length is {spec.max_length}; raise it"
        )
    return example


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
    parts: list[Text | Slots] = [*opening(template)]
    for modality, content in inputs.items():
        if modality in modalities:
            before, behind = around(getattr(template.wording, modality))
            parts += [Text(before), content, Text(behind)]
    parts.append(Text(question.join(around(template.wording.user))))
    return [*parts, *marked(template.reply, template)]


def _sequence(parts: list[Text | Slots], answer: str | None, template: Template, tokenizer: Tokenizer) -> Draft:
    """The sequence of a prompt, and of an answer unless that is None; without an answer nothing is trained."""
    said = [] if answer is None else [Text(answer.join(around(template.answer)), trained=True)]
    texts: list[list[Text | Slots]] = [[*parts, *said]] if template.joined else [parts, [*said]]
    one = Draft()
    one.add_token(tokenizer.bos_id)
    for text in texts:
        one.begins = len(one)
        one.add_parts(text, tokenizer)
    if answer is None:
        one.loss = [False] * len(one)
    elif template.eos:
        one.add_token(tokenizer.eos_id, trained=True)
    return one


def _shortened(transcript: str, sequence: Callable[[str], Draft], tokenizer: Tokenizer, room: int) -> Draft:
    """The sequence with as many of the transcript's first tokens as fit, or with none."""
    words = tokenizer.encode(transcript)
    kept, too_many = 0, len(words)
    best = sequence("")
    while too_many - kept > 1:
        middle = (kept + too_many) // 2
        candidate = sequence(tokenizer.decode(words[:middle]))
        if len(candidate) <= room:
            kept, best = middle, candidate
        else:
            too_many = middle
    return best
