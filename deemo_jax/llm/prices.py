"""What a model's tokens cost, from a file that the user gives, and an estimate of tokens before they are counted."""

import dataclasses
import math
from pathlib import Path

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json
from deemo_jax.llm.outcome import Usage
from deemo_jax.llm.request import Request

# Bytes of a file of prices, at most.
MAX_BYTES = 1 << 20
# The highest price that is taken for one.
MOST = 1_000_000
# Bytes of UTF-8 for each token of a prompt. English has about 4 characters a token; other scripts have fewer, and more
# bytes a character. A lower figure makes the estimate of a cost higher.
BYTES_A_TOKEN = 3.5
# Tokens that a server adds to each message and to each request for roles and separators.
TOKENS_A_MESSAGE = 4
TOKENS_A_REQUEST = 3
# Tokens of a reply whose request sets no `max_tokens`.
REPLY_TOKENS = 300


@dataclasses.dataclass(frozen=True, slots=True)
class Prices:
    """Money for a million tokens, in the user's currency.

    Attributes:
        input: of a prompt.
        output: of a reply.
    """

    input: float
    output: float

    def cost(self, usage: Usage) -> float:
        """Money for these tokens."""
        return (usage.prompt_tokens * self.input + usage.completion_tokens * self.output) / 1e6


def read_prices(path: Path, model: str) -> Prices:
    """The prices of a model in a JSON file: {"MODEL": {"input": 0.10, "output": 0.50}}.

    Raises:
        UserError: the file cannot be read, the model is not in it, or its prices are no such numbers.
    """
    table = read_json(path, MAX_BYTES)
    form = f'write {{"{model}": {{"input": 0.10, "output": 0.50}}}}, for a million tokens each'
    row = table.get(model) if isinstance(table, dict) else None
    if not isinstance(row, dict) or not {"input", "output"} <= row.keys():
        raise UserError(f"{path}: has no prices of {model}; {form}")
    for name in ("input", "output"):
        value = row[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
            raise UserError(f"{path}: the price {name!r} of {model} is no number from 0 to {MOST:,}; {form}")
    return Prices(float(row["input"]), float(row["output"]))


def estimated_usage(request: Request) -> Usage:
    """An estimate of a request's tokens from the bytes of its texts; the server's own count may differ by a third."""
    texts = [message.content for message in request.messages]
    size = sum(len(text.encode("utf-8", "replace")) for text in texts)
    # A schema is sent with the request, and servers count it, or a form of it, as prompt.
    size += len(str(dict(request.schema)))
    prompt = math.ceil(size / BYTES_A_TOKEN) + TOKENS_A_MESSAGE * len(texts) + TOKENS_A_REQUEST
    return Usage(prompt, request.decoding.max_tokens or REPLY_TOKENS)
