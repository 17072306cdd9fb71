"""Costs are estimated before, and counted after, with prices that the user gives."""

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import write_json
from deemo_jax.llm.cost import bill, plan
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.options import Options
from deemo_jax.llm.outcome import Usage
from deemo_jax.llm.prices import Prices, estimated_usage, read_prices
from tests.llm.questions import kinds, questions
from tests.llm.server import Answer, Server


def test_prices_are_those_of_the_model_for_a_million_tokens(tmp_path):
    write_json(tmp_path / "prices.json", {"judge-1": {"input": 0.1, "output": 2}, "other": {}})
    prices = read_prices(tmp_path / "prices.json", "judge-1")
    assert prices.cost(Usage(2_000_000, 500_000)) == pytest.approx(0.2 + 1.0)


@pytest.mark.parametrize(
    "table", [[], {}, {"judge-1": 3}, {"judge-1": {"input": 1}}, {"judge-1": {"input": "1", "output": 1}}]
    + [{"judge-1": {"input": 1, "output": bad}} for bad in (-1, True, 10**200, None)],
)  # fmt: skip
def test_what_is_no_price_is_refused(tmp_path, table):
    write_json(tmp_path / "prices.json", table)
    with pytest.raises(UserError, match=r"prices\.json: .*for a million tokens each"):
        read_prices(tmp_path / "prices.json", "judge-1")


def test_a_bound_needs_prices_and_numbers_are_in_their_ranges():
    with pytest.raises(UserError, match="--max_cost needs the prices"):
        Options(max_cost=1.0)
    for wrong in ({"workers": 0}, {"timeout_s": float("nan")}, {"max_attempts": 0}, {"requests_per_minute": -1}):
        with pytest.raises(UserError, match=f"--{next(iter(wrong))}"):
            Options(**wrong)
    with pytest.raises(UserError, match="--max_cost nan"):
        Options(max_cost=float("nan"), prices=Prices(1, 1))


def test_the_estimate_counts_bytes_and_the_longest_reply():
    short, long = (estimated_usage(questions(1, text="x" * size)[0]) for size in (35, 3500))
    assert long.prompt_tokens - short.prompt_tokens == pytest.approx(3465 / 3.5, abs=1)
    assert long.completion_tokens == 40


def test_a_plan_counts_what_is_sent_and_a_bill_what_was_paid(asked, tmp_path):
    prices = Prices(1.0, 10.0)
    store = tmp_path / "answers.jsonl"
    with Server(lambda request: Answer({"clue": 11 if "clip 2 " in request.text else 7})) as server:
        endpoint = Endpoint(server.base_url, "judge-1")
        before = plan(questions(4) * 2, endpoint, store=store, prices=prices)
        assert (before.requests, before.sent) == (8, 4)
        assert before.cost == pytest.approx(prices.cost(before.usage)) and "(estimates)" in before.told()
        asked(server, questions(2))
        outcomes = asked(server, questions(4))
        done = plan(questions(4), endpoint, store=store)
    assert (done.sent, done.usage, done.cost) == (0, Usage(), None)
    paid = bill((outcome for _, outcome in outcomes), prices)
    assert paid.outcomes == kinds(outcomes) == {"reply": 3, "out_of_range": 1}
    assert (paid.usage, paid.kept) == (Usage(300, 30), Usage(200, 20))
    assert paid.cost == pytest.approx((300 * 1 + 30 * 10) / 1e6)
