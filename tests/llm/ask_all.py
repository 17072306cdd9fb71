"""Asks a local server in a process of its own: python -m tests.llm.ask_all STORE COUNT --base_url URL."""

import dataclasses
import json
import sys
from pathlib import Path

from deemo_jax.core.cli import guarded
from deemo_jax.llm.client import ask
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.options import Options
from tests.llm.questions import questions

WORKERS = 8


def main(store: str, count: str, _flag: str, base_url: str) -> None:
    """Prints each outcome as a line of JSON."""
    options = Options(workers=WORKERS, timeout_s=1.0, max_attempts=6, backoff_s=0.01)
    for request, outcome in ask(
        questions(int(count)), Endpoint(base_url, "judge-1"), store=Path(store), options=options
    ):
        kind = getattr(outcome, "kind", "reply")
        print(json.dumps({"key": request.key, "kind": kind} | dataclasses.asdict(outcome)), flush=True)


if __name__ == "__main__":
    sys.exit(guarded(lambda: main(*sys.argv[1:])))
