"""Measuring many texts at once gives what measuring each of them gives, and so do messages, faults and the digest."""

import hashlib
import random
from decimal import Decimal
from typing import Any

import pytest

from campaigns.audience.approval import AudienceDigest, escaped
from campaigns.audience.faults import TEXT_FAULTS, may_have_faults, text_faults, without_faultless
from campaigns.audience.rows import READ, RecipientRow, Row
from campaigns.audience.spec import Composer
from campaigns.audience.statistics import TextStatistics
from campaigns.audience.texts import compile_text
from contacts.errors import Refusal
from contacts.fields import FROZEN_FIELDS
from contacts.number_facts import fixed_lines, number_facts
from providers import registry
from providers.base import CampaignSpec
from providers.prices import PriceTable

_LITERALS = [
    "Hi ", "your statement of R", " R ", "is due", " on 2026/11/", "-11-27", " ", "", "\n", "#", "#field", "@", "%",
    "%s", " Reply STOP to opt out", "€", "Zoë", "[", "x" * 70, "y" * 140, ", ZAR", "5 R", ". Thanks", "🎉", "KSh.",
]  # fmt: skip
_FIELDS = [
    "@@value1@@", "@@value2@@", "@@value1|friend@@", "@@value2|R@@", "@@value3|Zoë@@", "@@value1@@", "@@value2|@@",
]  # fmt: skip
_VALUES = [
    "Thandi", "Sipho", "José", "Zoë", "Иван", "1,250.00", "R250", "27", "2026-11-27", "Cape Town", " edge", "edge ", "",
    " ", "R", "ZAR", "field1", "#field1#", "@@value1@@", "@value1@@", "€5", "Δ", "x" * 30, "y" * 200, "a\x1fb", "s",
    "🎉", "line\nbreak", "line\r\nbreak", "[x]", "ctrl\x1a", "Àà", "ä£",
]  # fmt: skip
_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "smsportal": [{}],
    "gatewayapi": [{}, {"encoding": "cp1252"}, {"encoding": "excel"}],
    "clickatell": [{}, {"charset": "utf-8"}, {"unicode": True}, {"concat": 8}],
    "bulksms": [{}, {"alphabet": "16bit"}, {"max_parts": 10}],
}
_PRICES = PriceTable({"27": Decimal("0.2"), "2783": Decimal("0.3"), "44": Decimal(1)}, "ZAR")
#: Campaigns for each provider, and recipients of each.
CAMPAIGNS, ROWS = 40, 100


def test_a_row_has_the_columns_that_are_frozen() -> None:
    assert RecipientRow._fields == READ == ("id", "msisdn", *FROZEN_FIELDS)


@pytest.mark.parametrize("slug", sorted(_OPTIONS))
def test_many_texts_are_measured_as_each_of_them(slug: str) -> None:
    adapter, chance, by_length = registry.adapter(slug), random.Random(f"measuring {slug}"), 0
    defaults = {name: each.initial for name, each in adapter.OptionsForm.base_fields.items()}
    for _ in range(CAMPAIGNS):
        source = "".join(chance.choice([*_LITERALS, *_FIELDS]) for _ in range(chance.randint(1, 8)))
        try:
            text = compile_text(source)
        except Refusal:
            continue
        spec = CampaignSpec("", "", options=defaults | chance.choice(_OPTIONS[slug]))
        composer = Composer(text, adapter, spec, chance.choice(("refuse", "replace", "skip", "replace_or_skip")))
        # Most people of a campaign have ordinary values.
        values = chance.sample(_VALUES[:8], 4) if chance.random() < 0.6 else _VALUES
        rows = [_row(chance, number, values, chance.choice((None, number + 1))) for number in range(ROWS)]
        each, many = TextStatistics(composer, _PRICES), TextStatistics(composer, _PRICES)
        kept = []
        for position, row in enumerate(rows, start=1):
            recipient = RecipientRow._make(row)
            composed = composer.compose(recipient)
            each.add(recipient, composed, position)
            kept += [] if composed.excluded else [row]
        assert [*many.add_rows(rows[:70]), *many.add_rows(rows[70:])] == kept, source
        by_length += sum(many._counted.values())
        found, expected = vars(many.result()), vars(each.result())
        for name, value in expected.items():
            assert found[name] == value, (source, composer.spec.options, name)
        assert list(composer.compose_all(rows)) == [composer.message(RecipientRow._make(row)) for row in rows], source
    assert by_length > CAMPAIGNS * ROWS / 8


