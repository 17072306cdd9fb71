"""Regular expressions for what identifies by its form: addresses, dates, times, scores, numbers."""

import itertools
import re
from collections.abc import Iterator

from deemo_jax.deid.text.spans import Kind
from deemo_jax.deid.text.word_lists import MONTHS, WEEKDAYS

# Any month, and months that are no other words: "May" and "March" count beside a number or after words such as "since".
_MONTH = rf"(?:{'|'.join(sorted(MONTHS))})\b\.?"
_SURE_MONTH = rf"(?:{'|'.join(sorted(MONTHS - {'may', 'march', 'mar', 'dec', 'jan', 'sept', 'sep'}))})\b"
_WEEKDAY = rf"(?:{'|'.join(sorted(WEEKDAYS))})\b"
_ORDINAL = r"\d{1,2}(?:st|nd|rd|th)\b"
_YEAR = r"(?:1[89]|20)\d\d"
_UNITS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = (
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
    "thirtieth",
)
_UNIT = rf"(?:{'|'.join(_UNITS)})"
_SPELLED = rf"(?:{'|'.join(_UNITS + _TEENS + _TENS)})"
_SPELLED_DAY = rf"(?:(?:twenty|thirty)[ \-])?(?:{'|'.join(_ORDINALS)})"
_DAY = rf"(?:{_ORDINAL}|\d{{1,2}}|{_SPELLED_DAY})"
_DASH = r"[\-–—]"
_ENDS = r"(?![\w])"
_BEGINS = r"(?<![\w])"
# One set: "6-4", "6/4", "6:4" where that is no time of day, and a tie-break in brackets.
_SET = r"\d{1,2}(?: ?[\-–—/] ?\d{1,2}|:\d)(?!\d)(?: ?\(\d{1,2}(?:[\-–—:]\d{1,2})?\))?"
_DOMAIN_ENDS = (
    "com|org|net|edu|gov|info|io|tv|me|co|uk|de|fr|eu|us|ca|au|in|es|it|nl|ch|at|jp|cn|ru|br|dev|app|ai|ly|gg|gl|xyz|blog"
    "|page|site|online|shop|store|club|team|live|news|link|cloud|tech|fm|im|is|to|cc|biz|pro|media|social|sport|art|pl|se"
    "|no|dk|fi|be|ie|pt|cz|sk|hu|gr|tr|ua|il|in|za|mx|ar|cl|nz|kr|tw|hk|sg|rs|hr|si|bg|ro|lt|lv|ee|lu|li|name|museum|fans"
)
# Addresses read out or written so that machines overlook them: "jane underscore doe at mail dot com", "jane (at) mail".
_SAID_AT = r" ?(?:\bat\b|[(\[{<] ?(?:at|@) ?[)\]}>]) ?"
_SAID_DOT = r" ?(?:\bdot\b|[(\[{<] ?(?:dot|\.) ?[)\]}>]) ?"
_SAID_JOINT = rf"(?:{_SAID_DOT}| (?:underscore|hyphen|dash|minus|plus) )"
_SAID_WORD = r"[^\W_][\w.+\-]{0,39}"
# Words before "at" or "dot" in plain speech, which begin no address: "look at dot com".
_NO_ADDRESS = r"(?!(?:look|looking|looked|arrive|arrived|be|was|is|the|and|i|me|it|us|them)\b)"

# Words after "at" in plain speech, which are no host: "at the", "at home".
_NO_HOST = (
    r"(?!(?:the|that|this|a|dot|all|first|last|least|most|once|home|school|work|noon|night|midnight|it|me|him|her|us|them"
    r"|number|one|two|three|four|five|six|seven|eight|nine|ten)\b)"
)

