"""The DEEMO paper's prompt: its Eq. 1, without roles or a system text."""

from deemo_jax.systems.prompt_template import Template, Wording

EQUATION_1 = Wording(
    audio="<Audio>{}</Audio>, ",
    video="<Video>{}</Video>, ",
    transcript="<Transcription>{}</Transcription>, ",
    nfbl="<NFBL>{}</NFBL>, ",
    user="<User>{}</User>",
)

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
)
