"""Checking one row of a sheet: either it makes a contact, or one of its cells or the row as a whole is at fault."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contacts import columns, phones
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS, MAX_LENGTHS, VALUE_FIELDS
from contacts.models import Import, ImportIssue
from contacts.sheets import WHOLE_ROW, Row
from contacts.value_formats import FormatError, formatted

#: Problems of the reader that a person should look at, although the row can be read.
WARNINGS = ("surplus_cells",)


class RowError(Refusal):
    """A row cannot be imported because of the cell in ``column``, counted from 0, or as a whole (None).

    ``country``: of a number that is left out as another country's.
    """

    def __init__(self, column: int | None, code: str, sentence: str, country: str = "") -> None:
        super().__init__(code, sentence)
        self.column = column
        self.country = country


@dataclass(frozen=True)
class RowChecker:
    """Checks the rows of one import.

    ``header``: the titles of the columns; ``mapping``: field by column; ``accepted``: which numbers are taken in.
    ``formats``: how the dates or amounts of a column are written, see contacts.value_formats.
    ``deselected``: of a sheet of opt-outs, the columns that appeared to hold numbers and that the operator left out.
    """

    import_id: int
    country: str
    header: Sequence[str]
    mapping: Mapping[int, str] = field(default_factory=dict)
    accepted: phones.Accepted = phones.MOBILES
    deselected: frozenset[int] = frozenset()
    formats: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, import_: Import) -> "RowChecker":
        """The checker of an import whose columns are confirmed."""
        accepted = phones.Accepted(import_.takes_fixed_lines, frozenset(import_.takes_countries))
        mapping = columns.restored(import_.mapping)
        deselected: set[int] = set()
        if import_.is_of_opt_outs:
            deselected = {*columns.guess_opt_outs(import_.header, import_.samples, import_.country)} - {*mapping}
        formats = columns.restored(import_.formats)
        return cls(import_.pk, import_.country, import_.header, mapping, accepted, frozenset(deselected), formats)

    def check(self, row: Row) -> tuple[str, dict[str, str]]:
        """The msisdn of a good row and its values by field. Raises RowError."""
        self._refuse_problems(row)
        for column, name in self.mapping.items():
            self._refuse_unusable(column, name, row.cells[column] if column < len(row.cells) else "")
        values = columns.apply(self.mapping, row.cells)
        for column, code in self.formats.items():
            name = self.mapping.get(column, "")
            if name not in VALUE_FIELDS:
                continue
            try:
                values[name] = formatted(values[name], code)
            except FormatError as error:
                raise RowError(column, "format_not_fitting", str(error)) from error
        try:
            return phones.parse(values["phone"], self.country, self.accepted), values
        except phones.PhoneError as error:
            raise RowError(self.column_of("phone"), error.code, error.sentence, error.country) from error

    def _refuse_problems(self, row: Row) -> None:
        """A problem that the reader found does harm in a mapped column, or where it concerns the whole row."""
        for column, (code, sentence) in sorted(row.problems.items()):
            if code not in WARNINGS and (column == WHOLE_ROW or column in self.mapping):
                raise RowError(None if column == WHOLE_ROW else column, code, sentence)

    def _refuse_unusable(self, column: int, name: str, value: str) -> None:
        if len(value.strip()) > MAX_LENGTHS[name]:
            if name == "phone":
                raise RowError(column, "not_a_number", phones.SENTENCES["not_a_number"])
            raise RowError(
                column,
                "text_too_long",
                f"{FIELD_LABELS[name]} has {len(value.strip()):,} characters; the maximum is {MAX_LENGTHS[name]:,}.",
            )
        if "\x00" in value:
            raise RowError(
                column, "not_a_text", f"{FIELD_LABELS[name]} contains a character that is not text. Enter it again."
            )

    def column_of(self, name: str) -> int:
        """The column that is mapped to the field ``name``."""
        return next(column for column, field_name in self.mapping.items() if field_name == name)

    def title(self, column: int | None) -> str:
        """The heading of a column, or its number where it has none."""
        if column is None:
            return ""
        return (self.header[column] if column < len(self.header) else "") or f"column {column + 1}"

    def issue(self, row: Row, column: int | None, code: str, sentence: str, **fields: Any) -> ImportIssue:
        """The unsaved issue of a row. NUL characters, which PostgreSQL cannot store, are left out of its cells.

        ``fields``: ``country`` and ``is_warning``.
        """
        cells = [cell.replace("\x00", "") for cell in row.cells]
        return ImportIssue(
            import_of_id=self.import_id,
            row=row.number,
            column=self.title(column)[:200],
            column_number=column,
            code=code,
            sentence=sentence[:500],
            value=cells[column][:200] if column is not None and column < len(cells) else "",
            cells=cells,
            problems={str(place): list(problem) for place, problem in row.problems.items()},
            **fields,
        )

    def warnings(self, row: Row) -> list[ImportIssue]:
        """What to look at in a row, whether or not it can be imported, as unsaved issues."""
        return [
            self.issue(row, None if column == WHOLE_ROW else column, code, sentence, is_warning=True)
            for column, (code, sentence) in row.problems.items()
            if code in WARNINGS
        ]


def corrected(row: Row, cells: Mapping[int, str]) -> Row:
    """``row`` with the ``cells`` that a person entered, by column; what the reader found in those no longer counts."""
    width = max(len(row.cells), *(column + 1 for column in cells)) if cells else len(row.cells)
    new = [*row.cells, *[""] * (width - len(row.cells))]
    for column, text in cells.items():
        new[column] = text
    while new and not new[-1]:
        new.pop()
    return Row(row.number, new, {place: problem for place, problem in row.problems.items() if place not in cells})


def row_as_json(row: Row) -> str:
    """A row without its number, which ``row_from_json`` makes a row again. NUL characters are left out."""
    return json.dumps([[cell.replace("\x00", "") for cell in row.cells], row.problems])


def row_from_json(number: int, text: str) -> Row:
    """The row with this number that ``row_as_json`` wrote."""
    cells, problems = json.loads(text)
    return Row(number, cells, {int(column): (code, sentence) for column, (code, sentence) in problems.items()})
