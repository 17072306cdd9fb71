"""ChatML, the form of Qwen2.5's and Qwen3's conversations; the user's turn has the form of the paper's Eq. 1."""

import dataclasses

from deemo_jax.systems.deemo.template import AGAIN, EQUATION_1
from deemo_jax.systems.prompt_template import Template, Text

START, END = "<|im_start|>", "<|im_end|>"
THINK, THOUGHT = "<think>", "</think>"

# Every turn begins with a token of its own and its role on a line, and ends with a token of its own, which the answer
# is trained to end with, and a line feed. Prompt and answer are tokenized separately, as they are where an answer is
# asked for.
QWEN = Template(
    name="qwen",
    header=f"{START}system\n{{}}{END}\n",
    opening=(Text(f"{START}user\n"),),
    wording=EQUATION_1,
    reply=(Text(f"{END}\n{START}assistant\n"),),
    answer="{}",
    joined=False,
    eos=True,
    stops=(),
    special_ids=None,
    system="Someone asks about a clip. The assistant replies with care and says what the reply rests on.",
    specials=(START, END),
    end=END,
    again=f"\n{START}user\n{AGAIN}",
)

# Qwen3 answers without thinking aloud where its turn begins with an empty thought, which belongs to the prompt.
QWEN3 = dataclasses.replace(
    QWEN,
    name="qwen3",
    reply=(Text(f"{END}\n{START}assistant\n{THINK}\n\n{THOUGHT}\n\n"),),
    specials=(START, END, THINK, THOUGHT),
)
