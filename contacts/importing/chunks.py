"""Checking the rows of a sheet of contacts in chunks, column by column, which costs a fraction of checking each row.

RowChecker, which checks one row, is the rule: a row that anything is unusual about goes to it, and a test compares the
results of both on random rows.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from contacts import phones
from contacts.columns import one_line
from contacts.fields import FIELD_NAMES, MAX_LENGTHS, VALUE_FIELDS
from contacts.importing.rows import RowChecker, RowError, row_as_json
from contacts.models import ImportIssue
from contacts.number_facts import facts_of_mobiles, number_facts
from contacts.sheets import Row
from contacts.value_formats import FormatError, formatted

#: A prime: each number marks one of so many bytes, which tells whether an earlier row may have the same number.
_SLOTS = 16_777_213

#: msisdn, row number, country and kind of the number, what ``row_as_json`` makes of the row or None, and the values of
#: the mapped fields in the order of FIELD_NAMES.
GoodRow: TypeAlias = tuple[str, int, str, str, str | None, *tuple[str, ...]]


class Checked(NamedTuple):
    """The result of checking a chunk of rows: ``blank`` counts rows; ``issues`` and ``warnings`` are unsaved."""

    good: list[GoodRow]
    issues: list[ImportIssue]
    warnings: list[ImportIssue]
    blank: int


class ChunkChecker:
    """Checks the chunks of one import, in the order of the sheet. ``fields``: the mapped ones, as in FIELD_NAMES.

    Only a row that may repeat the number of an earlier one is kept whole; in a sheet of a million rows this happens for
    one in thirty without need.
    """

    def __init__(self, checker: RowChecker) -> None:
        self.checker = checker
        self.fields = [name for name in FIELD_NAMES if name in checker.mapping.values()]
        self._seen = bytearray(_SLOTS)
        self._facts = _facts(checker)

    def check(self, rows: Sequence[Row]) -> Checked:
        """Check rows without writing anything."""
        checked = Checked([], [], [], sum(not row.cells and not row.problems for row in rows))
        plain = [row for row in rows if row.cells and not row.problems]
        values, unusual = self._values(plain)
        for row in [*(row for row in rows if row.problems), *(plain[index] for index in sorted(unusual))]:
            self._check_alone(row, checked)
        msisdns = self._msisdns(plain, values["phone"], unusual, checked)
        facts = [self._facts(msisdn) if msisdn else ("", "") for msisdn in msisdns]
        staged = zip(
            msisdns,
            [row.number for row in plain],
            [country for country, _ in facts],
            [kind for _, kind in facts],
            map(self._whole, plain, msisdns),
            *(values[name] for name in self.fields),
            strict=True,
        )
        checked.good.extend(row for row in staged if row[0])
        return checked

    def _values(self, rows: Sequence[Row]) -> tuple[dict[str, list[str]], set[int]]:
        """The values of each mapped field, and the indexes of the rows that have to be checked one by one."""
        values: dict[str, list[str]] = {}
        unusual: set[int] = set()
        width = max(self.checker.mapping) + 1
        cells = [row.cells if len(row.cells) >= width else [*row.cells, *[""] * width] for row in rows]
        for column, name in self.checker.mapping.items():
            texts = [row[column].strip() for row in cells]
            together = "".join(texts)
            if "\x00" in together or max(map(len, texts), default=0) > MAX_LENGTHS[name]:
                unusual.update(i for i, text in enumerate(texts) if "\x00" in text or len(text) > MAX_LENGTHS[name])
            if "\n" in together and name not in ("phone", "message"):
                texts = [one_line(text) for text in texts]
            values[name] = texts
        for column, code in self.checker.formats.items():
            name = self.checker.mapping.get(column, "")
            if name in VALUE_FIELDS:
                values[name] = _formatted(values[name], code, unusual)
        return values, unusual

    def _msisdns(self, rows: Sequence[Row], texts: Iterable[str], unusual: set[int], checked: Checked) -> list[str]:
        """The msisdn of each row; "" if it is unusual, or has no number, which becomes an issue."""
        country, accepted, column = self.checker.country, self.checker.accepted, self.checker.column_of("phone")
        parse = phones.parse
        found = []
        for index, text in enumerate(texts):
            msisdn = ""
            if index not in unusual:
                try:
                    msisdn = parse(text, country, accepted)
                except phones.PhoneError as error:
                    issue = self.checker.issue(rows[index], column, error.code, error.sentence, country=error.country)
                    checked.issues.append(issue)
            found.append(msisdn)
        return found

    def _whole(self, row: Row, msisdn: str) -> str | None:
        """The row as JSON if its number may be that of an earlier row."""
        if not msisdn:
            return None
        slot = int(msisdn) % _SLOTS
        if self._seen[slot]:
            return row_as_json(row)
        self._seen[slot] = 1
        return None

    def _check_alone(self, row: Row, checked: Checked) -> None:
        """Check a row with RowChecker. It is kept whole, because it is not checked in the order of the sheet."""
        checked.warnings.extend(self.checker.warnings(row))
        try:
            msisdn, values = self.checker.check(row)
        except RowError as error:
            issue = self.checker.issue(row, error.column, error.code, error.sentence, country=error.country)
            checked.issues.append(issue)
            return
        self._whole(row, msisdn)
        country, kind = number_facts(msisdn)
        own = (values[name] for name in self.fields)
        checked.good.append((msisdn, row.number, country, kind, row_as_json(row), *own))


def _facts(checker: RowChecker) -> Callable[[str], tuple[str, str]]:
    """What ``number_facts`` returns, faster where all numbers with the calling code of the country have the same."""
    if checker.accepted.fixed_lines or checker.accepted.everything or checker.accepted.every_kind:
        return number_facts
    code, facts = facts_of_mobiles(checker.country)
    if facts is None:
        return number_facts
    return lambda msisdn: facts if msisdn.startswith(code) else number_facts(msisdn)


def _formatted(texts: Iterable[str], code: str, unusual: set[int]) -> list[str]:
    """``texts`` in a format; the indexes of those that do not fit it are added to ``unusual``."""
    known: dict[str, str] = {}
    result = []
    for index, text in enumerate(texts):
        if text not in known:
            try:
                known[text] = formatted(text, code)
            except FormatError:
                unusual.add(index)
                result.append("")
                continue
        result.append(known[text])
    return result
