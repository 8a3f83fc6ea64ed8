"""Replace letters that a provider lacks with similar ones: Latin letters, punctuation and spaces only. Pure.

Other scripts, emoji and symbols without an equivalent are not replaced, because any guess would be another word.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from anyascii import anyascii

from providers import gsm

#: Characters whose name or decomposition does not give the replacement, or gives a worse one.
_TABLE: dict[str, str | None] = {
    # Quotation marks of every language. Guillemets are quotation marks, not signs of comparison.
    "`": "'", "´": "'", "ʻ": "'", "ʼ": "'", "ʽ": "'", "ʺ": '"', "ˮ": '"', "¨": '"', "“": '"', "”": '"', "„": '"',
    "‟": '"', "«": '"', "»": '"', "‹": "'", "›": "'", "″": '"', "‶": '"', "〝": '"', "〞": '"', "〟": '"',
    # Dashes, bullets and dots.
    "−": "-", "•": "-", "‣": "-", "⁃": "-", "◦": "-", "●": "-", "○": "-", "▪": "-", "■": "-", "□": "-", "·": ".",
    "‧": ".", "∙": ".", "⋅": ".", "…": "...", "¦": "|", "¯": "-", "¸": ",", "‼": "!!", "‾": "-",
    # Spaces and line breaks.
    "\t": " ", "\f": " ", "\v": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n",
    # Signs that are written out. The signs for per mille and for degrees keep the value that they belong to.
    "№": "No", "™": "TM", "©": "(c)", "®": "(r)", "×": "x", "÷": "/", "⁄": "/", "∕": "/", "µ": "u", "°": "deg",
    "‰": "/1000", "‱": "/10000", "±": "+/-", "≤": "<=", "≥": ">=", "Œ": "OE", "ẞ": "SS", "ŉ": "'n",
    # Currencies by their ISO 4217 code, because a sign such as ₨ or a letter such as R means several of them.
    "€": "EUR", "₹": "INR", "₦": "NGN", "₽": "RUB", "₺": "TRY", "₴": "UAH", "₪": "ILS", "₩": "KRW", "₫": "VND",
    "₱": "PHP", "₵": "GHS", "₡": "CRC", "₲": "PYG", "₸": "KZT", "₼": "AZN", "₾": "GEL", "฿": "THB", "₭": "LAK",
    "₮": "MNT", "₨": "Rs", "¢": "c",
    # Two of these make a field of Baton's or of a provider's.
    "＠": None, "﹫": None, "＃": None, "﹟": None,
}  # fmt: skip
# Invisible: soft hyphen, joiners, marks and embeddings of direction, byte order mark, variation selectors.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]"
)
# Accents that follow their letter. Marks across a character (U+0334 to U+0338) change what it says: ≠, a price struck
# out. Marks of other scripts belong to letters that are not replaced.
_ACCENT = re.compile("[\u0300-\u0333\u0339-\u036f\u1ab0-\u1abd\u1dc0-\u1dff\ufe20-\ufe2f]")
_PUNCTUATION = re.compile("[\u2010-\u2027\u2030-\u205e\u2e00-\u2e5d\u02b0-\u02df]")
# 1½ is 1 1/2, and 10² is 10^2: side by side the digits would read as another number.
_FRACTION_OF = re.compile("(?<=[0-9])(?=[¼½¾⅐-⅞↉])")
_POWER_OF = re.compile("(?<=[0-9])(?=[⁺⁻]?[⁰¹²³⁴-⁹])")
# What Baton or a provider could read as a field, or as half of one.
_FIELD_MARKS = (re.compile("@@"), re.compile(r"#field", re.IGNORECASE), re.compile(r"field\d+#", re.IGNORECASE))

#: Returns the characters of a text that an account lacks, each once.
Lacking = Callable[[str], str]


def similar(text: str, lacking: Lacking = gsm.unsupported) -> str | None:
    """Return ``text`` with similar characters for those that ``lacking`` finds, or None if one has no replacement.

    Letters typed as base and accent are joined first (NFC). Characters that the account has stay as they are.
    """
    replaced = replace(text, lacking)
    return None if lacking(replaced) else replaced


def replace(text: str, lacking: Lacking = gsm.unsupported) -> str:
    """Return ``text`` as ``similar`` does, but with the characters that have no replacement left in it.

    The result may be empty, if the text consists of invisible characters. A replacement never creates what Baton or a
    provider could read as a field (``@@``, ``#field1#``): such a text is returned unchanged.
    """
    if not lacking(text):
        return text
    joined = unicodedata.normalize("NFC", text)
    lacked = lacking(joined)
    spaced = _FRACTION_OF.sub(" ", _POWER_OF.sub("^", joined))
    table = {ord(letter): nearest for letter in lacked if (nearest := _nearest(letter)) is not None}
    replaced = spaced.translate(table)
    if any(len(mark.findall(replaced)) > len(mark.findall(text)) for mark in _FIELD_MARKS):
        return text
    return replaced


@lru_cache(maxsize=1)
def fingerprint() -> str:
    """Return 8 hex digits that change when a release replaces a character of a Western text in another way."""
    table = [(point, _nearest.__wrapped__(chr(point))) for point in (*range(0x3000), *range(0xFB00, 0xFB07))]
    return hashlib.sha256(repr(table).encode()).hexdigest()[:8]


@lru_cache(maxsize=4096)
def _nearest(character: str) -> str | None:
    """The replacement of one character: GSM characters, ``""`` for an invisible one, None if there is none."""
    if character in _TABLE:
        return _TABLE[character]
    if _INVISIBLE.match(character) or _ACCENT.match(character):
        return ""
    if unicodedata.category(character) == "Zs":
        return " "
    kind, pieces = _decompose(character)
    is_latin = unicodedata.name(character, "").startswith("LATIN ")
    if pieces and not kind:
        # One accent at a time, so that ǜ becomes ü, which GSM has.
        return _spell(pieces[0]) if is_latin else None
    if pieces and pieces[0] != " ":
        return _spell(pieces)
    if is_latin or _PUNCTUATION.match(character):
        return _in_gsm(anyascii(character).replace("`", "'"))
    return None


def _decompose(character: str) -> tuple[str, str]:
    """The kind of a character's decomposition, ``""`` for letter and accents, and the characters it consists of."""
    fields = unicodedata.decomposition(character).split()
    kind = fields.pop(0) if fields and fields[0].startswith("<") else ""
    return kind, "".join(chr(int(field, 16)) for field in fields)


def _spell(pieces: str) -> str | None:
    """GSM characters for each of ``pieces``; None if one has none, or is one of GSM's Greek capitals."""
    if any("\u0370" <= piece <= "\u03ff" for piece in pieces):
        return None
    spelt = [piece if not gsm.unsupported(piece) else _nearest(piece) for piece in pieces]
    return None if None in spelt else "".join(filter(None, spelt))


def _in_gsm(text: str) -> str | None:
    return text if text and not gsm.unsupported(text) else None
