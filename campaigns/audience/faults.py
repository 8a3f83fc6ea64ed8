"""What a finished text should not contain, and whether it says how to opt out. Pure."""

import re
from collections.abc import Iterable, Sequence

_CURRENCY = (
    r"(?>(?:US|N|A|C)?\$|R\$|GH₵|ZAR|USD|EUR|GBP|KES|KSh\.?|NGN|INR|Rs\.?|UGX|USh|TZS|TSh|BWP|NAD|ZMW|GHS|R"
    r"|[€£¥₦₹₵])"
)
# R R250, 250 € €, or R250 ZAR; but not the two amounts in R5 R10.
_TWICE = (
    rf"(?<![A-Za-z]){_CURRENCY}\s?{_CURRENCY}\s?\d|\d\s?{_CURRENCY}\s?{_CURRENCY}(?![A-Za-z\d])"
    rf"|(?<![A-Za-z]){_CURRENCY}\s?(?:\d[\d.,]*)?\d\s?{_CURRENCY}(?![A-Za-z]|\s?\d)"
)
#: What a finished text should not contain, by the code of its warning.
TEXT_FAULTS = {
    "currency_twice": re.compile(_TWICE),
    "iso_date": re.compile(r"(?<![\d/-])\d{4}([/-])\d{2}\1\d{2}(?![\d/-])"),
}
# Found much faster, and in every text in which a pattern of TEXT_FAULTS is found.
_FIRST = {
    "currency_twice": re.compile(r"[A-Z$€£¥₦₹₵][A-Zhs.$₵]*\s?(?:[\d.,]*\d)?\s?[A-Z$€£¥₦₹₵]"),
    "iso_date": re.compile(r"[/-]\d\d[/-]"),
}
# These letters are in no match of TEXT_FAULTS.
_APART = "[a-gi-rt-z]"
_BETWEEN = "a"
_NEAR_START = re.compile(f".*?{_APART}", re.DOTALL)
_NEAR_END = re.compile(f".*({_APART}.*)", re.DOTALL)
OPT_OUT_WORDING = re.compile(
    r"\b(?:stop|opt[\s-]?out|unsub\w*|uitteken|afmeld\w*|abmelden|desuscrib\w*|désabonn\w*|sair|cancelar)\b|t&cs?",
    re.IGNORECASE,
)


def text_faults(text: str) -> list[str]:
    """The codes of TEXT_FAULTS that a finished text has."""
    return [code for code, pattern in TEXT_FAULTS.items() if _FIRST[code].search(text) and pattern.search(text)]


def may_have_faults(texts: Iterable[str]) -> bool:
    """Whether any of these texts may have a fault. All are searched at once, because most have none."""
    joined = _BETWEEN.join(texts)
    return any(pattern.search(joined) for pattern in _FIRST.values())


def says_how_to_opt_out(text: str) -> bool:
    """Whether a text has the words of OPT_OUT_WORDING."""
    return " STOP " in text or bool(OPT_OUT_WORDING.search(text))


def without_faultless(literals: Sequence[str]) -> list[str]:
    """The literals of a text without what matters to no fault: whatever is put between them, ``text_faults`` finds the
    same. They are returned whole if one of them has a fault by itself.
    """
    if any(text_faults(literal) for literal in literals):
        return list(literals)
    return [_near_fields(literal) for literal in literals]


def _near_fields(literal: str) -> str:
    """The literal up to its first letter of _APART, and from its last one on: no match extends across such a letter."""
    start, end = _NEAR_START.match(literal), _NEAR_END.fullmatch(literal)
    return start[0] + end[1] if start and end and start.end() <= end.start(1) else literal
