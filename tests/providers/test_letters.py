"""Similar letters for those that GSM lacks."""

import json
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import gsm
from providers.letters import replace, similar

CASES = json.loads((Path(__file__).parent.parent / "samples" / "characters.json").read_text())["cases"]
EVERY = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point <= 0xDFFF]
#: Unassigned and private characters, and letters without case of other scripts: most of Unicode, tested in one text.
BULK = [
    character
    for character in EVERY
    if unicodedata.category(character) in ("Cn", "Co", "Lo")
    and not unicodedata.decomposition(character)
    and not unicodedata.name(character, "").startswith("LATIN")
]
ONE_BY_ONE = sorted(set(EVERY) - set(BULK))
OTHER_SCRIPTS = ("GREEK", "CYRILLIC", "HEBREW", "ARABIC", "DEVANAGARI", "CJK", "HANGUL", "THAI", "ARMENIAN", "HIRAGANA")
MORE: list[tuple[str, str | None]] = [
    # Accents: one at a time, as long as GSM lacks the letter; several; without a composed form; across a letter.
    ("ǜ ǿ ǣ ȫ", "ü ø æ ö"),
    ("Nguyễn Thị Ấu ố ặ", "Nguyen Thi Au o a"),
    ("e\u0302\u0301", "e"),
    ("q\u0303", "q"),
    ("\u0301", ""),
    ("R5\u0338", None),
    ("=\u0338", None),
    ("≠", None),
    # Latin letters of every kind.
    ("Þórður Eiður", "Thordur Eidur"),
    ("ẞ ŉ ĳ Ǆ ſ ƒ ɛ ɔ ŋ ɓ ƙ ẹ ṣ", "SS 'n ij DZ s f e o ng b k e s"),
    ("ＡＢ１２！", "AB12!"),
    ("ﬁﬂ ﬀ ﬆ", "fifl ff st"),
    ("Ⅳ ⅷ", "IV viii"),
    ("𝐁𝓸𝕓 Ⓑⓞⓑ 🄱", "Bob Bob B"),
    ("ʰ ᵃ xⁿ ª º", "h a xn a o"),
    ("Hawaiʻi Qurʼan", "Hawai'i Qur'an"),
    # Numbers keep their value.
    ("1½ 2¾ ½", "1 1/2 2 3/4 1/2"),
    ("10² 10⁻³ m² H₂O", "10^2 10^-3 m2 H2O"),
    ("5‰ 3 ± 1 −4 30 °C", "5/1000 3 +/- 1 -4 30 degC"),
    ("٣ ३", None),
    # Quotation marks, dashes, bullets, and money.
    ("„Ja“ «Oui» ‹non› 5′ 6″ ‚x‘", "\"Ja\" \"Oui\" 'non' 5' 6\" 'x'"),
    ("a‐b‑c‒d—e―f ⁃ • ‣", "a-b-c-d-e-f - - -"),
    ("₹250 ₦5 ₺1 €5", "INR250 NGN5 TRY1 €5"),
    ("₿1", None),
    ("© ® × ÷ µ · ¢", "(c) (r) x / u . c"),
    # Spaces, line breaks, and what is invisible.
    ("a\u2009b\u202fc\u3000d\u2007e", "a b c d e"),
    ("a\u2028b\x0bc", "a\nb\nc"),
    ("\ufeffa\u200d\u200e\u202ab\u2060\u2069", "ab"),
    ("#\ufe0f 1\ufe0f", "# 1"),
    # Not letters: emoji of every kind, other scripts, broken bytes and controls.
    ("1\ufe0f\u20e3", None),
    ("🇿🇦", None),
    ("👩\u200d💻", None),
    ("❤\ufe0f", None),
    ("Ώ", None),
    ("ﻌ", None),
    ("\ufffd", None),
    ("\x07", None),
    ("\x92", None),
    ("→", None),
    # A replacement never creates a field.
    ("＠＠value1＠＠", None),
    ("@\u200b@value1@\u200b@", None),
    ("#\u00adfield1#", None),
    ("#ﬁeld1# #fïeld1#", None),
    ("a\u200b@b", "a@b"),
    ("@@ Zoë", "@@ Zoe"),
]


@pytest.mark.parametrize(("before", "after"), [*CASES, *MORE])
def test_similar_letters(before: str, after: str | None) -> None:
    assert similar(before) == after


def test_every_character_becomes_gsm_or_has_no_replacement() -> None:
    for character in ONE_BY_ONE:
        after = similar(character)
        if not gsm.unsupported(character):
            assert after == character
        elif after is not None:
            assert not gsm.unsupported(after)
            assert "@" not in after
            # Only what is invisible, and accents without a letter, become nothing.
            assert after or unicodedata.category(character) in ("Cf", "Mn")
            # Of other scripts nothing is replaced.
            joined = unicodedata.normalize("NFC", character)
            is_other = joined.isalpha() and unicodedata.name(joined, "").startswith(OTHER_SCRIPTS)
            # Another code point for Ω is Ω.
            assert not is_other or not gsm.unsupported(joined), character
    others = " ".join(BULK)
    assert replace(others) == others


@given(st.text(max_size=60))
def test_replacing_twice_changes_nothing_more(text: str) -> None:
    once = replace(text)
    assert replace(once) == once
    after = similar(text)
    assert after is None or (after == once and not gsm.unsupported(after))


def test_an_account_may_lack_characters_that_gsm_has() -> None:
    def lacking(text: str) -> str:
        return gsm.unsupported(text) + "".join(sorted(set(text) & set("€Δ\f")))

    assert similar("5 €\fë", lacking) == "5 EUR e"
    assert similar("Δ", lacking) is None
    # A mathematical capital delta would become a character that the account lacks.
    assert similar("𝚫", lacking) is None
