import json
from pathlib import Path

import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.core.schema import Clip
from deemo_jax.data.build.splits import (
    parse_fractions,
    person_groups,
    read_splits,
    recurring,
    set_apart,
    split_by_person,
)


def clip(number: int, person: str, video: str) -> Clip:
    return Clip(f"c{number:03d}", video, person, 0.0, 1.0, "", (), "positive", "")


CLIPS = [clip(i, f"p{i % 13}", f"v{i % 29}") for i in range(200)]


def test_no_person_is_in_two_splits_and_fractions_are_near() -> None:
    splits = split_by_person(CLIPS, {"train": 0.4, "test": 0.6}, seed=0)
    assert sorted(splits["train"] + splits["test"]) == [c.clip_id for c in CLIPS]
    assert recurring(CLIPS, splits).persons == ()
    assert len(splits["train"]) == pytest.approx(80, abs=9)


def test_the_seed_decides_and_the_order_of_clips_does_not() -> None:
    fractions = {"train": 0.5, "test": 0.5}
    assert split_by_person(CLIPS, fractions, 1) == split_by_person(CLIPS[::-1], fractions, 1)
    assert split_by_person(CLIPS, fractions, 1) != split_by_person(CLIPS, fractions, 2)


def test_an_unknown_person_is_everybody_in_that_recording() -> None:
    clips = [clip(0, "anna", "v0"), clip(1, "", "v0"), clip(2, "ben", "v0"), clip(3, "", "v1"), clip(4, "cleo", "v2")]
    groups = person_groups(clips)
    assert groups["c000"] == groups["c001"] == groups["c002"]
    assert len({groups[i] for i in ("c000", "c003", "c004")}) == 3


def test_a_skewed_corpus_still_fills_every_split() -> None:
    clips = [clip(i, "loud" if i < 90 else f"p{i}", f"v{i}") for i in range(92)]
    splits = split_by_person(clips, {"a": 0.1, "b": 0.8, "c": 0.1}, 0)
    assert all(splits.values()) and recurring(clips, splits).persons == ()


def test_too_few_persons_is_refused() -> None:
    with pytest.raises(UserError, match="1 persons cannot fill 2 splits"):
        split_by_person([clip(0, "p", "v"), clip(1, "p", "w")], {"train": 0.5, "test": 0.5}, 0)


def test_validation_is_whole_training_persons_near_the_share() -> None:
    clips = [clip(i, f"p{i % 30}", f"v{i}") for i in range(680)]
    before = split_by_person(clips, {"train": 0.4, "test": 0.6}, 0)
    splits = set_apart(clips, before, 0.1, 0)
    assert list(splits) == ["train", "validation", "test"] and splits["test"] == before["test"]
    assert sorted(splits["train"] + splits["validation"]) == before["train"]
    assert recurring(clips, splits).persons == () and len(splits["validation"]) in (22, 23)
    assert splits == set_apart(clips[::-1], before, 0.1, 0) and len(splits["train"]) >= 240
    assert len({tuple(set_apart(clips, before, 0.1, seed)["validation"]) for seed in range(5)}) > 1


@pytest.mark.parametrize(("persons", "held"), [(4, 0), (5, 8), (20, 4), (21, 4)])
def test_validation_is_left_out_where_one_person_is_more_than_twice_the_share(persons: int, held: int) -> None:
    clips = [clip(i, f"p{i % persons}", f"v{i}") for i in range(40)]
    splits = set_apart(clips, {"train": [c.clip_id for c in clips]}, 0.1, 0)
    assert len(splits.get("validation", [])) == held


@pytest.mark.parametrize(
    ("splits", "says"),
    [({"fit": ["c000"]}, "no split 'train'"), ({"train": ["c000"], "validation": ["c001"]}, "there")],
)
def test_validation_needs_a_train_split_and_no_other_of_its_name(splits: dict[str, list[str]], says: str) -> None:
    with pytest.raises(UserError, match=says):
        set_apart(CLIPS, splits, 0.1, 0)


@pytest.mark.parametrize(
    "text", ["train", "train=0.4", "train=0.4,train=0.6", "train=-1,test=2", "../x=1", "a=nan,b=1", ""]
)
def test_wrong_fractions_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--fractions"):
        parse_fractions(text)


def test_an_id_file_is_taken_as_it_is_and_recurring_persons_counted(tmp_path: Path) -> None:
    path = tmp_path / "ids.json"
    path.write_text(json.dumps({"train": ["c000", "c001"], "test": ["c013"]}))
    splits = read_splits(path)
    assert splits == {"train": ["c000", "c001"], "test": ["c013"]}
    assert (len(recurring(CLIPS, splits).persons), recurring(CLIPS, splits).clips) == (1, 2)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"train": ["a"], "test": ["a"]}, "clip 'a' is in 'train' and in 'test'"),
        ({"train": ["a", "a"]}, "clip 'a'"),
        ({"train": []}, "non-empty"),
        ({"train/x": ["a"]}, "plain name"),
        (["a"], "not a table"),
    ],
)
def test_a_wrong_id_file_is_refused(tmp_path: Path, value: object, says: str) -> None:
    path = tmp_path / "ids.json"
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match=says):
        read_splits(path)
