"""Conversations about a clip: questions and answers in turn, with the loss on every answer and nowhere else.

The first question stands behind the media, or around the picture where the template keeps its place; a later one has
the template's `again`. What is trained is what the template trains in a single answer: also the role in front of it and
the mark of the next turn behind it, where the public code does so.
"""

from collections.abc import Sequence

from deemo_jax.core.schema import Conversation
from deemo_jax.data.prompt_config import around
from deemo_jax.data.sequence import Draft, Example, Slots, marked, opening
from deemo_jax.data.tokenizer import Tokenizer
from deemo_jax.models.media_tokens import MediaTokens
from deemo_jax.systems.prompt_template import Template, Text


def conversation_example(
    talk: Conversation,
    template: Template,
    tokens: MediaTokens,
    tokenizer: Tokenizer,
    *,
    shown: bool,
    room: int,
    with_answers: bool,
) -> Example:
    """The sequence of a conversation, or of its first question alone.

    What is too long loses its last tokens, or, by the template, the turns that do not fit.

    Args:
        talk: the conversation.
        template: one that has a form of conversations.
        tokens: of the model's branches.
        tokenizer: text to ids.
        shown: whether the film or picture is shown.
        room: the longest sequence, tokens.
        with_answers: whether answers and later questions follow.
    """
    if not with_answers:
        asked = _asked(talk, template, tokens, tokenizer, shown=shown)
        return asked.cut(room).finished(len(asked) > room)
    one, cut = Draft(), False
    for turn in _turns(talk, template, tokens, tokenizer, shown=shown):
        if template.whole_turns and len(one) + len(turn) > room:
            cut = True
        else:
            one.add(turn.ids, turn.slots, turn.loss)
    return one.cut(room).finished(cut or len(one) > room)


def least_conversation(
    talk: Conversation, template: Template, tokens: MediaTokens, tokenizer: Tokenizer, *, shown: bool
) -> int:
    """Tokens without which a conversation teaches nothing: those of its first question and one of the answer, or, where
    turns are kept whole, of its first turn. Arguments as `conversation_example`.
    """
    if template.whole_turns:
        return len(_turns(talk, template, tokens, tokenizer, shown=shown)[0])
    return len(_asked(talk, template, tokens, tokenizer, shown=shown)) + 1


def _asked(talk: Conversation, template: Template, tokens: MediaTokens, tokenizer: Tokenizer, *, shown: bool) -> Draft:
    """The first question, without a target."""
    one = Draft()
    one.add_token(tokenizer.bos_id)
    one.add_parts(_first(talk, template, tokens, shown), tokenizer)
    one.loss = [False] * len(one)
    return one


def _turns(
    talk: Conversation, template: Template, tokens: MediaTokens, tokenizer: Tokenizer, *, shown: bool
) -> list[Draft]:
    """The turns, each with what ends it; one draft for all of them where they are tokenized as one text."""
    questions = [_first(talk, template, tokens, shown), *(_later(turn.question, template) for turn in talk.turns[1:])]
    before, behind = around(template.answer)
    answers = [Text(f"{before}{turn.answer}{behind}", trained=True) for turn in talk.turns]
    texts: list[list[Sequence[Text | Slots]]] = []
    for asked, answer in zip(questions, answers, strict=True):
        said: list[Text | Slots] = [answer]
        texts.append([[*asked, *said]] if template.joined else [asked, said])
    if template.joined and not template.eos:
        texts = [[[part for turn in texts for text in turn for part in text]]]
    found = []
    for number, turn in enumerate(texts):
        one = Draft()
        if number == 0 or template.bos_again:
            one.add_token(tokenizer.bos_id)
        for text in turn:
            one.add_parts(text, tokenizer)
        if template.eos:
            one.add_token(tokenizer.eos_id, trained=True)
        found.append(one)
    return found


def _first(talk: Conversation, template: Template, tokens: MediaTokens, shown: bool) -> list[Text | Slots]:
    question, at = talk.turns[0].question, talk.picture_at
    before, behind = around(template.picture if template.picture and at >= 0 else template.wording.video)
    media: list[Text | Slots] = [Text(before), Slots(tokens.audio, tokens.video), Text(behind)] if shown else []
    user, ends = around(template.wording.user)
    asked: list[Text | Slots]
    if template.picture_in_place and at >= 0:
        asked = [Text(user + question[:at]), *media, Text(question[at:] + ends)]
    else:
        asked = [*media, Text(user + (question.strip() if at >= 0 else question) + ends)]
    return [*opening(template), *asked, *marked(template.reply, template)]


def _later(question: str, template: Template) -> list[Text | Slots]:
    before, behind = around(template.again or "{}")
    return [
        *marked([Text(before)], template),
        Text(question),
        *marked([Text(behind)], template),
        *marked(template.reply, template),
    ]
