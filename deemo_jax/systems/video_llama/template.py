"""Video-LLaMA's prompts, one for each kind of data that it was trained on, for Vicuna v0, and one for LLaMA-2's chat.

Its code has neither transcripts nor labels of body language; the tags for them here are this project's own.
"""

from deemo_jax.systems.prompt_template import LLAMA_SPECIALS, Template, Text, Wording

# First stage, media and their captions: nothing stands before a caption, and a line feed ends it. The public code cuts
# a caption with its end to 32 tokens, which is `config.data.max_answer`.
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

# Second stage, captions of images: MiniGPT-4's form, with prompt and caption tokenized separately. A recipe has one
# question; the public code draws one of four for each sample.
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

# Second stage, conversations: tokenized as one text, trained on the answer, on the role before it
# ("###Assistant:") and on the "###" before the user's role, which the model thus learns to end an answer with.
#
# The public code finds these places by counting tokens of turns that are tokenized alone, and trains the first two ids
# of a user's turn as its "###". Tokenized alone, a turn has one bos too many, and its "###" is one token (with the
# dummy space) where it is two ("##", "#") in the whole text. With LLaMA's vocabulary the two errors cancel out. Here
# the places are marked in the text, which gives the same with LLaMA's vocabulary and is right with others. The public
# sentences on the times of frames are left out, since records have no such times.
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
    again="Human: {}",
    picture="<Image>{}</Image>",
    picture_in_place=True,
)

# Second stage with LLaMA-2's chat weights: LLaVA's writing of their conversations. Each round is tokenized by itself
# between bos and eos, and trained are the answer, the space behind it and the eos. The public system text is a space.
# (The public code reads VideoChat's turns with the wrong separator there, and trains nothing of them; here they are
# trained like others.)
LLAMA_2 = Template(
    name="llama_2",
    header="[INST] <<SYS>>\n{}\n<</SYS>>\n\n",
    opening=(),
    wording=VIDEO_LLAMA.wording,
    reply=(Text(" [/INST]"),),
    answer=" {} ",
    joined=True,
    eos=True,
    stops=(),
    special_ids=LLAMA_SPECIALS,
    system=" ",
    again="[INST] {}",
    bos_again=True,
    picture=VIDEO_LLAMA.picture,
    picture_in_place=True,
)
