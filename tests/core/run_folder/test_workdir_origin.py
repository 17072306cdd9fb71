"""Relative paths of a run's config, from wherever the run is opened."""

import json

from deemo_jax.core.run_folder import workdir

CONFIG = {"init": "towers.bin", "data": {"data_dir": "data", "batch_size": 2}, "tokenizer": {"name": "bytes"}}


def test_paths_count_from_where_the_run_was_begun(tmp_path, monkeypatch):
    home, elsewhere, work = (tmp_path / name for name in ("home", "elsewhere", "work"))
    for folder in (home / "data", elsewhere, work):
        folder.mkdir(parents=True)
    (home / "towers.bin").write_text("")
    monkeypatch.chdir(home)
    workdir.record_origin(work)
    monkeypatch.chdir(elsewhere)
    found = workdir.anchored(CONFIG, work)
    assert found["init"] == str(home / "towers.bin")
    assert found["data"] == {"data_dir": str(home / "data"), "batch_size": 2}
    assert found["tokenizer"] == CONFIG["tokenizer"]
    named = {**CONFIG, "tokenizer": {"name": "llama", "path": "data"}}
    assert workdir.anchored(named, work)["tokenizer"]["path"] == str(home / "data")
    # What has gone from there counts from the current folder, as it does for runs without the record.
    home.rename(tmp_path / "moved")
    assert workdir.anchored(CONFIG, work) == CONFIG
    (work / "origin.json").unlink()
    assert workdir.anchored(CONFIG, work) == CONFIG


def test_buckets_absolute_paths_and_nonsense_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    workdir.record_origin(tmp_path)
    config = {"init": "gs://bucket/x", "data": {"data_dir": str(tmp_path / "data")}, "tokenizer": 3}
    assert workdir.anchored(config, tmp_path) == config
    assert workdir.anchored({"init": ""}, tmp_path) == {"init": ""}
    (tmp_path / "origin.json").write_text(json.dumps(["x"]))
    assert workdir.anchored({"init": "data"}, tmp_path) == {"init": "data"}
