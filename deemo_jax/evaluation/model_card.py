"""The card of an evaluated run, model_card.md: Markdown behind the YAML that Hugging Face's hub reads.

It states what the run, its data and its scores have on record, and nothing else. No text of a clip and no path of this
machine is in it. Format: https://huggingface.co/docs/hub/model-cards.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deemo_jax.core import tables
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import atomic, read_json
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.run_folder.workdir import Workdir
from deemo_jax.core.schema import Labels, Modality, set_name
from deemo_jax.core.tables import as_markdown
from deemo_jax.core.versions import version
from deemo_jax.data import deid_methods, fingerprint
from deemo_jax.data.card import croissant
from deemo_jax.data.clip_source import open_builder
from deemo_jax.data.record_features import labels_of
from deemo_jax.data.record_removal import WITHDRAWN
from deemo_jax.data.run_data import read_record
from deemo_jax.evaluation import report
from deemo_jax.evaluation.results import Results
from deemo_jax.evaluation.scores.metrics import HEADLINE
from deemo_jax.models.weights import CONVERSION

FILE = "model_card.md"
# Score -> its name in Hugging Face's list of metrics, and in words.
METRICS = {"accuracy": ("accuracy", "Accuracy"), "f1_weighted": ("f1", "Weighted F1"), "f1_macro": ("f1", "Macro F1")}
TASK = {"type": "text-generation", "name": "Emotion recognition"}
# What the model takes -> Hugging Face's name of the task.
PIPELINES = {Modality.VIDEO: "video-text-to-text", Modality.AUDIO: "audio-text-to-text"}
# Digits of a hash that are shown.
DIGITS = 16
# Bytes of a dataset's card, at most.
MAX_CARD = 64 << 20


@dataclasses.dataclass(frozen=True)
class Trained:
    """What is known of a model's data and weights.

    Attributes:
        recipe: of the run.
        step: of the checkpoint; None for a converted one.
        labels: of the dataset.
        version: of the dataset.
        digest: of the dataset's fingerprint.
        built: what `build` recorded; may lack any key.
        stated: what the dataset's card says, see `deemo_jax.data.card`; empty where there is none.
        trained_on: digest of the data that the run has on record; empty for none.
        changes: of the run's data, a sentence each.
        sources: public weights that it began with: their name -> file -> SHA-256.
        paths: of this machine -> what is said in their place.
    """

    recipe: Recipe
    step: int | None
    labels: Labels
    version: str
    digest: str
    built: Mapping[str, Any]
    stated: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    trained_on: str = ""
    changes: Sequence[str] = ()
    sources: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    paths: Mapping[str, str] = dataclasses.field(default_factory=dict)


def trained(workdir: Path, recipe: Recipe, step: int | None) -> Trained:
    """What a run, or a converted checkpoint, has on record.

    Args:
        workdir: of it.
        recipe: as `read_recipe` gives it.
        step: of the checkpoint; None for a converted one.

    Raises:
        UserError: the dataset cannot be opened, or the record of the run's data is malformed.
    """
    builder = open_builder(recipe.data.data_dir, recipe.data.dataset)
    folder = Path(builder.data_path)
    known, record = fingerprint.stored(builder), read_record(Workdir(workdir).data)
    return Trained(
        recipe=recipe,
        step=step,
        labels=labels_of(builder.info.features, folder),
        version=str(builder.info.version),
        digest=known.digest if known else "",
        built=builder.info.metadata or {},
        stated=_json(folder / croissant.FILE),
        trained_on=record.data.digest if record.data else "",
        changes=record.notes(),
        sources=_sources(workdir, recipe),
        paths={str(folder): "the dataset", recipe.data.data_dir: "the data", str(workdir): "the run"},
    )


def write(of: Trained, results: Results, split: str, folder: Path) -> None:
    """Writes model_card.md.

    Args:
        of: the run.
        results: its scores.
        split: that was scored.
        folder: of the evaluation.

    Raises:
        UserError: the folder cannot be written.
    """
    with atomic(folder / FILE) as temporary:
        temporary.write_text(card(of, results, split), encoding="utf-8")


def card(of: Trained, results: Results, split: str) -> str:
    """The card; arguments as for `write`."""
    head = yaml.safe_dump(front_matter(of, results, split), sort_keys=False, allow_unicode=True)
    parts = [f"# {of.recipe.name}", _what(of), "## Intended use", _use(of), "## Training data", _data(of)]
    parts += ["## De-identification", _deid(of), "## Weights and training", _training(of)]
    parts += [f"## Evaluation, split `{split}`"]
    parts += [f"### {table.caption}\n\n{table.markdown()}" for table in report.tables(results)]
    parts += ["## Limits", _limits(of, results)]
    return f"---\n{head}---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def front_matter(of: Trained, results: Results, split: str) -> dict[str, Any]:
    """The YAML of the card, as a dict; what is not known has no key. Arguments as for `write`."""
    shown = of.recipe.data.shown
    pipeline = next((name for modality, name in PIPELINES.items() if modality in shown), "text-generation")
    dataset = {"name": of.recipe.data.dataset, "type": of.recipe.data.dataset, "split": split}
    if of.digest:
        dataset["revision"] = of.digest[:DIGITS]
    found: dict[str, Any] = {
        "library_name": "deemo_jax",
        "pipeline_tag": pipeline,
        "tags": ["emotion-recognition", "de-identification", "deemo_jax"],
        "datasets": [of.recipe.data.dataset],
        "metrics": ["accuracy", "f1"],
    }
    index = {"task": dict(TASK), "dataset": dataset, "metrics": _metrics(results)}
    return found | {"model-index": [{"name": of.recipe.name, "results": [index]}]}


def _metrics(results: Results) -> list[dict[str, Any]]:
    """Every headline score of every modality set, from 0 to 1, with its 95 % interval where there is one."""
    found = []
    for modalities, scores in results.sets.items():
        for name in HEADLINE:
            score, (kind, words) = getattr(scores, name), METRICS[name]
            facts = {"modalities": modalities, "clips": scores.n}
            if ends := score.bounds():
                facts["interval_95"] = [round(end, 4) for end in ends]
            found.append(
                {"type": kind, "value": round(score.value, 4), "name": f"{words} ({modalities})", "args": facts}
            )
    return found


def _what(of: Trained) -> str:
    step = "A converted checkpoint" if of.step is None else f"The checkpoint of step {of.step}"
    return f"{step} of recipe `{of.recipe.name}`, by deemo_jax {version('deemo-jax')}."


def _use(of: Trained) -> str:
    recipe = of.recipe
    lines = [
        f"- Takes: {set_name(recipe.data.shown)} of a clip, at most {recipe.data.frames} frames and"
        f" {recipe.data.clips} spectrograms of 2 s.",
        f"- Gives: one of the labels {', '.join(of.labels)}"
        + (", and a reasoning in words." if "reasoning" in recipe.prompt.task else "."),
        "- Made for clips that are de-identified as its training data is, see below.",
    ]
    uses = _texts(of.stated.get("rai:dataUseCases"))
    return "\n".join([*lines, *(f"- Use of the data, as its holder states it: {use}" for use in uses)])


def _data(of: Trained) -> str:
    name, built = of.recipe.data.dataset, of.built
    named = f"`{name}` {of.version}" + (f", fingerprint `{of.digest[:DIGITS]}`" if of.digest else "")
    if of.step is None:
        lines = [f"What the checkpoint was trained on is not on record. It was scored on {named}:"]
    elif of.trained_on and of.digest and of.trained_on != of.digest:
        lines = [f"Trained on data of fingerprint `{of.trained_on[:DIGITS]}`, which is not there. Scored on {named}:"]
    else:
        lines = [f"{named}; trained on split `{of.recipe.data.train_split}`."]
    splits = built.get("splits")
    if isinstance(splits, Mapping):
        rows = [(f"`{split}`", str(_get(n, "clips")), str(_get(n, "persons"))) for split, n in splits.items()]
        lines.append(tables.markdown(("split", "clips", "persons"), rows))
    counts = {
        "records whose transcript is not de-identified": built.get("raw_transcripts"),
        "records de-identified elsewhere, by attestation": built.get("external"),
        "records without sound": built.get("without_sound"),
        "persons in more than one split": built.get("recurring_persons"),
        "annotated clips left out for want of a paper trail": built.get("skipped"),
        "clips that could not be read": len(built.get("unreadable") or ()),
        "records that were withdrawn since": built.get(WITHDRAWN),
    }
    lines.append("\n".join(f"- {what}: {number}" for what, number in counts.items() if number))
    if licences := _texts(of.stated.get("license")):
        lines.append(f"Licence of the data, as its holder states it: {', '.join(licences)}.")
    lines += [_without_paths(change, of) for change in of.changes]
    return "\n\n".join(line for line in lines if line)


def _deid(of: Trained) -> str:
    methods = of.built.get(deid_methods.KEY)
    if not isinstance(methods, Mapping):
        return "The dataset does not count how its records were de-identified; each record says so (`provenance`)."
    rows = [
        (str(modality), str(method), str(number))
        for modality, found in methods.items()
        if isinstance(found, Mapping)
        for method, number in found.items()
    ]
    return tables.markdown(("modality", "method", "records"), rows)


def _training(of: Trained) -> str:
    recipe, lines = of.recipe, []
    if of.step is not None:
        rate = f"learning rate {recipe.optimizer.lr:g}"
        lines.append(f"- {of.step} of {recipe.train.steps} steps, batches of {recipe.data.batch_size}, {rate}.")
        lines.append(f"- What learns: {', '.join(f'`{pattern}`' for pattern in recipe.trainable)}; seed {recipe.seed}.")
    for name, files in of.sources.items():
        lines.append(
            f"- Public weights `{name}`: " + ", ".join(f"`{file}` ({sha[:DIGITS]})" for file, sha in files.items())
        )
    if recipe.init and not of.sources:
        lines.append(f"- Began with `{Path(recipe.init).name}`.")
    lines.append("- No licence of the weights is on record; converted weights stay under that of their source.")
    return "\n".join(lines)


def _limits(of: Trained, results: Results) -> str:
    """What a reader of the scores must know; paths are taken out of it."""
    recipe = of.recipe
    said = [*report.notes(results), *_texts(of.stated.get("rai:dataLimitations"))]
    said += [
        f"Biases of the data, as its holder states them: {bias}" for bias in _texts(of.stated.get("rai:dataBiases"))
    ]
    if recipe.data.corpus:
        said.append(f"The training corpus is {recipe.data.corpus}, as the recipe states.")
    return "\n".join(f"- {line}" for line in dict.fromkeys(_without_paths(line, of) for line in said) if line)


def _without_paths(line: str, of: Trained) -> str:
    """A sentence without paths of this machine; empty where one stays."""
    for path in sorted(of.paths, key=len, reverse=True):
        line = line.replace(path, of.paths[path])
    return "" if re.search(r"(?:^|[\s'\"(])[/~]\S", line) else line


def _sources(workdir: Path, recipe: Recipe) -> dict[str, dict[str, str]]:
    """The public files that a converted checkpoint, or the one that a run began with, was made of."""
    for folder in (workdir, Path(recipe.init)):
        found = _json(folder / CONVERSION).get("sources")
        if isinstance(found, Mapping):
            return {
                str(name): {Path(str(file)).name: str(digest) for file, digest in files.items()}
                for name, files in found.items()
                if isinstance(files, Mapping)
            }
    return {}


def _json(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none, or it is another thing."""
    try:
        value = read_json(path, MAX_CARD) if path.is_file() else {}
    except UserError:
        return {}
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [as_markdown(" ".join(text.split())) for text in values if isinstance(text, str) and text.strip()]


def _get(value: object, key: str) -> object:
    return value.get(key, "") if isinstance(value, Mapping) else ""
