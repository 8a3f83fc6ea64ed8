"""What the columns of a spreadsheet mean: a guess from the header, and the mapping that an operator confirmed."""

import re
from collections.abc import Mapping, Sequence

from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS, FIELD_NAMES, FIELDS

_SPLIT = re.compile(r"[^0-9a-z]+|(?<=[a-z])(?=[0-9])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class ColumnsError(Refusal):
    """A column mapping cannot be used."""


def guess(header: Sequence[str], labels: Mapping[str, str]) -> dict[int, str]:
    """The likely field of each column, counted from 0. ``labels`` are the list's own labels of its fields.

    The list's labels are tried first, then the usual headings of each field in their order. No field is guessed twice;
    columns without a guess are left out.
    """
    names = [_plain(title) for title in header]
    mapping: dict[int, str] = {}
    candidates = [(field, _plain(label)) for field, label in labels.items() if field in FIELD_NAMES and label]
    for field in FIELDS:
        candidates += [(field.name, _plain(field.name)), (field.name, _plain(field.label))]
        candidates += [(field.name, heading) for heading in field.headings]
    for name, heading in candidates:
        if name not in mapping.values() and heading in names and names.index(heading) not in mapping:
            mapping[names.index(heading)] = name
    return dict(sorted(mapping.items()))


def validate(mapping: Mapping[int, str], header: Sequence[str]) -> None:
    """Raises ColumnsError ``no_phone_column``, ``field_twice``, ``unknown_field`` or ``unknown_column``."""
    for column, field in mapping.items():
        if field not in FIELD_NAMES:
            raise ColumnsError("unknown_field", f"There is no field {field}. The fields are: {', '.join(FIELD_NAMES)}.")
        if not 0 <= column < len(header):
            raise ColumnsError(
                "unknown_column", f"There is no column {column + 1}: the sheet has {len(header)} columns."
            )
    for field in FIELD_NAMES:
        columns = [header[column] or f"column {column + 1}" for column, goal in mapping.items() if goal == field]
        if len(columns) > 1:
            raise ColumnsError(
                "field_twice",
                f"More than one column is mapped to {FIELD_LABELS[field]}: {', '.join(columns)}. Keep one of them.",
            )
    if "phone" not in mapping.values():
        raise ColumnsError(
            "no_phone_column", "No column is mapped to Phone. Choose the column that contains the phone numbers."
        )


def apply(mapping: Mapping[int, str], row: Sequence[str]) -> dict[str, str]:
    """The cells of ``row`` by field. Where the row is too short for a mapped column, the field is empty."""
    return {field: row[column].strip() if column < len(row) else "" for column, field in mapping.items()}


def stored(mapping: Mapping[int, str]) -> dict[str, str]:
    """``mapping`` as JSON stores it: the keys are strings."""
    return {str(column): field for column, field in sorted(mapping.items())}


def restored(mapping: Mapping[str, str]) -> dict[int, str]:
    """The inverse of ``stored``."""
    return {int(column): field for column, field in mapping.items() if field}


def _plain(title: str) -> str:
    """``title`` as lower-case words: ``"Cell_No."``, ``"cellNo"`` and ``"CELL NO"`` become ``"cell no"``."""
    return " ".join(filter(None, _SPLIT.split(_CAMEL.sub(" ", title).lower())))
