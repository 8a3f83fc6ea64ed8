import pytest
from hypothesis import given
from hypothesis import strategies as st
from smsutil import is_valid_gsm, split

from providers.gsm import BASIC, EXTENSION, Measure, measure, unsupported

texts = st.text(alphabet=st.sampled_from(BASIC + EXTENSION + "áç😀中"), max_size=500)
gsm_texts = st.text(alphabet=st.sampled_from(BASIC + EXTENSION), max_size=500)


@pytest.mark.parametrize(
    ("text", "units", "parts"),
    [
        ("", 0, 0),
        ("a" * 160, 160, 1),
        ("a" * 161, 161, 2),
        ("a" * 306, 306, 2),
        ("a" * 307, 307, 3),
        ("€" * 80, 160, 1),
        ("€" * 81, 162, 2),
        ("a" * 152 + "€" + "a" * 152, 306, 3),
    ],
)
def test_it_counts_septets_and_never_splits_an_escape_pair(text: str, units: int, parts: int) -> None:
    assert measure(text) == Measure("gsm", units, parts)


@pytest.mark.parametrize(
    ("text", "units", "parts"),
    [
        ("ж" * 70, 70, 1),
        ("ж" * 71, 71, 2),
        ("ж" * 134, 134, 2),
        ("ж" * 135, 135, 3),
        ("😀" * 35, 70, 1),
        ("ж" * 66 + "😀" + "ж" * 66, 134, 3),
    ],
)
def test_it_counts_utf16_units_and_never_splits_a_surrogate_pair(text: str, units: int, parts: int) -> None:
    assert measure(text) == Measure("ucs2", units, parts)


def test_escape_alone_is_no_gsm_character() -> None:
    assert measure("\x1b").alphabet == "ucs2"
    assert unsupported("a\x1bb") == "\x1b"


def test_the_tables_are_those_of_the_standard() -> None:
    assert len(BASIC) == len(set(BASIC)) == 127
    assert len(EXTENSION) == len(set(EXTENSION)) == 10


def test_a_line_feed_costs_what_the_provider_charges() -> None:
    assert measure("a\nb") == Measure("gsm", 3, 1)
    assert measure("a\nb", newline_units=2) == Measure("gsm", 4, 1)
    assert measure("a" * 152 + "\n" + "a" * 152, newline_units=2) == Measure("gsm", 306, 3)


@given(texts.filter(bool))
def test_it_agrees_with_smsutil(text: str) -> None:
    measured = measure(text)
    assert (measured.alphabet == "gsm") == is_valid_gsm(text)
    assert measured.parts == len(split(text).parts)


@given(texts)
def test_the_characters_it_names_are_all_that_keeps_a_text_from_gsm(text: str) -> None:
    named = unsupported(text)
    assert (named == "") == (not text or is_valid_gsm(text))
    assert unsupported("".join(character for character in text if character not in named)) == ""


def test_it_names_each_character_once_in_order() -> None:
    assert unsupported("háb😀á") == "á😀"
