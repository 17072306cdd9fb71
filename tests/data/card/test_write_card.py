"""The card of a dataset: what it says, what it leaves out, and that readers of Croissant take it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from deemo_jax import build
from deemo_jax.core import formats
from deemo_jax.core.errors import UserError
from deemo_jax.core.files import read_json, read_jsonl, sha256, write_json
from deemo_jax.core.schema import RAW_TRANSCRIPT
from deemo_jax.data.build.dataset_writer import write_dataset
from deemo_jax.data.card.holder_card import EXPECTED, read_card
from deemo_jax.data.card.text_view import FIELDS
from deemo_jax.data.card.write_card import write_card
from tests.training import tiny
from tfds_builders.deemo_mer.deemo_mer_dataset_builder import Builder

FOLDER = Path("deemo_mer", "1.0.0")
TRAIL = {
    "video": "deemo_jax solid, CenterFace 0.2",
    "audio": "deemo_jax neutral, key 3f9a01bc",
    "transcript": "deemo_jax rules 4, 3 replaced",
    "source": "deid",
    "settings": "{}",
    "software": '{"av": "14.0"}',
}
# Of each training clip, what differs from `TRAIL`: redacted twice, raw, and a reasoning of which nothing is known.
TEXTS = (
    {},
    {"transcript": "deemo_jax rules 4, 0 replaced"},
    {"transcript": RAW_TRANSCRIPT},
    {"transcript": "none"},
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four training clips and two test clips, of which clip0 and clip1 are of the same persons."""
    folder = tmp_path_factory.mktemp("data")
    train = [one | {"provenance": TRAIL | of} for one, of in zip(tiny.records(4, 0), TEXTS, strict=True)]
    train[2]["transcript"] = "Jane Secret said so."
    train[3] |= {"transcript": "", "reasoning": "Jane Secret nods."}
    train[0]["transcript"] = "[PERSON] sagte „nö“."
    test = [one | {"provenance": TRAIL, "clip_id": f"0{n}"} for n, one in enumerate(tiny.records(2, 1))]
    facts = {"settings": {"frames": 2, "clips": 2, "jpeg_quality": 95}, "skipped": 5, "unreadable": ["clip9"]}
    splits = {"train": train, "test": test}
    write_dataset(lambda d: Builder(records=splits, metadata=lambda: facts, data_dir=d), folder, overwrite=False)
    return folder


