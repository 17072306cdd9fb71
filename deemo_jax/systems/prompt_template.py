"""Prompt templates: the form in which a conversation is written for a decoder, and which parts of it are trained.

    bos  header  opening  audio  video  transcript  NFBL  user  reply  answer  [eos]

A template has the roles, separators, tags and order of the public code that it follows; what is tokenized together and
what is trained are the same too. The English sentences are this project's own, as those of the public code are not in
this repository: a recipe that is to use a public checkpoint as it was trained gives the originals in `config.prompt`
(see `deemo_jax.core.recipe.PromptRecipe`).
"""

import dataclasses

# In a text, the place for what the text surrounds.
PLACE = "{}"
# Ids of bos and eos of LLaMA-1, LLaMA-2 and every Vicuna; the config.json of some conversions states others.
LLAMA_SPECIALS = (1, 2)


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A piece of text.

    Attributes:
        text: what is tokenized.
        trained: whether it is.
        special: whether it is the name of a token, in whose place it stands.
    """

    text: str
    trained: bool = False
    special: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Wording:
    """The text around each input, with one '{}' for the input, and with its separator: both are left out together.

    Attributes:
        audio: around the audio tokens.
        video: around the video tokens.
        transcript: around the words that are said.
        nfbl: around the labels of body language.
        user: around the question.
    """

    audio: str
    video: str
    transcript: str
    nfbl: str
    user: str


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """A template, into which a recipe can put texts of its own.

    All text between two places of media tokens is tokenized as one, with the tokenizer's dummy space in front, as
    LLaMA's first tokenizer does around an added token.

    Attributes:
        name: key in `deemo_jax.systems.registry.TEMPLATES`.
        header: first text of the prompt; `system` takes the place of its '{}'. Empty without a system text.
        opening: begins the user's turn.
        wording: around the inputs and the question.
        reply: ends the user's turn and begins the answer's.
        answer: the answer takes the place of its '{}'; all of it is trained.
        joined: whether the last text of the prompt and the answer are tokenized as one.
        eos: whether an end token follows the answer and is trained.
        stops: texts at which generation ends, beside the end token.
        special_ids: bos and eos of the decoders that were trained with this template; None for any.
        system: the system text.
        question: asked in place of the task's instruction; None keeps that, '' asks nothing.
        specials: names of tokens. In `header`, `opening` and `reply` they are these tokens; elsewhere, in what is said
            and asked, they are text like any other.
        end: name of the token that ends answers, which must be the tokenizer's eos; None for any eos.
        again: around the question of a later turn of a conversation, which the answer before it has ended; with names
            of `specials`. None where several turns have no form.
        bos_again: whether a later turn begins with a bos.
        picture: around the tokens of a picture that a conversation is about; empty for the form of a film.
        picture_in_place: whether that picture stands where the question has it, not before it.
        whole_turns: whether a conversation that is too long loses the turns that do not fit, not its last tokens.
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
    specials: tuple[str, ...] = ()
    end: str | None = None
    again: str | None = None
    bos_again: bool = False
    picture: str = ""
    picture_in_place: bool = False
    whole_turns: bool = False
