"""Judges systems' reasonings with a language model, as `evaluate --judge` asks for it."""

import sys

from deemo_jax.core.errors import UserError
from deemo_jax.evaluation.judge.asking import Judge
from deemo_jax.evaluation.judge.judge_request import PREFER, JudgeRequest
from deemo_jax.evaluation.judge.overlap_run import OverlapRun
from deemo_jax.evaluation.judge.preference_run import PreferenceRun


def judge_reasonings(request: JudgeRequest) -> str:
    """Judges systems, after the gold set, and writes the results.

    What is asked before is told on stderr with an estimate of its cost, and afterwards what it cost.

    Returns:
        The tables and notes, for a terminal.

    Raises:
        UserError: a file is missing or malformed, no row may be judged, the model cannot be asked or does not rank the
            gold set, or the money is spent; replies that were paid for are kept.
    """
    work = (PreferenceRun if request.protocol == PREFER else OverlapRun)(request)
    judge = Judge(request.endpoint, work.store, request.options, batch=request.batch)
    _say(f"{judge.estimate(work.plans()).told()}; replies are kept in {work.store}")
    try:
        gold = work.gold(judge.at_once)
        if not gold.passed:
            raise UserError(
                f"{request.endpoint.model} does not rank the gold set, so its scores are not shown; choose another "
                f"judge. {gold.trouble()} (its replies are kept in {work.store})"
            )
        told = work.run(judge.later, gold)
    finally:
        _say(judge.told())
    return "\n\n".join(told)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
