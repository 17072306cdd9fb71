"""The flags by which `evaluate` asks a language model to judge reasonings."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from deemo_jax.core import cli
from deemo_jax.core.errors import UserError
from deemo_jax.evaluation.run_flags import path_of

# They are flags of the command that has them defined, and so in its --help.
flags.disclaim_key_flags()


@dataclasses.dataclass(frozen=True)
class JudgeFlags:
    """Flags that name a judge, what it is asked, and how; see `judge_request.JudgeRequest`."""

    judge: flags.FlagHolder[str]
    protocol: flags.FlagHolder[str]
    human: flags.FlagHolder[str]
    repeats: flags.FlagHolder[int]
    base_url: flags.FlagHolder[str]
    api_key_env: flags.FlagHolder[str]
    provider: flags.FlagHolder[str]
    temperature: flags.FlagHolder[float]
    reply_tokens: flags.FlagHolder[int]
    workers: flags.FlagHolder[int]
    requests_per_minute: flags.FlagHolder[float]
    timeout_s: flags.FlagHolder[float]
    prices: flags.FlagHolder[str]
    max_cost: flags.FlagHolder[float | None]
    batch: flags.FlagHolder[bool]
    replies: flags.FlagHolder[str]

    def refuse_without_judge(self) -> None:
        """Refuses flags that say how to judge where no judge is named.

        Raises:
            UserError: one is given.
        """
        for field in dataclasses.fields(self):
            if getattr(self, field.name).present and not self.judge.value:
                raise UserError(f"--{field.name} goes with --judge MODEL")

    def told(self, paths: Sequence[Path], **more: Any) -> str:
        """Judges, and returns the tables and notes.

        Args:
            paths: of the systems.
            more: fields of the request that no flag here gives.

        Raises:
            UserError: as `judge_reasonings`.
        """
        # Scoring without a judge needs neither the client nor what it imports.
        from deemo_jax.evaluation.judge.judge_command import judge_reasonings
        from deemo_jax.evaluation.judge.judge_request import JudgeRequest
        from deemo_jax.llm.endpoint import Endpoint
        from deemo_jax.llm.options import Options
        from deemo_jax.llm.prices import read_prices
        from deemo_jax.llm.request import Decoding

        base = {"base_url": self.base_url.value} if self.base_url.value else {}
        endpoint = Endpoint(
            model=self.judge.value, provider=self.provider.value, api_key_env=self.api_key_env.value, **base
        )
        request = JudgeRequest(
            paths=paths,
            endpoint=endpoint,
            protocol=self.protocol.value,
            decoding=Decoding(temperature=self.temperature.value, max_tokens=self.reply_tokens.value),
            repeats=self.repeats.value,
            human=path_of(self.human),
            options=Options(
                workers=self.workers.value,
                requests_per_minute=self.requests_per_minute.value,
                timeout_s=self.timeout_s.value,
                prices=read_prices(Path(self.prices.value), endpoint.model) if self.prices.value else None,
                max_cost=self.max_cost.value,
            ),
            batch=self.batch.value,
            replies=path_of(self.replies),
            **more,
        )
        return judge_reasonings(request)


def define_judge_flags() -> JudgeFlags:
    """Defines the flags, as those of the module that calls this."""
    found = JudgeFlags(
        judge=flags.DEFINE_string(
            "judge",
            "",
            "Have this model score the reasonings of the evaluation that was finished last, of --predictions, or of "
            "the runs and files named behind it.",
        ),
        protocol=flags.DEFINE_string(
            "protocol",
            "deemo",
            "What the judge is asked: deemo (clue and label overlap), emer (the same in two steps), or prefer (which "
            "of two systems is better).",
        ),
        human=flags.DEFINE_string(
            "human", "", "JSON lines with people's scores of the same reasonings, by which the judge is corrected."
        ),
        repeats=flags.DEFINE_integer("repeats", 1, "Judgements of each row."),
        base_url=flags.DEFINE_string(
            "base_url", "", "Address of a server that speaks OpenAI's Chat Completions; default: OpenAI's."
        ),
        api_key_env=flags.DEFINE_string(
            "api_key_env", "OPENAI_API_KEY", "The environment variable with the key; empty where none is wanted."
        ),
        provider=flags.DEFINE_string("provider", "", "Who runs the judge, for the records; default: the host."),
        temperature=flags.DEFINE_float(
            "temperature", 0.0, "Of the judge; left out for models that reject it.", lower_bound=0.0, upper_bound=10.0
        ),
        reply_tokens=flags.DEFINE_integer(
            "reply_tokens", 1000, "The longest reply of the judge; models that think first need more.", lower_bound=1
        ),
        workers=flags.DEFINE_integer("workers", 8, "Questions to the judge that are under way at once."),
        requests_per_minute=flags.DEFINE_float("requests_per_minute", 0.0, "Questions a minute, at most; 0: no bound."),
        timeout_s=flags.DEFINE_float("timeout_s", 60.0, "Seconds until a reply must be whole."),
        prices=flags.DEFINE_string("prices", "", 'JSON with prices: {"MODEL": {"input": 0.10, "output": 0.50}}.'),
        max_cost=flags.DEFINE_float("max_cost", None, "Money that the judge may cost; needs --prices."),
        batch=flags.DEFINE_bool(
            "batch", False, "Judge through the server's Batch API: cheaper, within a day; the same command picks it up."
        ),
        replies=flags.DEFINE_string(
            "replies", "", "File in which paid replies are kept; default: beside the predictions."
        ),
    )
    cli.finite("temperature", "requests_per_minute", "timeout_s", "max_cost")
    return found
