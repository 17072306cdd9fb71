"""What a prompt template is made of: how a conversation is written down for a decoder, and what of it is trained.

    bos  header  opening  audio  video  transcript  NFBL  user  reply  answer  [eos]

The public code that a template follows fixes roles, separators, tags, order, what is tokenized together and where the
loss lies; so do the templates of this package. The public code's English sentences are not in this repository: the
sentences here are ours, and a recipe that is to run a public checkpoint as it was trained gives the originals in
`config.prompt` (see `deemo_jax.data.prompt_config.PromptConfig`).
"""

import dataclasses

PLACE = "{}"
"""Stands in a text where what the text surrounds will go."""
LLAMA_SPECIALS = (1, 2)
"""bos and eos of LLaMA-1, LLaMA-2 and every Vicuna, whatever a converted config.json says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A stretch of text, and whether the model learns to say it."""

    text: str
    trained: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Wording:
    """What surrounds each input, separators included, so that an absent one leaves no trace. Each has one '{}'.

    Attributes:
        audio: around the audio tokens.
        video: around the video tokens.
        transcript: around what is said.
        nfbl: around the labels.
        user: around the question.
    """

    audio: str
    video: str
    transcript: str
    nfbl: str
    user: str


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """A template, as a recipe has completed it.

    Texts between two media slots are tokenized as one, each such piece with the tokenizer's dummy space in front, as
    LLaMA's first tokenizer does around an added token.

    Attributes:
        name: its key in `deemo_jax.systems.registry.TEMPLATES`.
        header: precedes everything; its '{}' takes `system`. Empty in a template without a system text.
        opening: begins the user's turn.
        wording: of the inputs and the question.
        reply: ends the user's turn and begins the answer's.
        answer: its '{}' takes the answer; all of it is trained.
        joined: whether the prompt's last stretch and the answer are tokenized as one text.
        eos: whether the end token follows the answer, trained.
        stops: texts at which generation ends, beside the end token.
        special_ids: bos and eos of the decoders that were trained on this template; None = any.
        system: the system text.
        question: replaces the task's instruction; None = it stays, '' = nothing is asked.
    """

    name: str
    header: str
    opening: tuple[Text, ...]
    wording: Wording
    reply: tuple[Text, ...]
    answer: str
    joined: bool
    eos: bool
    stops: tuple[str, ...]
    special_ids: tuple[int, int] | None
    system: str = ""
    question: str | None = None
