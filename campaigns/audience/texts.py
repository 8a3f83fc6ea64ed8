"""Compile a text with the fields ``@@value1@@``..``@@value6@@``, and fill them in for each recipient. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from contacts.errors import Refusal
from contacts.fields import VALUE_FIELDS

_FIELD = re.compile(r"@@(value[1-6])(?:\|([^@]*))?@@")
_STRAY = re.compile(r"@@.{0,24}", re.DOTALL)
# A percent sign that no number precedes: 20 % off, 5% and 10%.
_NO_PERCENTAGE = r"(?<!\d)(?<!\d\s)"
# How other programs write fields: {name}, {{1}}, ${name}, [name], [name|friend], %name%, % name %, %1%, <name>,
# *|NAME|*, «name», #name#, $name.
_FOREIGN_FIELD = re.compile(
    r"\*\|\w[\w .:-]{0,38}\|\*|\$?\{\{?[^{}\n\w]{0,4}\w[^{}\n]{0,38}\}\}?|｛[^｛｝\n]{1,39}｝"
    r"|\[\s*[^\W\d][\w ./|,:'’!-]{0,38}\]|%[^\W\d]\w{0,38}%|(?<!\d)%[^\W\d][^\W\d]*(?: [^\W\d]+){1,4}%"
    rf"|{_NO_PERCENTAGE}%(?:(?P<blank> ?)[^\W\d][\w-]{{0,38}}(?P=blank)| ?[^\W\d][\w -]{{0,38}}\|[^%|\n]{{0,38}})%"
    # Not in a link, such as example.com/a%20%3F.
    r"|(?<![\w/=-])%\d{1,2}%(?!\w)"
    r"|<%?=?<?\s*[^\W\d][\w .-]{0,38}%?>>?|«\s*[^\W\d][^«»\n]{0,38}»|#[^\W\d]\w{0,38}#|(?<!\w)\$[^\W\d]\w{1,38}"
)
# What each of these begins with.
_FOREIGN_START = re.compile(r"[*${｛\[%<«#]")
_BARE_FIELD = re.compile(r"@@value[1-6]@@")


@dataclass(frozen=True)
class Text:
    """A text compiled once: literals and fields in turn.

    ``pieces`` holds ``(literal, field, fallback)``; ``field`` is ``""`` for the last piece, and ``fallback`` is None if
    an empty value excludes the recipient. ``fields`` are those used, ``required`` those without a fallback. ``bare`` is
    the text with bare fields, or ``""`` if one field has two fallbacks; ``fallbacks`` has the fallback of each field.
    """

    source: str
    pieces: tuple[tuple[str, str, str | None], ...]
    fields: tuple[str, ...]
    required: tuple[str, ...]
    bare: str
    fallbacks: Mapping[str, str]

    def personalise(self, values: Mapping[str, str]) -> str:
        """Return the finished text. A value is inserted as it is; fields in it are not filled in."""
        parts: list[str] = []
        for literal, field, fallback in self.pieces:
            parts.append(literal)
            if field:
                parts.append(values.get(field, "") or fallback or "")
        return "".join(parts)

    def personalise_all(self, values: Mapping[str, Sequence[str]], count: int) -> list[str]:
        """Return the finished texts of ``count`` people; ``values`` has a column for each field."""
        pattern, columns = "", []
        for literal, field, fallback in self.pieces:
            pattern += literal.replace("%", "%%")
            if field:
                pattern += "%s"
                columns.append(with_fallback_in(values[field], fallback))
        return list(map(pattern.__mod__, zip(*columns, strict=True))) if columns else [pattern % ()] * count

    def with_words(self, change: Callable[[str], str]) -> "Text":
        """Return this text with ``change`` applied to everything in it that is not a field, fallbacks included."""
        return _text_of(
            self.source,
            [
                (change(literal), field, None if fallback is None else change(fallback))
                for literal, field, fallback in self.pieces
            ],
        )


def compile_text(source: str) -> Text:
    """Compile ``source``, in which ``@@value1@@`` is a field and ``@@value1|friend@@`` a field with a fallback.

    Raises Refusal ``text_empty``, or ``unknown_field`` for two at signs that do not belong to a field.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if not source.strip():
        raise Refusal("text_empty", "Write the text of the message.")
    # A space replaces each field, so that the text around it does not join up.
    stray = _STRAY.search(_FIELD.sub(" ", source))
    if stray:
        raise Refusal(
            "unknown_field",
            f"“{stray[0].strip()}” is not a field. Use @@value1@@ to @@value6@@ without spaces, or with a replacement"
            " for an empty value, such as @@value1|friend@@. Two at signs in a row are for fields only.",
        )
    pieces: list[tuple[str, str, str | None]] = []
    end = 0
    for match in _FIELD.finditer(source):
        pieces.append((source[end : match.start()], match[1], match[2]))
        end = match.end()
    pieces.append((source[end:], "", None))
    return _text_of(source, pieces)


