"""Workbooks of many programs, right and wrong, are read as a person saw them, and every row is accounted for."""

from pathlib import Path

import pytest

from contacts.sheet_reader.layout import Contents, arrange
from contacts.sheet_reader.old_excel import open_old_workbook
from contacts.sheet_reader.open_document import open_document
from contacts.sheet_reader.sheet_scan import column_letters
from contacts.sheet_reader.types import Options, SheetError
from contacts.sheet_reader.workbook import open_workbook
from tests.samples.workbook_cases import CASES, Case

OPEN = {"xlsx": open_workbook, "xls": open_old_workbook, "ods": open_document}


def contents_of(path: Path, options: Options) -> Contents:
    return arrange(OPEN[path.suffix[1:]](path, options), options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_reads_a_workbook_as_a_person_saw_it(case: Case, tmp_path: Path) -> None:
    path = tmp_path / f"book.{case.ending}"
    path.write_bytes(case.write())
    if case.refused:
        with pytest.raises(SheetError) as refusal:
            list(contents_of(path, case.options).rows)
        assert refusal.value.code == case.refused
        assert refusal.value.sentence.endswith(".")
        return
    contents = contents_of(path, case.options)
    rows = list(contents.rows)
    assert [row.cells for row in rows] == list(map(list, case.shown))
    assert {
        f"{column_letters(column)}{row.number}": code for row in rows for column, (code, _) in row.problems.items()
    } == case.problems
    assert contents.left_out == {"above_header": 1, "hidden": case.hidden, "swallowed": 0}
    assert contents.layout.row_count == len(rows) + case.hidden
    assert contents.layout.hidden_rows == (1 if case.options.hidden_rows else case.hidden)
    if case.sheets is not None:
        assert [(sheet.title, sheet.rows) for sheet in contents.layout.sheets] == list(case.sheets)
    if case.hidden_sheets is not None:
        assert contents.layout.hidden_sheets == list(case.hidden_sheets)
