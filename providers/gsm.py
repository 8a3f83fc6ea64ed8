"""GSM 03.38: how many parts a text is billed as, and which characters are not GSM."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# The GSM 03.38 basic table without ESC, which only switches to the extension table and is not a character.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
# The extension table; each character is ESC and a code, which is two septets.
EXTENSION = "\f^{}\\[~]|€"

_PLAIN = re.compile(f"[{re.escape(BASIC)}]*")
_GSM = re.compile(f"[{re.escape(BASIC + EXTENSION)}]*")
_NOT_GSM = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]")
#: The basic table without the line feed, as far as it is in ISO-8859-1.
_PLAIN_BYTES = BASIC.replace("\n", "").encode("latin-1", "ignore")
#: Texts that are looked at together by ``count_parts``.
_TOGETHER = 200


@dataclass(frozen=True)
class Measure:
    """``alphabet`` ``"gsm"`` or ``"ucs2"``; ``units`` septets or UTF-16 code units; ``parts`` 0 for an empty text."""

    alphabet: str
    units: int
    parts: int


def measure(text: str, newline_units: int = 1) -> Measure:
    """Count a text: 160 septets in one part, else 153 per part; with any non-GSM character, 70 or 67 UTF-16 units.

    Parts are filled greedily; neither an extension pair nor a surrogate pair is split across two parts.
    ``newline_units`` is how many septets the provider counts for a line feed.
    """
    if _PLAIN.fullmatch(text):
        units = len(text)
        if newline_units != 1:
            units += (newline_units - 1) * text.count("\n")
        # A line feed that counts as two septets is a pair like any other and must not be split.
        if units <= 160 or newline_units == 1:
            return Measure("gsm", units, _parts(units, 160, 153))
    if _GSM.fullmatch(text):
        costs = [2 if character in EXTENSION else newline_units if character == "\n" else 1 for character in text]
        return _fill("gsm", costs, 160, 153)
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units <= 70 or units == len(text):
        return Measure("ucs2", units, _parts(units, 70, 67))
    return _fill("ucs2", [2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)


def count_parts(texts: Sequence[str], measure: Callable[[str], Measure]) -> Counter[int]:
    """How many of ``texts`` have how many parts, as ``measure`` counts each of them.

    Texts of the basic table without a line feed are not measured again if one of the same length was: however a
    provider counts them, it is by their length.
    """
    counted: Counter[int] = Counter()
    parts_by_length: dict[int, int] = {}
    for first in range(0, len(texts), _TOGETHER):
        some = texts[first : first + _TOGETHER]
        if not _are_plain(some):
            counted.update(measure(text).parts for text in some if not _are_plain((text,)))
            some = [text for text in some if _are_plain((text,))]
        lengths = Counter(map(len, some))
        for text in some if lengths.keys() - parts_by_length.keys() else ():
            if len(text) not in parts_by_length:
                parts_by_length[len(text)] = measure(text).parts
        for length, count in lengths.items():
            counted[parts_by_length[length]] += count
    return counted


def _are_plain(texts: Sequence[str]) -> bool:
    """Whether all characters are in the basic table and none is a line feed. False for Greek ones, to be quick."""
    try:
        return not "".join(texts).encode("latin-1").translate(None, _PLAIN_BYTES)
    except UnicodeEncodeError:
        return False


def unsupported(text: str) -> str:
    """Return the characters of ``text`` that GSM 03.38 lacks, each once, in order of appearance."""
    if _GSM.fullmatch(text):
        return ""
    return "".join(dict.fromkeys(_NOT_GSM.findall(text)))


def _parts(units: int, single: int, each: int) -> int:
    if units <= single:
        return 1 if units else 0
    return -(-units // each)


def _fill(alphabet: str, costs: list[int], single: int, each: int) -> Measure:
    units = sum(costs)
    if units <= single:
        return Measure(alphabet, units, 1 if units else 0)
    parts, room = 1, each
    for cost in costs:
        if cost > room:
            parts, room = parts + 1, each
        room -= cost
    return Measure(alphabet, units, parts)