# Of two finds of the same length, the earlier rule decides on the tag: a date is no telephone number.
_RULES: tuple[tuple[Kind, str], ...] = (
    ("CONTACT", r"\b(?:https?://|www\.)[^\s<>\"]*[^\s<>\".,;:!?)]"),
    ("CONTACT", r"[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,4}"),
    (
        "CONTACT",
        rf"{_BEGINS}[\w\-]{{1,63}}(?:\.[\w\-]{{1,63}}){{0,3}}\.(?:{_DOMAIN_ENDS})\b(?:/[^\s<>\"]*[^\s<>\".,;:!?)])?",
    ),
    # With a path, any ending makes an address.
    ("CONTACT", rf"{_BEGINS}[\w\-]{{1,63}}(?:\.[\w\-]{{1,63}}){{0,3}}\.[a-z]{{2,24}}/[^\s<>\"]*[^\s<>\".,;:!?)]"),
    (
        "CONTACT",
        rf"\b{_SAID_WORD}(?:{_SAID_JOINT}{_SAID_WORD}){{0,4}}{_SAID_AT}(?!(?:the|that|this|a|dot)\b){_SAID_WORD}"
        rf"(?:{_SAID_JOINT}{_SAID_WORD}){{0,2}}{_SAID_DOT}(?:{_DOMAIN_ENDS})\b",
    ),
    (
        "CONTACT",
        rf"\b{_NO_ADDRESS}{_SAID_WORD}(?: dot {_SAID_WORD}){{0,3}} dot (?:{_DOMAIN_ENDS})\b"
        rf"(?: slash {_SAID_WORD}){{0,3}}",
    ),
    ("CONTACT", rf"\b{_SAID_WORD} ?[(\[{{<] ?(?:at|@) ?[)\]}}>] ?[\w\-]{{1,63}}(?:\.[\w\-]{{1,63}}){{1,4}}"),
    # With other endings, only what is read out as a whole address.
    (
        "CONTACT",
        rf"\b{_NO_ADDRESS}{_SAID_WORD}(?: (?:dot|underscore) {_SAID_WORD}){{0,4}} at {_NO_HOST}"
        rf"[^\W_][\w\-]{{0,39}}(?: dot (?!dot\b)[a-z]{{2,24}}){{1,3}}\b(?! dot\b)",
    ),
    ("CONTACT", rf"\b{_NO_ADDRESS}{_SAID_WORD}(?: (?:dot|underscore) {_SAID_WORD}){{1,4}} at {_SAID_WORD}\b"),
    ("CONTACT", rf"\b(?:[^\W_] ){{2,30}}(?:at|underscore|dot) {_SAID_WORD} (?:dot|at) {_SAID_WORD}\b"),
    ("CONTACT", r"\b[^\W_][\w\-]{0,39}_at_[^\W_][\w\-]{0,39}_dot_\w{2,24}\b"),
    ("CONTACT", r"[\w.+\-]{1,64}@[\w\-]{1,63}|\b[^\W\d_][\w.\-]{1,39}#\d{3,5}\b"),
    ("CONTACT", rf"\b{_SAID_WORD}(?: underscore {_SAID_WORD}){{1,4}}\b"),
    ("CONTACT", r"(?<![\w@#])[@#][^\W\d_]\w{1,60}|(?<![\w@#])@\w{2,60}"),
    ("DATE", rf"{_BEGINS}\d{{4}}[\-/.]\d{{1,2}}[\-/.]\d{{1,2}}{_ENDS}"),
    ("DATE", rf"{_BEGINS}\d{{1,2}}[/.\-]\d{{1,2}}[/.\-](?:\d{{4}}|\d{{2}}){_ENDS}"),
    (
        "DATE",
        rf"\b(?:{_WEEKDAY},? (?:the )?)?(?:{_DAY} (?:of )?{_MONTH}|{_MONTH} (?:the )?{_DAY})"
        rf"(?:,? (?:of )?{_YEAR})?{_ENDS}",
    ),
    ("DATE", rf"\b{_MONTH},? (?:of )?['’]?(?:{_YEAR}|\d\d){_ENDS}"),
    ("DATE", rf"\b{_SURE_MONTH}"),
    (
        "DATE",
        r"\b(?:in|since|until|till|last|next|this|early|late|mid|by|during|of) (?:may|march)\b(?! (?:be|have|not|on))",
    ),
    ("DATE", rf"\b{_WEEKDAY},? (?:the )?(?:{_ORDINAL}|\d{{1,2}}|{_SPELLED_DAY}){_ENDS}"),
    ("DATE", rf"{_BEGINS}(?:{_YEAR}s?|['’]\d0s){_ENDS}"),
    (
        "DATE",
        r"\b(?:nineteen|twenty)[ \-](?:hundred|(?:oh|o)[ \-]\w+|(?:ten|eleven|twelve|\w+teen|\w+ty(?:[ \-]\w+)?))\b",
    ),
    ("DATE", rf"{_BEGINS}\d{{1,2}}(?:[:.]\d\d)?(?::\d\d)? ?(?:[ap]\.m\.|[ap]m\b|o['’]clock\b)"),
    ("DATE", rf"{_BEGINS}(?:[01]?\d|2[0-4]):[0-5]\d{_ENDS}"),
    ("DATE", rf"\b(?:half|quarter|{_SPELLED}) (?:past|to) {_SPELLED}\b|\b{_SPELLED} o['’]?clock\b"),
    ("CONTACT", rf"(?<![\w.])(?:\+|00)?\(?\d{{1,4}}\)?(?:[ \-./]\(?\d{{2,5}}\)?){{2,5}}{_ENDS}"),
    ("CONTACT", r"(?<![\w.])\+?\d{7,15}(?![\w])"),
    (
        "NUMBER",
        rf"{_BEGINS}\d{{1,3}}(?: ?{_DASH} ?\d{{1,3}})+(?:,? (?:and )?\d{{1,3}} ?{_DASH} ?\d{{1,3}}){{0,4}}{_ENDS}",
    ),
    ("NUMBER", rf"{_BEGINS}{_SET}(?:(?:,|;)? ?(?:and )?(?<!\d){_SET}){{0,4}}(?![\w/])"),
    # Scores or single digits, read out.
    ("NUMBER", rf"{_BEGINS}\d{{1,2}}(?:,? \d{{1,2}}){{2,40}}(?![\w:/]|[.,]\d)"),
    ("NUMBER", rf"{_BEGINS}\d{{1,3}} (?:to|all|nil|love){_ENDS}(?: \d{{1,3}}{_ENDS})?"),
    (
        "NUMBER",
        r"\b(?:six|seven)[ \-](?:love|zero|one|two|three|four|five|six)\b"
        rf"|\b{_UNIT}[ \-](?:nil|all)\b",
    ),
    (
        "NUMBER",
        r"\b(?:world (?:number|no\.?)|ranked|seeded|(?:number|no\.|seed) (?=\d)) ?(?:number |no\.? )?"
        rf"(?:\d+|{_SPELLED}|{_SPELLED_DAY})\b",
    ),
    ("NUMBER", rf"\b(?:\d+|{_SPELLED}(?:[ \-]{_UNIT})?)[ \-]years?[ \-]old\b"),
    ("NUMBER", rf"\b(?:{'|'.join(_TENS)})[ \-](?:{_UNIT}|{'|'.join(_ORDINALS[:9])})\b"),
    ("NUMBER", rf"\b{_SPELLED} (?:hundred|thousand|million)(?:(?: and)? {_SPELLED}(?:[ \-]{_UNIT})?)?\b"),
    ("NUMBER", rf"{_BEGINS}\d{{1,2}}(?:st|nd|rd|th)\b(?<![1-3][snr][td])|{_BEGINS}\d\d+(?:st|nd|rd|th)\b"),
    ("NUMBER", rf"{_BEGINS}[$€£]?(?:\d{{2,}}(?:[.,]\d+)*|\d(?:[.,]\d+)+)%?{_ENDS}|[$€£]\d+{_ENDS}"),
    ("NUMBER", r"\b(?=\w{5,24}\b)(?=\w*\d\w*\d)(?=\w*[A-Za-z])\w+"),
)

# A digit read out, and what multiplies it: "double seven".
_DIGIT = rf"(?:(?:double|triple|treble)[ \-])?(?:zero|oh|{'|'.join(_UNITS)})"
_SPELLED_RUN = re.compile(rf"\b{_DIGIT}(?:(?:, |[ \-]){_DIGIT}){{1,40}}\b", re.IGNORECASE)
_TIMES = {"double": 2, "triple": 3, "treble": 3}
# Digits in a row that are a number, at least.
_FEWEST_SPELLED = 4


def spelled_runs(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of runs of four or more digits that are read out; at least two of them must not be "oh"."""
    for match in _SPELLED_RUN.finditer(text):
        words = re.findall(r"[a-z]+", match[0].lower())
        digits = sum(_TIMES.get(before, 1) for before, word in itertools.pairwise(["", *words]) if word not in _TIMES)
        if digits >= _FEWEST_SPELLED and sum(word != "oh" and word not in _TIMES for word in words) >= 2:
            yield match.start(), match.end()


PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rule, re.IGNORECASE)) for kind, rule in _RULES
)
