"""The rate at which a core decodes."""

import dataclasses

from deemo_jax.core.recipe import Recipe
from deemo_jax.data.clip_source import Record
from deemo_jax.training.fit import decode_rate
from tests.training import tiny


def test_what_a_recipe_shows_is_decoded_and_counted(monkeypatch) -> None:
    data = dataclasses.replace(Recipe.from_config(tiny.get_config("nowhere")).data, frames=3, clips=2)
    shown, seconds = [], iter(range(100))

    def read(record, modality, count):
        shown.append((str(modality), count))
        return read_whole(record, modality, count)

    read_whole = Record.read
    monkeypatch.setattr(Record, "read", read)
    monkeypatch.setattr(decode_rate.time, "process_time", lambda: 1.0 + next(seconds))
    # The clock goes on by a second whenever it is read: the start, after each of 5 clips, and at the end.
    assert decode_rate.decode_rate(data, timed_s=5.0) == 5 / 6
    assert shown == [("video", 3), ("audio", 2)] * 6
    cropped = decode_rate.decode_rate(dataclasses.replace(data, modalities="video", frame_crop=True), timed_s=1.0)
    assert cropped > 0 and shown[12:] and {*shown[12:]} == {("video", 3)}