@pytest.fixture
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is not installed."""
    monkeypatch.setitem(sys.modules, "mlcroissant", None)


@pytest.mark.usefixtures("no_reader")
def test_the_card_says_what_is_known_and_nothing_else(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["deemo_mer", "--data_dir", str(data), "--croissant"]) == 0
    said = capsys.readouterr().out
    assert "mlcroissant is not installed" in said and "texts.jsonl: 4 of 6 clips\n" in said
    known = {"rai:dataLimitations"}
    assert "left out of texts.jsonl" in said and ", ".join(key for key in EXPECTED if key not in known) in said
    card = read_json(data / FOLDER / "croissant.json")
    assert card["conformsTo"][0] == "http://mlcommons.org/croissant/1.1" and card.keys() & set(EXPECTED) == known
    assert "6 de-identified clips of 4 named persons" in card["description"]
    assert card["rai:dataManipulationProtocol"] == (
        "How clips were de-identified. video: deemo_jax solid, CenterFace 0.2 (6 clips). audio: deemo_jax neutral (6"
        " clips). transcript: deemo_jax rules 4 (4 clips); not de-identified (1 clips). software (6 clips): av 14.0"
    )
    missing = "records without transcript: 1; annotated clips left out for want of a paper trail: 5; clips left out"
    assert card["rai:dataCollectionMissingData"] == f"{missing} because their media could not be read: 1"
    assert card["rai:dataLimitations"][:2] == [
        "Persons who are in more than one split: 2",
        "Records whose transcript is not de-identified: 1",
    ]
    for file in card["distribution"]:
        path = data / FOLDER / file["contentUrl"]
        assert file["sha256"] == sha256(path) and file["contentSize"] == f"{path.stat().st_size} B"
    names = {file["@id"] for file in card["distribution"]}
    assert {path.name for path in (data / FOLDER).iterdir()} == names | {"croissant.json"}
    assert [field["source"]["extract"]["column"] for field in card["recordSet"][0]["field"]] == list(FIELDS)


@pytest.mark.usefixtures("no_reader")
def test_texts_that_may_hold_names_stay_unless_asked_for(data: Path) -> None:
    written = write_card(data, "deemo_mer")
    first = {name: (data / FOLDER / name).read_bytes() for name in ("croissant.json", "texts.jsonl")}
    assert all("Secret" not in content.decode() for content in first.values())
    rows = list(read_jsonl(data / FOLDER / "texts.jsonl"))
    assert [row["clip_id"] for row in rows] == ["clip0", "clip1", "00", "01"]
    assert rows[0]["transcript"] == "[PERSON] sagte „nö“." and rows[0]["nfbl_labels"] == ["nod"]
    assert written.texts and (written.texts.left_out, written.texts.raw) == (2, 0)
    more = write_card(data, "deemo_mer", include_raw=True)
    assert more.texts and (more.texts.rows, more.texts.left_out, more.texts.raw) == (6, 0, 2)
    assert "Secret" in (data / FOLDER / "texts.jsonl").read_text("utf-8")
    assert "2 of them with texts that are not de-identified" in str(more)
    write_card(data, "deemo_mer")
    assert first == {name: (data / FOLDER / name).read_bytes() for name in first}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"licence": "MIT"}, "is 'license' meant"),
        ({"datePublished": "soon"}, "write it as YYYY-MM-DD"),
        ({"creator": {"@type": "sc:Person", "phone": "1"}}, "creator must be a name"),
        ({"rai:hasSyntheticData": "yes"}, "must be true or false"),
        ({"rai:dataBiases": []}, "rai:dataBiases must be a text, or a list"),
        ({"version": "2"}, "MAJOR.MINOR.PATCH"),
        ({"description": " "}, "leave it out where nothing is known"),
        (["license"], "no JSON object"),
    ],
)
def test_a_wrong_card_is_refused_in_a_line(tmp_path: Path, content: Any, said: str) -> None:
    write_json(tmp_path / "card.json", content)
    with pytest.raises(UserError, match=said) as refused:
        read_card(tmp_path / "card.json")
    assert str(refused.value).startswith(str(tmp_path / "card.json"))


@pytest.mark.usefixtures("no_reader")
def test_nothing_is_half_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_card(data, "deemo_mer")
    before = {path.name: path.read_bytes() for path in (data / FOLDER).iterdir()}
    (tmp_path / "card.json").write_text('{"license": ""}')
    arguments = ["deemo_mer", "--data_dir", str(data), "--croissant", "--include_raw_text"]
    assert build.main([*arguments, "--card", str(tmp_path / "card.json")]) == 2
    assert "license must be a text" in capsys.readouterr().err

    def full(_: dict[str, Any]) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deemo_jax.data.card.write_card._check", full)
    assert build.main(arguments) == 2
    assert before == {path.name: path.read_bytes() for path in (data / FOLDER).iterdir()}
    with pytest.raises(SystemExit, match="2"):
        build.main(["deemo_mer", "--data_dir", str(data), "--include_raw_text"])


@pytest.mark.slow
def test_mlcroissant_validates_the_card_and_loads_its_records(data: Path, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    (tmp_path / "card.json").write_text(formats.CARD.example)
    written = write_card(data, "deemo_mer", tmp_path / "card.json")
    assert "no error and 0 warnings" in written.checked and not written.missing
    dataset = mlcroissant.Dataset(jsonld=str(written.path))
    assert not dataset.metadata.ctx.issues.errors and not dataset.metadata.ctx.issues.warnings
    assert dataset.metadata.license == ["https://creativecommons.org/licenses/by-nc/4.0/"]
    assert dataset.metadata.data_biases == json.loads(formats.CARD.example)["rai:dataBiases"]
    rows = list(read_jsonl(data / FOLDER / "texts.jsonl"))
    for row, record in zip(rows, dataset.records("texts"), strict=True):
        found = {key.removeprefix("texts/"): value for key, value in record.items()}
        assert found["transcript"].decode() == row["transcript"] and found["clip_id"].decode() == row["clip_id"]
        assert list(found["nfbl_end_s"]) == row["nfbl_end_s"] and found["end_s"] == row["end_s"]
    (data / FOLDER / "texts.jsonl").write_text("{}\n")
    broken = mlcroissant.Dataset(jsonld=str(written.path)).records("texts")
    with pytest.raises(Exception, match=r"texts\.jsonl"):
        next(iter(broken))
