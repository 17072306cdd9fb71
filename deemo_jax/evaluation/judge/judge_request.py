"""What a person asks of a judge, and where its results lie: beside the predictions, or where --out says."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from deemo_jax.core.errors import UserError
from deemo_jax.core.files import sha256
from deemo_jax.core.schema import Labels, set_name
from deemo_jax.evaluation.compared_systems import System, labels_of, predictions_of, read_systems
from deemo_jax.evaluation.judge.judge_identity import JudgeIdentity
from deemo_jax.evaluation.judge.judgement_files import judgements_of
from deemo_jax.evaluation.judge.protocols.prompt_file import VERSIONS, load_prompts
from deemo_jax.evaluation.modality_sets import parse_sets
from deemo_jax.evaluation.reading.synonyms import label_synonyms
from deemo_jax.evaluation.truth import read_truth
from deemo_jax.llm.endpoint import Endpoint
from deemo_jax.llm.options import Options
from deemo_jax.llm.request import Decoding

PREFER = "prefer"
# Judgements of a row, at most.
MOST_REPEATS = 20
REPLIES = "replies.jsonl"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRequest:
    """What a person asks for, by the flags of `evaluate --judge`.

    Attributes:
        paths: runs, evaluations or files of predictions; `prefer` takes two or more.
        endpoint: the model that judges.
        protocol: a name in `VERSIONS`.
        decoding: how replies are drawn.
        repeats: judgements of each row.
        human: people's scores; None for none.
        truth: annotations whose references are used in place of the predictions'; None for none.
        labels: of the systems; None for those of the runs among them.
        synonyms: other words for labels; None for none.
        modalities: one set; empty for the fullest of each system.
        include_raw_text: whether texts are sent in which names may stand.
        options: how requests are sent.
        batch: whether rows are judged through the Batch API; the gold set is not.
        replies: the file in which replies are kept; None for the one beside the results.
        out: folder of the results; None for one beside the predictions.
    """

    paths: Sequence[Path]
    endpoint: Endpoint
    protocol: str = "deemo"
    decoding: Decoding = dataclasses.field(default_factory=Decoding)
    repeats: int = 1
    human: Path | None = None
    truth: Path | None = None
    labels: Labels | None = None
    synonyms: Path | None = None
    modalities: str = ""
    include_raw_text: bool = False
    options: Options = dataclasses.field(default_factory=Options)
    batch: bool = False
    replies: Path | None = None
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.protocol not in VERSIONS:
            raise UserError(f"--protocol {self.protocol!r}: choose {', '.join(VERSIONS)}")
        if not 1 <= self.repeats <= MOST_REPEATS:
            raise UserError(f"--repeats {self.repeats}: give a number from 1 to {MOST_REPEATS}")
        least = 2 if self.protocol == PREFER else 1
        if len(self.paths) < least:
            raise UserError(
                "name two runs or files of predictions behind --protocol prefer"
                if self.protocol == PREFER
                else "--judge needs --workdir of a run, --predictions FILE, or such names behind it"
            )
        if self.out and least == 1 and len(self.paths) > 1:
            raise UserError("--out is for the results of one system; without it they lie beside each one's predictions")

    def systems(self) -> list[System]:
        """The systems, which answered the same clips.

        Raises:
            UserError: as `read_systems`.
        """
        sets = parse_sets(self.modalities) if self.modalities else []
        if len(sets) > 1:
            raise UserError("--judge judges one set; name one with --modalities, or none for the fullest of each")
        labels = self.labels or labels_of([predictions_of(path) for path in self.paths])
        truth = read_truth(self.truth, labels) if self.truth else None
        synonyms = label_synonyms(self.synonyms, labels) if self.synonyms else None
        return read_systems(self.paths, labels, truth, set_name(sets[0]) if sets else "", synonyms)

    def setting(self, systems: Sequence[System]) -> dict[str, Any]:
        """All that changes the results, as judge.json has it."""
        prompts = load_prompts(self.protocol)
        return {
            "systems": [{"name": one.name, "sha256": one.sha256, "modalities": one.modalities} for one in systems],
            "truth": sha256(self.truth) if self.truth else "",
            "human": sha256(self.human) if self.human else "",
            "include_raw_text": self.include_raw_text,
            "provider": self.endpoint.provider,
            "address": self.endpoint.address,
            "model": self.endpoint.model,
            "protocol": {"name": prompts.name, "version": prompts.version, "sha256": prompts.sha256},
            "decoding": dataclasses.asdict(self.decoding),
            "repeats": self.repeats,
        }

    def identity(self, reported: Iterable[str]) -> JudgeIdentity:
        """Who judges, and how.

        Args:
            reported: names by which the server answered.
        """
        return JudgeIdentity(
            provider=self.endpoint.provider,
            model=self.endpoint.model,
            reported=tuple(sorted(set(reported))),
            protocol=load_prompts(self.protocol).protocol,
            temperature=self.decoding.temperature,
            top_p=self.decoding.top_p,
            seed=self.decoding.seed,
            max_tokens=self.decoding.max_tokens,
            repeats=self.repeats,
        )

    def folder(self, systems: Sequence[System]) -> Path:
        """Where the results of these systems go: a folder with a name of its own beside the first one's predictions."""
        if self.out:
            return self.out
        setting = json.dumps(self.setting(systems), sort_keys=True)
        model = re.sub(r"[^A-Za-z0-9.]+", "_", self.endpoint.model).strip("_.")[:80] or "model"
        name = f"{self.protocol}-{VERSIONS[self.protocol]}-{model}-{hashlib.sha256(setting.encode()).hexdigest()[:8]}"
        return judgements_of(systems[0].file) / name

    def store(self, systems: Sequence[System]) -> Path:
        """The file in which replies are kept."""
        return self.replies or (self.out or judgements_of(systems[0].file)) / REPLIES
