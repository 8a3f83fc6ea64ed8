"""``@@value1@@``..``@@value6@@`` in a text, and the finished text of each recipient. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from contacts.errors import Refusal

FIELDS = ("value1", "value2", "value3", "value4", "value5", "value6")
_FIELD = re.compile(r"@@(value[1-6])(?:\|([^@]*))?@@")
_STRAY = re.compile(r"@@.{0,24}", re.DOTALL)
_BARE_FIELD = re.compile(r"@@value[1-6]@@")


@dataclass(frozen=True)
class Text:
    """A text compiled once: literals and fields in turn.

    ``pieces`` holds ``(literal, field, fallback)``; ``field`` is ``""`` for the last piece and ``fallback`` is None
    where an empty value leaves the recipient out. ``fields`` are those used, ``required`` those without a fallback.
    ``bare`` is the text with bare fields, or ``""`` when one field has two fallbacks; ``fallbacks`` has each field's.
    """

    source: str
    pieces: tuple[tuple[str, str, str | None], ...]
    fields: tuple[str, ...]
    required: tuple[str, ...]
    bare: str
    fallbacks: Mapping[str, str]

    def personalise(self, values: Mapping[str, str]) -> str:
        """Return the finished text. A value is put in as it is and never looked at for fields."""
        parts: list[str] = []
        for literal, field, fallback in self.pieces:
            parts.append(literal)
            if field:
                parts.append(values.get(field, "") or fallback or "")
        return "".join(parts)


def compile_text(source: str) -> Text:
    """Compile ``source``, in which ``@@value1@@`` is a field and ``@@value1|friend@@`` a field with a fallback.

    Raises Refusal ``text_empty``, or ``unknown_field`` where two at signs stand that are not a field's.
    """
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if not source.strip():
        raise Refusal("text_empty", "Write the text of the message.")
    # A space where a field was, so that what stood around it does not grow together.
    stray = _STRAY.search(_FIELD.sub(" ", source))
    if stray:
        raise Refusal(
            "unknown_field",
            f"“{stray[0].strip()}” is not a field. Use @@value1@@ to @@value6@@, without spaces, or with what stands in"
            " for an empty value, as @@value1|friend@@. Two at signs together are for fields only.",
        )
    pieces: list[tuple[str, str, str | None]] = []
    end = 0
    for match in _FIELD.finditer(source):
        pieces.append((source[end : match.start()], match[1], match[2]))
        end = match.end()
    pieces.append((source[end:], "", None))
    used = [(field, fallback) for _, field, fallback in pieces if field]
    fallbacks = {field: fallback or "" for field, fallback in used}
    agree = all(fallbacks[field] == (fallback or "") for field, fallback in used)
    return Text(
        source=source,
        pieces=tuple(pieces),
        fields=tuple(field for field in FIELDS if any(field == name for name, _ in used)),
        required=tuple(field for field in FIELDS if any(field == n and f is None for n, f in used)),
        bare="".join(literal + (f"@@{field}@@" if field else "") for literal, field, _ in pieces) if agree else "",
        fallbacks=fallbacks,
    )


def has_literal_field(finished: str) -> bool:
    """Whether a finished text still holds a field, which a provider would fill in for itself."""
    return bool(_BARE_FIELD.search(finished))
