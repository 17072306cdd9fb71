# ruff: noqa: E501 - a line of an example may be long
"""Descriptions of the files of questions and answers that `build instructions` reads, told apart by their form."""

from deemo_jax.core.formats import Format

CONVERSATIONS = Format(
    "Conversations, as LLaVA has them (JSON, or JSON lines)",
    "For `build instructions --source FILE`: a list of objects, or one a line. A media's path is relative to the folder of"
    " media; COCO_train2014_ before its name and .mp4, .avi, .mkv or .webm behind it may be left out in the file.",
    {
        "id": "optional: a text or a whole number; if left out, the media's path. Several rows may have one id",
        "image or video": "a text or a whole number: the path of the media",
        "conversations": "a list of turns in order, from a question (`from` human) to an answer (gpt), each with `value`; the"
        " first question may hold <image> or <video> once",
    },
    """\
[{"id": "000000033471", "image": "000000033471.jpg", "conversations": [
  {"from": "human", "value": "<image>\\nWhat colour is the bus?"},
  {"from": "gpt", "value": "White and red."},
  {"from": "human", "value": "Is it moving?"},
  {"from": "gpt", "value": "No, it stands at a stop."}]}]
""",
    """\
DIR/*.json, DIR/*.jsonl or DIR/*.csv     the first of these kinds that is there; _val at the end of a name: validation
DIR/media/                               or DIR/videos, DIR/images, DIR, or --media FOLDER
""",
)

QUESTIONS = Format(
    "Questions about films, as VideoChat has them (JSON, or JSON lines)",
    "For `build instructions --source FILE`: a list of objects, or one a line.",
    {
        "video or image": "the path of the media, within their folder",
        "QA": "a list of questions `q` with their answers `a`, in order; an instruction `i` is left alone",
    },
    """\
[{"video": "walk.mp4", "QA": [
  {"i": "", "q": "Who walks there?", "a": "A man with a dog."},
  {"q": "Does he stop?", "a": "Once, at a door."}]}]
""",
)

REASONS_TABLE = Format(
    "Reasons for emotions, as EMER has them (CSV with a header)",
    "For `build instructions --source FILE`. Columns are found by their names, in any order; others are left alone.",
    {
        "names or name": "the path of the film, within the folder of media",
        "reasons, reason or english": "the answer",
        "subtitles or subtitle": "optional: what is said",
    },
    """\
names,subtitles,reasons
sample_00000033,Well played.,"The voice is warm, and the words praise."
""",
)

REASONS = Format(
    "Reasons for emotions, as MERR has them (JSON)",
    "For `build instructions --source FILE`: an object whose names are the paths of films, within the folder of media.",
    {
        "smp_reason_caption or caption": "the answer: that of the fine part, or else of the coarse one",
        "text or subtitle": "optional: what is said",
    },
    """\
{"sample_00000047": {"smp_reason_caption": "Both hands are up, and the voice rises.", "text": "We did it!"}}
""",
)

DESCRIPTIONS = Format(
    "Descriptions of pictures, as MiniGPT-4 has them (JSON)",
    "For `build instructions --source FILE`.",
    {
        "annotations": "a list of objects with image_id, a text or a whole number, and caption; the image is <image_id>.jpg"
    },
    """\
{"annotations": [{"image_id": "2", "caption": "Two boats lie on a calm lake in front of a wood."}]}
""",
)

ALL = (CONVERSATIONS, QUESTIONS, REASONS_TABLE, REASONS, DESCRIPTIONS)
