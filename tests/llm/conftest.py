"""A key in the environment, and a quick way to ask a local server."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from deemo_jax.llm.client import ask
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.options import Options
from deemo_jax.llm.outcome import Outcome
from deemo_jax.llm.request import Request
from tests.llm.questions import SECRET
from tests.llm.server import Server

Ask = Callable[..., list[tuple[Request, Outcome]]]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    return SECRET


@pytest.fixture
def asked(tmp_path: Path) -> Ask:
    """Asks a server to the end, with waits that are short, and answers kept in `tmp_path`."""

    def all_of(server: Server, requests: Iterable[Request], **options: object) -> list[tuple[Request, Outcome]]:
        how = Options(**{"backoff_s": 0.002, "timeout_s": 5.0} | options)
        endpoint = Endpoint(server.base_url, "judge-1")
        return list(ask(requests, endpoint, store=tmp_path / "answers.jsonl", options=how))

    return all_of
