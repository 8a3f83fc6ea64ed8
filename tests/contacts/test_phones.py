"""A number as typed or as a spreadsheet stored it becomes digits with a country code, or is refused with a reason."""

import random

import phonenumbers
import pytest

from contacts.phones import EVERYTHING, TYPED, Accepted, PhoneError, parse


@pytest.mark.parametrize(
    "text",
    [
        "082 555 0100",
        "0825550100",
        "27825550100",
        "+27825550100",
        "+27 (0)82 555 0100",
        "0027825550100",
        "(082) 555-0100",
        "082.555.0100",
        "082/555 0100",
        " 082\u00a0555\u20110100\u200b",
        "\uff10\uff18\uff12\uff15\uff15\uff15\uff10\uff11\uff10\uff10",
    ],
)
def test_it_reads_a_number_in_any_notation(text: str) -> None:
    assert parse(text, "ZA") == "27825550100"


@pytest.mark.parametrize(
    "text",
    ["825550100", "825550100.0", "27825550100.0", "27825550100,00", "'0825550100", "2.7825550100E+10", '"0825550100"'],
)
def test_it_repairs_a_number_that_can_only_mean_one_number(text: str) -> None:
    assert parse(text, "ZA") == "27825550100"


@pytest.mark.parametrize("text", ["2.78E+10", "2.7825E+10", "2,78E+10", "2.7e10"])
def test_it_refuses_a_rounded_number_with_advice(text: str) -> None:
    with pytest.raises(PhoneError) as refused:
        parse(text, "ZA")
    assert refused.value.code == "rounded_by_excel"
    assert refused.value.sentence == (
        "Excel rounded this number, so its last digits are lost. Format the column as text and export it again."
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        (" \u00a0", "missing"),
        ("unknown", "not_a_number"),
        ("call 0825550100", "words"),
        ("0825550100 / 0835550100", "two_numbers"),
        ("082 555 0100, 083 555 0100", "two_numbers"),
        ("082", "too_short"),
        ("08255501001", "too_long"),
        ("0990000000", "not_in_use"),
        ("8255501000", "too_long"),
        ("+2782555010012345678", "too_long"),
        ("278255501001", "too_long"),
    ],
)
def test_it_refuses_with_a_code_to_count_and_a_sentence_to_show(text: str, code: str) -> None:
    with pytest.raises(PhoneError) as refused:
        parse(text, "ZA")
    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")


def test_it_refuses_an_unknown_country() -> None:
    with pytest.raises(PhoneError) as refused:
        parse("0825550100", "XX")
    assert refused.value.code == "unknown_country"


def test_it_reads_the_countrys_own_code_first() -> None:
    # phonenumbers by itself reads it as +49 491711234567.
    assert parse("491711234567", "DE") == "491711234567"


def test_a_number_of_another_country_needs_a_plus_or_a_choice() -> None:
    assert parse("+44 7911 123456", "ZA") == "447911123456"
    assert parse("0044 7911 123456", "ZA") == "447911123456"
    with pytest.raises(PhoneError) as refused:
        parse("447911123456", "ZA")
    assert (refused.value.code, refused.value.country) == ("other_country", "GB")
    assert parse("447911123456", "ZA", Accepted(countries=frozenset({"GB"}))) == "447911123456"
    # One digit too many for South Africa would be a number in Korea.
    with pytest.raises(PhoneError):
        parse("8255501000", "ZA")


@pytest.mark.parametrize("country", ["ZA", "GB", "US", "DE", "DK"])
def test_what_it_returns_is_always_a_valid_number(country: str) -> None:
    chance = random.Random(country)
    accepted = 0
    for _ in range(500):
        text = "".join(chance.choice("0123456789") for _ in range(chance.randint(6, 13)))
        try:
            msisdn = parse(text, country)
        except PhoneError:
            continue
        accepted += 1
        assert phonenumbers.is_valid_number(phonenumbers.parse(f"+{msisdn}"))
    assert accepted


@pytest.mark.parametrize("text", ["27800000000", "+27825000000", "27800000000.0", "825000000"])
def test_a_number_that_ends_in_many_zeros_was_rounded_but_is_opted_out(text: str) -> None:
    with pytest.raises(PhoneError) as refused:
        parse(text, "ZA")
    assert refused.value.code == "rounded_by_excel"
    assert parse(text, "ZA", EVERYTHING) == parse(text, "ZA", TYPED)
