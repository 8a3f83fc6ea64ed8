"""Cuts the XML of a large part into pieces that can be read by pattern, several times as fast as by parsing.

A pattern knows only the XML that most programs write. A piece in which it fails is parsed; both ways give the same.
"""

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

from contacts.sheet_reader.parts import reading

#: Bytes that are read at once.
SIZE = 256 * 1024
#: A part is parsed from where its pieces would have more bytes.
LONGEST = 4 * 1024**2

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml([^>]*)\?>)?\s*<([a-zA-Z]+)[\s>]")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"'](?!utf-8|us-ascii)", re.IGNORECASE)
#: Bytes that are no text in XML, and the carriage return, which is read as a line feed.
_CONTROL = bytes({*range(32)} - {9, 10})
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))


class Piece(NamedTuple):
    """``text``: the piece as text if it may be read by pattern, else None."""

    content: bytes
    text: str | None


def is_plain_xml(start: bytes, root: bytes) -> bool:
    """Whether the names of elements stand in the bytes as they are: without a prefix, in a simple encoding."""
    found = _START.match(start)
    return bool(found and found[2] == root and not (found[1] and _ENCODING.search(found[1])))


def pieces(part: IO[bytes], root: bytes, element: bytes) -> Iterator[Piece]:
    """All bytes of a part, cut before its first and after others of its elements of that name. Raises SheetError.

    ``root``: the name of the root element.
    """
    rest = reading(part, SIZE)
    end = b"</%b>" % element
    start = rest.find(b"<" + element)
    before = rest[: max(start, 0)]
    is_plain = start >= 0 and is_plain_xml(before, root) and b"<!" not in before and before.count(b"<?") <= 1
    if is_plain:
        yield Piece(before, None)
        rest = rest[start:]
    while is_plain:
        cut = rest.rfind(end) + len(end)
        if cut >= len(end):
            piece, rest = rest[:cut], rest[cut:]
            # A comment may hide whole elements, also those of the next piece.
            is_plain = b"<!" not in piece and b"<?" not in piece
            yield Piece(piece, _text(piece) if is_plain else None)
        read = reading(part, SIZE)
        rest += read
        is_plain = is_plain and bool(read) and len(rest) < LONGEST
    while rest:
        yield Piece(rest, None)
        rest = reading(part, SIZE)


def _text(piece: bytes) -> str | None:
    """A piece as text; None if a parser would change that text, other than by the entities of XML, or refuse it."""
    if b"]]>" in piece or len(piece.translate(None, _CONTROL)) != len(piece):
        return None
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return None
    is_certain = text.count("&") == sum(text.count(entity) for entity, _ in _ENTITIES)
    return text if is_certain and "\ufffe" not in text and "\uffff" not in text else None


def without_entities(text: str) -> str:
    """``text`` with the characters that its entities stand for: those of XML, as in ``Piece.text``."""
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text
