"""How a conversation is written down for a decoder: what surrounds inputs, question and answer, and what is trained.

    bos  header  opening  audio  video  transcript  NFBL  user  reply  answer  [eos]

A template is a row of the table below. The public code that it follows (Video-LLaMA, AffectGPT, FastChat) fixes roles,
separators, tags, order, what is tokenized together and where the loss lies; so do we. Its English sentences are not in
this repository: those below are ours, and a recipe that is to run a public checkpoint as it was trained gives the
originals in `config.prompt` (see `PromptConfig`).
"""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from deemo_jax.core.errors import UserError

PLACE = "{}"
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
        name: its key in `TEMPLATES`.
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


EQUATION_1 = Wording(
    audio="<Audio>{}</Audio>, ",
    video="<Video>{}</Video>, ",
    transcript="<Transcription>{}</Transcription>, ",
    nfbl="<NFBL>{}</NFBL>, ",
    user="<User>{}</User>",
)

# The paper's Eq. 1 and nothing else; prompt and answer are tokenized separately.
DEEMO = Template(
    name="deemo",
    header="",
    opening=(),
    wording=EQUATION_1,
    reply=(),
    answer="{}",
    joined=False,
    eos=True,
    stops=(),
    special_ids=None,
)

# AffectGPT of 2023/24, on Vicuna v0: no eos, "###" ends the answer. Prompt and answer are tokenized separately, so the
# space behind "Assistant:" is a token of its own. The public code draws another sample where one is too long; here the
# transcript is shortened.
AFFECTGPT = Template(
    name="affectgpt",
    header="",
    opening=(Text("###Human: "),),
    wording=Wording(
        audio="You hear this voice: <Audio>{}</Audio>. ",
        video="You see this picture: <Video>{}</Video>. ",
        transcript="These words are said: <Subtitle>{}</Subtitle>. ",
        nfbl="The body does this: <NFBL>{}</NFBL>. ",
        user="Answer from what you were given. {}",
    ),
    reply=(Text(" ###Assistant: "),),
    answer="{}###",
    joined=False,
    eos=False,
    stops=("###",),
    special_ids=LLAMA_SPECIALS,
)

# AffectGPT of 2025: the same, and an eos behind the "###". Its decoder is of another family (Qwen2.5), so any special
# ids will do; its own code has sequences of up to 1024 tokens (config.data.max_length).
AFFECTGPT_V2 = dataclasses.replace(AFFECTGPT, name="affectgpt_v2", eos=True, special_ids=None)

# Video-LLaMA's first stage, media and their caption, on Vicuna v0: no word before the caption, which a line feed ends.
# It knows neither transcript nor labels; where a recipe shows them, they come as in the second stage. The public code
# cuts captions to 32 tokens; here they stay whole.
VIDEO_LLAMA_STAGE1 = Template(
    name="video_llama_stage1",
    header="",
    opening=(),
    wording=Wording(
        audio="{}",
        video="{}",
        transcript="<Subtitle>{}</Subtitle> ",
        nfbl="<NFBL>{}</NFBL> ",
        user="{}",
    ),
    reply=(),
    answer="{}\n",
    joined=False,
    eos=False,
    stops=("\n",),
    special_ids=LLAMA_SPECIALS,
    question="",
)

# Video-LLaMA's second stage, captions of images: MiniGPT-4's form, prompt and caption tokenized separately. The public
# code draws one of four questions for each sample; a recipe has one.
VIDEO_LLAMA_IMAGE = Template(
    name="video_llama_image",
    header="",
    opening=(Text("###Human: "),),
    wording=Wording(
        audio="<Audio>{}</Audio> ",
        video="<Image>{}</Image> ",
        transcript="<Subtitle>{}</Subtitle> ",
        nfbl="<NFBL>{}</NFBL> ",
        user="{}",
    ),
    reply=(Text(" ###Assistant: "),),
    answer="{}###",
    joined=False,
    eos=False,
    stops=("###",),
    special_ids=LLAMA_SPECIALS,
)

