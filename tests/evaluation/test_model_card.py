"""The card of a run: what Hugging Face reads of it, what it states, and what is never in it."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from deemo_jax.core.files import write_json
from deemo_jax.core.recipe import Recipe
from deemo_jax.core.schema import DEEMO_LABELS
from deemo_jax.data.clip_source import open_builder
from deemo_jax.evaluation import model_card, results
from deemo_jax.evaluation.model_card import Trained
from deemo_jax.evaluation.predictions import Prediction
from deemo_jax.evaluation.results import Results
from tests.training import tiny

BUILT = {
    "splits": {"train": {"clips": 40, "persons": 12}, "test": {"clips": 24, "persons": 12}},
    "raw_transcripts": 7,
    "external": 0,
    "deidentified": {"video": {"deemo_jax solid, CenterFace 0.2": 64}, "audio": {"deemo_jax neutral": 60, "none": 4}},
}
STATED = {"license": "CC-BY-4.0", "rai:dataUseCases": ["Research."], "rai:dataBiases": ["Adults only."]}


@pytest.fixture(scope="module")
def found() -> Results:
    """Twenty-four answers about twelve persons, of which six are wrong."""
    rows = [
        Prediction(f"c{n:02d}", "all", "", DEEMO_LABELS.names[(n + (n % 4 == 0)) % 2], DEEMO_LABELS.names[n % 2], "")
        for n in range(24)
    ]
    rows = [dataclasses.replace(row, person_id=f"p{n // 2}") for n, row in enumerate(rows)]
    notes = ("/data/x: has no fingerprint beside it", "/runs/work: 1 clip of /data/x is unreadable")
    return results.score({"all": rows}, "Run /runs/work", notes)


@pytest.fixture
def run() -> Trained:
    config = tiny.get_config("/data")
    config.init = "/secret/place/towers.safetensors"
    paths = {"/data/x": "the dataset", "/runs/work": "the run"}
    known = dict.fromkeys(("digest", "trained_on"), "ab" * 32)
    return Trained(
        Recipe.from_config(config), 40, DEEMO_LABELS, "1.0.0", built=BUILT, stated=STATED, paths=paths, **known
    )


def parts(text: str) -> tuple[dict, str]:
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_front_matter_has_every_score_with_its_interval(run: Trained, found: Results) -> None:
    head, _ = parts(model_card.card(run, found, "test"))
    index = head["model-index"][0]
    assert index["name"] == "tiny" and head["datasets"] == ["deemo_mer"] and "license" not in head
    result = index["results"][0]
    assert result["dataset"] == {"name": "deemo_mer", "type": "deemo_mer", "split": "test", "revision": "ab" * 8}
    accuracy = result["metrics"][0]
    assert (accuracy["type"], accuracy["value"], accuracy["name"]) == ("accuracy", 0.75, "Accuracy (all)")
    ends = found.sets["all"].accuracy.bounds()
    assert ends and accuracy["args"]["interval_95"] == [round(end, 4) for end in ends]
    assert [metric["type"] for metric in result["metrics"]] == ["accuracy", "f1", "f1"]


def test_the_body_states_what_is_on_record_without_paths(run: Trained, found: Results) -> None:
    _, body = parts(model_card.card(run, found, "test"))
    for said in (
        "| `train` | 40 | 12 |",
        "records whose transcript is not de-identified: 7",
        "| audio | deemo_jax neutral | 60 |",
        "40 of 40 steps",
        "Licence of the data, as its holder states it: CC-BY-4.0.",
        "as its holder states it: Research.",
        "Adults only.",
        "the run: 1 clip of the dataset is unreadable",
        "Began with `towers.safetensors`",
        "Intervals of recognition are over 12 persons",
    ):
        assert said in body, said
    assert not any(path in body for path in ("/data", "/runs", "/secret")) and "by attestation" not in body


def test_what_is_not_known_is_not_stated(run: Trained, found: Results) -> None:
    other = dataclasses.replace(run, trained_on="cd" * 32, built={}, stated={})
    body = parts(model_card.card(other, found, "test"))[1]
    assert f"Trained on data of fingerprint `{'cd' * 8}`, which is not there" in body
    assert "does not count how its records were de-identified" in body and "Licence of the data" not in body
    sources = {"llama": {"model.safetensors": "ef" * 32}}
    converted = dataclasses.replace(run, step=None, sources=sources, digest="")
    head, body = parts(model_card.card(converted, found, "test"))
    assert "is not on record" in body and "steps, batches" not in body and "`model.safetensors` (efef" in body
    assert "revision" not in head["model-index"][0]["results"][0]["dataset"]


def test_a_run_on_disk_is_read(untrained_run: Path, tmp_path: Path) -> None:
    recipe = Recipe.from_config(tiny.get_config(str(untrained_run.parent / "data")))
    folder = Path(open_builder(recipe.data.data_dir, "deemo_mer").data_path)
    of = model_card.trained(untrained_run, recipe, 0)
    assert of.digest and of.version == "1.0.0" and of.labels == DEEMO_LABELS and not of.stated
    assert str(folder) in of.paths and not of.sources
    write_json(tmp_path / "checkpoint.json", {"sources": {"vit": {"/public/eva.pth": "00" * 32}}})
    began = dataclasses.replace(recipe, init=str(tmp_path))
    assert model_card.trained(untrained_run, began, 0).sources == {"vit": {"eva.pth": "00" * 32}}


@pytest.mark.slow
def test_hugging_face_reads_it(run: Trained, found: Results) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(model_card.card(run, found, "test"))
    assert card.data.model_name == "tiny" and card.data.library_name == "deemo_jax"
    scores = {(result.metric_type, result.metric_name): result for result in card.data.eval_results}
    first = scores["accuracy", "Accuracy (all)"]
    assert first.metric_value == 0.75 and first.dataset_split == "test" and first.metric_args["clips"] == 24
    assert len(scores) == 3 and "## Limits" in card.text


def test_what_a_holder_states_is_text(run: Trained, found: Results) -> None:
    stated = {"license": "<b>mine</b>", "rai:dataBiases": ["![x](y)"]}
    page = model_card.card(dataclasses.replace(run, stated=stated), found, "test")
    assert r"as its holder states it: \<b>mine\</b>." in page and r"!\[x]\(y)" in page
