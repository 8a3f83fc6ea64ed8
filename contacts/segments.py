"""Conditions on the contacts of a list, for filters and for segments, which are saved filters.

A condition is a dict of three texts: ``{"field": "value1", "is": "starts_with", "value": "Cape"}``. A contact matches
if it meets all of them. What ``value`` holds depends on the field: a text, an ISO 3166 code, a kind of number, the id
of an import, or for ``contacted`` a number of days or an ISO 8601 date.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from django.db.models import Case, Exists, FloatField, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone

from contacts import countries
from contacts.contacted import contacted_since
from contacts.errors import Refusal
from contacts.fields import TABLE_FIELDS
from contacts.ids import as_id
from contacts.models import Contact, ContactList, Import, ImportRow, Segment
from contacts.number_facts import NUMBER_KINDS

Condition: TypeAlias = Mapping[str, str]
Conditions: TypeAlias = Iterable[Condition]

#: The tests of a field that holds text, with their words. Upper and lower case are the same.
TEXT_TESTS = {
    "equals": "is",
    "not_equals": "is not",
    "starts_with": "starts with",
    "contains": "contains",
    "empty": "is empty",
    "not_empty": "is not empty",
    "at_least": "is a number of at least",
    "at_most": "is a number of at most",
}
WITHOUT_VALUE = ("empty", "not_empty")
NUMERIC = ("at_least", "at_most")
EQUALITY = {"equals": "is", "not_equals": "is not"}
CONTACTED_TESTS = {"since": "contacted", "not_since": "not contacted"}
TESTS: dict[str, Mapping[str, str]] = {
    **dict.fromkeys(TABLE_FIELDS, TEXT_TESTS),
    "country": EQUALITY,
    "kind": EQUALITY,
    "import": EQUALITY,
    "contacted": CONTACTED_TESTS,
}
#: A cell that holds nothing but a number, of at most 15 digits, which both databases compare exactly alike.
PLAIN_NUMBER = r"^-?[0-9]{1,12}(\.[0-9]{1,3})?$"
MAX_DAYS = 3650
MAX_CONDITIONS = 30
MAX_VALUE = 500


class ConditionError(Refusal):
    """A condition cannot be understood. ``field``: the field it is about."""

    def __init__(self, field: str, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.field = field


def validated(conditions: object) -> list[dict[str, str]]:
    """``conditions`` as stored: each with exactly its field, test and value. Raises ConditionError."""
    if not isinstance(conditions, list) or len(conditions) > MAX_CONDITIONS:
        raise ConditionError("", "no_conditions", f"A filter is a list of at most {MAX_CONDITIONS} conditions.")
    return [_validated(condition) for condition in conditions]


def _validated(condition: object) -> dict[str, str]:
    if not isinstance(condition, dict) or not all(isinstance(value, str) for value in condition.values()):
        raise ConditionError("", "not_a_condition", "A condition has a field, a test and a value, all of them text.")
    field, test, value = (condition.get(part, "") for part in ("field", "is", "value"))
    if test not in TESTS.get(field, {}):
        raise ConditionError(field, "unknown_test", f"“{field} {test}” is not a condition.")
    if test in WITHOUT_VALUE:
        return {"field": field, "is": test, "value": ""}
    if not value:
        raise ConditionError(field, "value_missing", "Enter the value to compare with.")
    if len(value) > MAX_VALUE or "\x00" in value:
        raise ConditionError(field, "value_invalid", f"Enter a text of at most {MAX_VALUE} characters.")
    if test in NUMERIC:
        _number(field, value)
    elif field == "country" and value not in countries.names():
        raise ConditionError(field, "unknown_country", "Choose a country.")
    elif field == "kind" and value not in dict(NUMBER_KINDS):
        raise ConditionError(field, "unknown_kind", "Choose a number type.")
    elif field == "import" and as_id(value) is None:
        raise ConditionError(field, "unknown_import", "Choose an import.")
    elif field == "contacted":
        _moment(value, timezone.now())
    return {"field": field, "is": test, "value": value}


def _number(field: str, text: str) -> float:
    try:
        number = float(text.replace(",", "").replace(" ", "").replace("\u00a0", ""))
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e12:
        raise ConditionError(field, "not_a_number", "Enter a number, such as 250 or 13.50.")
    return number


def _moment(value: str, now: datetime) -> datetime:
    """The moment from which on a person counts as contacted: the start of a day, or so many days before ``now``."""
    try:
        if value.isascii() and value.isdigit():
            if not 1 <= int(value) <= MAX_DAYS:
                raise ValueError(value)
            return now - timedelta(days=int(value))
        day = date.fromisoformat(value)
        # The same for everybody who looks at the segment, and for the worker that uses it.
        return timezone.make_aware(datetime.combine(day, time.min), timezone.get_default_timezone())
    except (ValueError, OverflowError) as error:
        sentence = f"Enter a number of days from 1 to {MAX_DAYS:,}, or a date."
        raise ConditionError("contacted", "not_a_time", sentence) from error


# -- queries --------------------------------------------------------------------------------------------------------


def matching(segment: Segment) -> QuerySet[Contact]:
    """The contacts of the segment's list that match it now. Raises ConditionError if its conditions are damaged."""
    return segment.list.contacts.filter(query_of(segment.conditions))


