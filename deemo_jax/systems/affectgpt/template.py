"""AffectGPT's prompts: of 2023/24, on Vicuna v0, and of 2025, on Qwen2.5."""

import dataclasses

from deemo_jax.systems.prompt_template import LLAMA_SPECIALS, Template, Text, Wording

# No end token is trained: "###" ends the answer. Prompt and answer are tokenized separately, so the space behind
# "Assistant:" is a token of its own. The public code replaces a sample that is too long by another one; here its
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

# The form of 2025 has an end token behind the "###". Its decoder, Qwen2.5, has other special ids than LLaMA, so any
# will do; the public code's sequences have up to 1024 tokens (config.data.max_length).
AFFECTGPT_V2 = dataclasses.replace(AFFECTGPT, name="affectgpt_v2", eos=True, special_ids=None)
