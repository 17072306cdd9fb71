"""FastChat's conversation of one round, for Vicuna v1.1 to v1.5; the user's turn has the form of the paper's Eq. 1."""

from deemo_jax.systems.deemo.template import AGAIN, EQUATION_1
from deemo_jax.systems.prompt_template import LLAMA_SPECIALS, Template, Text

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
    again=f"USER: {AGAIN}",
)
