"""Dates and amounts of a column, written as texts need them."""

import pytest

from contacts.value_formats import FORMATS, FormatError, formatted, offered

WRITTEN = [
    ("2026-11-27", "date_long", "27 November 2026"),
    ("2026-11-07 08:00:00", "date_long", "7 November 2026"),
    ("2026-11-27T08:00:00+02:00", "date_weekday", "Friday 27 November"),
    ("27 Nov 2026", "date_day", "27 November"),
    ("Fri, 27 November 2026", "date_numeric", "27/11/2026"),
    ("R1,204.50", "money", "1,204.50"),
    ("R 1 204,50", "money", "1,204.50"),
    ("1.204,50 €", "money", "1,204.50"),
    ("US$1,204", "money", "1,204.00"),
    ("ZAR 250", "money", "250.00"),
    ("-12.5", "money", "-12.50"),
    ("1'204.50", "money", "1,204.50"),
    ("1,204,050", "number", "1,204,050"),
    ("1.204.050", "number", "1,204,050"),
    ("12.5", "number", "12.5"),
    ("12,5", "number", "12.5"),
    ("", "money", ""),
    (" ", "date_long", ""),
]


@pytest.mark.parametrize(("cell", "code", "text"), WRITTEN)
def test_a_cell_is_written_in_its_format(cell: str, code: str, text: str) -> None:
    assert formatted(cell, code) == text


@pytest.mark.parametrize("cell", ["3/4/2026", "2026-13-01", "2026-02-30", "soon", "27 Xyz 2026", "27 Ma 2026"])
def test_what_is_no_certain_date_is_refused(cell: str) -> None:
    with pytest.raises(FormatError, match="is not a date like 2026-11-27"):
        formatted(cell, "date_long")


@pytest.mark.parametrize("cell", ["1.204", "1,20,4", "1.2.3", "n/a", "R", "12-13", "1,204,5.00", "1204."])
def test_what_is_no_certain_amount_is_refused(cell: str) -> None:
    with pytest.raises(FormatError, match="is not an amount"):
        formatted(cell, "money")


def test_an_amount_is_never_rounded() -> None:
    with pytest.raises(FormatError, match="more than two decimals"):
        formatted("12.3456", "money")


def test_only_formats_that_fit_half_of_the_samples_are_offered() -> None:
    assert offered(["2026-11-27", "2026-01-02"])[0] == ("date_long", "Date: 27 November 2026")
    assert offered(["R1,204.50", ""]) == [
        ("money", "Money without the currency: 1,204.50"),
        ("number", "Number: 1,204.50"),
    ]
    assert offered(["Thandi", "Sipho", "2026-11-27"]) == []
    assert offered(["soon", "2026-11-27"])[0] == ("date_long", "Date: 27 November 2026")
    assert offered(["", " "]) == []
    assert set(FORMATS) == {"date_long", "date_weekday", "date_day", "date_numeric", "money", "number"}
