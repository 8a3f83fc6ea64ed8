"""What a phone shows of a text, and how BulkSMS truncates it."""

import unicodedata

from providers.sandbox.gsm import BASIC, EXTENDED, septets

# The provider's own samples: Greek capitals are sent as bytes that are, in Latin-1, characters GSM lacks.
_GREEK = str.maketrans(
    {0xD0: "Δ", 0xDE: "Φ", 0xAC: "Γ", 0xC2: "Λ", 0xDB: "Ω", 0xBA: "Π", 0xDD: "Ψ", 0xCA: "Σ", 0xD4: "Θ", 0xB1: "Ξ"}
)


def seven_bit(text: str) -> str:
    """Return what a phone shows of ``text``, whose characters stand for the ISO-8859-1 bytes of the request.

    "Character encoding": transliterated as far as possible; "any characters that you submit which do not fall within
    this set, will be replaced by a full stop or question mark". assumption: a full stop for unprintable characters.
    """
    greek = text.translate(_GREEK)
    return "".join(map(_seven_bit_character, greek)) if set(greek) - BASIC - EXTENDED else greek


def _seven_bit_character(character: str) -> str:
    if character in BASIC or character in EXTENDED:
        return character
    base = unicodedata.normalize("NFKD", character)[0]
    if base in BASIC and base != character:
        return base
    return "?" if character.isprintable() else "."


def truncate(text: str, max_parts: int) -> tuple[str, int]:
    """Return the beginning of ``text`` that fits into ``max_parts`` SMS parts, and how many parts it takes.

    160 septets alone, 153 each in a chain; an extended character takes two, which are never split.
    """
    costs = septets(text)
    if sum(costs) <= 160:
        return text, 1
    room = 160 if max_parts == 1 else 153
    count, used = 1, 0
    for position, cost in enumerate(costs):
        if used + cost > room:
            if count == max_parts:
                return text[:position], count
            count, used = count + 1, 0
        used += cost
    return text, count