def query_of(conditions: Conditions) -> Q:
    """The condition on Contact that all of ``conditions`` make. Raises ConditionError."""
    query = Q()
    for condition in validated(list(conditions)):
        field, test, value = condition["field"], condition["is"], condition["value"]
        query &= _QUERIES.get(field, _text_query)(field, test, value)
    return query


def _text_query(field: str, test: str, value: str) -> Q:
    if test == "empty":
        return Q(**{field: ""})
    if test == "not_empty":
        return ~Q(**{field: ""})
    if test in NUMERIC:
        return _number_query(field, test, value)
    lookups = {"equals": "iexact", "not_equals": "iexact", "starts_with": "istartswith", "contains": "icontains"}
    query = Q(**{f"{field}__{lookups[test]}": value})
    return ~query if test == "not_equals" else query


def _number_query(field: str, test: str, value: str) -> Q:
    # Only cells that hold a number are converted: PostgreSQL refuses to convert any other text.
    is_number = When(**{f"{field}__regex": PLAIN_NUMBER}, then=Cast(field, FloatField()))
    number = Case(is_number, default=None, output_field=FloatField())
    limit = Value(_number(field, value), output_field=FloatField())
    return Q(GreaterThanOrEqual(number, limit) if test == "at_least" else GreaterThanOrEqual(limit, number))


def _country_query(field: str, test: str, value: str) -> Q:
    query = Q(number_country=value)
    return ~query if test == "not_equals" else query


def _kind_query(field: str, test: str, value: str) -> Q:
    query = Q(number_kind=value)
    return ~query if test == "not_equals" else query


def _import_query(field: str, test: str, value: str) -> Q:
    rows = ImportRow.objects.filter(import_of=int(value), msisdn=OuterRef("msisdn")).exclude(bucket="")
    return ~Q(Exists(rows)) if test == "not_equals" else Q(Exists(rows))


def _contacted_query(field: str, test: str, value: str) -> Q:
    query = contacted_since(_moment(value, timezone.now()))
    return ~query if test == "not_since" else query


_QUERIES: dict[str, Callable[[str, str, str], Q]] = {
    "country": _country_query,
    "kind": _kind_query,
    "import": _import_query,
    "contacted": _contacted_query,
}


# -- words ----------------------------------------------------------------------------------------------------------


def in_words(conditions: Conditions, contact_list: ContactList) -> list[str]:
    """Each condition as people read it: ``First name starts with “Th”``."""
    return [_words(condition, contact_list) for condition in conditions]


def _words(condition: Condition, contact_list: ContactList) -> str:
    field, test, value = condition["field"], condition["is"], condition["value"]
    if field == "country":
        return f"Country {EQUALITY[test]} {countries.name_of(value)}"
    if field == "kind":
        return f"Number type {EQUALITY[test]} {dict(NUMBER_KINDS).get(value, value).lower()}"
    if field == "import":
        return f"{'Not imported' if test == 'not_equals' else 'Imported'} in {_name_of_import(value)}"
    if field == "contacted":
        word = CONTACTED_TESTS[test].capitalize()
        if value.isdigit():
            return f"{word} in the last {value} day{'' if value == '1' else 's'}"
        day = date.fromisoformat(value)
        return f"{word} since {day.day} {day:%b %Y}"
    words = f"{contact_list.label(field)} {TEXT_TESTS[test]}"
    if test in WITHOUT_VALUE:
        return words
    return f"{words} {value}" if test in NUMERIC else f"{words} “{value}”"


def _name_of_import(pk: str) -> str:
    found = Import.objects.filter(pk=int(pk)).first()
    if found is None:
        return "an import that no longer exists"
    local = timezone.localtime(found.created_at)
    return f"{found.original_name} ({local.day} {local:%b %Y, %H:%M})"
