"""Whether a name in a clause is denied: "not positive", "no sign of anger", "positive rather than negative"."""

from collections.abc import Sequence

from deemo_jax.evaluation.reading.clauses import word_set
from deemo_jax.evaluation.reading.vocabulary import Found

# Words up to which a denial reaches: of a sentence, and of a noun.
FAR, NEAR = 7, 4
SENTENCE_DENIALS = word_set(
    """
    not never neither nor none nothing nobody cannot hardly scarcely barely than unlike
    nicht niet pas não nem non 不 没 沒 非
    """
)
NOUN_DENIALS = word_set(
    "no without lack lacks lacking absence devoid outweigh outweighs outweighing kein keine keinen geen sans sin 无 無"
)
PAIR_DENIALS = frozenset(
    {
        *(("far", "from"), ("free", "of"), ("free", "from"), ("wrong", "to"), ("against", "a"), ("anything", "but")),
        *(("instead", "of"), ("opposed", "to"), ("dominate", "over"), ("dominates", "over"), ("prevails", "over")),
        *((verb, "to") for verb in ("fail", "fails", "failed", "try", "tries", "pretends", "pretending", "refuses")),
    }
)
# Behind a denial they take it back: "no doubt", "not only", "cannot hide".
UNDENIED = word_set("doubt question only just merely hide help deny wonder surprise")
# A denial reaches no further than these: "does not smile because he is sad".
REASONS = word_set("because since when which who where due after so if")
# Nor than these, unless they are denied themselves: "no eye contact suggests", but "nothing suggests".
SUGGESTS = word_set(
    "suggest suggests suggesting indicate indicates indicating reveal reveals imply implies mean means makes"
)
EVIDENCE = word_set("none nothing cue cues sign signs evidence indication hint")


def is_denied(words: Sequence[str], names: Sequence[Found], number: int) -> bool:
    """Whether the words before a name deny it; two denials cancel out.

    Args:
        words: of the clause.
        names: all names in it.
        number: which of them.
    """
    place = names[number].place
    count, neither = 0, False
    for k in range(max(0, place - FAR), place):
        word, following = words[k], words[k + 1]
        if _ends_denial(words, names, k, place):
            count = 0
        elif following in UNDENIED:
            continue
        elif word in {"neither", "nor"}:
            count, neither = count + (not neither), True
        elif word == "less":
            count += "than" in words[place:]
        elif word == "than":
            count += "less" not in words[:k]
        else:
            far = (word, following) in PAIR_DENIALS or word in SENTENCE_DENIALS or word.endswith("n't")
            count += far or (word in NOUN_DENIALS and place - k <= NEAR)
    return count % 2 == 1


def _ends_denial(words: Sequence[str], names: Sequence[Found], k: int, place: int) -> bool:
    word = words[k]
    if word in REASONS:
        return True
    if word in SUGGESTS:
        before = words[max(0, k - FAR) : k]
        is_denied_itself = bool(before) and (before[-1] in SENTENCE_DENIALS or before[-1].endswith("n't"))
        return not is_denied_itself and not EVIDENCE & set(before)
    if word == "and":
        return k + 1 != place
    # "not so much positive as negative"
    return word == "as" and any(name.place < k for name in names)
