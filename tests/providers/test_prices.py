"""Prices of an account: reading what people enter, the longest prefix, and the sum."""

import re
from decimal import Decimal

import pytest

from audit.models import AuditEntry
from providers.models import Account, Price
from providers.prices import CostCounter, PriceError, PriceTable, read_prices, replace_prices, table_of


@pytest.mark.parametrize(
    ("prefix", "price", "read", "amount"),
    [
        ("27", "0.185", "27", "0.185"),
        ("+27 82", "R 0,19", "2782", "0.19"),
        ("0027", "$1", "27", "1.0"),
        ("*", "0.25", "", "0.25"),
        ("Others", "ZAR 0.25", "", "0.25"),
        ("", "0.25", "", "0.25"),
    ],
)
def test_reading_a_line(prefix: str, price: str, read: str, amount: str) -> None:
    assert read_prices([(2, prefix, price)]) == {read: Decimal(amount)}


@pytest.mark.parametrize(
    ("prefix", "price", "field", "words"),
    [
        ("South Africa", "0.2", "prefix", "“South Africa” is not the beginning of a number"),
        ("27", "", "price", "The price is missing"),
        ("27", "-1", "price", "“-1” is not a price"),
        ("27", "0.123456", "price", "at most 5 decimals"),
        ("27", "1,234.50", "price", "is not a price"),
        ("٢٧", "1", "prefix", "is not the beginning"),
        ("12345678901", "1", "prefix", "is not the beginning"),
        ("082", "1", "prefix", "with the country code"),
    ],
)
def test_a_line_that_cannot_be_read(prefix: str, price: str, field: str, words: str) -> None:
    with pytest.raises(PriceError, match=re.escape(words)) as refused:
        read_prices([(2, prefix, price)])
    assert (refused.value.at, refused.value.field) == (2, field)


def test_blank_lines_are_left_out_and_a_prefix_counts_once() -> None:
    assert read_prices([(1, "", ""), (2, "27", "1"), (3, " ", " ")]) == {"27": Decimal("1.0")}
    with pytest.raises(PriceError, match="The prefix 27 is there twice"):
        read_prices([(1, "27", "1"), (2, "+27", "2")])


def test_the_longest_prefix_counts() -> None:
    table = PriceTable({"27": Decimal("0.185"), "2782": Decimal("0.2"), "1": Decimal("0.005")}, "ZAR")
    counter = CostCounter(table)
    for msisdn, parts in (("27825550100", 3), ("27835550100", 1), ("14155550100", 1), ("491711234567", 9)):
        counter.add(msisdn, parts)
    cost = counter.result()
    assert cost is not None
    # 0.6 + 0.185 + 0.005
    assert cost.as_json() == {"amount": "0.79", "currency": "ZAR", "unpriced": 1}
    assert PriceTable({"": Decimal(1)}).prefix_of("491711234567") == ""
    without = CostCounter(PriceTable({}))
    without.add("27825550100", 1)
    assert without.result() is None


@pytest.mark.django_db
def test_prices_are_replaced_and_the_history_keeps_it() -> None:
    account = Account(name="Main", provider="smsportal")
    account.save()
    replace_prices(account, {"27": Decimal("0.2"), "": Decimal("1")}, "ZAR")
    kept = Price.objects.get(prefix="27").pk
    replace_prices(account, {"27": Decimal("0.3"), "1": Decimal("0.05")}, "ZAR")
    account.refresh_from_db()
    table = table_of(account)
    assert (table.currency, table.prefix_of("27825550100"), table.prefix_of("49171")) == ("ZAR", "27", None)
    assert Price.objects.get(prefix="27").pk == kept
    changes = [entry.changes for entry in AuditEntry.objects.filter(content_type__model="price").order_by("id")]
    assert {"per_part": ["0.20000", "0.3"]} in changes
