"""The DEEMO paper's prompt: its Eq. 1, without roles or a system text; and captions, for stage 1."""

from deemo_jax.systems.prompt_template import Template, Wording

EQUATION_1 = Wording(
    audio="<Audio>{}</Audio>, ",
    video="<Video>{}</Video>, ",
    transcript="<Transcription>{}</Transcription>, ",
    nfbl="<NFBL>{}</NFBL>, ",
    user="<User>{}</User>",
)

# A later question of a conversation.
AGAIN = "<User>{}</User>"

# Prompt and answer are tokenized separately.
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
    again=AGAIN,
)

# Stage 1: the media, then the caption and its end, and no other text, as in Video-LLaMA's first stage.
CAPTION = Template(
    name="caption",
    header="",
    opening=(),
    wording=Wording(
        audio="{}",
        video="{}",
        transcript="<Transcription>{}</Transcription>, ",
        nfbl="<NFBL>{}</NFBL>, ",
        user="{}",
    ),
    reply=(),
    answer="{}",
    joined=False,
    eos=True,
    stops=(),
    special_ids=None,
    question="",
)
