"""A sequence that is being made: texts and places of media tokens in, ids and targets out.

Neighbouring texts are tokenized as one, as the public code tokenizes them, and each keeps track of what is trained.
"""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Sequence

from deemo_jax.data.prompt_config import around
from deemo_jax.data.tokenizer import Tokenizer
from deemo_jax.systems.prompt_template import Template, Text


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
        cut: whether the transcript, or a conversation, was shortened to fit.
    """

    token_ids: tuple[int, ...]
    slots: tuple[int, ...]
    loss: tuple[bool, ...]
    cut: bool


@dataclasses.dataclass(slots=True)
class Draft:
    """An `Example` that is being made; its answer begins at the position `begins`."""

    ids: list[int] = dataclasses.field(default_factory=list)
    slots: list[int] = dataclasses.field(default_factory=list)
    loss: list[bool] = dataclasses.field(default_factory=list)
    begins: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def cut(self, length: int) -> "Draft":
        """Its first positions."""
        return Draft(self.ids[:length], self.slots[:length], self.loss[:length], self.begins)

    def add(self, ids: Sequence[int], slots: Iterable[int], loss: Iterable[bool]) -> None:
        """Puts positions at its end."""
        self.ids += ids
        self.slots += slots
        self.loss += loss

    def add_token(self, token: int | None, *, trained: bool = False) -> None:
        """Puts a token of its own at its end; None is no token."""
        if token is not None:
            self.add([token], [-1], [trained])

    def add_parts(self, parts: Sequence[Text | Slots], tokenizer: Tokenizer) -> None:
        """Puts texts, which are tokenized as one between places of media, and these places at its end."""
        for stretch in stretches(parts):
            if isinstance(stretch, Slots):
                places = range(stretch.first, stretch.first + stretch.count)
                self.add([tokenizer.pad_id] * stretch.count, places, [False] * stretch.count)
            else:
                ids, trained = _encoded(stretch, tokenizer)
                self.add(ids, [-1] * len(ids), trained)

    def finished(self, cut: bool) -> Example:
        """The example; `cut` as there."""
        return Example(tuple(self.ids), tuple(self.slots), tuple(self.loss), cut)


def marked(texts: Iterable[Text], template: Template) -> list[Text]:
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


def opening(template: Template) -> list[Text]:
    """What stands before the inputs: the system text in its frame, if there is one, and the beginning of the turn."""
    before, behind = around(template.header)
    frame = [*marked([Text(before)], template), Text(template.system), *marked([Text(behind)], template)]
    return [*(frame if template.header else []), *marked(template.opening, template)]


def stretches(parts: Sequence[Text | Slots]) -> list[list[Text] | Slots]:
    """Neighbouring texts in one list, to be tokenized as one text; empty texts are left out."""
    found: list[list[Text] | Slots] = []
    for is_text, group in itertools.groupby(parts, lambda part: isinstance(part, Text)):
        if is_text:
            texts = [part for part in group if isinstance(part, Text) and part.text]
            found += [texts] if texts else []
        else:
            found += [part for part in group if isinstance(part, Slots)]
    return found


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
