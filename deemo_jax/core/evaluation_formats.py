# ruff: noqa: E501 - a line of an example may be long
"""Descriptions of the files that `evaluate` reads, beside annotations."""

from deemo_jax.core.formats import Format

PREDICTIONS = Format(
    "Predictions (JSON lines)",
    "What a system answered, read by `evaluate --predictions`; `evaluate --workdir` writes the same. One line a clip and"
    " set of modalities; every set has the same clips.",
    {
        "clip_id": "which clip",
        "emotion_predicted": "negative or positive (or one of `evaluate --labels`), or null where the system gave none; or leave it"
        " out and give `answer`",
        "answer": "optional: the text as it came; the emotion is read from it (docs/evaluate.md) where emotion_predicted is left"
        " out. Rows with neither are scored by log_likelihoods with `evaluate --read likelihood`",
        "emotion_true": "the label; may be left out with --truth ANNOTATIONS",
        "modalities": "optional: what the system was given, such as audio,video or transcript; all if left out",
        "reasoning": "optional: the explanation that it gave; else read from `answer`",
        "reference": "optional: the reference explanation",
        "log_likelihoods": "optional: of each label's statement, natural logarithms, as {negative, positive}; sums over all of"
        " its tokens, the one that ends it included",
        "person_id": "optional: who is seen, a pseudonym; where every clip has one, intervals and tests are over persons",
        "transcript_provenance": "optional: how names were taken out of the clip's texts; `not de-identified`, or left out where"
        " it is unknown: its reasonings reach no judge unless you say so",
        "temperature": "optional: what divides them, as learnt on other clips; null or left out: nothing",
    },
    """\
{"clip_id": "c01", "modalities": "all", "emotion_predicted": "negative", "emotion_true": "negative", "reasoning": "The arms are folded.", "reference": "The words tell of a defeat."}
{"clip_id": "c02", "modalities": "all", "answer": "The emotion is positive. The person nods.", "emotion_true": "positive", "log_likelihoods": {"negative": -3.1, "positive": -0.4}, "temperature": 1.8}
""",
)

SYNONYMS = Format(
    "Synonyms (JSON)",
    "For `evaluate --synonyms FILE`: for each name, a label or (with --wheel) a word of a wheel, other words and phrases that count as it in answers. A word"
    " comes once, and is no name itself.",
    {"(name)": "a list of words and phrases, in any case"},
    """\
{"negative": ["cheesed off"], "positive": ["over the moon", "stoked"]}
""",
)

KEYWORDS = Format(
    "Sources of cues (JSON)",
    "For `evaluate --faithfulness --keywords FILE`: the sources that reasonings may name, in place of `words`, `voice` and"
    " `body`. A source whose name is that of a cue in the truth is read by that cue.",
    {
        "(name).masks": "the modalities that the source is perceived through, which are taken away together",
        "(name).words": "words and phrases that name it, in any case; a last * stands for any ending",
    },
    """\
{"voice": {"masks": ["audio"], "words": ["voice", "tone of voice", "intonation"]}, "hands": {"masks": ["video", "nfbl"], "words": ["hand", "hands", "gestur*"]}}
""",
)

WORD_LISTS = Format(
    "Emotion words (JSON lines)",
    "For `evaluate --predictions FILE --wheel WHEEL`: one line a clip and set of modalities; every set has the same clips.",
    {
        "clip_id": "which clip",
        "emotion_words": "the words that the system gave, in any case and order; an empty list where it failed",
        "emotion_words_true": "the true words",
        "modalities": "optional: what the system was given; all if left out",
        "person_id": "optional: who is seen, a pseudonym; where every clip has one, intervals are over persons",
    },
    """\
{"clip_id": "c01", "emotion_words": ["happy", "relieved"], "emotion_words_true": ["cheerful"]}
{"clip_id": "c02", "emotion_words": [], "emotion_words_true": ["angry", "tense"]}
""",
)

WHEEL = Format(
    "Emotion wheel (JSON)",
    "For `evaluate --wheel FILE`. A word comes once, in any case; the words above it end at a root, and never lead in a"
    " circle. Words with one root are one group, and are scored as the same.",
    {
        "parents": "each word -> the word above it, or null at a root",
        "sentiment": "optional: words at roots -> negative or positive",
    },
    """\
{"parents": {"joy": null, "cheerful": "joy", "happy": "cheerful", "anger": null, "angry": "anger"},
 "sentiment": {"joy": "positive", "anger": "negative"}}
""",
)

PEOPLES_SCORES = Format(
    "People's scores (JSON lines)",
    "For `evaluate --judge MODEL --human FILE`, with the protocols deemo and emer: what people say of reasonings of the same"
    " rows, by which the judge is corrected. The rows should be drawn at random.",
    {
        "clip_id": "which clip",
        "clue": "clue overlap, 1 to 10; may be left out beside label",
        "label": "label overlap, 1 to 10; may be left out beside clue",
        "rater": "optional: who scored, any name; a clip has one row a rater",
    },
    """\
{"clip_id": "c01", "rater": "A", "clue": 6, "label": 9}
{"clip_id": "c01", "rater": "B", "clue": 5, "label": 9}
""",
)

PEOPLES_PREFERENCES = Format(
    "People's preferences (JSON lines)",
    "For `evaluate --judge MODEL --protocol prefer --human FILE A B`: which of two systems' reasonings people prefer.",
    {
        "clip_id": "which clip",
        "preferred": "the system, as the table names it: its folder or its file without the ending; or tie",
        "rater": "optional: who chose, any name; a clip has one row a rater, and most votes decide",
    },
    """\
{"clip_id": "c01", "preferred": "theirs"}
{"clip_id": "c02", "preferred": "tie"}
""",
)

ALL = (
    PREDICTIONS,
    SYNONYMS,
    WORD_LISTS,
    WHEEL,
    KEYWORDS,
    PEOPLES_SCORES,
    PEOPLES_PREFERENCES,
)
