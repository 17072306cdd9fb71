"""Any name of a file works, and no file that is named within another is ever opened."""

import os
import shutil
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from deemo_jax.core.errors import UserError
from deemo_jax.media.audio import read_audio
from deemo_jax.media.clip_writer import write_clip
from deemo_jax.media.container.media_file import open_media
from deemo_jax.media.picture import Frame
from deemo_jax.media.probe import probe
from deemo_jax.media.video import frame_times, sample_frames, video_info

NAMES = [
    b"Interview-10:30.mp4",
    b"-dash.mp4",
    b"file:x.mp4",
    b"data:x.mp4",
    b"http:x.mp4",
    b"two\nlines.mp4",
    b"clip%03d.mp4",
    b"a'b\"c *?[x].mp4",
    "frau m\u00fcller \u8bbf\u8c08.mp4".encode(),
    b"Interview M\xfcller.mp4",
    b"no suffix",
    b"concat:a|b.mp4",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("relative", [True, False])
def test_any_name(make_media, tone, tmp_path, monkeypatch, name, relative):
    made = make_media(times=[0.0, 0.1], tracks=[(tone(300, 0.5), 16_000)])
    path = tmp_path / os.fsdecode(name)
    shutil.move(made, path)
    if relative:
        monkeypatch.chdir(tmp_path)
        path = path.relative_to(tmp_path)
    assert video_info(path).frames == 2 and len(frame_times(path)) == 2
    assert sample_frames(path, 2, 16)[0].shape == (2, 16, 16, 3)
    assert read_audio(path)[0].size > 7000 and probe(path).streams == ("video/h264", "audio/aac")


def test_any_folder_is_written_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (b"run 10:30", b"http:x", b"M\xfcller"):
        path = Path(os.fsdecode(name)) / "a.mp4"
        write_clip(path, [Frame(0, 0.0, np.zeros((16, 16, 3), np.uint8))], 10)
        assert frame_times(path) == [0.0]


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{target}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {target}\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
    '<Representation id="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>\n',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>\n',
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".mkv"])
def test_what_only_names_other_files_is_not_followed(make_media, tmp_path, kind, suffix):
    target = make_media("target.ts", codec="mpeg2video", times=[0.0, 0.1])
    for named in (target.name, target, f"file:{target}"):
        path = tmp_path / f"list{suffix}"
        path.write_text(PLAYLISTS[kind].format(target=named))
        with pytest.raises(UserError, match=rf"list{suffix}: (is a playlist|no readable media)"):
            frame_times(path)
    if kind in ("hls", "concat", "asx"):
        with pytest.raises(UserError, match="only names other files; give those"):
            probe(path)


def test_no_network_is_touched(tmp_path):
    met = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def wait():
            try:
                server.accept()[0].close()
                met.append("caller")
            except OSError:
                pass

        thread = threading.Thread(target=wait)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        (tmp_path / "a.mp4").write_text(PLAYLISTS["hls"].format(target=url))
        with pytest.raises(UserError, match="playlist"):
            frame_times(tmp_path / "a.mp4")
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert not met


@pytest.mark.parametrize(
    "content,said",
    [
        (b"", "is empty"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ", "what a Mac keeps beside a file"),
        (b"\x00\x01 nothing" * 99, "no readable media"),
    ],
)
def test_the_cause_is_named(tmp_path, content, said):
    (tmp_path / "._a.mp4").write_bytes(content)
    with pytest.raises(UserError, match=said), open_media(tmp_path / "._a.mp4"):
        pass
