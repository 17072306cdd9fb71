"""Hundreds of requests to a server in trouble, by processes that are killed: none is lost, and none paid for twice."""

import collections
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from deemo_jax.core.cli import EXIT_INTERRUPTED
from deemo_jax.llm.outcome import ANSWERED
from tests.commands import ROOT
from tests.llm.ask_all import WORKERS
from tests.llm.server import Answer, Drop, Server, Silence, Status, trouble

COUNT = 320
ACTS = (
    Status(429, headers=(("Retry-After", "0.1"),)),
    Status(500),
    Status(503, headers=(("Retry-After", "0"),)),
    Drop(),
    Drop(in_the_middle=False),
    Silence(3.0),
    Answer({"clue": 7}, drip_s=0.02),
    Answer('{"clue": 7, "rea', finish="length"),
    Answer("I had rather not use JSON."),
    Answer({"clue": 12}),
    Answer(refusal="I will not."),
    Answer(envelope=b'{"choices": [{"mess'),
    Status(400, "this request is too long"),
)


def lines(store):
    """The whole lines of a store, as JSON."""
    text = store.read_text() if store.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


@pytest.mark.slow
def test_every_request_is_accounted_for_and_paid_once_across_kills(tmp_path):
    store = tmp_path / "answers.jsonl"

    def good(asked):
        return Answer('Here it is:\n```json\n{"clue": 7}\n```' if asked.number % 5 == 0 else {"clue": 7}, wait_s=0.01)

    with Server(trouble(11, ACTS, 0.35, good)) as server:
        command = [sys.executable, "-m", "tests.llm.ask_all", str(store), str(COUNT), "--base_url", server.base_url]
        # Answers that the server had sent, and that a killed process had not kept.
        lost = []
        for kill in range(1, 6):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while sum(server.paid.values()) < 40 * kill and process.poll() is None:
                time.sleep(0.005)
            assert process.poll() is None, "the process ended before it was killed"
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(0.2)  # handlers that still write to the killed process find that it is gone
            lost.append(sum(server.paid.values()) - len(lines(store)) - sum(lost))
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
        sent, paid, kept = len(server.asked), sum(server.paid.values()), lines(store)
        again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
        asked_again = {asked.question for asked in server.asked[sent:]}

    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(row["key"] for row in outcomes) == sorted(f"q{number}" for number in range(COUNT))
    kinds = collections.Counter(row["kind"] for row in outcomes)
    print(f"{COUNT} requests: {dict(kinds)}; sent {sent}, answered {paid}, kept {len(kept)}, lost at kills {lost}")
    # What was answered and not kept was under way at a kill.
    assert all(0 <= number <= WORKERS for number in lost)
    assert paid == len(kept) + sum(lost)
    # Nothing that was settled by an answer is answered again.
    settled = [row["hash"] for row in kept if row["settled"]]
    assert len(settled) == len(set(settled)) == sum(kinds[kind] for kind in ("reply", *ANSWERED))
    answers = collections.Counter(row["hash"] for row in kept)
    assert max(answers.values()) <= 2  # Options.max_answers
    # A last run asks only for what had no answer, and keeps every other outcome.
    failed = {row["key"] for row in outcomes if row["kind"] in ("server", "timeout", "connection", "rejected")}
    assert len(asked_again) == len(failed)
    last = {row["key"]: row["kind"] for row in map(json.loads, again.stdout.splitlines())}
    assert {key: kind for key, kind in last.items() if key not in failed} == {
        row["key"]: row["kind"] for row in outcomes if row["key"] not in failed
    }


@pytest.mark.slow
def test_ctrl_c_waits_for_what_is_under_way_and_pays_for_nothing_twice(tmp_path):
    store = tmp_path / "answers.jsonl"
    with Server(lambda asked: Answer({"clue": 7}, wait_s=0.7 if asked.number > 1 else 0)) as server:
        command = [sys.executable, "-m", "tests.llm.ask_all", str(store), "40", "--base_url", server.base_url]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while len(server.asked) < 12 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode == EXIT_INTERRUPTED
        assert "replies that are under way" in said and said.endswith("interrupted\n")
        assert len(lines(store)) == sum(server.paid.values()) == len(server.asked) < 40
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
        assert len(done.stdout.splitlines()) == 40
    assert set(server.paid.values()) == {1}
