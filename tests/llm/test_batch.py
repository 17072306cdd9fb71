"""Batches give the outcomes that single requests give, and are found again by a process that begins anew."""

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.llm import batch, batch_rows
from deemo_jax.llm.batch import ask_batch
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.options import Options
from deemo_jax.llm.outcome import Usage
from deemo_jax.llm.prices import Prices
from tests.llm.batches import BatchServer
from tests.llm.questions import SECRET, kinds, questions
from tests.llm.server import Answer, Server, Status, rejects

ACTS = {
    3: Answer(refusal="No."),
    4: Answer({"clue": 11}),
    5: Answer("seven"),
    6: Status(400, f"too long for {SECRET}"),
    7: Status(500, "failed"),
}


def script(asked):
    return ACTS.get(int(asked.text.split("clip ")[1].split()[0]), Answer({"clue": 7}))


@pytest.fixture
def asked_batch(tmp_path):
    def all_of(server, requests, **options):
        endpoint, how = Endpoint(server.base_url, "judge-1"), Options(backoff_s=0.0, **options)
        return list(ask_batch(requests, endpoint, store=tmp_path / "answers.jsonl", options=how, poll_s=0.01))

    return all_of


@pytest.mark.slow
def test_outcomes_are_those_of_single_requests(asked_batch, asked, tmp_path):
    with BatchServer(rejects("temperature", then=script)) as server:
        outcomes = asked_batch(server, [*questions(10), *questions(2)])
        assert len(server.batches) == 1 and not server.files
        again = asked(server, questions(6))
        assert len(server.asked) == 2 + 9
    assert kinds(outcomes) == {"reply": 7, "refusal": 1, "out_of_range": 1, "malformed": 1, "rejected": 1, "server": 1}
    last = next(outcome for request, outcome in outcomes if request.key == "q9")
    assert last.decoding.temperature is None and last.usage == Usage(100, 10)
    assert [request.key for request, outcome in outcomes if outcome.cached] == ["q0", "q1"]
    assert {outcome.cached for _, outcome in again} == {True}
    assert SECRET not in repr(outcomes) and SECRET not in (tmp_path / "answers.jsonl").read_text()
    assert not (tmp_path / "answers.jsonl.batches").exists()


def killed(*_):
    raise KeyboardInterrupt


def test_a_batch_is_found_again_after_an_interruption(asked_batch, monkeypatch):
    with BatchServer(script) as server:
        with monkeypatch.context() as patch:
            patch.setattr(batch._Run, "_wait", killed)
            with pytest.raises(KeyboardInterrupt):
                asked_batch(server, questions(3))
        outcomes = asked_batch(server, questions(12))
        assert len(server.batches) == 2 and not server.files
    assert kinds(outcomes)["reply"] == 7
    assert len(server.asked) == 12 and sum(server.paid.values()) == 10


def test_a_batch_whose_id_was_lost_is_found_by_its_token(asked_batch):
    with BatchServer(script) as server:
        server.lose_reply = True
        with pytest.raises(UserError, match="it is not known whether the batch was taken"):
            asked_batch(server, questions(3))
        assert kinds(asked_batch(server, questions(3))) == {"reply": 3}
        assert len(server.batches) == 1 and set(server.paid.values()) == {1}


def test_a_batch_that_was_never_sent_is_sent(asked_batch, monkeypatch):
    with BatchServer(script) as server:
        with monkeypatch.context() as patch:
            patch.setattr(batch.BatchServer, "upload", killed)
            with pytest.raises(KeyboardInterrupt):
                asked_batch(server, questions(3))
        assert kinds(asked_batch(server, questions(3))) == {"reply": 3}
        assert len(server.batches) == 1 and set(server.paid.values()) == {1}


def test_a_batch_of_other_requests_is_left_for_them(asked_batch, monkeypatch):
    with BatchServer(script) as server:
        with monkeypatch.context() as patch:
            patch.setattr(batch._Run, "_wait", killed)
            with pytest.raises(KeyboardInterrupt):
                asked_batch(server, questions(3))
        assert kinds(asked_batch(server, questions(2, text="Other clip {} ."))) == {"reply": 2}
        assert kinds(asked_batch(server, questions(2))) == {"reply": 2}
        assert kinds(asked_batch(server, questions(3))) == {"reply": 3}
    assert set(server.paid.values()) == {1}


def test_what_a_batch_did_not_answer_is_sent_in_another(asked_batch, monkeypatch):
    monkeypatch.setattr(batch_rows, "MAX_ROWS", 4)
    with BatchServer(lambda _: Answer({"clue": 7})) as server:
        server.ends, server.answers_until = "expired", 1
        outcomes = asked_batch(server, questions(9))
        assert len(server.batches) == 2
        assert kinds(outcomes) == {"reply": 3, "server": 6}
        assert "is expired without an answer" in next(o.detail for _, o in outcomes if hasattr(o, "detail"))
        server.answers_until = 4
        assert kinds(asked_batch(server, questions(9))) == {"reply": 9}
    assert set(server.paid.values()) == {1}


def test_what_is_too_dear_is_not_sent(asked_batch):
    with BatchServer(lambda _: Answer({"clue": 7})) as server:
        outcomes = asked_batch(server, questions(10), max_cost=0.5, prices=Prices(1000.0, 1000.0))
    assert set(kinds(outcomes)) == {"reply", "over_budget"}
    assert kinds(outcomes)["reply"] == len(server.asked) < 10


def test_a_server_without_batches_is_told(asked_batch):
    with (
        Server(lambda _: Answer({"clue": 7})) as server,
        pytest.raises(UserError, match=r"takes no batch .*ask without batches"),
    ):
        asked_batch(server, questions(3))
