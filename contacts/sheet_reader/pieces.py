"""Cuts the XML of a large part into pieces that can be read by pattern, several times as fast as by parsing.

A pattern knows only the XML that most programs write. A piece in which it fails is parsed; both ways give the same.
"""

import re
from collections.abc import Callable, Iterator
from typing import IO, TypeVar

from contacts.sheet_reader.parts import reading

#: Bytes that are read at once.
SIZE = 256 * 1024
#: A part is parsed from where its pieces would have more bytes.
LONGEST = 4 * 1024**2

_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml([^>]*)\?>)?\s*<([a-zA-Z]+)[\s>]")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"'](?!utf-8|us-ascii)", re.IGNORECASE)
#: What a text between two tags is made of, in a pattern: without what XML cannot contain, and without the carriage
#: return, which a parser reads as a line feed.
PLAIN = r"[^<>\x00-\x08\x0b-\x1f]"
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
_ENTITY = re.compile("&(?:lt|gt|quot|apos|amp);")


Found = TypeVar("Found")


def is_plain_xml(start: bytes, root: bytes) -> bool:
    """Whether the names of elements stand in the bytes as they are: without a prefix, in a simple encoding."""
    found = _START.match(start)
    return bool(found and found[2] == root and not (found[1] and _ENCODING.search(found[1])))


def pieces(
    part: IO[bytes], root: bytes, element: bytes, by_pattern: Callable[[str], Found | None]
) -> Iterator[tuple[bytes, Found | None]]:
    """All bytes of a part, cut before its first and after others of its elements of that name. Raises SheetError.

    ``root``: the name of the root element. ``by_pattern`` reads the text of a piece, which begins and ends with an
    element of that name; it returns None where it cannot. It must refuse a text with ``<!``, ``<?``, ``]]>`` or what
    ``PLAIN`` leaves out. Yields each piece with what ``by_pattern`` returns, None for a piece that has to be parsed.
    """
    rest = reading(part, SIZE)
    end = b"</%b>" % element
    start = rest.find(b"<" + element)
    before = rest[: max(start, 0)]
    is_plain = start >= 0 and is_plain_xml(before, root) and b"<!" not in before and before.count(b"<?") <= 1
    if is_plain:
        yield before, None
        rest = rest[start:]
    while is_plain:
        cut = rest.rfind(end) + len(end)
        if cut >= len(end):
            piece, rest = rest[:cut], rest[cut:]
            text = _text(piece)
            found = by_pattern(text) if text else None
            # A comment may hide whole elements, also those of the next piece.
            is_plain = found is not None or (b"<!" not in piece and b"<?" not in piece)
            yield piece, found
        read = reading(part, SIZE)
        rest += read
        is_plain = is_plain and bool(read) and len(rest) < LONGEST
    while rest:
        yield rest, None
        rest = reading(part, SIZE)


def _text(piece: bytes) -> str | None:
    """A piece as text; None if it has other entities than those of XML, or characters that XML cannot contain."""
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return None
    if "&" in text and len(_ENTITY.findall(text)) != text.count("&"):
        return None
    return None if "\ufffe" in text or "\uffff" in text else text


def without_entities(text: str) -> str:
    """``text`` with the characters that its entities stand for, which are those of XML alone."""
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text
