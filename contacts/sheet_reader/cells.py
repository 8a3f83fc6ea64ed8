"""What a cell looks like. Only for telling rows apart: whether a number can be texted is for contacts.phones to say."""

import re
from collections.abc import Iterable, Sequence

from contacts.sheet_reader.types import Row

_PREFIX = re.compile(r"^(?:tel|p|ph|phone|mobile|cell|whatsapp|wa)\s*[:=]\s*", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[\s()\[\]+./\\'’`\-‐‑‒–—\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DATE = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}([T ].*)?|\d{1,2}([-/.])\d{1,2}\3\d{2,4}(\s.*)?")
_DECIMAL = re.compile(r"-?\d+[.,]\d+")
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[Ee]\+\d{1,2}")
_EXTENSION = re.compile(r"\s*(?:ext|x|extension)\.?\s*\d{1,6}$", re.IGNORECASE)

_NO_VALUE = {
    "", "-", "--", "?", ".", "/", "0", "none", "n/a", "na", "nil", "null", "unknown", "no", "missing", "tbc", "x",
}  # fmt: skip
#: What a person without a number has in the column of numbers: an error of a spreadsheet program, a sentence such as
#: "no phone" or "lost phone", or a number spelled with letters.
_NO_NUMBER = re.compile(
    r"#.*[!?]|#N/A|(?:(?:no|not|without|has no|ask) |(?:call|phone) (?:her|him|them|me|back|later|first)).*"
    r"|.*\b(?:lost|wrong|broken|stolen|unlisted|disconnected|withheld|refused|declined|unknown|unavailable|missing|none|dead|invalid)\b.*"
    r"|\+?(?!(?:19|20)\d\d\b)\d{3}.*[^\W\d_].*",
    re.IGNORECASE | re.DOTALL,
)


def looks_like_number(text: str) -> bool:
    """Whether ``text`` can be meant as a phone number: 7 to 15 digits and hardly anything else."""
    text = text.strip()
    if not 7 <= len(text) <= 60:
        return False
    if _SCIENTIFIC.fullmatch(text):
        return True
    if _DATE.fullmatch(text) or _DECIMAL.fullmatch(text):
        return False
    digits = _PUNCTUATION.sub("", _EXTENSION.sub("", _PREFIX.sub("", text)))
    return 7 <= len(digits) <= 15 and digits.isdecimal()


def looks_like_numbers(text: str) -> bool:
    """Whether ``text`` is made of one phone number or several."""
    pieces = [piece for piece in re.split(r"[,;/|\n]|\s{2,}| or | and ", text) if piece.strip()]
    return bool(pieces) and (looks_like_number(text) or all(map(looks_like_number, pieces)))


def says_no_number(text: str) -> bool:
    """Whether ``text`` stands for a phone number that is not there, such as "none", "no phone" and "#N/A"."""
    text = text.strip()[:200]
    return text.lower() in _NO_VALUE or bool(_NO_NUMBER.fullmatch(text))


def number_columns(rows: Iterable[Sequence[str]]) -> set[int]:
    """The columns in which most of the numbers are: each has at least half as many as the column with the most."""
    counts: dict[int, int] = {}
    for cells in rows:
        for column, cell in enumerate(cells):
            if looks_like_number(cell):
                counts[column] = counts.get(column, 0) + 1
    most = max(counts.values(), default=0)
    return {column for column, count in counts.items() if count * 2 >= most}


def texts_of(row: Row) -> list[str]:
    """The cells of a row that are not blank."""
    return [cell.strip() for cell in row.cells if cell.strip()]