# Video-LLaMA's second stage, a conversation of one round, on Vicuna v0: tokenized as one text, trained on the answer,
# on its own role ("###Assistant:") and on the "###" before the user's, which so is learnt as the stop.
#
# The public code finds these places by counting: a turn is taken to be as long as it is when tokenized alone, and the
# first two ids of a user's turn, its "###", stay trained. Alone, a turn has a bos too many, which would shift every
# later turn by one; and its "###" is one piece (with the dummy space) where it is two ("##", "#") in the running text.
# With LLaMA's vocabulary the two errors cancel. Here the places are marked in the text, so that the mask is the same
# with that vocabulary and right with any other. Sentences on the frames' times are left out: records have none.
VIDEO_LLAMA = Template(
    name="video_llama",
    header="{}\n\n",
    opening=(Text("###", trained=True), Text("Human: ")),
    wording=Wording(
        audio="<Audio>{}</Audio> ",
        video="<Video>{}</Video> ",
        transcript="<Subtitle>{}</Subtitle> ",
        nfbl="<NFBL>{}</NFBL> ",
        user="{}",
    ),
    reply=(Text("\n"), Text("###Assistant:", trained=True)),
    answer=" {}\n###",
    joined=True,
    eos=False,
    stops=("###",),
    special_ids=LLAMA_SPECIALS,
)

# Vicuna v1.1 to v1.5, one round, as FastChat writes and trains it; the user says Eq. 1.
VICUNA_V1 = Template(
    name="vicuna_v1",
    header="{} ",
    opening=(Text("USER: "),),
    wording=EQUATION_1,
    reply=(Text(" ASSISTANT:"),),
    answer=" {}",
    joined=True,
    eos=True,
    stops=(),
    special_ids=LLAMA_SPECIALS,
    system="Someone asks about a clip. The assistant replies with care and says what the reply rests on.",
)

TEMPLATES: Mapping[str, Template] = {
    one.name: one
    for one in (DEEMO, AFFECTGPT, AFFECTGPT_V2, VIDEO_LLAMA, VIDEO_LLAMA_STAGE1, VIDEO_LLAMA_IMAGE, VICUNA_V1)
}


@dataclasses.dataclass(frozen=True)
class PromptConfig:
    """`config.prompt`. What is None keeps the template's own text.

    The public sentences are not in this repository; to run those checkpoints as they were trained, give them here.

    Attributes:
        task: see `deemo_jax.data.prompts.Task`.
        template: a key of `TEMPLATES`.
        system: the system text, in templates that have one.
        question: what is asked, instead of the template's question or the task's instruction.
        audio, video, transcript, nfbl, user: what surrounds each input and the question, with '{}' in its place and
            its own separator at the end. A sentence that names another modality would betray it where that is absent.
    """

    task: str
    template: str = DEEMO.name
    system: str | None = None
    question: str | None = None
    audio: str | None = None
    video: str | None = None
    transcript: str | None = None
    nfbl: str | None = None
    user: str | None = None


def parse_template(prompt: Mapping[str, Any]) -> Template:
    """`config.prompt` to the template that it names, with the recipe's own texts in place.

    Raises:
        UserError: an unknown key or template, a text of another type, without its '{}', or without a place.
    """
    config = _prompt_config(prompt)
    if config.template not in TEMPLATES:
        raise UserError(f"config.prompt.template: {config.template!r} is unknown; choose from {', '.join(TEMPLATES)}")
    template = TEMPLATES[config.template]
    given = {field.name: getattr(config, field.name) for field in dataclasses.fields(Wording)}
    given = {name: text for name, text in given.items() if text is not None}
    for name, text in given.items():
        if text.count(PLACE) != 1:
            raise UserError(f"config.prompt.{name}: {text!r} must have {PLACE} once, where the {name} part goes")
    if config.system is not None and PLACE not in template.header:
        having = ", ".join(one.name for one in TEMPLATES.values() if PLACE in one.header)
        raise UserError(
            f"config.prompt.system: the template {template.name} has no system text; leave it out or choose {having}"
        )
    return dataclasses.replace(
        template,
        wording=dataclasses.replace(template.wording, **given),
        system=template.system if config.system is None else config.system,
        question=template.question if config.question is None else config.question,
    )


def around(wording: str) -> tuple[str, str]:
    """What stands before and behind the '{}' of a text."""
    before, _, behind = wording.partition(PLACE)
    return before, behind


def _prompt_config(prompt: Mapping[str, Any]) -> PromptConfig:
    names = [field.name for field in dataclasses.fields(PromptConfig)]
    for key, value in prompt.items():
        if key not in names:
            close = difflib.get_close_matches(str(key), names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(names)}"
            raise UserError(f"config.prompt.{key}: not a key of config.prompt; {hint}")
        if not isinstance(value, str) and value is not None:
            raise UserError(f"config.prompt.{key}: {value!r} must be a text")
    if prompt.get("task") is None:
        raise UserError("config.prompt.task: is missing; add it to the config")
    return PromptConfig(**prompt)
