"""Every request gets one outcome, whatever the server does, and nothing is paid for twice."""

import dataclasses
import json
import threading

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.llm.client import ask
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.options import Options
from deemo_jax.llm.outcome import Reply, Usage
from deemo_jax.llm.prices import Prices
from tests.llm.questions import SECRET, kinds, questions
from tests.llm.server import Answer, Drop, Server, Silence, Status, rejects, trouble

GOOD = Answer({"clue": 7})


def good(_):
    return GOOD


def first(act, then=good, times=1):
    """Does `act` the first times that a question comes."""
    return lambda asked: act if asked.times <= times else then(asked)


# What a server does the first time, and is asked again for.
PASSING = {
    "too many": Status(429, headers=(("Retry-After", "0.05"),)),
    "too many until a date": Status(429, headers=(("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),)),
    "failed": Status(500),
    "overloaded": Status(503, message="<html>\x1b[2Jbusy</html>"),
    "lost before": Drop(in_the_middle=False),
    "lost in the middle": Drop(),
    "silent": Silence(2.0),
    "slow": Answer({"clue": 7}, drip_s=0.05),
    "prose": Answer("I had rather not use JSON."),
    "out of range": Answer({"clue": 11}),
    "cut": Answer('{"clue": 7, "reason": "because', finish="length"),
    "no JSON at all": Answer(envelope=b"<html>hello</html>"),
    "a bomb": Answer(envelope=b"[" * 200_000),
    "another form": Answer(envelope=b'{"choices": [{"message": [1]}], "usage": {"prompt_tokens": "many"}}'),
    "compressed": Answer({"clue": 7}, headers=(("Content-Encoding", "gzip"),)),
    "endless": Answer("x" * (2 << 20)),
}


def test_what_passes_is_asked_again_until_there_is_a_reply(asked):
    names = list(PASSING)

    def script(request):
        number = int(request.text.split("clip ")[1].split()[0])
        return first(PASSING[names[number]])(request)

    with Server(script) as server:
        outcomes = asked(server, questions(len(PASSING)), timeout_s=1.5, max_attempts=3)
    assert kinds(outcomes) == {"reply": len(PASSING)}
    assert {outcome.attempts for _, outcome in outcomes} == {2}
    assert len(server.asked) == 2 * len(PASSING)
    at = {name: [r.at for r in server.asked if f"clip {number} " in r.text] for number, name in enumerate(names)}
    assert at["too many"][1] - at["too many"][0] >= 0.05
    cut = [r.body["max_tokens"] for r in server.asked if f"clip {names.index('cut')} " in r.text]
    assert cut == [40, 80]


# What a server does each time, and the failure that comes of it: its kind, and how often the request is sent.
LASTING = [
    (Status(500), "server", 3),
    (Drop(), "connection", 3),
    (Answer({"clue": 11}), "out_of_range", 2),
    (Answer("no"), "malformed", 2),
    (Answer(refusal="I will not."), "refusal", 1),
    (Answer("", finish="content_filter"), "refusal", 1),
    (Status(400, "filtered", "content_filter"), "refusal", 1),
    (Status(400, "too long"), "rejected", 1),
    (Status(429, headers=(("Retry-After", "86400"),)), "server", 1),
]


def test_what_does_not_pass_is_a_failure(asked):
    def script(request):
        number = int(request.text.split("clip ")[1].split()[0])
        return LASTING[number - 1][0] if number else GOOD

    with Server(script) as server:
        outcomes = {r.key: o for r, o in asked(server, questions(1 + len(LASTING)), max_attempts=3)}
    assert isinstance(outcomes.pop("q0"), Reply)
    assert len(server.asked) == 1 + sum(sent for _, _, sent in LASTING)
    for number, (act, kind, sent) in enumerate(LASTING, 1):
        failure = outcomes[f"q{number}"]
        paid = sent if isinstance(act, Answer) else 0
        assert (failure.kind, failure.attempts, failure.usage) == (kind, sent, Usage(100 * paid, 10 * paid))


def test_silence_is_a_failure_and_so_is_a_server_that_lets_nobody_in(asked):
    acts = [GOOD, Silence(0.6), Status(429)]
    with Server(lambda request: acts[int(request.text.split("clip ")[1].split()[0])]) as server:
        outcomes = asked(server, questions(3), timeout_s=0.4, max_attempts=2)
        assert len(server.asked) == 1 + 2 + 2
    assert kinds(outcomes) == {"reply": 1, "timeout": 1, "server": 1}


def test_what_was_answered_is_not_asked_again_and_what_was_not_is(asked, tmp_path):
    acts = {0: GOOD, 1: Answer(refusal="No."), 2: Answer({"clue": 0}), 3: Status(500)}

    def script(request):
        return acts[int(request.text.split("clip ")[1].split()[0])]

    with Server(script) as server:
        before = asked(server, questions(4), max_attempts=2)
        first_time = len(server.asked)
        again = asked(server, questions(4), max_attempts=2)
        assert [r.text for r in server.asked[first_time:]] == [questions(4)[3].messages[1].content] * 2
        acts[3] = GOOD
        last = asked(server, questions(4))
    assert kinds(before) == kinds(again) == {"reply": 1, "refusal": 1, "out_of_range": 1, "server": 1}
    assert {o.cached for r, o in again if r.key != "q3"} == {True}
    known = {r.key: o for r, o in before}
    assert all(dataclasses.replace(o, cached=False) == known[r.key] for r, o in again if r.key != "q3")
    assert kinds(last) == {"reply": 2, "refusal": 1, "out_of_range": 1}
    assert sum(server.paid.values()) == 1 + 1 + 2 + 1


def test_equal_requests_are_sent_once_and_repeats_are_not_equal(asked):
    same = [dataclasses.replace(request, key="other") for request in questions(2)]
    with Server(good) as server:
        outcomes = asked(server, [*questions(2), *same, *questions(2, sample=1)])
    assert [r.key for r, _ in outcomes].count("other") == 2
    assert {o.cached for r, o in outcomes if r.key == "other"} == {True}
    assert len(server.asked) == 4


def test_a_model_that_rejects_settings_is_asked_without_them(asked):
    script = rejects("temperature", "max_tokens", then=good)
    with Server(script) as server:
        outcomes = asked(server, questions(12))
    assert kinds(outcomes) == {"reply": 12}
    assert {o.decoding.temperature for _, o in outcomes} == {None}
    assert {o.decoding.max_tokens for _, o in outcomes} == {40}
    assert len(server.asked) == 12 + 2  # it is learnt once
    assert server.asked[-1].body["max_completion_tokens"] == 40


def test_a_model_without_schemas_is_told_the_schema_in_words(asked):
    def script(request):
        wanted = request.body.get("response_format", {}).get("type")
        if wanted:
            return Status(400, f"response_format.type {wanted} is unavailable", param="response_format.type")
        return Answer('Here: {"clue": 7}') if '"maximum": 10' in request.text else Answer("?")

    with Server(script) as server:
        outcomes = asked(server, questions(3))
    assert {o.form for _, o in outcomes} == {"text"}
    assert [r.body.get("response_format", {}).get("type") for r in server.asked][:3] == [
        "json_schema",
        "json_object",
        None,
    ]
    assert len(server.asked) == 3 + 2


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (Status(401, f"Incorrect API key provided: {SECRET}"), "check the key in OPENAI_API_KEY"),
        (Status(403), "check the key"),
        (Status(404, "no such model"), "name of the model"),
        (Status(307, headers=(("Location", "http://127.0.0.1:9/v1"),)), "base_url"),
        (Status(429, "You exceeded your current quota", "insufficient_quota"), "quota"),
        (Status(400, "model is required"), "takes no request"),
    ],
)
def test_a_wrong_key_or_address_ends_the_run_at_once(asked, act, says, tmp_path):
    with Server(lambda _: act) as server, pytest.raises(UserError, match=says) as caught:
        asked(server, questions(50))
    assert len(server.asked) <= 3
    assert SECRET not in str(caught.value) and "\n" not in str(caught.value)


def test_no_key_and_nobody_there_are_told(asked, monkeypatch, tmp_path):
    with Server(good) as server:
        pass
    with pytest.raises(UserError, match="cannot be reached"):
        asked(server, questions(5), max_attempts=2)
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(UserError, match="OPENAI_API_KEY is not set"):
        asked(server, questions(5))
    assert not list(tmp_path.iterdir())


def test_the_key_is_nowhere_but_in_the_header(asked, tmp_path, capfd, caplog):
    caplog.set_level(0)

    def script(request):
        number = int(request.text.split("clip ")[1].split()[0])
        return [
            Answer({"clue": 7, "reason": f"I know {SECRET}!"}),
            Answer(json.dumps({"clue": 7, "reason": SECRET}).replace("sk", "\\u0073k")),
            Answer(f"Your key is {SECRET}"),
            Answer(refusal=f"Not with {SECRET}"),
            Status(500, f"crashed at {SECRET}"),
            Answer({"clue": 7}, headers=(("X-Key", SECRET),)),
        ][number]

    with Server(script) as server:
        outcomes = asked(server, questions(6), max_attempts=2)
    assert all(r.headers["authorization"] == f"Bearer {SECRET}" for r in server.asked)
    assert not any(SECRET in json.dumps(r.body) for r in server.asked)
    said = capfd.readouterr()
    everything = [repr(outcomes), said.out, said.err, caplog.text]
    everything += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert [text.count(SECRET) for text in everything] == [0] * len(everything)
    assert "[key]" in everything[0]


def test_money_is_not_overspent(asked):
    prices = Prices(input=1000.0, output=1000.0)  # 0.11 for each reply of 100 + 10 tokens
    with Server(good) as server:
        outcomes = asked(server, questions(30), max_cost=1.15, prices=prices, workers=4)
        assert sum(server.paid.values()) == kinds(outcomes)["reply"]
        assert kinds(outcomes)["reply"] + kinds(outcomes)["over_budget"] == 30
        assert 8 <= kinds(outcomes)["reply"] <= 10
        assert kinds(asked(server, questions(30))) == {"reply": 30}
        assert set(server.paid.values()) == {1}


def test_workers_and_rate_are_bounds(asked):
    with Server(lambda _: Answer({"clue": 7}, wait_s=0.02)) as server:
        asked(server, questions(12), workers=3)
        assert 2 <= server.most_at_once <= 3
        asked(server, questions(6, text="Another {}"), requests_per_minute=3000)
    at = [r.at for r in server.asked[12:]]
    assert at[-1] - at[0] >= 5 * 0.02 - 0.01


def test_a_server_that_lets_few_in_at_a_time_gives_all_their_turn(asked):
    """Of 8 workers 2 are let in each time, and to be among the others more often than `max_attempts` is no failure."""
    full = Status(429, headers=(("Retry-After", "0.03"),))
    let_in: list[float] = []

    def script(request):
        let_in[:] = [at for at in let_in if request.at - at < 0.03]
        if len(let_in) >= 2:
            return full
        let_in.append(request.at)
        return GOOD

    with Server(script) as server:
        outcomes = asked(server, questions(32), max_attempts=4)
    assert kinds(outcomes) == {"reply": 32}


def test_what_identifies_an_account_is_for_its_own_server_only(asked, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-mine")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-mine")
    with Server(good) as server:
        asked(server, questions(1))
    assert "of-mine" not in server.received()


@pytest.mark.parametrize(("most_money", "most_sent"), [(None, 79), (0.45, 3)])
def test_an_interruption_keeps_what_is_under_way(tmp_path, most_money, most_sent):
    """As Ctrl-C does, the consumer stops in the middle; what the server is answering is kept, and no more is sent."""
    options = Options(max_cost=most_money, prices=Prices(1000.0, 1000.0))  # 0.11 a reply; 0.117 by the estimate
    begun = threading.Event()

    def script(request):
        if "clip 0 " not in request.text:
            begun.set()
        return Answer({"clue": 7}, wait_s=0.2 if "clip 0 " not in request.text else 0)

    store = tmp_path / "answers.jsonl"
    with Server(script) as server:
        endpoint = Endpoint(server.base_url, "judge-1")
        outcomes = ask(questions(80), endpoint, store=store, options=options)
        next(outcomes)
        assert begun.wait(5)
        outcomes.close()
        sent = len(server.asked)
        assert sent <= most_sent
        assert len(store.read_text().splitlines()) == sent == sum(server.paid.values())
        server.script = good
        assert kinds(ask(questions(80), endpoint, store=store)) == {"reply": 80}
    assert set(server.paid.values()) == {1}


def test_a_server_in_trouble_loses_nothing(asked):
    acts = [*PASSING.values(), Answer(refusal="No."), Status(400, "no")]
    acts = [act for act in acts if not isinstance(act, Silence) and not (isinstance(act, Answer) and act.drip_s)]
    with Server(trouble(3, acts, 0.4, good)) as server:
        outcomes = asked(server, questions(40))
        again = asked(server, questions(40))
    assert sorted(r.key for r, _ in outcomes) == sorted(r.key for r in questions(40))
    assert kinds(outcomes)["reply"] > 20
    settled = {r.key for r, o in outcomes if isinstance(o, Reply)}
    assert {o.cached for r, o in again if r.key in settled} == {True}
