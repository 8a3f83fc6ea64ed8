"""Columns give the same messages, the same files and the same parts as one recipient after another does."""

import io
import random
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote_plus

import pytest

from campaigns.audience.rows import READ, RecipientRow, Row
from campaigns.audience.spec import Composer
from campaigns.audience.texts import compile_text
from campaigns.statuses import LettersChoice
from contacts.errors import Refusal
from providers import registry
from providers.adapters.bulksms.wire import _quote_plus
from providers.base import BaseAdapter, CampaignSpec
from providers.messages import Messages
from tests.campaigns.simple_forms import SIMPLE_FORMS

T = TypeVar("T")
STEM = "c1-b1-g1-0a1b2c3d"
CASES = 250
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "smsportal": [{}, {"check_optouts": False}],
    "gatewayapi": [{}, {"encoding": "cp1252"}, {"encoding": "excel", "message_class": 'st"d%s'}],
    "clickatell": [{}, {"charset": "utf-8"}, {"unicode": True}],
    "bulksms": [{}, {"alphabet": "16bit"}, {"want_report": False}],
}
#: Alphabets from harmless to harmful: the more harmless ones come more often, so that most files can be written.
ALPHABETS = [
    "abc XYZ 012",
    "abc é ñ Ü",
    "ab%s{0} \"'\\,;|~^`",
    "ab \n",
    "ab €[]{} Δ Ω",
    "aş ć 😀 “",
    "a@ # \r\n\t",
    "a\f\x00\x1b\ud83d",
]
WORDS = ["@@", "#field", "#field1#", "%s", "100 %", " edge ", "\r\n", "@@value1@@", '"', "\\n", "x" * 170]


def _words(chance: random.Random, longest: int = 8) -> str:
    if chance.random() < 0.2:
        return ""
    if chance.random() < 0.05:
        return chance.choice(WORDS)
    alphabet = ALPHABETS[min(int(chance.expovariate(0.8)), len(ALPHABETS) - 1)]
    return "".join(chance.choices(alphabet, k=chance.randint(1, longest)))


def _source(chance: random.Random) -> str:
    pieces = [_words(chance, 60).replace("@", "")]
    for _ in range(chance.randint(0, 4)):
        fallback = chance.choice(["", "", "|friend", "|%s é", "|"])
        pieces += [f"@@value{chance.randint(1, 3)}{fallback}@@", _words(chance, 60).replace("@", "")]
    return "".join(pieces)


def _row(chance: random.Random, place: int, has_own_texts: bool) -> Row:
    values = [_words(chance) for _ in range(6)]
    own_text = _words(chance, 200) if has_own_texts and chance.random() < 0.3 else ""
    customer = chance.choice(["", f"C {place}", _words(chance)])
    return (chance.choice([place, place, None]), str(27820000000 + place), customer, *values, own_text)


def _outcome(function: Callable[..., T], *arguments: object) -> T | str:
    """What the function returns, or why it returns nothing."""
    try:
        return function(*arguments)
    except (ValueError, StopIteration) as error:
        return type(error).__name__


def _inner(adapter: BaseAdapter, spec: CampaignSpec, columns: Messages) -> bytes:
    payload = adapter.render(STEM, 7, spec, columns)
    if not payload.name.endswith(".zip"):
        return payload.body
    with zipfile.ZipFile(io.BytesIO(payload.body)) as archive:
        return archive.read(f"{STEM}.json")


@pytest.mark.parametrize("slug", sorted(SIMPLE_FORMS))
def test_columns_equal_the_simple_form(slug: str) -> None:
    chance, adapter, written = random.Random(slug), registry.adapter(slug), 0
    assert len(READ) == len(_row(chance, 1, False))
    for _ in range(CASES):
        spec = CampaignSpec("", chance.choice(["", "ACME"]), options=chance.choice(OPTIONS[slug]))
        try:
            composer = Composer(compile_text(_source(chance)), adapter, spec, chance.choice(LettersChoice.values))
        except Refusal:
            continue
        has_own_texts = chance.random() < 0.3
        rows = [_row(chance, place, has_own_texts) for place in range(1, chance.randint(2, 9))]
        simple = [composer.message(RecipientRow._make(row)) for row in rows]
        columns = composer.compose_all(rows)
        assert list(columns) == simple
        assert list(Messages.of(simple)) == simple
        assert list(columns[1:]) == simple[1:]

        counted = Counter(adapter.measure(spec, message.text).parts for message in simple)
        assert adapter.count_parts(spec, columns.texts) == counted

        by_columns = _outcome(_inner, adapter, composer.spec, columns)
        assert by_columns == _outcome(SIMPLE_FORMS[slug], STEM, 7, composer.spec, simple)
        written += isinstance(by_columns, bytes)
    # Most files can be written, so the comparison is about bytes.
    assert written > CASES / 3


def test_a_form_is_quoted_like_the_library_does() -> None:
    every = bytes(range(256))
    assert _quote_plus(every) == quote_plus(every).encode()
    assert _quote_plus(b"100 % + 1%25") == quote_plus(b"100 % + 1%25").encode()


def test_parts_of_plain_texts_are_measured_by_their_length() -> None:
    for slug in SIMPLE_FORMS:
        adapter = registry.adapter(slug)
        for options in OPTIONS[slug]:
            spec = CampaignSpec("", "", options=options)
            texts = ["a" * length for length in range(0, 500, 7)] + ["é" * length for length in (159, 160, 161, 306)]
            assert adapter.count_parts(spec, texts) == Counter(adapter.measure(spec, text).parts for text in texts)