def test_texts_of_one_length_have_different_parts_if_a_pair_is_at_the_end_of_one() -> None:
    """A € is two septets, which must not be split: 153 septets of a part hold 76 of them after one letter, 75 after
    two.
    """
    text = compile_text(f"@@value1@@{'€' * 100}@@value2@@")
    composer = Composer(text, registry.adapter("smsportal"), CampaignSpec("", ""), "refuse")
    statistics = TextStatistics(composer, PriceTable({}))

    statistics.add_rows([(n, str(n), "", "x" * n, "y" * (106 - n), "", "", "", "", "") for n in (1, 2, 3, 4)])

    assert statistics.result().histogram == {2: 2, 3: 2}


def _row(chance: random.Random, number: int, values: list[str], pk: int | None) -> Row:
    own_text = chance.choice(("Pay R R250 {now}", "Own text. STOP")) if chance.random() < 0.03 else ""
    filled = [chance.choice(values) if chance.random() < 0.95 else "" for _ in range(6)]
    customer_id = "C" * (101 if chance.random() < 0.01 else 7)
    return (pk, str(27825550100 + number * 999_983), customer_id, *filled, own_text)


def test_faults_are_found_in_what_is_near_the_fields() -> None:
    chance = random.Random("faults")
    pieces = ["R", "ZAR", "KSh.", "Rs.", "US$", "€", " ", "250", "5", ".", ",", "a", "i", "hi R", "2026", "-11", "-27"]
    pieces += ["/11", "/27", "s", "h", "\n", "x R", "GH₵", "aRx", "due ", "é", "٣"]
    seen = 0
    for _ in range(4_000):
        literals = ["".join(chance.choice(pieces) for _ in range(chance.randint(0, 6))) for _ in range(3)]
        values = ["".join(chance.choice(pieces) for _ in range(chance.randint(0, 3))) for _ in range(2)]
        text = literals[0] + values[0] + literals[1] + values[1] + literals[2]
        expected = [code for code, pattern in TEXT_FAULTS.items() if pattern.search(text)]
        assert text_faults(text) == expected, text
        assert may_have_faults(["R 5", text, "5 R"]) or not expected, text
        near = without_faultless(literals)
        assert text_faults(near[0] + values[0] + near[1] + values[1] + near[2]) == expected, (literals, values)
        seen += bool(expected)
    assert seen > 100


def test_the_digest_depends_on_every_column_and_on_nothing_else() -> None:
    chance, parts = random.Random("digest"), ["a", "", "\x1a", "\x1e", "\x1f", "0", "1", "2", "é", "\ud800"]

    def some() -> str:
        return "".join(chance.choice(parts) for _ in range(chance.randint(0, 2)))

    digests: dict[str, list[list[Row]]] = {}
    for _ in range(1_000):
        rows = [(number, *(some() for _ in READ[1:])) for number in range(chance.randint(0, 3))]
        whole, single, hashed = AudienceDigest(), AudienceDigest(), hashlib.sha256()
        whole.add(rows)
        for row in rows:
            single.add([(7, *row[1:])])
            hashed.update(escaped(row).encode("utf-8", "surrogatepass"))
        assert whole.hexdigest() == single.hexdigest() == hashed.hexdigest()
        digests.setdefault(whole.hexdigest(), []).append([row[1:] for row in rows])
    assert all(audience == audiences[0] for audiences in digests.values() for audience in audiences)


def test_a_separator_in_a_value_does_not_move_values_between_columns() -> None:
    first = (1, "27825550100", "", "a\x1fb", "", "", "", "", "", "")
    second = (1, "27825550100", "", "a", "b", "", "", "", "", "")
    third = (1, "27825550100", "", "a\x1a2b", "", "", "", "", "", "")
    digests = [AudienceDigest() for _ in range(3)]
    for digest, row in zip(digests, (first, second, third), strict=True):
        digest.add([row])
    assert len({digest.hexdigest() for digest in digests}) == 3


def test_fixed_lines_are_those_of_the_facts_of_a_number() -> None:
    chance = random.Random("lines")
    codes = ["2782", "2711", "4930", "49151", "1212", "44207", "447", "390", "999", "264", "7", ""]
    msisdns = [
        chance.choice(codes) + "".join(chance.choices("0123456789", k=chance.randint(5, 8))) for _ in range(2000)
    ]
    msisdns += sorted(msisdns)
    assert list(fixed_lines(msisdns)) == [msisdn for msisdn in msisdns if number_facts(msisdn)[1] == "fixed_line"]
