"""Browsing the contacts of a list of any size: pages by key, searches and counts, each query short.

The order is that of the numbers, which the index on list and msisdn has. A filter or a search cannot use an index, so
the list is read in windows of ``WINDOW`` contacts, and a page that finds too few contacts in ``PATIENCE`` seconds says
how far it got. docs/architecture.md says why values have no index.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db.models import Q, QuerySet
from redis.exceptions import RedisError

from contacts import phones
from contacts.fields import SEARCHED_FIELDS
from contacts.models import Contact, ContactList

PAGE = 50
#: Contacts read by one query of a filter or a search: up to 40 ms on a busy machine.
WINDOW = 5_000
#: How many times as large as the one before a window of recipients is, up to ``WINDOW``.
WINDOW_GROWTH = 10
#: Index entries counted by one query.
COUNT_WINDOW = 20_000
#: Seconds that a page or a count may take before it says how far it got.
PATIENCE = 1.0
#: Digits that are looked up as the beginning of a number. Fewer may be part of anything.
LEAST_DIGITS = 6
#: A longer list is counted at most once a minute.
COUNTED_EACH_TIME = 100_000
COUNTED_FOR_SECONDS = 60

Clock = Callable[[], float]


@dataclass
class Page:
    """Rows in order. The keys are ids of rows; None: there is no such page.

    ``stopped_at``: the key to continue from, of a page that ran out of time before it was full.
    """

    rows: list[Any] = field(default_factory=list)
    previous_key: int | None = None
    next_key: int | None = None
    stopped_at: int | None = None


class Edge(NamedTuple):
    """The last contact of a window."""

    pk: int
    msisdn: str


@dataclass(frozen=True)
class Count:
    """How many contacts match. Not ``is_exact``: at least so many, among the first ``looked_at`` of the list."""

    number: int
    is_exact: bool = True
    looked_at: int = 0


def searched(contact_list: ContactList, words: str) -> tuple[QuerySet[Contact], Q]:
    """The contacts that a search for ``words`` has to look at, narrowed by the index on numbers, and the condition.

    The beginning of a number, in any notation, is looked up. If the list has no such number, every word must be in some
    field, and digits may be anywhere in a number.
    """
    contacts = contact_list.contacts.all()
    if not words:
        return contacts, Q()
    digits = "".join(filter(str.isdigit, words))
    if not digits or any(map(str.isalpha, words)):
        return contacts, _in_any_field(words)
    starting = with_beginning(contacts, words, contact_list.country) if len(digits) >= LEAST_DIGITS else None
    if starting is not None:
        return starting, Q()
    return contacts, Q(msisdn__contains=digits.removeprefix("0")) | _in_any_field(words)


def _in_any_field(words: str) -> Q:
    query = Q()
    for word in words.split():
        in_any = Q()
        for name in SEARCHED_FIELDS:
            in_any |= Q(**{f"{name}__icontains": word})
        query &= in_any
    return query


def with_beginning(rows: QuerySet[Any], words: str, country: str) -> QuerySet[Any] | None:
    """Those of ``rows``, by ``msisdn``, whose number begins as ``words`` does in any notation; None if there are none.

    A number without a country code is read as in ``country`` (ISO 3166).
    """
    for start in _beginnings(words, country):
        starting = rows.filter(msisdn__gte=start, msisdn__lt=_after(start))
        if starting.exists():
            return starting
    return None


def _beginnings(words: str, country: str) -> list[str]:
    """How an msisdn that begins with ``words`` can begin, the most likely first."""
    digits = "".join(filter(str.isdecimal, words))
    if not digits.isascii() or not digits:
        return []
    try:
        whole = [phones.parse(words, country, phones.TYPED)]
    except phones.PhoneError:
        whole = []
    if words.strip().startswith("+") or digits.startswith("00"):
        return [*whole, digits.removeprefix("00")]
    national = phones.calling_code(country) + digits.removeprefix("0")
    return [*whole, *([national] if digits.startswith("0") else [digits, national])]


def _after(start: str) -> str:
    """The first text, in the order of digits, after all that begin with ``start``."""
    rest = start.rstrip("9")
    return f"{rest[:-1]}{int(rest[-1]) + 1}" if rest else "9" * 16


def page(
    contacts: QuerySet[Contact], query: Q, *, after: int = 0, before: int = 0, clock: Clock = time.monotonic
) -> Page:
    """The page of ``contacts`` (all of one list) that match ``query``, after or before the contact with that id.

    An id that is not on the list any more leads to the first page.
    """
    key = contacts.filter(pk=after or before).order_by("pk").values_list("msisdn", flat=True).first() or ""
    backwards = bool(before and key)
    found, stopped_at = _first_of(contacts, query, key, backwards, clock)
    more = len(found) > PAGE
    rows = found[:PAGE]
    if backwards:
        rows.reverse()
        if not more and stopped_at is None:
            # The start of the list: fill the page.
            return page(contacts, query, clock=clock)
    made = Page(rows=rows)
    if rows:
        made.previous_key = rows[0].pk if (more if backwards else bool(key)) else None
        made.next_key = rows[-1].pk if backwards or more else None
    elif key:
        made.previous_key = after
    made.stopped_at = None if backwards else stopped_at
    return made


def _first_of(
    contacts: QuerySet[Contact], query: Q, key: str, backwards: bool, clock: Clock
) -> tuple[list[Contact], int | None]:
    """The first contacts that match, one more than a page; and where the search stopped if time was up."""
    if not query:
        return list(_beyond(contacts, key, backwards)[: PAGE + 1]), None
    found: list[Contact] = []
    began = clock()
    for window, last in windows(contacts, key, backwards):
        found += window.filter(query)[: PAGE + 1 - len(found)]
        if len(found) > PAGE or last is None:
            break
        if clock() - began > PATIENCE:
            return found, last.pk
    return found, None


def windows(
    contacts: QuerySet[Contact], key: str = "", backwards: bool = False, size: int = WINDOW
) -> Iterator[tuple[QuerySet[Contact], Edge | None]]:
    """The contacts beyond the msisdn ``key`` in windows of ``size``, each with its last contact; None at the end."""
    while True:
        rest = _beyond(contacts, key, backwards)
        edges = rest.values_list("pk", "msisdn")[size - 1 : size]
        last = next((Edge(pk, msisdn) for pk, msisdn in edges), None)
        if last is None:
            yield rest, None
            return
        yield rest.filter(**{"msisdn__gte" if backwards else "msisdn__lte": last.msisdn}), last
        key = last.msisdn


def _beyond(contacts: QuerySet[Contact], key: str, backwards: bool) -> QuerySet[Contact]:
    if key:
        contacts = contacts.filter(**{"msisdn__lt" if backwards else "msisdn__gt": key})
    return contacts.order_by("-msisdn" if backwards else "msisdn")


def key_page(rows: QuerySet[Any], order: tuple[str, str], *, after: int = 0, before: int = 0, size: int = PAGE) -> Page:
    """The page of ``rows`` in ``order``, after or before the row with that id.

    ``order``: two fields of one direction that an index has, such as ``("-created_at", "-id")``.
    """
    descending = order[0].startswith("-")
    first, second = (name.removeprefix("-") for name in order)
    key = rows.model._default_manager.filter(pk=after or before).order_by("pk").values_list(first, second).first()
    backwards = bool(before and key)
    if key:
        less = descending is not backwards
        beyond = Q(**{f"{first}__{'lt' if less else 'gt'}": key[0]}) | Q(
            **{f"{second}__{'lt' if less else 'gt'}": key[1]}
        )
        # The first condition bounds what an index has to read.
        beyond &= Q(**{f"{first}__{'lte' if less else 'gte'}": key[0]})
    directed = (rows.filter(beyond) if key else rows).order_by(*order)
    found = list((directed.reverse() if backwards else directed)[: size + 1])
    more = len(found) > size
    shown = found[:size]
    if backwards:
        if not more:
            # The beginning: fill the page.
            return key_page(rows, order, size=size)
        shown.reverse()
    made = Page(rows=shown)
    if shown:
        made.previous_key = shown[0].pk if (more if backwards else bool(key)) else None
        made.next_key = shown[-1].pk if backwards or more else None
    return made


def number_page(
    rows: QuerySet[Any], matching: QuerySet[Any], *, after: int = 0, before: int = 0, clock: Clock = time.monotonic
) -> Page:
    """The page of ``matching``, some of ``rows``, by ``msisdn`` and id, after or before the row of that id.

    An index of ``rows`` has this order. They are read in windows, the first one no larger than a page and each larger
    than the one before. A page that finds too few rows in ``PATIENCE`` seconds says how far it got.
    """
    key = rows.filter(pk=after or before).order_by("pk").values_list("msisdn", "pk").first()
    backwards = bool(before and key)
    order = ("-msisdn", "-pk") if backwards else ("msisdn", "pk")
    found: list[Any] = []
    began, edge, stopped_at, size = clock(), key, None, PAGE + 1
    while True:
        beyond = _beyond_key(edge, backwards)
        last = rows.filter(beyond).order_by(*order).values_list("msisdn", "pk")[size - 1 : size].first()
        until = _up_to_key(last, backwards)
        found += matching.filter(beyond, until).order_by(*order)[: PAGE + 1 - len(found)]
        if len(found) > PAGE or last is None:
            break
        edge, size = last, min(size * WINDOW_GROWTH, WINDOW)
        if clock() - began > PATIENCE:
            stopped_at = last[1]
            break
    more = len(found) > PAGE
    shown = found[:PAGE]
    if backwards:
        if not more and stopped_at is None:
            # The beginning: fill the page.
            return number_page(rows, matching, clock=clock)
        shown.reverse()
    made = Page(rows=shown)
    if shown:
        made.previous_key = shown[0].pk if (more if backwards else key is not None) else None
        made.next_key = shown[-1].pk if backwards or more else None
    elif key:
        made.previous_key = after
    made.stopped_at = None if backwards else stopped_at
    return made


def _beyond_key(key: tuple[str, int] | None, backwards: bool) -> Q:
    if key is None:
        return Q()
    strictly, equally = ("lt", "lte") if backwards else ("gt", "gte")
    # The first condition bounds what an index has to read.
    return Q(**{f"msisdn__{equally}": key[0]}) & (
        Q(**{f"msisdn__{strictly}": key[0]}) | Q(**{f"pk__{strictly}": key[1]})
    )


def _up_to_key(key: tuple[str, int] | None, backwards: bool) -> Q:
    if key is None:
        return Q()
    strictly, equally = ("gt", "gte") if backwards else ("lt", "lte")
    return Q(**{f"msisdn__{equally}": key[0]}) & (
        Q(**{f"msisdn__{strictly}": key[0]}) | Q(**{f"pk__{equally}": key[1]})
    )


def count(contacts: QuerySet[Contact], query: Q, patience: float = PATIENCE, clock: Clock = time.monotonic) -> Count:
    """How many of ``contacts`` (all of one list) match ``query``."""
    number = looked_at = 0
    began = clock()
    for window, last in windows(contacts, size=WINDOW if query else COUNT_WINDOW):
        number += window.filter(query).order_by().count()
        if last is None:
            break
        looked_at += WINDOW if query else COUNT_WINDOW
        if clock() - began > patience:
            return Count(number, is_exact=False, looked_at=looked_at)
    return Count(number)


def size_of(contact_list: ContactList) -> int:
    """How many contacts are on the list; of a long one, how many there were within the last minute."""
    contacts = contact_list.contacts.all()
    first = contacts.order_by("msisdn").values("pk")[: COUNTED_EACH_TIME + 1].count()
    if first <= COUNTED_EACH_TIME:
        return first
    key = f"size-of-list-{contact_list.pk}"
    # Without Redis, it is counted each time.
    size: int | None = None
    with suppress(RedisError):
        size = cache.get(key)
    if size is None:
        size = count(contacts, Q(), float("inf")).number
        with suppress(RedisError):
            cache.set(key, size, COUNTED_FOR_SECONDS)
    return size
