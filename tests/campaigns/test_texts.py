"""Fields in a text, fallbacks, and the finished text."""

import pytest

from campaigns.audience.texts import compile_text, foreign_fields, has_literal_field
from contacts.errors import Refusal


def test_fields_are_filled_in() -> None:
    text = compile_text("Hi @@value1@@, you owe @@value2@@.")

    assert text.personalise({"value1": "Thandi", "value2": "R 250"}) == "Hi Thandi, you owe R 250."
    assert text.fields == ("value1", "value2")
    assert text.required == ("value1", "value2")


def test_an_empty_value_takes_the_fallback() -> None:
    text = compile_text("Hi @@value1|friend@@")

    assert text.personalise({"value1": ""}) == "Hi friend"
    assert text.required == ()


def test_an_empty_fallback_lets_a_value_be_empty() -> None:
    text = compile_text("Hi @@value1|@@!")

    assert text.personalise({}) == "Hi !"
    assert text.required == ()


def test_a_value_is_never_searched_for_fields() -> None:
    text = compile_text("@@value1@@ and @@value2@@")

    assert text.personalise({"value1": "@@value2@@", "value2": "two"}) == "@@value2@@ and two"


@pytest.mark.parametrize(
    "source",
    [
        "Hi @@value7@@",
        "Hi @@name@@",
        "Hi @@ value1 @@",
        "Hi @@value1@@ @@first_name|x@@",
        "Hi @@first name@@",
        "Hi @@value1@",
        "Hi @@value1|a@b@@",
        "Hi @@@@",
        "x @@ y",
    ],
)
def test_an_unknown_field_is_named(source: str) -> None:
    with pytest.raises(Refusal) as refused:
        compile_text(source)

    assert refused.value.code == "unknown_field"


@pytest.mark.parametrize("source", ["", "  \n "])
def test_a_text_must_not_be_empty(source: str) -> None:
    with pytest.raises(Refusal, match="Write the text"):
        compile_text(source)


def test_line_breaks_become_line_feeds() -> None:
    assert compile_text("a\r\nb\rc").personalise({}) == "a\nb\nc"


def test_the_bare_text_has_no_fallbacks() -> None:
    text = compile_text("Hi @@value1|friend@@ and @@value1|friend@@")

    assert text.bare == "Hi @@value1@@ and @@value1@@"
    assert text.fallbacks == {"value1": "friend"}


def test_two_fallbacks_of_one_field_cannot_be_one_template() -> None:
    assert compile_text("Hi @@value1|friend@@ and @@value1|you@@").bare == ""


def test_single_at_signs_are_plain_text() -> None:
    assert compile_text("mail me @ a@b.example, @@value1@@").personalise({"value1": "x"}) == "mail me @ a@b.example, x"


def test_a_field_left_in_a_finished_text_is_detected() -> None:
    assert has_literal_field("Hi @@value3@@")
    assert not has_literal_field("Hi @@ there")


def test_fields_may_stand_side_by_side_and_beside_an_at_sign() -> None:
    assert compile_text("@@@value1@@@@value2@@@").personalise({"value1": "a", "value2": "b"}) == "@ab@"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("Hi {name}, your code is {{ code }}", ["{name}", "{{ code }}"]),
        ("Hi [First name] and ${amount}", ["[First name]", "${amount}"]),
        (
            "Hi %name%, <surname> <<City>> «Prénom» *|FNAME|*",
            ["%name%", "<surname>", "<<City>>", "«Prénom»", "*|FNAME|*"],
        ),
        ("Hi {name} and again {name}", ["{name}"]),
        (
            "Привет {имя} {{1}} {2} {#var#} ${amount} {!Contact.Name}",
            ["{имя}", "{{1}}", "{2}", "{#var#}", "${amount}", "{!Contact.Name}"],
        ),
        (
            "#name# $first_name <%= city %> %first name% @@value1|{name}@@",
            ["#name#", "$first_name", "<%= city %>", "%first name%", "{name}"],
        ),
        (
            "[name|friend] [name, friend] [name:first] [fname!] [client's name] [client’s name]",
            ["[name|friend]", "[name, friend]", "[name:first]", "[fname!]", "[client's name]", "[client’s name]"],
        ),
        (
            "Hi %name|friend%, % name %, %first-name%, %1% or %name|dear friend%",
            ["%name|friend%", "% name %", "%first-name%", "%1%", "%name|dear friend%"],
        ),
        ("20 % off, 5% and 10%, 5% or 10%, 5 % or 10 %, 5%-10%, 5%to-10% and 100% yes|no 50%", []),
        ("@@value1@@% or @@value2@@% off, @@value1|5@@ % or 6 %, @@value1@@ % to @@value2@@ %", []),
        ("[1], [24/7], [!], [-10 %], 5 % or % more, 100 % yes|no 50 %", []),
        ("%20 indirim, %10-%20 indirim, example.com/a%20b?x=%5B1%5D, example.com/a%20%3F", []),
        ("US$ 5, $5, #sale #now, 20% off, 30% more, 50%OFF or 20% off", []),
        ("20 % off, 5 < 6 > 4, [1], (terms apply), 50% to 60%", []),
        ("Hi @@value1|friend@@, 100% cotton", []),
    ],
)
def test_fields_of_other_programs_are_found(source: str, found: list[str]) -> None:
    assert foreign_fields(source) == found
