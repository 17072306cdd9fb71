"""Video-LLaMA's prompts, one for each kind of data that it was trained on. All are for Vicuna v0.

Its code knows neither transcript nor NFBL labels. Where a recipe shows them, all three templates write them alike.
"""

from deemo_jax.systems.prompt_template import LLAMA_SPECIALS, Template, Text, Wording

# First stage, media and their caption: no word stands before the caption, and a line feed ends it. The public code cuts
# captions to 32 tokens; here they stay whole.
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

# Second stage, captions of images: MiniGPT-4's form, prompt and caption tokenized separately. The public code draws one
# of four questions for each sample; a recipe has one.
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

# Second stage, a conversation of one round: tokenized as one text, trained on the answer, on the answer's role
# ("###Assistant:") and on the "###" before the user's role, which so is learnt as the stop.
#
# The public code finds these places by counting: a turn is taken to be as long as it is when tokenized alone, and the
# first two ids of a user's turn, its "###", stay trained. Tokenized alone, a turn has a bos too many, which would shift
# every later turn by one; and its "###" is one piece (with the dummy space) where it is two ("##", "#") in the running
# text. With LLaMA's vocabulary the two errors cancel. Here the places are marked in the text, so that the mask is the
# same with LLaMA's vocabulary and right with any other. Sentences on the frames' times are left out: records have none.
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
