"""Tells how a text file is encoded, and orders the encodings on offer where it cannot be told."""

import codecs
import re
import unicodedata
from pathlib import Path

from contacts.sheet_reader.types import ENCODINGS, SheetError

# UTF-32 first, because its little-endian mark begins with that of UTF-16.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Letters that names often have, by encoding. Where two encodings give letters, these tell which are likely.
_COMMON = {
    "cp1252": "àáâãäåæçèéêëíîïñóôõöøœúüýÿßÀÁÂÄÅÆÇÈÉÊËÍÎÑÓÔÖØÚÜ",
    "cp1250": "ąćęłńóśźżáčďéěíňřšťúůýžäöüßőűăâîșțĄĆĘŁŃÓŚŹŻČĎĚŇŘŠŤŮŽÁÉÍÖÜŐŰ",
    "cp1251": "аеинорствлкмі",
    "cp1253": "άέήίόύώςαειονστρ",
    "cp1254": "çğıöşüÇĞİÖŞÜâî",
}
_COMMON["iso-8859-1"] = _COMMON["mac_roman"] = _COMMON["cp850"] = _COMMON["cp1252"]
_COMMON["iso-8859-2"] = _COMMON["cp1250"]
#: Characters that no text has.
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x19\x1b-\x1f]")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "ARABIC")


def encoding_of(path: Path, chosen: str) -> str:
    """The codec of the file: by its byte order mark or its NUL bytes, else as chosen, else UTF-8 if all of it is valid.

    Raises SheetError ``encoding``, and ``wrong_type`` for a file that is not text.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if start.startswith(mark)), "")
    if marked and marked != "utf-8-sig":
        return marked
    if chosen and chosen not in ENCODINGS:
        raise SheetError(
            "encoding", f"Baton does not know the encoding {chosen}. Choose one of these: {', '.join(ENCODINGS)}."
        )
    if b"\x00" in start.rstrip(b"\x00"):
        return _wide(start)
    if marked or not chosen:
        try:
            _check_utf_8(path)
        except SheetError:
            # Some programs write the mark of UTF-8 before text in another encoding.
            if not chosen:
                raise
        else:
            return marked or "utf-8"
    return "utf-16-le" if chosen == "utf-16" else chosen


def mark_in(encoding: str) -> str:
    """What the byte order mark of UTF-8 looks like at the beginning of a text that is decoded from ``encoding``."""
    return "\ufeff" if encoding.startswith(("utf-16", "utf-32")) else codecs.BOM_UTF8.decode(encoding, "ignore")


def wrong_encoding(encoding: str) -> SheetError:
    """The text does not decode."""
    return SheetError("encoding", f"The file cannot be read as {encoding}. Choose a different encoding.")


def plausibility(encoding: str, text: str) -> float:
    """How much ``text``, decoded from ``encoding``, looks like names and words; at most 1 for each foreign letter.

    Symbols inside words, capitals after small letters and words of two scripts are signs of a wrong encoding.
    """
    score = 0.0
    common = _COMMON.get(encoding, "")
    for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if letter.isascii():
            continue
        if not letter.isalpha():
            is_control = unicodedata.category(letter) == "Cc"
            score -= 5 if is_control else 1.5 if before.isalpha() or after.isalpha() else 0.2
            continue
        script = _script(letter)
        neighbours = [other for other in (before, after) if other.isalpha()]
        score += 0.8 if letter in common else 0.6 if script not in ("LATIN", "") else 0.2
        score -= sum(_script(other) != script for other in neighbours)
        # Words of several accented letters in a row are rare in languages with Latin letters.
        score -= sum(script == "LATIN" and not other.isascii() for other in neighbours) * 0.6
        score -= letter.isupper() and before.islower()
        # A capital at the start of a name.
        score += 0.2 if letter.isupper() and not before.isalpha() and after.islower() else 0
    return score


def _script(letter: str) -> str:
    if letter.isascii():
        return "LATIN"
    name = unicodedata.name(letter, "")
    return next((script for script in _SCRIPTS if name.startswith(script)), "")


def _wide(start: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, told by where the NUL bytes of its ASCII characters are. Raises SheetError."""
    start = start[: len(start) - len(start) % 4] or start
    for encoding, nulls in (
        ("utf-32-le", (1, 2, 3)),
        ("utf-32-be", (0, 1, 2)),
        ("utf-16-le", (1, 3)),
        ("utf-16-be", (0, 2)),
    ):
        share = {place: start[place::4].count(0) * 4 / len(start) for place in range(4)}
        others = set(range(4)) - set(nulls)
        # A few letters have a NUL byte in their other half, such as the Chinese U+4E00.
        if min(share[place] for place in nulls) > 0.15 and max(share[place] for place in others) < 0.05:
            if _CONTROL.search(start.decode(encoding, "ignore")):
                break
            return encoding
    raise SheetError("wrong_type", "This file is not text, although its name says so. Save the sheet as .xlsx or .csv.")


def _check_utf_8(path: Path) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 1
    with path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            try:
                decoder.decode(piece)
            except UnicodeDecodeError as error:
                raise _not_utf_8(lines + error.object.count(b"\n", 0, error.start)) from error
            lines += piece.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _not_utf_8(lines) from error


def _not_utf_8(line: int) -> SheetError:
    return SheetError(
        "encoding", f"This file is not encoded as UTF-8 (line {line:,}). Choose its encoding; it is often cp1252."
    )
