"""What texts cost: the prices of an account by the beginning of a number, and reading them from what people enter."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.db import transaction

from providers.models import Account, Price

#: What a person may write for "every other number".
_OTHERS = frozenset({"", "*", "other", "others", "default", "all others", "everything else", "rest"})
_PREFIX = re.compile(r"[1-9]\d{0,9}")
_AMOUNT = re.compile(r"(?:[A-Za-z]{1,3}\.?|[$€£¥₦₹])?\s*(\d{1,5})(?:[.,](\d{1,5}))?", re.ASCII)
#: Lines that one account may have.
MOST = 5_000


class PriceError(Exception):
    """A line of prices that cannot be used. ``field`` is ``prefix`` or ``price``, ``at`` the line as it was given."""

    def __init__(self, at: int, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.at = at
        self.field = field
        self.sentence = sentence


@dataclass(frozen=True)
class Cost:
    """What texts cost. ``unpriced`` counts the texts to numbers for which the account has no price."""

    amount: Decimal
    currency: str
    unpriced: int = 0

    def as_json(self) -> dict[str, str | int]:
        """``{"amount": "1234.50", "currency": "ZAR", "unpriced": 0}``"""
        return {"amount": str(self.amount), "currency": self.currency, "unpriced": self.unpriced}


class PriceTable:
    """Prices for one part by prefix; ``""`` is every other number. The longest prefix that fits a number counts."""

    def __init__(self, prices: Mapping[str, Decimal], currency: str = "") -> None:
        self._prices = dict(prices)
        self._lengths = sorted({len(prefix) for prefix in prices}, reverse=True)
        self.currency = currency

    def __bool__(self) -> bool:
        return bool(self._prices)

    def prefix_of(self, msisdn: str) -> str | None:
        """The prefix whose price counts for a number, given as digits; None if it has no price."""
        for length in self._lengths:
            prefix = msisdn[:length]
            if prefix in self._prices:
                return prefix
        return None

    def cost(self, parts: Mapping[str | None, int], unpriced: int = 0) -> Cost:
        """What ``parts``, counted by prefix, cost together, rounded to two decimals; parts under None cost nothing."""
        amount = sum(
            (self._prices[prefix] * count for prefix, count in parts.items() if prefix is not None), Decimal(0)
        )
        return Cost(amount.quantize(Decimal("0.01"), ROUND_HALF_UP), self.currency, unpriced)


class CostCounter:
    """Adds texts up, one after another; the price is looked at once for each prefix and not for each text."""

    def __init__(self, table: PriceTable) -> None:
        self._table = table
        self._parts: Counter[str | None] = Counter()
        self._unpriced = 0

    def add(self, msisdn: str, parts: int) -> None:
        """Count one text of ``parts`` parts to ``msisdn``, given as digits."""
        if not self._table:
            return
        prefix = self._table.prefix_of(msisdn)
        self._parts[prefix] += parts
        self._unpriced += prefix is None

    def result(self) -> Cost | None:
        """What all texts cost; None if the account has no prices."""
        return self._table.cost(self._parts, self._unpriced) if self._table else None


def table_of(account: Account) -> PriceTable:
    """The prices of an account; an empty table for an account that is not saved."""
    if account.pk is None:
        return PriceTable({})
    return PriceTable(dict(account.prices.values_list("prefix", "per_part")), account.currency)


def read_prices(lines: Iterable[tuple[int, str, str]]) -> dict[str, Decimal]:
    """Read ``(line, prefix, price)`` as people enter them; lines without both are left out.

    ``+27``, ``27`` and ``0027`` are the same prefix; ``*``, ``others`` or nothing is the price for every other number.
    Raises PriceError for the first line that cannot be used, also if a prefix comes twice.
    """
    found: dict[str, Decimal] = {}
    for at, prefix, price in lines:
        if not prefix.strip() and not price.strip():
            continue
        read = _prefix(at, prefix)
        if read in found:
            named = f"The prefix {read}" if read else "The price for every other number"
            raise PriceError(at, "prefix", f"{named} is there twice.")
        found[read] = _price(at, price)
        if len(found) > MOST:
            raise PriceError(at, "prefix", f"There are more than {MOST:,} prices. Leave out what you do not need.")
    return found


def replace_prices(account: Account, prices: Mapping[str, Decimal], currency: str) -> None:
    """Make ``prices`` in ``currency`` (three letters) the account's only prices; the history keeps what changed."""
    with transaction.atomic():
        account = Account.objects.select_for_update(of=("self",)).get(pk=account.pk)
        if account.currency != currency:
            account.currency = currency
            account.save(update_fields=["currency", "updated_at"])
        stored = {price.prefix: price for price in account.prices.all()}
        for prefix, price in stored.items():
            if prefix not in prices:
                price.delete()
        for prefix, per_part in prices.items():
            known = stored.get(prefix) or Price(account=account, prefix=prefix)
            if known.pk is None or known.per_part != per_part:
                known.per_part = per_part
                known.save()


def _prefix(at: int, text: str) -> str:
    if text.strip().casefold() in _OTHERS:
        return ""
    digits = re.sub(r"[\s()-]", "", text).removeprefix("+").removeprefix("00")
    if not digits.isascii() or not _PREFIX.fullmatch(digits):
        sentence = f"“{text.strip()}” is not the beginning of a number. Write digits with the country code, such as 27."
        raise PriceError(at, "prefix", sentence)
    return digits


def _price(at: int, text: str) -> Decimal:
    match = _AMOUNT.fullmatch(text.strip())
    if not match:
        shown = f"“{text.strip()}” is not a price" if text.strip() else "The price is missing"
        raise PriceError(at, "price", f"{shown}. Write the price of one part, such as 0.1850, with at most 5 decimals.")
    return Decimal(f"{match[1]}.{match[2] or 0}")
