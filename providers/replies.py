"""What a provider pushes to Baton when a person replies: bytes in, fields out. Pure.

Providers push a reply as query parameters, as a form, as JSON (one object or a list) or as XML. ``fields_of`` reads
all of these into flat dictionaries; each adapter knows which fields of its provider are a reply.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

#: Replies read from one push; providers that push several push a few.
MAX_REPLIES = 1_000
#: South African time, which several providers use for times without a zone.
GMT_PLUS_2 = timezone(timedelta(hours=2))

_FORMATS = ("%d/%b/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
_MILLISECONDS_FROM = 100_000_000_000
# Charsets of texts that are percent-encoded bytes. Python knows others that are not text, such as base64.
_CHARSETS = re.compile(
    r"(utf-?8|utf-?16(be|le)?|ucs-?2|us-ascii|ascii|iso-?8859-?\d+|(windows-|cp)125\d)", re.IGNORECASE
)


@dataclass(frozen=True)
class PushedReply:
    """One reply as the provider gives it. ``phone`` is the sender's number, ``received_at`` UTC or None.

    ``reference`` is the provider's id of the reply or ``""``; ``time`` is the time as it was written. ``is_part``: the
    text is one part of a longer one.
    """

    phone: str
    text: str
    reference: str = ""
    received_at: datetime | None = None
    time: str = ""
    is_part: bool = False


@dataclass(frozen=True)
class ReplyShape:
    """The names of a reply's fields, in lower case; those of nested objects are joined by a dot.

    A push has this shape if it has ``phone``, ``text`` and all fields of ``needs``. ``zone`` is that of times that name
    none.
    """

    phone: str
    text: str
    reference: str = ""
    time: str = ""
    needs: tuple[str, ...] = ()
    zone: tzinfo = UTC


#: For scripts and for providers without a shape of their own.
PLAIN = ReplyShape(phone="from", text="text", reference="id", time="time")


def read(fields: Mapping[str, str], shapes: Sequence[ReplyShape]) -> PushedReply | None:
    """The reply in ``fields`` in the first shape that fits; None if none does or the number is blank."""
    for shape in shapes:
        if not fields.get(shape.phone, "").strip() or any(name not in fields for name in (shape.text, *shape.needs)):
            continue
        time = fields.get(shape.time, "").strip()
        return PushedReply(
            phone=fields[shape.phone].strip(),
            text=fields[shape.text],
            reference=fields.get(shape.reference, "").strip(),
            received_at=parse_time(time, shape.zone),
            time=time,
        )
    return None


def fields_of(query: bytes, body: bytes) -> list[dict[str, str]]:
    """The fields of each object in a push, names in lower case, from the body, or from the query if the body has none.

    Values are text; what is neither JSON, XML nor a form gives ``[]``.
    """
    found = list(_of_body(body.strip()))[:MAX_REPLIES]
    return found or [fields for fields in (_of_form(query),) if fields]


def parse_time(text: str, zone: tzinfo = UTC) -> datetime | None:
    """A provider's time in UTC: Unix seconds or milliseconds, ISO 8601, or one of the usual formats. None otherwise."""
    try:
        if re.fullmatch(r"\d{9,13}(\.\d+)?", text):
            number = float(text)
            return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS_FROM else number, UTC)
        found = _from_format(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _from_format(text: str) -> datetime:
    for pattern in _FORMATS:
        try:
            return datetime.strptime(text, pattern)
        except ValueError:
            continue
    return datetime.fromisoformat(text)


def _of_body(body: bytes) -> Iterator[dict[str, str]]:
    if body.startswith((b"{", b"[", b"\xef\xbb\xbf")):
        yield from _of_json(body)
    elif body.startswith(b"<"):
        yield from _of_xml(body)
    elif body:
        fields = _of_form(body)
        # Clickatell, "XML": the document is the form's field "data".
        if set(fields) == {"data"} and fields["data"].lstrip().startswith("<"):
            yield from _of_xml(fields["data"].encode())
        elif fields:
            yield fields


def _of_json(body: bytes) -> Iterator[dict[str, str]]:
    try:
        yield from _objects(json.loads(body.decode("utf-8-sig")))
    except (ValueError, RecursionError):
        return


def _objects(value: Any) -> Iterator[dict[str, str]]:
    """Each object of a document, flat, and the objects of the lists that it holds."""
    if isinstance(value, list):
        for item in value:
            yield from _objects(item)
    elif isinstance(value, dict):
        flat, lists = _flat(value)
        if flat:
            yield flat
        for inner in lists:
            yield from _objects(inner)


def _flat(value: dict[str, Any], prefix: str = "") -> tuple[dict[str, str], list[Any]]:
    flat: dict[str, str] = {}
    lists = []
    for name, inner in value.items():
        key = prefix + name.lower()
        if isinstance(inner, dict):
            below, more = _flat(inner, f"{key}.")
            flat |= below
            lists += more
        elif isinstance(inner, list):
            lists.append(inner)
        elif isinstance(inner, bool):
            flat[key] = str(inner).lower()
        elif inner is not None:
            flat[key] = _clean(str(int(inner) if isinstance(inner, float) and inner.is_integer() else inner))
    return flat, lists


def _of_xml(body: bytes) -> Iterator[dict[str, str]]:
    try:
        root = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return
    for element in root.iter():
        fields = {_tag(child): _clean(child.text or "") for child in element if not len(child)}
        if fields:
            yield fields


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _of_form(query: bytes) -> dict[str, str]:
    """The fields of a form. Values are UTF-8, or in the form's own field ``charset``, or else ISO-8859-1."""
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="latin-1", max_num_fields=100)
    except ValueError:
        return {}
    raw = {name.lower(): value.encode("latin-1") for name, value in pairs}
    charset = raw.get("charset", b"").decode("ascii", "ignore").strip()
    return {name: _clean(_decoded(value, charset)) for name, value in raw.items()}


def _decoded(value: bytes, charset: str) -> str:
    # The numbers and times beside a text in UTF-16 are plain ASCII.
    names = [charset.lower().replace("ucs-2", "utf-16be").replace("ucs2", "utf-16be")] if b"\0" in value else []
    names += ["utf-8"] + [charset]
    for name in names:
        if _CHARSETS.fullmatch(name):
            try:
                return value.decode(name)
            except (UnicodeDecodeError, LookupError):
                continue
    return value.decode("latin-1")


def _clean(text: str) -> str:
    """``text`` without what a database cannot store: NUL and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
