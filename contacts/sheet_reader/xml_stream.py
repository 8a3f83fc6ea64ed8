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
        """Parse the next piece. Returns whether there was one. Raises SheetError for damaged XML."""
        piece = reading(part, PIECE)
        try:
            self._parser.Parse(piece, not piece)
        except (expat.ExpatError, LookupError, UnicodeError) as error:
            raise broken() from error
        return bool(piece)


def _refuse(*_: object) -> None:
    raise broken()
