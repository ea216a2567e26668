"""Words, numbers and dates in a text, in a form in which those of an answer and of a passage can be compared.

Knows the names of numbers and months in English, German, French, Spanish, Italian, Arabic and Chinese; digits are
understood in every script.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import product

from lechat_tui.values import dataclass

Date = tuple[int, int, int]
"""Year, month and day; 0 for a part that is not named."""


@dataclass(frozen=True)
class Token:
    """A word, a number, or a character of a script without spaces."""

    text: str
    """Folded: without case, accents and variants of letters."""
    shown: str
    capital: bool = False
    """Whether it begins with a capital letter."""
    values: frozenset[float] = frozenset()
    """What it may stand for, if it is a number: `1.000` is a thousand or one."""
    days: frozenset[Date] = frozenset()
    """The days that it may be, if it is a date."""
    character: bool = False
    """Whether it is one character of a script without spaces."""
    start: int = 0
    """Where it is in the text."""

    @property
    def number(self) -> bool:
        """Whether it is a number or a date."""
        return bool(self.values or self.days)


_QUOTES = str.maketrans(
    dict.fromkeys("„“”«»‟〝〞「」『』＂", '"') | dict.fromkeys("‘’‚‛‹›`´ʼ", "'") | dict.fromkeys("‐‑‒–—―−﹣－", "-")
)
_GONE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069\u0640\u064b-\u065f\u0670]")
"""Soft hyphens, marks of direction, and the vowel marks of Arabic."""
_MARKDOWN = re.compile(r"\*+|(?<!\w)_+|_+(?!\w)|^[ \t>]*#{1,6}[ \t]+|\[\^?\d{1,3}\]|[|]", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_WRAPPED = re.compile(r"(?<=[^\W\d_])-\n\s*(?=[a-zà-öø-ÿ])")


def plain(text: str) -> str:
    """The text with one spelling of quotes, dashes, digits and spaces, and without Markdown and references."""
    text = _WRAPPED.sub("", _LINK.sub(r"\1", text))
    text = unicodedata.normalize("NFKC", _MARKDOWN.sub(" ", _GONE.sub("", text).translate(_QUOTES)))
    if not text.isascii():
        text = "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in text)
        text = text.replace("٬", ",").replace("٫", ".").replace("،", ",")
    return " ".join(text.split())


_LETTERS = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ؤ": "و", "ئ": "ي", "ı": "i"})


@cache
def folded(word: str) -> str:
    """A word without case, accents and variants of letters."""
    word = word.casefold()
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
        word = word.translate(_LETTERS)
    return word.removesuffix("'s").replace("'", "")


# Numbers

_POWERS = {
    2: "hundred hundert",
    3: "thousand tausend mille mil mila ألف الف آلاف الاف",
    4: "万 萬",
    6: "million millions millionen mio millon millones milione milioni مليون ملايين",
    8: "亿 億",
    9: "billion milliard milliards milliarde milliarden mrd bn miliardo miliardi مليار",
    12: "trillion billionen تريليون",
}
_UNITS = {word: 10.0**power for power, words in _POWERS.items() for word in words.split()}
"""What a number before such a word is multiplied by. `billion` is the English one."""
_SHORT = {"k": 1e3, "m": 1e6, "bn": 1e9, "b": 1e9}

_SMALL = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
    "siebzehn achtzehn neunzehn",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici",
    "ar": "صفر واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "fr": "vingt trente quarante cinquante soixante",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "it": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "ar": "عشرون ثلاثون أربعون خمسون ستون سبعون ثمانون تسعون",
}


_OTHERS = {
    "ثلاث": 3.0,
    "أربع": 4.0,
    "خمس": 5.0,
    "ست": 6.0,
    "سبع": 7.0,
    "ثمان": 8.0,
    "ثماني": 8.0,
    "تسع": 9.0,
    "عشر": 10.0,
    "اثنين": 2.0,
    "عشرين": 20.0,
    "ثلاثين": 30.0,
    "أربعين": 40.0,
    "خمسين": 50.0,
    "ستين": 60.0,
    "سبعين": 70.0,
    "ثمانين": 80.0,
    "تسعين": 90.0,
    "مئة": 100.0,
    "مائة": 100.0,
    "cent": 100.0,
    "cien": 100.0,
    "ciento": 100.0,
    "cento": 100.0,
    "dozen": 12.0,
    "dutzend": 12.0,
}


@cache
def _number_words() -> dict[str, float]:
    """The words for numbers from 2 on, folded; one is an article in many languages."""
    words: dict[str, float] = {}
    for text in _SMALL.values():
        words |= {folded(word): float(value) for value, word in enumerate(text.split()) if value > 1}
    for text in _TENS.values():
        words |= {folded(word): 20.0 + 10 * place for place, word in enumerate(text.split())}
    words |= _OTHERS
    ones = dict(enumerate(["", "ein", *map(folded, _SMALL["de"].split()[2:10])]))
    for one, (place, ten) in product(range(1, 10), enumerate(_TENS["de"].split())):
        words[f"{ones[one]}und{folded(ten)}"] = 20.0 + 10 * place + one
    for one in range(1, 10):
        words[f"{ones[one]}hundert"] = 100.0 * one
        words[f"{ones[one]}tausend"] = 1000.0 * one
    return {folded(word): float(value) for word, value in words.items()}


_HAN_DIGITS = dict(zip("〇零一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_HAN_UNITS = {"十": 10, "百": 100, "千": 1000}
_HAN_NUMBER = re.compile(
    r"[〇零一二两三四五六七八九十百千]{2,}(?:[万亿]|(?![〇零一二两三四五六七八九十百千]))|[二两三四五六七八九十](?=[个個名次年月日天人倍条项種种])"
)


def _han_value(text: str) -> float:
    total, digit, unit = 0, 0, False
    for character in text:
        if character in _HAN_UNITS:
            total, digit, unit = total + (digit or 1) * _HAN_UNITS[character], 0, True
        elif character in _HAN_DIGITS:
            digit = _HAN_DIGITS[character] if unit else digit * 10 + _HAN_DIGITS[character]
    return float(total + digit) * _UNITS.get(text[-1], 1)


_GROUPED = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d{1,3}(?:[' ]\d{3})+(?:[.,]\d+)?"
_CHARACTERS = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"
"""Scripts without spaces between words."""
_TOKEN = re.compile(
    rf"(?P<number>(?<![^\W{_CHARACTERS}])(?:{_GROUPED})(?![\d])|(?<![^\W{_CHARACTERS}])\d+(?:[.,]\d+)?)"
    rf"|(?P<character>[{_CHARACTERS}])|(?P<word>(?:(?![{_CHARACTERS}])[^\W_])+(?:'(?![{_CHARACTERS}])[^\W\d_]+)?)"
)
_UNIT = re.compile(r"[ -]?([^\W\d_]+)\.?")


def _values(text: str) -> frozenset[float]:
    """What a number in digits may stand for."""
    digits = text.replace("'", "").replace(" ", "")
    points = [c for c in digits if c in ".,"]
    if not points:
        return frozenset((float(digits),))
    grouped = len(points) > 1 or bool(re.fullmatch(r"\d{1,3}[.,]\d{3}", digits))
    if len(set(points)) == 2:  # the last one is the decimal point
        whole, _, part = digits.rpartition(points[-1])
        return frozenset((float(f"{re.sub('[.,]', '', whole)}.{part}"),))
    together = float(re.sub("[.,]", "", digits))
    if len(points) > 1:
        return frozenset((together,))
    decimal = float(digits.replace(",", "."))
    return frozenset((together, decimal)) if grouped else frozenset((decimal,))


def tokens(text: str) -> list[Token]:
    """The words, numbers and dates of a plain text, in their order."""
    found: list[Token] = []
    dated = {start: (end, days) for start, end, days in dates(text)}
    at = 0
    while match := _TOKEN.search(text, at):
        if date := dated.get(match.start()):
            at, days = date
            found.append(Token(str(max(days)), text[match.start() : at].strip(" ,."), days=days, start=match.start()))
            continue
        token, at = _token(text, match)
        found.append(token)
    return list(_joined(found))


def _token(text: str, match: re.Match[str]) -> tuple[Token, int]:
    end = match.end()
    if match["number"]:
        values = _values(match[0])
        factor, end, sure = _factor(text, end)
        scaled = frozenset(value * factor for value in values)
        values = scaled if sure else values | scaled
        return Token(match[0].strip(), match[0], values=values, start=match.start()), end
    if match["character"]:
        if number := _HAN_NUMBER.match(text, match.start()):
            values = frozenset((_han_value(number[0]),))
            return Token(number[0], number[0], values=values, start=match.start()), number.end()
        return Token(match[0], match[0], character=True, start=match.start()), end
    word = folded(match[0])
    value = _number_words().get(word, 0.0)
    values = frozenset((value,)) if value else frozenset()
    return Token(word, match[0], match[0][0].isupper(), values, start=match.start()), end


def _factor(text: str, end: int) -> tuple[float, int, bool]:
    """What the word behind a number multiplies it by, where the number ends then, and whether that is certain."""
    unit = _UNIT.match(text, end)
    if unit is None:
        return 1.0, end, True
    if factor := _UNITS.get(folded(unit[1]), 0.0):
        return factor, unit.end(), True
    if unit[1][0] in "万萬亿億":
        return _UNITS[unit[1][0]], unit.start(1) + 1, True
    return (_SHORT.get(folded(unit[1]), 1.0), end, False) if unit.start(1) == end else (1.0, end, True)


def _joined(found: list[Token]) -> Iterator[Token]:
    """The tokens, with a number that takes several words as one: `twenty-five`, `three hundred`, `two million`."""
    place = 0
    while place < len(found):
        token = found[place]
        place += 1
        while place < len(found) and token.values and not token.shown[0].isdigit():
            following = found[place]
            factor = _UNITS.get(following.text, 0.0)
            tens, ones = min(token.values), min(following.values, default=0.0)
            if factor:
                values = frozenset(value * factor for value in token.values)
            elif following.values and 20 <= tens <= 90 and tens % 10 == 0 and 0 < ones < 10:
                values = frozenset((tens + ones,))
            else:
                break
            text, shown = f"{token.text} {following.text}", f"{token.shown} {following.shown}"
            token = Token(text, shown, values=values, start=token.start)
            place += 1
        yield token


# Dates

_MONTHS = (
    "january jan januar jänner janvier enero gennaio يناير",
    "february feb februar février febrero febbraio فبراير",
    "march mar märz mars marzo مارس",
    "april apr avril abril aprile أبريل ابريل إبريل",
    "may mai mayo maggio مايو",
    "june jun juni juin junio giugno يونيو",
    "july jul juli juillet julio luglio يوليو",
    "august aug août agosto أغسطس",
    "september sep sept septembre septiembre settembre سبتمبر",
    "october oct oktober okt octobre octubre ottobre أكتوبر",
    "november nov novembre noviembre نوفمبر",
    "december dec dezember dez décembre diciembre dicembre ديسمبر",
)


@cache
def _months() -> dict[str, int]:
    return {folded(name): number for number, names in enumerate(_MONTHS, 1) for name in names.split()}


_M = r"(?P<month>[^\W\d_]{3,12})\.?"
_DATES = (
    re.compile(
        rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?,? *(?:of |de |di )?{_M}"
        r",? *(?:de |del )?(?P<year>\d{4})?(?!\d)"
    ),
    re.compile(rf"\b{_M} +(?:the )?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? +(?P<year>\d{{4}}))?(?!\d)"),
    re.compile(rf"\b{_M},? +(?:de |of )?(?P<year>\d{{4}})(?!\d)"),
    re.compile(r"(?<!\d)(?P<year>\d{4})-(?P<number>\d{1,2})-(?P<day>\d{1,2})(?!\d)"),
    re.compile(r"(?P<year>\d{4}) ?年 ?(?P<number>\d{1,2}) ?月(?: ?(?P<day>\d{1,2}) ?[日号])?"),
    re.compile(r"(?<!\d)(?P<number>\d{1,2}) ?月 ?(?P<day>\d{1,2}) ?[日号]"),
)
_NUMERIC = re.compile(r"(?<![\d.])(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})(?![\d])")


def dates(text: str) -> list[tuple[int, int, frozenset[Date]]]:
    """The dates in a plain text: where each starts and ends, and the days it may be. None is within another."""
    found = sorted(_dates(text), key=lambda date: date[0] - date[1])
    kept: list[tuple[int, int, frozenset[Date]]] = []
    for start, end, days in found:
        if not any(start < other_end and end > other for other, other_end, _ in kept):
            kept.append((start, end, days))
    return sorted(kept, key=lambda date: date[0])


def _dates(text: str) -> Iterator[tuple[int, int, frozenset[Date]]]:
    for form in _DATES:
        for match in form.finditer(text):
            parts = match.groupdict()
            month = int(parts["number"]) if "number" in parts else _months().get(folded(parts["month"]), 0)
            day, year = int(parts.get("day") or 0), int(parts.get("year") or 0)
            if 1 <= month <= 12 and day <= 31:
                yield match.start(), match.start() + len(match[0].rstrip(" ,.")), frozenset(((year, month, day),))
    for match in _NUMERIC.finditer(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        year += (2000 if year < 50 else 1900) if year < 100 else 0
        days = {(year, m, d) for m, d in ((first, second), (second, first)) if 1 <= m <= 12 and 1 <= d <= 31}
        if days:
            yield match.start(), match.end(), frozenset(days)


def covers(known: Date, mentioned: Date) -> bool:
    """Whether a date is another one, or that with more of its parts; a known one may lack the year."""
    year, *rest = known
    return (
        mentioned[0] in (0, year) or (not year and bool(mentioned[2])) if _same(mentioned[1:], tuple(rest)) else False
    )


def _same(mentioned: tuple[int, ...], known: tuple[int, ...]) -> bool:
    return all(part in (0, whole) for part, whole in zip(mentioned, known, strict=True))
