"""Invented interviews of athletes, of whom sport, team, sex, age and nationality are known.

What gives these away is of four sorts: names (direct identifiers); teams, cities, nationalities, ages and years (quasi
identifiers); and two sorts that no list of identifiers has: the words of a sport, and talk such as "my last season" or
"the women's final". There are five families of sentences without a sentence in common. Each person speaks in one of
them, so that who learns from four families knows words, and no sentence, of the fifth.
"""

import dataclasses
import re
from typing import Any

import numpy as np

from benchmarks.privacy.planted import Style, styled

# Sport -> its actions, things and mishaps, and its two teams.
SPORTS: dict[str, dict[str, tuple[str, ...]]] = {
    "tennis": {
        "move": ("serve", "backhand", "volley", "forehand"),
        "thing": ("racket", "baseline", "strings"),
        "slip": ("a double fault", "a net cord"),
        "team": ("Halvard Racquet Club", "Ostermoor Aces"),
    },
    "football": {
        "move": ("header", "free kick", "tackle", "through ball"),
        "thing": ("boots", "penalty box", "goalpost"),
        "slip": ("an own goal", "an offside call"),
        "team": ("Harbour Rovers", "Bexley Athletic"),
    },
    "swimming": {
        "move": ("butterfly", "tumble turn", "relay leg", "backstroke"),
        "thing": ("goggles", "lane rope", "pool"),
        "slip": ("a false start", "a slow touch"),
        "team": ("Marlin Swim Team", "Lakeside Dolphins"),
    },
    "basketball": {
        "move": ("rebound", "layup", "jump shot", "dunk"),
        "thing": ("hoop", "backboard", "shot clock"),
        "slip": ("an air ball", "a turnover"),
        "team": ("Granite City Hawks", "Delmore Giants"),
    },
    "boxing": {
        "move": ("jab", "uppercut", "left hook", "footwork"),
        "thing": ("gloves", "ring", "punching bag"),
        "slip": ("a low blow", "a knockdown"),
        "team": ("Ironside Boxing Club", "Stonegate Gym"),
    },
    "cycling": {
        "move": ("sprint", "climb", "breakaway", "descent"),
        "thing": ("saddle", "peloton", "chain"),
        "slip": ("a puncture", "a crash on the wet corner"),
        "team": ("Velo Norda", "Team Castellan"),
    },
}
# Nationality -> cities, given names of women and of men, surnames, and food of a childhood.
NATIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "Japanese": {
        "city": ("Osaka", "Kobe"),
        "female": ("Yuki", "Haruka", "Naomi"),
        "male": ("Kenji", "Takumi", "Hiroshi"),
        "surname": ("Tanaka", "Mori", "Fujita"),
        "dish": ("miso soup", "rice balls"),
    },
    "Brazilian": {
        "city": ("Recife", "Curitiba"),
        "female": ("Larissa", "Beatriz", "Camila"),
        "male": ("Thiago", "Rafael", "Caio"),
        "surname": ("Souza", "Ribeiro", "Moraes"),
        "dish": ("black beans", "cheese bread"),
    },
    "German": {
        "city": ("Bremen", "Leipzig"),
        "female": ("Anke", "Heike", "Steffi"),
        "male": ("Jürgen", "Matthias", "Uwe"),
        "surname": ("Vogel", "Krüger", "Lindner"),
        "dish": ("potato dumplings", "rye bread"),
    },
    "Kenyan": {
        "city": ("Eldoret", "Nakuru"),
        "female": ("Wanjiru", "Akinyi", "Chebet"),
        "male": ("Kipchumba", "Otieno", "Mwangi"),
        "surname": ("Kamau", "Cheruiyot", "Odhiambo"),
        "dish": ("ugali", "milk tea"),
    },
    "Canadian": {
        "city": ("Halifax", "Winnipeg"),
        "female": ("Heather", "Megan", "Brooke"),
        "male": ("Tyler", "Connor", "Logan"),
        "surname": ("MacLeod", "Tremblay", "Fraser"),
        "dish": ("maple syrup", "butter tarts"),
    },
    "Italian": {
        "city": ("Bologna", "Genoa"),
        "female": ("Giulia", "Chiara", "Paola"),
        "male": ("Matteo", "Luca", "Giorgio"),
        "surname": ("Bianchi", "Ferrari", "Conti"),
        "dish": ("basil pesto", "chestnut cake"),
    },
}
# Band -> ages, and how people of that age speak of their career.
AGES: dict[str, dict[str, tuple[Any, ...]]] = {
    "under 25": {
        "years": (18, 25),
        "stage": ("my first season with the seniors", "my debut", "just after leaving school"),
    },
    "25 to 34": {"years": (25, 35), "stage": ("the middle of my career", "my prime", "my best years")},
    "35 and over": {
        "years": (35, 45),
        "stage": ("my last season", "the end of my career", "my farewell tour"),
    },
}
SEXES: dict[str, dict[str, tuple[str, ...]]] = {
    "female": {"parent": ("mother", "mum"), "field": ("women's", "ladies'"), "child": ("girl", "daughter")},
    "male": {"parent": ("father", "dad"), "field": ("men's",), "child": ("boy", "son")},
}
# Year in which the interviews are held.
YEAR = 2026
# Slots whose values identify a person: alone, or together with others.
DIRECT = frozenset({"full", "given", "surname"})
QUASI = frozenset({"team", "city", "nation", "age", "born"})
# Each family: sentences with and without slots.
FAMILIES: tuple[tuple[str, ...], ...] = (
    (
        "Losing like that made me furious.",
        "I am thankful for everybody who stayed.",
        "Honestly, I cried a little afterwards.",
        "I was proud of how calm I felt.",
        "My {move} let me down today.",
        "The {move} was the only good thing, and I smiled.",
        "I threw my {thing} away in anger.",
        "It was {slip} that broke my heart.",
        "Playing for {team} is a dream.",
        "The people at {team} believed in me.",
        "They all shout {full} and I get goosebumps.",
        "My best friend calls me {given} and laughs.",
        "I grew up in {city} and it was wonderful.",
        "I miss {city}, the noise and the streets.",
        "Every {nation} fan was in tears.",
        "I am {age} and I still get nervous.",
        "I was born in {born}, so I remember it well.",
        "It feels strange, this is {stage}.",
        "As a {parent} I worry more than before.",
        "Winning the {field} final means the world to me.",
        "I was the only {child} in the group and felt alone.",
        "After a bad day I want {dish} and nothing else.",
    ),
    (
        "What a relief, I could have hugged the whole crowd.",
        "I felt small and ashamed out there.",
        "Nobody understands how much this hurts.",
        "We laughed so much that my face ached.",
        "I trained that {move} for months and it paid off.",
        "Everybody talks of my {move}, which embarrasses me.",
        "When I saw the {thing} I began to tremble.",
        "After {slip} I wanted to hide.",
        "I signed with {team} and I was over the moon.",
        "Leaving {team} was sad.",
        "People write to {full} and tell me their stories.",
        "Ms or Mr {surname}, they say, and I blush.",
        "My parents still live in {city} and follow it all.",
        "The flight to {city} was full of joy.",
        "The {nation} anthem moved me deeply.",
        "At {age} one is supposed to be wiser.",
        "Since {born}, when I was born, my family has waited for this.",
        "I enjoy it more because it is {stage}.",
        "My kids only see the {parent} who comes home tired.",
        "The {field} draw was brutal and I was scared.",
        "They told me a {child} like me should give up.",
        "My grandmother's {dish} cheered me up.",
    ),
    (
        "I have no words, it is pure happiness.",
        "It was unfair and I am still upset.",
        "There was a lot of doubt in my head.",
        "I slept badly and woke up worried.",
        "One perfect {move} and all the fear was gone.",
        "Coaches warned me about the {move} and I was stubborn.",
        "Even the smell of the {thing} makes me happy.",
        "There was {slip}, and I lost my temper.",
        "Since I joined {team} I feel at home.",
        "Nobody at {team} blamed me, which was kind.",
        "The speaker announced {full} and my knees shook.",
        "You did it, {given}, I told myself.",
        "I dream of going back to {city} one day.",
        "On the streets of {city} strangers thank me.",
        "Being the only {nation} in the camp was lonely.",
        "Turning {age} was harder than I expected.",
        "My passport says {born}, my legs say otherwise, and I laugh.",
        "To win now, in {stage}, is a gift.",
        "Being a {parent} changed how I handle defeat.",
        "In the {field} competition everyone is tense.",
        "As a {child} I was shy and anxious.",
        "We celebrated with {dish} until midnight.",
    ),
    (
        "The pressure was awful, and then it was gone.",
        "I could not stop smiling for a week.",
        "It is a bitter evening for all of us.",
        "I forgave myself, which took long.",
        "Without a proper {move} you are lost, and I panicked.",
        "They clapped for my {move} and I was touched.",
        "I kissed the {thing} because I was so glad.",
        "We can joke about {slip} now.",
        "My years with {team} were the happiest.",
        "I was angry at {team} for a while.",
        "I signed {full} on a thousand shirts, grinning.",
        "The {surname} family stood there and wept.",
        "Rain in {city} makes me gloomy.",
        "The club in {city} gave me hope.",
        "As a {nation} I take defeat to heart.",
        "I feel older than {age} when it goes badly.",
        "Whoever is from {born} like me knows that fear.",
        "I regret nothing, not even in {stage}.",
        "A {parent} should be at home, and I feel guilty.",
        "The {field} record made me speechless.",
        "I was a difficult {child}, full of rage.",
        "A bowl of {dish} and I am content.",
    ),
    (
        "I am at peace with the result.",
        "Frustration is too weak a word.",
        "It lifted me up when I needed it.",
        "My hands were shaking all morning.",
        "The {move} felt light and I was full of joy.",
        "A weak {move} ruined my mood.",
        "I stared at the {thing} and felt empty.",
        "Nothing stings like {slip}.",
        "With {team} behind me I am fearless.",
        "I owe {team} an apology.",
        "Read {full} on the board and be amazed, I thought.",
        "Poor {given}, they said, and I hated it.",
        "Home is {city}, and home heals.",
        "I nearly stayed in {city} out of spite.",
        "Some {nation} reporters were cruel to me.",
        "Being {age} has its charms, I am relaxed.",
        "A child of {born} has seen worse, I am not bitter.",
        "It is {stage}, and I am grateful for each day.",
        "I called as a worried {parent} before the start.",
        "Nobody in the {field} event had slept.",
        "I still see the {child} who was laughed at.",
        "I promised myself {dish} and kept going.",
    ),
)
# Texts of a person; the chance of each sentence with a slot to be in a text; sentences without one in a text.
TEXTS, SENTENCE, FILLERS = 3, 0.3, 2
_SLOT = re.compile(r"\{(\w+)\}")


