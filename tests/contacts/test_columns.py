"""Columns are guessed from the header, and a mapping that cannot be used is refused with the reason."""

import pytest

from contacts import columns
from contacts.columns import ColumnsError


@pytest.mark.parametrize(
    "title", ["Phone", "CELL_NO", "cellNo", "Mobile number", "MSISDN", "number", "Tel.", "Contact Number", "Phone No."]
)
def test_it_recognizes_many_headings_of_a_phone_column(title: str) -> None:
    assert columns.guess(["Colour", title], {}) == {1: "phone"}


def test_it_guesses_the_other_fields() -> None:
    header = ["Account number", "First name", "Cell", "Text", "Value 1", "value2", "VALUE_3", "Colour"]
    assert columns.guess(header, {}) == {
        0: "customer_id", 2: "phone", 3: "message", 4: "value1", 5: "value2", 6: "value3",
    }  # fmt: skip


def test_the_labels_of_the_list_come_first() -> None:
    labels = {"value1": "First name", "value2": "Balance"}
    assert columns.guess(["first_name", "BALANCE", "Mobile"], labels) == {0: "value1", 1: "value2", 2: "phone"}


def test_the_most_specific_heading_wins_and_no_field_is_guessed_twice() -> None:
    assert columns.guess(["Number", "Mobile", "Mobile"], {}) == {1: "phone"}


def test_it_leaves_unknown_columns_out() -> None:
    assert columns.guess(["", "Colour"], {}) == {}


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({0: "value1"}, "no_phone_column"),
        ({}, "no_phone_column"),
        ({0: "phone", 1: "phone"}, "field_twice"),
        ({0: "phone", 1: "colour"}, "unknown_field"),
        ({0: "phone", 7: "value1"}, "unknown_column"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(mapping: dict[int, str], code: str) -> None:
    with pytest.raises(ColumnsError) as refused:
        columns.validate(mapping, ["Cell", "Name"])
    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")


def test_a_valid_mapping_is_accepted() -> None:
    columns.validate({1: "phone"}, ["Name", "Cell"])


def test_it_gives_the_cells_of_a_row_by_field() -> None:
    assert columns.apply({2: "phone", 0: "value1", 5: "value2"}, [" Ann ", "x", "0825550100"]) == {
        "phone": "0825550100",
        "value1": "Ann",
        "value2": "",
    }


def test_a_stored_mapping_is_restored() -> None:
    mapping = {10: "phone", 2: "value1"}
    assert columns.restored(columns.stored(mapping)) == mapping
