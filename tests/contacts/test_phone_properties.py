"""Random phone numbers are always read; random identity numbers, dates, amounts and truncated numbers almost never."""

import os
import random
from collections import Counter

import phonenumbers
import pytest

from contacts.phones import MOBILES, Accepted, PhoneError, parse
from contacts.phones.numbering import is_mobile, mobile_lengths
from contacts.phones.parsing import _parse_cell, _plain_mobile
from tests.contacts.phone_numbers import COUNTRIES, OTHERS, code_of, random_mobile, spellings

#: Countries in which a mobile number without its last digit can be another one: their numbers have several lengths.
OPEN_LENGTHS = {"AT", "EE", "FI", "AX", "ID", "KH", "MM", "MY", "NZ", "RS", "SO", "TK"}


def wrongly_accepted(samples: int, seed: int) -> Counter[str]:
    """How many of ``samples`` cells that are no mobile numbers are accepted: as one of the list's country (``own``), or
    of another (``other``)."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    for number in range(samples):
        country, kind = COUNTRIES[number % len(COUNTRIES)], chance.choice(list(OTHERS))
        try:
            msisdn = parse(OTHERS[kind](chance, country), country)
        except PhoneError:
            continue
        counts["own" if msisdn.startswith(code_of(country)) else "other"] += 1
    return counts


def test_it_accepts_at_most_one_in_ten_thousand_cells_that_are_no_mobile_number() -> None:
    counts = wrongly_accepted(20_000, seed=1)
    assert counts["other"] == 0
    assert counts["own"] <= 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_accepts_at_most_one_in_ten_thousand_of_many_cells() -> None:
    """`make proof` sets PHONE_CELLS to a million."""
    cells = int(os.environ.get("PHONE_CELLS", "50000"))
    counts = wrongly_accepted(cells, seed=2)
    print(f"{cells:,} cells that are no mobile numbers: {dict(counts)} accepted")
    assert counts["other"] == 0
    assert counts["own"] <= cells // 10_000


@pytest.mark.parametrize("country", COUNTRIES)
def test_it_reads_a_mobile_number_in_every_notation(country: str) -> None:
    chance = random.Random(country)
    for _ in range(15):
        national = random_mobile(chance, country)
        texts = spellings(country, national)
        assert len(texts) >= 15
        for text in texts:
            assert parse(text, country) == code_of(country) + national, (text, national)
        abroad = "NA" if country != "NA" else "BW"
        assert parse(f"+{code_of(country)} {national}", abroad) == code_of(country) + national


def test_the_plans_of_all_countries_are_as_narrow_as_their_numbers() -> None:
    checked = 0
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
        if example is None:
            continue
        checked += 1
        national = phonenumbers.national_significant_number(example)
        shortest, longest = mobile_lengths(country)
        assert is_mobile(country)(national), country
        assert shortest <= len(national) <= longest, country
        chance = random.Random(country)
        for _ in range(20):
            tail = "".join(chance.choices("0123456789", k=4))
            if is_mobile(country)(national[:-4] + tail) and country not in OPEN_LENGTHS:
                assert not is_mobile(country)(national[:-4] + tail[1:]), (country, national)
                assert not is_mobile(country)(national[:-4] + tail + "0"), (country, national)
    assert checked >= 240


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_patterns_agree_with_phonenumbers(country: str) -> None:
    """``parse`` tries a compiled pattern first; what it accepts must be what the slow way accepts."""
    chance = random.Random(country)
    fast = 0
    for _ in range(300):
        national = random_mobile(chance, country)
        changed = national[:-3] + "".join(chance.choices("0123456789", k=chance.choice([2, 3, 3, 3, 4])))
        text = chance.choice(["+" + code_of(country), "00" + code_of(country), "0", "", code_of(country)]) + changed
        if match := _plain_mobile(country).fullmatch(text):
            fast += 1
            found = code_of(country) + match["national"]
            assert found == _parse_cell(text, country, Accepted(every_kind=True)), text
            assert phonenumbers.is_valid_number(phonenumbers.parse(f"+{found}")), text
    assert fast > 50


def test_random_digits_are_read_as_the_same_number_with_and_without_separators() -> None:
    chance = random.Random(7)
    for _ in range(500):
        country = chance.choice(COUNTRIES)
        digits = "".join(chance.choices("0123456789", k=chance.randint(6, 14)))
        spaced = f"{digits[:3]} {digits[3:6]}\u00a0{digits[6:]}"
        assert _read(spaced, country) in (_read(digits, country), ""), (country, digits)


def _read(text: str, country: str) -> str:
    try:
        return parse(text, country, MOBILES)
    except PhoneError:
        return ""