@dataclasses.dataclass(frozen=True, slots=True)
class Athlete:
    """An invented person.

    Attributes:
        attributes: what is to be guessed.
        words: slot -> what this person says there; one of them.
        family: number of the family of sentences.
    """

    attributes: dict[str, str]
    words: dict[str, tuple[str, ...]]
    family: int


def interviews(seed: int, persons: int, style: Style = "written") -> list[dict[str, Any]]:
    """Rows as `deemo_jax.audit.attacks.words.spoken_texts` reads them.

    Args:
        seed: of persons and of what they say.
        persons: how many.
        style: "written", with capitals and punctuation; or "spoken", as a recogniser without them writes.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(persons):
        who = _athlete(number % len(FAMILIES), rng)
        for _ in range(TEXTS):
            text, identifiers = _text(who, style, rng)
            rows.append(
                {
                    "person_id": f"p{number}",
                    "group": f"family {who.family}",
                    "attributes": who.attributes,
                    "transcript": text,
                    "identifiers": identifiers,
                }
            )
    return rows


def _athlete(family: int, rng: np.random.Generator) -> Athlete:
    sport, nation, sex, band = (_pick(tuple(kinds), rng) for kinds in (SPORTS, NATIONS, SEXES, AGES))
    team = _pick(SPORTS[sport]["team"], rng)
    age = int(rng.integers(*AGES[band]["years"]))
    given, surname = _pick(NATIONS[nation][sex], rng), _pick(NATIONS[nation]["surname"], rng)
    words = {slot: SPORTS[sport][slot] for slot in ("move", "thing", "slip")} | SEXES[sex]
    words |= {"team": (team,), "nation": (nation,), "city": NATIONS[nation]["city"], "dish": NATIONS[nation]["dish"]}
    words |= {"age": (str(age),), "born": (str(YEAR - age),), "stage": AGES[band]["stage"]}
    words |= {"given": (given,), "surname": (surname,), "full": (f"{given} {surname}",)}
    return Athlete({"sport": sport, "team": team, "sex": sex, "age": band, "nationality": nation}, words, family)


def _text(who: Athlete, style: Style, rng: np.random.Generator) -> tuple[str, list[dict[str, Any]]]:
    """A text, and its identifiers."""
    sentences = FAMILIES[who.family]
    slotted = [one for one in sentences if _SLOT.search(one) and rng.random() < SENTENCE]
    plain = [one for one in sentences if not _SLOT.search(one)]
    chosen = slotted + [plain[at] for at in rng.permutation(len(plain))[:FILLERS]]
    text, identifiers = "", []
    for at in rng.permutation(len(chosen)):
        text += " " if text else ""
        last = 0
        for slot in _SLOT.finditer(chosen[at]):
            text += styled(chosen[at][last : slot.start()], style)
            value = _pick(who.words[slot[1]], rng)
            value = value.lower() if style == "spoken" else value
            if slot[1] in DIRECT | QUASI:
                kind = "direct" if slot[1] in DIRECT else "quasi"
                identifiers.append({"start": len(text), "end": len(text) + len(value), "kind": kind})
            text, last = text + value, slot.end()
        text += styled(chosen[at][last:], style)
    return text, identifiers


def _pick(options: tuple[Any, ...], rng: np.random.Generator) -> Any:
    return options[int(rng.integers(len(options)))]
