"""Checking one row: what the reader found wrong with it, and what a person corrected in it."""

import pytest

from contacts.importing.rows import RowChecker, RowError, corrected
from contacts.sheets import WHOLE_ROW, Row

CHECKER = RowChecker(1, "ZA", ["Cell", "Name", "Notes"], {0: "phone", 1: "value1"})
CELLS = ["0825550100", "Ann", "#N/A"]


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        ({}, None),
        ({2: ("spreadsheet_error", "s")}, None),
        ({1: ("spreadsheet_error", "s")}, (1, "spreadsheet_error")),
        ({0: ("unknown_format", "s")}, (0, "unknown_format")),
        ({WHOLE_ROW: ("missing_quote", "s"), 0: ("unknown_format", "s")}, (None, "missing_quote")),
        ({3: ("surplus_cells", "s")}, None),
        ({WHOLE_ROW: ("surplus_cells", "s")}, None),
    ],
)
def test_problems_of_the_reader_do_harm_in_mapped_columns_only(
    problems: dict[int, tuple[str, str]], expected: tuple[int | None, str] | None
) -> None:
    row = Row(4, CELLS, problems)
    if expected is None:
        assert CHECKER.check(row) == ("27825550100", {"phone": "0825550100", "value1": "Ann"})
        return
    with pytest.raises(RowError) as refused:
        CHECKER.check(row)
    assert (refused.value.column, refused.value.code, refused.value.sentence) == (*expected, "s")


def test_surplus_cells_are_a_warning() -> None:
    for column, number in ((3, 3), (WHOLE_ROW, None)):
        (warning,) = CHECKER.warnings(Row(4, [*CELLS, "more"], {column: ("surplus_cells", "s"), 2: ("x", "y")}))
        assert (warning.row, warning.column_number, warning.is_warning, warning.value) == (
            4,
            number,
            True,
            "more" if number else "",
        )


def test_a_corrected_cell_has_no_problem_any_more() -> None:
    row = Row(4, ["0825550100", "#N/A"], {1: ("spreadsheet_error", "s"), 2: ("x", "y")})
    assert corrected(row, {1: "Ann", 3: ""}) == Row(4, ["0825550100", "Ann"], {2: ("x", "y")})
    assert corrected(row, {}) == row
    assert corrected(Row(5, ["x"]), {2: "z"}).cells == ["x", "", "z"]
    assert corrected(Row(5, ["x"]), {0: ""}).cells == []
