"""AffectGPT's prompts: those of 2023 and 2024, for Vicuna v0, and those of 2025, for Qwen2.5."""

import dataclasses

from deemo_jax.systems.prompt_template import LLAMA_SPECIALS, Template, Text, Wording

# "###" ends the answer, and no end token is trained. Prompt and answer are tokenized separately, so the space behind
# "Assistant:" is a token of its own. Of a sample that is too long the transcript is shortened; the public code takes
# another sample instead.
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
    again="Human: {}",
)

# What the code of 2023 makes of LLaVA's and VideoChat's conversations: the "###" that ends an answer begins the next
# turn, no space stands behind a role, and a picture stands before the first question. A turn that does not fit any more
# is left out; a later and shorter one may still come.
AFFECTGPT_CONVERSATION = dataclasses.replace(
    AFFECTGPT,
    name="affectgpt_conversation",
    opening=(Text("###Human:"),),
    reply=(Text("###Assistant:"),),
    again="Human:{}",
    picture="You see this picture: <Image>{}</Image>. ",
    whole_turns=True,
)

# The form of 2025 has an end token behind the "###". Any special ids are accepted, since Qwen2.5 has others than LLaMA.
# The public code's sequences have up to 1024 tokens (`config.data.max_length`).
AFFECTGPT_V2 = dataclasses.replace(AFFECTGPT, name="affectgpt_v2", eos=True, special_ids=None)