def with_fallback_in(column: Sequence[str], fallback: str | None) -> Sequence[str]:
    """Return the values with ``fallback`` instead of those that are empty."""
    return [value or fallback for value in column] if fallback else column


def _text_of(source: str, pieces: Sequence[tuple[str, str, str | None]]) -> Text:
    used = [(field, fallback) for _, field, fallback in pieces if field]
    fallbacks = {field: fallback or "" for field, fallback in used}
    agree = all(fallbacks[field] == (fallback or "") for field, fallback in used)
    return Text(
        source=source,
        pieces=tuple(pieces),
        fields=tuple(field for field in VALUE_FIELDS if any(field == name for name, _ in used)),
        required=tuple(field for field in VALUE_FIELDS if any(field == n and f is None for n, f in used)),
        bare="".join(literal + (f"@@{field}@@" if field else "") for literal, field, _ in pieces) if agree else "",
        fallbacks=fallbacks,
    )


def foreign_fields(source: str) -> list[str]:
    """What looks like a field of another program, such as ``{name}`` or ``[First name]``, each once, in its order.

    Baton fills none of them in: every phone would show them as they stand.
    """
    words = _FIELD.sub(lambda match: f" {match[2] or ''} ", source)
    return list(dict.fromkeys(match[0] for match in _FOREIGN_FIELD.finditer(words)))


def has_foreign_field(finished: str) -> bool:
    """Whether a finished text still contains what ``foreign_fields`` finds."""
    return bool(_FOREIGN_START.search(finished) and _FOREIGN_FIELD.search(finished))


def has_literal_field(finished: str) -> bool:
    """Whether a finished text still contains a field, which a provider would fill in itself."""
    return bool(_BARE_FIELD.search(finished))


def replace_fields(source: str, replacement: Callable[[str, str | None], str]) -> str:
    """Return the text with every field replaced; ``replacement`` takes the field and its fallback, or None."""
    return _FIELD.sub(lambda match: replacement(match[1], match[2]), source)


def as_field(name: str, fallback: str | None) -> str:
    """A field as it is written in a text: ``@@value1@@`` or ``@@value1|friend@@``."""
    return f"@@{name}@@" if fallback is None else f"@@{name}|{fallback}@@"


def with_fallback(source: str, name: str, fallback: str) -> str:
    """Return the text in which ``name`` has this fallback wherever it is used. Raises Refusal ``bad_fallback``."""
    fallback = fallback.strip()
    if not fallback or "@" in fallback:
        raise Refusal("bad_fallback", "Write what people without a value read instead, without an at sign.")
    return replace_fields(source, lambda used, other: as_field(used, fallback if used == name else other))


def plain(text: str) -> str:
    """The text without the differences that readers do not notice: case and runs of spaces."""
    return " ".join(text.split()).casefold()
