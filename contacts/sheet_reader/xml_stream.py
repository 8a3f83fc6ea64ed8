"""Parses XML of any size piece by piece. A document type is refused, and with it every entity that could grow."""

from collections.abc import Callable
from typing import IO
from xml.parsers import expat

from contacts.sheet_reader.parts import broken, reading

#: Bytes that are parsed at once.
PIECE = 256 * 1024


class XmlStream:
    """Calls ``start(name, attributes)``, ``end(name)`` and ``text(data)`` while a part is parsed.

    A name is ``namespace}name``. One text may come in several calls.
    """

    def __init__(
        self, start: Callable[[str, dict[str, str]], None], end: Callable[[str], None], text: Callable[[str], None]
    ) -> None:
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = start
        self._parser.EndElementHandler = end
        self._parser.CharacterDataHandler = text
        self._parser.StartDoctypeDeclHandler = _refuse

    def read(self, part: IO[bytes]) -> bool:
        """Parse the next piece of a part. Returns whether there was one. Raises SheetError for damaged XML."""
        piece = reading(part, PIECE)
        self._parse(piece, not piece)
        return bool(piece)

    def feed(self, piece: bytes) -> None:
        """Parse ``piece``. Raises SheetError for damaged XML."""
        self._parse(piece, False)

    def close(self) -> None:
        """End the document. Raises SheetError if it is not complete."""
        self._parse(b"", True)

    def _parse(self, piece: bytes, is_last: bool) -> None:
        try:
            self._parser.Parse(piece, is_last)
        except (expat.ExpatError, LookupError, UnicodeError) as error:
            raise broken() from error


def _refuse(*_: object) -> None:
    raise broken()
