"""Bind the fields of a text to the columns of lists by their labels, never by their numbers. Pure.

A text that was written for one list may be used with another: ``@@value2@@`` was the balance there and is a date here.
``labels`` are those that the fields had when the text was written, ``columns`` those of the lists that are chosen now.
Both are ``{"value1": "First name"}``; a field without a label is called ``Value 1``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.audience.texts import as_field, compile_text, plain, replace_fields
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS, VALUE_FIELDS

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Bound:
    """A text whose fields were renumbered, and the labels of the fields that it uses now."""

    text: str
    labels: dict[str, str]


def label_of(field: str, labels: Labels) -> str:
    """The label of a field, or ``Value 1`` for one without a label."""
    return labels.get(field) or FIELD_LABELS[field]


def is_same(label: str, other: str) -> bool:
    """Whether two labels name the same; case and spaces do not matter."""
    return plain(label) == plain(other)


def column_named(label: str, columns: Labels) -> str:
    """The field with this label, or ``""``."""
    return next((field for field in VALUE_FIELDS if is_same(label_of(field, columns), label)), "")


def bind(source: str, labels: Labels, columns: Labels) -> Bound:
    """Return the text with each field renumbered to the column that has its label.

    A field whose label no column has keeps its label and gets a number that no other field uses; ``unbound`` finds it.
    A text that cannot be compiled is returned as it is.
    """
    used = _used(source)
    targets = {field: column_named(label_of(field, labels), columns) for field in used}
    taken = set(targets.values())
    for field in (field for field in used if not targets[field]):
        free = [field, *VALUE_FIELDS]
        targets[field] = next(name for name in free if name not in taken)
        taken.add(targets[field])
    return Bound(
        replace_fields(source, lambda field, fallback: as_field(targets.get(field, field), fallback)),
        {targets[field]: label_of(field, labels) for field in used},
    )


def unbound(source: str, labels: Labels, columns: Labels) -> dict[str, str]:
    """The fields of the text that hold something else on these lists, with the labels that they were written for.

    A field without a label in ``labels`` was written for these lists.
    """
    return {
        field: labels[field]
        for field in _used(source)
        if labels.get(field) and not is_same(labels[field], label_of(field, columns))
    }


def rebind(source: str, labels: Labels, columns: Labels, chosen: Mapping[str, str], texts: Mapping[str, str]) -> Bound:
    """Return the text with the fields of ``unbound`` replaced as a person chose.

    ``chosen``: the column for each field. ``texts``: what everybody reads instead of a field. A field in neither stays.
    """
    wrong = unbound(source, labels, columns)
    used = _used(source)
    stay = [field for field in wrong if not (chosen.get(field) or texts.get(field))]
    targets = {field: chosen.get(field) or field for field in wrong if field not in stay}
    # A field that stays makes way for one that gets its number.
    taken = set(targets.values()) | set(used)
    for field in stay:
        is_taken = field in targets.values()
        targets[field] = next((name for name in VALUE_FIELDS if name not in taken), field) if is_taken else field
        taken.add(targets[field])

    def replaced(field: str, fallback: str | None) -> str:
        if texts.get(field) and field in wrong and not chosen.get(field):
            return texts[field]
        return as_field(targets.get(field, field), fallback)

    text = replace_fields(source, replaced)
    kept = {targets[field]: wrong[field] for field in stay}
    return Bound(text, {field: kept.get(field) or label_of(field, columns) for field in _used(text)})


def _used(source: str) -> tuple[str, ...]:
    try:
        return compile_text(source).fields
    except Refusal:
        return ()
