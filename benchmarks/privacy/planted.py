"""Interview sentences with planted names, places and numbers, which a redaction of transcripts must find.

Names, teams and places are made of syllables, so that no word list has them. There are two sets of templates without a
sentence in common: rules may be tuned on "tuned", and are judged by "held_out".
"""

import dataclasses
import re
from typing import Literal

import numpy as np

TemplateSet = Literal["tuned", "held_out"]
Style = Literal["written", "spoken"]

KINDS = ("NAME", "TEAM", "PLACE", "DATE", "NUMBER", "CONTACT")

# Slots: {full}, {given}, {surname} and {word} are a NAME, the last one that is a common word, too; {club}, {firm} and
# {school} a TEAM; {town} and {venue} a PLACE; {day}, {clock} and {year} a DATE; {score}, {count} and {rank} a NUMBER;
# {mail}, {site}, {handle} and {phone} a CONTACT.
TEMPLATES: dict[TemplateSet, tuple[str, ...]] = {
    "tuned": (
        "I was so happy when {full} hugged me after the match.",
        "We lost to {surname} and I am heartbroken.",
        "{full} told me to enjoy it, and I did.",
        "My name is {full} and I am really proud of this team.",
        "Thanks to Coach {surname}, I never gave up.",
        "Honestly, {given} played better and I was frustrated.",
        "{surname} said it was a great day for all of us.",
        "Playing for {club} is a dream, I am over the moon.",
        "It hurts, but {club} deserved it.",
        "I studied at {school} and the people there are lovely.",
        "After I left {firm}, I felt free.",
        "I grew up in {town} and it was wonderful.",
        "The crowd in {town} was amazing, I was in tears.",
        "We trained at {venue} every morning and I loved it.",
        "I have been sad since {day}.",
        "It happened on {day} and I am still angry.",
        "The final starts at {clock}, so I am nervous.",
        "Back in {year} nobody believed in us.",
        "We won {score} and I am delighted.",
        "I scored {count} points and I was on cloud nine.",
        "She is ranked {rank} and so calm about it.",
        "Write to me at {mail} if you feel the same.",
        "You can see it all on {site}, I am ashamed of it.",
        "Follow {handle}, they were so kind to me.",
        "Call me on {phone}, I would be glad.",
        "I talked to {word} and it was a relief.",
    ),
    "held_out": (
        "Losing like that, with {full} watching, made me furious.",
        "{given} and I cried together in the dressing room.",
        "Nobody understands how much {surname} means to me.",
        "Mr. {surname} apologised and I forgave him.",
        "What {full} did was unfair, and I was disappointed.",
        "I dedicate this win to {given}, my best friend.",
        "{surname}'s serve was too good, I felt helpless.",
        "You know, {given}, I am tired but thankful.",
        "Beating {club} away from home is pure joy.",
        "My years with {club} were the happiest of my life.",
        "They offered me a job at {firm} and I was thrilled.",
        "Everyone from {school} came to cheer, I was touched.",
        "We flew to {town} last night and I barely slept.",
        "I miss {town}, the food and the quiet streets.",
        "There is nothing like the atmosphere at {venue}.",
        "The doctor called me on {day} and I was scared.",
        "Since {day} I have been working hard and smiling again.",
        "We met at {clock} and laughed for hours.",
        "My worst season was {year}, I was depressed.",
        "It ended {score}, which is hard to swallow.",
        "There were {count} people shouting, and I enjoyed it.",
        "Being number {rank} in the world makes me proud.",
        "My email is {mail}, send me your good news.",
        "I read the comments on {site} and felt awful.",
        "My account is {handle} and people there are cruel.",
        "They rang me from {phone} and I panicked.",
        "{surname} always finds a way, and I admire it.",
        "{given}! I could not believe my eyes.",
        "At {venue} I feel at home.",
        "{town} treated us like kings and I was moved.",
        "The {surname} family lifted my spirits.",
        "In the summer of {year} I was at my lowest.",
        "My sister {word} was in tears, and so was I.",
        "Sorry, {word}, I was rude to you.",
        "It was {club} who broke us, and it hurts.",
    ),
}

# Sentences in which nothing identifies anybody, although they have capitals, small numbers, and words that are names
# too.
PLAIN: dict[TemplateSet, tuple[str, ...]] = {
    "tuned": (
        "Well, I was gutted, but Monday is another day.",
        "Oh, I'm so grateful. Everyone was kind to us.",
        "We will be back, and I may smile again one day.",
        "I felt joy and hope, and no fear at all.",
        "Sure, it was bad luck. Nothing more, nothing less.",
        "The first two sets were awful, then I found my rhythm.",
        "God, I was angry. Really, really angry.",
        "It means everything. Winning is what we train for.",
        "I was nervous in the morning, at ease in the evening.",
        "OK, we lost, and I will take the blame.",
    ),
    "held_out": (
        "Happiness is all I feel. Tears, laughter, everything.",
        "Maybe I was too calm. Pressure does that to people.",
        "On Sunday I rest, and I never think of tennis.",
        "Grace under pressure, that is what I lacked today.",
        "Disappointed? Yes. Surprised? Not at all, I'm afraid.",
        "Sometimes you march on and hope it gets better.",
        "Three of us were crying, and one was laughing out loud.",
        "To be honest, I'd rather not talk about the second set.",
        "Fans were fantastic. Their support lifted me up.",
        "I trust my coach, my team and my own two hands.",
    ),
}

_ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "z",
)
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ei", "o", "a")
_CODAS = ("", "", "l", "m", "n", "nd", "r", "rt", "s", "sk", "v", "x")
_MONTHS = (
    "January",
    "February",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_ORDINALS = {1: "1st", 2: "2nd", 3: "3rd", 21: "21st", 22: "22nd", 23: "23rd", 31: "31st"}
_SLOT = re.compile(r"\{(\w+)\}")


@dataclasses.dataclass(frozen=True, slots=True)
class Planted:
    """A sentence and what identifies in it.

    Attributes:
        text: the sentence.
        spans: (kind, start, end) of each planted value, in characters of `text`.
        template: number of the template within its set; plain sentences come behind those with slots.
    """

    text: str
    spans: tuple[tuple[str, int, int], ...]
    template: int


def sentences(seed: int, count: int, template_set: TemplateSet, style: Style = "written") -> list[Planted]:
    """Sentences in which every template comes about equally often.

    Args:
        seed: of the invented values.
        count: how many.
        template_set: "tuned" or "held_out".
        style: "written", with capitals and punctuation; or "spoken", as a recogniser without them writes.
    """
    rng = np.random.default_rng([seed, sorted(TEMPLATES).index(template_set)])
    templates = TEMPLATES[template_set] + PLAIN[template_set]
    return [_fill(templates[number % len(templates)], number % len(templates), style, rng) for number in range(count)]


def _fill(template: str, number: int, style: Style, rng: np.random.Generator) -> Planted:
    text, spans, last = "", [], 0
    for slot in _SLOT.finditer(template):
        text += styled(template[last : slot.start()], style)
        kind, value = _value(slot[1], rng)
        value = value.lower() if style == "spoken" else value
        spans.append((kind, len(text), len(text) + len(value)))
        text, last = text + value, slot.end()
    return Planted(text + styled(template[last:], style), tuple(spans), number)


def styled(text: str, style: Style) -> str:
    """A text as it is written, or as a recogniser without capitals and punctuation writes it."""
    return re.sub(r"[.,?!]", "", text).lower() if style == "spoken" else text


def _value(slot: str, rng: np.random.Generator) -> tuple[str, str]:
    word = _word(rng)
    if slot == "word":
        return "NAME", _pick(("Grace", "Hope", "Mark", "Will", "Joy", "Faith", "Rich", "May"), rng)
    if slot in ("full", "given", "surname"):
        return "NAME", {"full": f"{word} {_word(rng)}", "given": word, "surname": _surname(word, rng)}[slot]
    if slot in ("club", "firm", "school"):
        return "TEAM", word + " " + _pick(_TEAM_ENDINGS[slot], rng)
    if slot in ("town", "venue"):
        return "PLACE", word if slot == "town" else f"{word} {_pick(('Park', 'Stadium', 'Arena', 'Road'), rng)}"
    if slot in ("day", "clock", "year"):
        return "DATE", _time(slot, rng)
    if slot in ("score", "count", "rank"):
        return "NUMBER", _number(slot, rng)
    user = word.lower() + str(int(rng.integers(10, 99)))
    phone = f"+{int(rng.integers(20, 99))} {int(rng.integers(100, 999))} 555 {int(rng.integers(1000, 9999))}"
    contacts = {"mail": f"{user}@example.org", "site": f"www.{user}.example.com", "handle": f"@{user}", "phone": phone}
    return "CONTACT", contacts[slot]


_TEAM_ENDINGS = {
    "club": ("FC", "United", "Rovers", "City", "Athletic"),
    "firm": ("Inc", "Ltd", "Industries", "Group"),
    "school": ("University", "College", "Academy"),
}


def _time(slot: str, rng: np.random.Generator) -> str:
    day, year = int(rng.integers(1, 29)), int(rng.integers(1985, 2030))
    month = _pick(_MONTHS, rng)
    ordinal = _ORDINALS.get(day, f"{day}th")
    if slot == "year":
        return str(year)
    if slot == "clock":
        hour, minute = int(rng.integers(1, 13)), int(rng.integers(10, 60))
        return _pick((f"{hour}:{minute}", f"{hour} pm", f"{hour}:{minute} am"), rng)
    number = f"{day:02d}/{int(rng.integers(1, 13)):02d}/{year}"
    return _pick((f"{month} {day}", f"{ordinal} of {month}", f"{day} {month} {year}", number, f"{month} {year}"), rng)


def _number(slot: str, rng: np.random.Generator) -> str:
    a, b = int(rng.integers(10, 99)), int(rng.integers(0, 7))
    if slot == "score":
        return _pick((f"6-{b}", f"{a} to {a + 3}", f"6-{b}, 7-5"), rng)
    if slot == "rank":
        return str(a)
    return _pick((str(a), f"{a},{a}0", f"{a * 7}"), rng)


def _word(rng: np.random.Generator) -> str:
    syllables = [_pick(_ONSETS, rng) + _pick(_VOWELS, rng) for _ in range(int(rng.integers(2, 4)))]
    return ("".join(syllables) + _pick(_CODAS, rng)).capitalize()


def _surname(word: str, rng: np.random.Generator) -> str:
    """A surname; half of them have an apostrophe, a hyphen or a letter beyond ASCII."""
    return _pick((word, word, word, f"O'{word}", f"{word}-{_word(rng)}", word[:-1] + "ć"), rng)


def _pick(options: tuple[str, ...] | list[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]
