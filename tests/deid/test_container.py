"""Nothing but the masked picture and the changed voice comes through, whatever the source's container carries."""

from fractions import Fraction
from pathlib import Path

import av

from deemo_jax.deid.clip import deidentify_clip
from deemo_jax.deid.settings import Settings
from deemo_jax.media.probe import contains, probe

MILLISECONDS = Fraction(1, 1000)
CHAPTER, WORDS, COVER, REMARK = "Jane arrives", "I am Jane Example", b"cover of Jane Example", "filmed by Jane"


def everything(raw: Path, path: Path) -> Path:
    """The same film with chapters, a second sound track, subtitles, an attached cover and tags on each."""
    with av.open(str(raw)) as source, av.open(str(path), "w") as target:
        target.metadata["title"] = REMARK
        chapter = {"id": 1, "start": 0, "end": 500, "time_base": MILLISECONDS, "metadata": {"title": CHAPTER}}
        target.set_chapters([chapter])
        kinds = [source.streams.video[0], source.streams.audio[0], source.streams.audio[0]]
        streams = [target.add_stream_from_template(kind) for kind in kinds]
        subtitles = target.add_mux_stream("subrip", time_base=MILLISECONDS)
        target.add_attachment("cover.jpg", "image/jpeg", COVER)
        for stream in streams:
            stream.metadata["title"] = REMARK
        for packet in source.demux():
            if packet.dts is None:
                continue
            for stream in streams[:1] if packet.stream.type == "video" else streams[1:]:
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.duration, copy.is_keyframe, copy.stream = packet.duration, packet.is_keyframe, stream
                target.mux(copy)
        line = av.Packet(WORDS.encode())
        line.pts = line.dts = 100
        line.duration, line.time_base, line.stream = 300, MILLISECONDS, subtitles
        target.mux(line)
    return path


def test_only_picture_and_voice_come_through(raw, tmp_path, key):
    source = everything(raw.path, tmp_path / "everything.mkv")
    found = probe(source)
    assert len(found.streams) == 5 and contains(source, [CHAPTER, WORDS, COVER, REMARK]) == [
        CHAPTER,
        WORDS,
        COVER,
        REMARK,
    ]
    assert any(tag.startswith("picture.SEI_UNREGISTERED=x264") for tag in found.tags)
    manifest = deidentify_clip(source, tmp_path / "out", "c1", Settings(), key)
    copy = tmp_path / "out" / manifest.file
    kept = probe(copy)
    assert kept.streams == ("video/h264", "audio/aac")
    assert {tag.partition("=")[0].partition(".")[2] for tag in kept.tags} == {
        "major_brand", "minor_version", "compatible_brands", "language", "handler_name"
    }  # fmt: skip
    assert contains(copy, [CHAPTER, WORDS, COVER, REMARK, "x264", "Lavc", "Lavf", "Jane"]) == []
