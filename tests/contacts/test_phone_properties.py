"""Random phone numbers are always read; random identity numbers, dates, amounts and truncated numbers almost never."""

import os
import random
from collections import Counter
from collections.abc import Callable

import phonenumbers
import pytest

from contacts.phones import EVERYTHING, MOBILES, TYPED, Accepted, PhoneError, parse, plain
from contacts.phones.numbering import is_mobile, mobile_lengths
from contacts.phones.parsing import parse_any
from tests.contacts.phone_numbers import COUNTRIES, OTHERS, code_of, random_mobile, spellings

#: Countries in which a mobile number without its last digit can be another one: their numbers have several lengths.
OPEN_LENGTHS = {"AT", "EE", "FI", "AX", "ID", "KH", "MM", "MY", "NZ", "RS", "SO", "TK"}

REGIONS = sorted(
    region
    for region in phonenumbers.SUPPORTED_REGIONS
    if phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
)


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


def any_mobile(chance: random.Random, region: str) -> str:
    """National digits that begin as a mobile number of ``region`` and mostly are one."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None, region
    national = phonenumbers.national_significant_number(example)
    kept = chance.randint(chance.choice((1, 4)), len(national))
    return national[:kept] + "".join(chance.choices("0123456789", k=len(national) - kept))


def any_cell(chance: random.Random, country: str) -> str:
    """A cell with a number, mostly, in any notation; of ``country`` or of another one, and often damaged."""
    kind = chance.random()
    if kind < 0.1:
        return OTHERS[chance.choice(list(OTHERS))](chance, country)
    if kind < 0.3:
        text = chance.choice(spellings(country, random_mobile(chance, country)))
    else:
        region = country if kind < 0.6 else chance.choice(REGIONS)
        code = code_of(region)
        usual = ("0", code, f"+{code}", f"00{code}", "") if region == country else (f"+{code}", f"00{code}")
        prefix = chance.choice(
            usual if chance.random() < 0.9 else ("+", "00", f"(+{code}", f"+00{code}", "0", code, "")
        )
        separators = chance.choice(("", "", " ", "-", ".", "/", "\u00a0", " -./() "))
        text = chance.choice(("", "", "", "", "'", "(")) + prefix
        text += chance.choice(("", "", "", " ", "(0)", " (0) ", ") "))
        left = any_mobile(chance, region)
        while left:
            length = chance.choice((1, 2, 3, 3, 4, 4, 5, 7, 7, 12, 12))
            text += left[:length] + (chance.choice(separators) if separators and left[length:] else "")
            left = left[length:]
        text += chance.choice((*[""] * 9, ".0", ".0", ".00", " 12", "-1", ")", "/2"))
    if chance.random() < 0.2:
        place = chance.randrange(len(text) + 1)
        text = text[:place] + chance.choice(("", "0", "1", " ", "(", "0000000")) + text[place + chance.randint(0, 1) :]
    return text


def compare(cells: int, seed: int) -> Counter[str]:
    """Read as many cells by ``parse`` and by ``parse_any``; assert that they are the same. How many were read."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter()
    for _ in range(cells):
        country = chance.choice(COUNTRIES)
        text = any_cell(chance, country)
        for accepted in (MOBILES, chance.choice((EVERYTHING, TYPED))):
            assert _outcome(parse, text, country, accepted) == _outcome(parse_any, text, country, accepted), (
                text,
                country,
                accepted,
            )
        counts["by pattern" if plain.read(text, country) else "by the library"] += 1
    return counts


def test_what_is_read_by_pattern_is_what_the_library_reads() -> None:
    counts = compare(1_200, seed=3)
    assert counts["by pattern"] > 200


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_is_read_by_pattern_is_what_the_library_reads_of_many_cells() -> None:
    """`make proof` sets PHONE_CELLS to a million."""
    cells = int(os.environ.get("PHONE_CELLS", "5000"))
    print(f"{cells:,} cells of all kinds: {dict(compare(cells, seed=4))}")


@pytest.mark.parametrize(("text", "country"), [
    ("27825550100", "ZA"),
    ("'0825550100", "ZA"),
    ("27825550100.0", "ZA"),
    ("+27 (0)82 555 0100", "NA"),
    ("082.555.0100", "ZA"),
    ("+27.82.555.0100", "ZA"),
    ("0171/2345678", "DE"),
    ("(212) 555-0100", "US"),
    ("+1 (212) 555-0100", "ZA"),
    ("+44 7911 123456", "ZA"),
    ("0044 7911 123456", "ZA"),
    ("+16135550123", "ZA"),
    ("tel:+27825550100", "NA"),
])  # fmt: skip
def test_usual_notations_are_read_by_pattern(text: str, country: str) -> None:
    assert plain.read(text, country) == parse_any(text, country)


@pytest.mark.parametrize(("text", "country"), [("918 1234 567 89", "IN"), ("45344-123-90", "DK")])
def test_two_digits_after_a_whole_number_are_an_extension(text: str, country: str) -> None:
    with pytest.raises(PhoneError) as refused:
        parse(text, country)
    assert refused.value.code == "extension"


@pytest.mark.parametrize("text", ["", "0", "00", "001", "0034", "00٣٤612345678", "٠٨٢٥٥٥٠١٢٣"])
def test_too_few_digits_and_digits_of_other_scripts_are_not_read_by_pattern(text: str) -> None:
    assert plain.read(text, "ZA") == ""


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


def _outcome(read: Callable[[str, str, Accepted], str], text: str, country: str, accepted: Accepted) -> str:
    """The number, or the code of the refusal."""
    try:
        return read(text, country, accepted)
    except PhoneError as error:
        return error.code
