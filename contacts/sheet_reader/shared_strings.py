"""Reads the texts of a workbook that its cells share."""

import re
from typing import IO

from contacts.sheet_reader.pieces import PLAIN, pieces, without_entities
from contacts.sheet_reader.values import unescaped
from contacts.sheet_reader.xml_stream import XmlStream

#: A text without formatting. One with formatting consists of several runs.
_PLAIN = re.compile(rf'<si><t(?: xml:space="preserve")?>({PLAIN}*)</t></si>')


def shared_strings(part: IO[bytes]) -> list[str]:
    """The texts in their order. Raises SheetError."""
    strings: list[str] = []
    parser = _Strings(strings)
    stream = XmlStream(parser.start, parser.end, parser.text)

    def by_pattern(text: str) -> list[str] | None:
        return _plain_strings(text) if parser.is_between else None

    with part:
        for piece, found in pieces(part, b"sst", b"si", by_pattern):
            if found is None:
                stream.feed(piece)
            else:
                strings += found
    stream.close()
    return strings


def _plain_strings(text: str) -> list[str] | None:
    """The texts of a piece without formatting; None if it has others."""
    parts = _PLAIN.split(text)
    if "".join(parts[::2]).strip():
        return None
    found = parts[1::2]
    if "&" in text:
        found = [without_entities(each) if "&" in each else each for each in found]
    return [unescaped(each) for each in found] if "_x" in text else found


class _Strings:
    """Collects shared strings while their part is parsed. Phonetic text, which tells how to pronounce, is left out.

    ``is_between``: whether the next element is a string and not part of one.
    """

    def __init__(self, strings: list[str]) -> None:
        self._strings = strings
        self._depth = 0
        self._text: list[str] = []
        self._is_phonetic = self._takes_text = False

    @property
    def is_between(self) -> bool:
        return self._depth == 1

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        name = name.rpartition("}")[2]
        if name == "si":
            self._text = []
        elif name == "t":
            self._takes_text = not self._is_phonetic
        elif name == "rPh":
            self._is_phonetic = True

    def end(self, name: str) -> None:
        self._depth -= 1
        name = name.rpartition("}")[2]
        if name == "si":
            self._strings.append(unescaped("".join(self._text)))
        elif name == "t":
            self._takes_text = False
        elif name == "rPh":
            self._is_phonetic = False

    def text(self, data: str) -> None:
        if self._takes_text:
            self._text.append(data)
