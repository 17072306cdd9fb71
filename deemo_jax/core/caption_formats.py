# ruff: noqa: E501 - a line of an example may be long
"""Descriptions of the files with captions that `build webvid`, `build cc3m` and `build captions` read."""

from deemo_jax.core.formats import Format

CAPTIONS = Format(
    "Captions (JSON lines, or CSV with a header)",
    "For `build captions --source DIR`: captions.jsonl, captions.csv, metadata.jsonl or metadata.csv, whichever is there"
    " first. A file whose name ends with _val is the split `validation`. Other keys are left alone. In place of it DIR may"
    " hold webdataset tars, uncompressed: the members of a sample are called alike up to their first dot.",
    {
        "media": "a video or an image, relative to the folder of media (`file_name`, `file`, `video`, `image` or `path` may"
        " serve)",
        "caption": "what is seen (`text` may serve)",
        "clip_id": "optional: unique; if left out, the media's path (`id` may serve)",
    },
    """\
{"media": "kitchen/0001.mp4", "caption": "a cook slices onions on a wooden board"}
{"media": "0002.jpg", "caption": "two boats on a lake", "clip_id": "boats"}
""",
    """\
DIR/captions.jsonl              or captions.csv, metadata.jsonl, metadata.csv
DIR/media/<media>               or DIR/<media>, or --media FOLDER
DIR/*.tar                       instead: NAME.mp4, .webm, .mkv, .mov, .avi, .gif, .jpg, .png or .webp
                                with NAME.txt, .caption, or .json that has a key caption or text
""",
)

WEBVID = Format(
    "WebVid's tables (CSV with a header)",
    "For `build webvid --source DIR`. Columns are found by their names, in any order; others, such as contentUrl and"
    " duration, are not used.",
    {
        "videoid": "unique; the name of the video",
        "page_dir": "the folder that the video lies in; may be empty",
        "name": "the caption",
    },
    """\
videoid,contentUrl,duration,page_dir,name
1001,https://example.org/1001.mp4,PT00H00M09S,000001_000050,"Slow waves, seen from a cliff."
""",
    """\
DIR/results_2M_train.csv
DIR/results_2M_val.csv                   the split `validation`
DIR/videos/<page_dir>/<videoid>.mp4      or --media FOLDER
""",
)

CHAT = Format(
    "LLaVA's captions of CC3M-595K (chat.json)",
    "For `build cc3m --source DIR`: a list of conversations. The caption is the first answer of a conversation; what is asked"
    " is not used.",
    {
        "id": "unique",
        "image": "relative to the folder of images",
        "conversations": "a list of turns, each with `from` (human or gpt) and `value`",
    },
    """\
[{"id": "GCC_train_000000001", "image": "GCC_train_000000001.jpg", "conversations": [
  {"from": "human", "value": "What is in this picture?\\n<image>"},
  {"from": "gpt", "value": "a red bicycle leans on a wall"}]}]
""",
    """\
DIR/chat.json
DIR/images/<image>               or DIR/image/<image>, DIR/<image>, or --media FOLDER
""",
)

FILTER_CAP = Format(
    "Video-LLaMA's captions of CC3M-595K (filter_cap.json)",
    "For `build cc3m --source DIR`, where there is no chat.json.",
    {
        "annotations": "a list of objects with image_id and caption; the image is <image_id>.jpg",
    },
    """\
{"annotations": [{"image_id": "GCC_train_000000001", "caption": "a red bicycle leans on a wall"}]}
""",
)

# Dataset -> its formats.
OF_DATASET = {"webvid": (WEBVID,), "cc3m": (CHAT, FILTER_CAP), "captions": (CAPTIONS,)}
ALL = (CAPTIONS, WEBVID, CHAT, FILTER_CAP)
