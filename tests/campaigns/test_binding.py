"""Binding the fields of a text by label. Pure."""

import pytest

from campaigns.audience.binding import bind, rebind, unbound
from campaigns.audience.texts import with_fallback
from contacts.errors import Refusal

TEMPLATE = {"value1": "First name", "value2": "Balance"}
TEXT = "Hi @@value1|there@@, your balance is @@value2@@. Bye @@value1@@"


@pytest.mark.parametrize(
    ("columns", "text", "labels", "missing"),
    [
        (TEMPLATE, TEXT, TEMPLATE, {}),
        (
            # The numbers are exchanged, and a label is written in other case and spacing.
            {"value1": "balance", "value2": "FIRST  name"},
            "Hi @@value2|there@@, your balance is @@value1@@. Bye @@value2@@",
            {"value1": "Balance", "value2": "First name"},
            {},
        ),
        (
            # A date where the balance was: not bound by its number.
            {"value1": "First name", "value2": "Due date"},
            TEXT,
            TEMPLATE,
            {"value2": "Balance"},
        ),
        (
            # The free number for what is missing is not one that another field got.
            {"value2": "First name"},
            "Hi @@value2|there@@, your balance is @@value1@@. Bye @@value2@@",
            {"value2": "First name", "value1": "Balance"},
            {"value1": "Balance"},
        ),
        ({}, TEXT, TEMPLATE, {"value1": "First name", "value2": "Balance"}),
    ],
)
def test_fields_are_renumbered_by_their_labels(
    columns: dict[str, str], text: str, labels: dict[str, str], missing: dict[str, str]
) -> None:
    bound = bind(TEXT, TEMPLATE, columns)
    assert (bound.text, bound.labels) == (text, labels)
    assert unbound(bound.text, bound.labels, columns) == missing


def test_a_template_without_labels_is_bound_to_a_list_without_labels_only() -> None:
    assert unbound(*_bound("Hi @@value1@@", {}, {}), {}) == {}
    columns = {"value1": "First name"}
    assert unbound(*_bound("Hi @@value1@@", {}, columns), columns) == {"value1": "Value 1"}


def _bound(*given: object) -> tuple[str, dict[str, str]]:
    bound = bind(*given)  # type: ignore[arg-type]
    return bound.text, bound.labels


def test_a_broken_text_stays_as_it_is() -> None:
    assert bind("Hi @@first@@ @@value1@@", TEMPLATE, {}).text == "Hi @@first@@ @@value1@@"
    assert unbound("Hi @@first@@", TEMPLATE, {}) == {}


def test_a_person_chooses_a_column_or_a_text_for_each_field_that_is_missing() -> None:
    columns = {"value1": "Due date", "value3": "Name"}
    labels = {"value1": "First name", "value2": "Balance"}
    half = rebind(TEXT, labels, columns, {"value1": "value3"}, {})
    assert half.text == "Hi @@value3|there@@, your balance is @@value2@@. Bye @@value3@@"
    assert unbound(half.text, half.labels, columns) == {"value2": "Balance"}
    moved = rebind("@@value1@@ @@value2@@", labels, {"value2": "Name"}, {"value1": "value2"}, {})
    assert (moved.text, moved.labels) == ("@@value2@@ @@value3@@", {"value2": "Name", "value3": "Balance"})
    whole = rebind(half.text, half.labels, columns, {}, {"value2": "low"})
    assert whole.text == "Hi @@value3|there@@, your balance is low. Bye @@value3@@"
    assert unbound(whole.text, whole.labels, columns) == {}


def test_a_fallback_is_added_wherever_the_field_is_used() -> None:
    assert with_fallback(TEXT, "value1", " friend ") == (
        "Hi @@value1|friend@@, your balance is @@value2@@. Bye @@value1|friend@@"
    )
    for bad in ("", "a@b"):
        with pytest.raises(Refusal, match="without an at sign"):
            with_fallback(TEXT, "value1", bad)
