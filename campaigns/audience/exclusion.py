"""The rules that exclude people, for lists and for people chosen one by one, and how people are copied.

Both run inside the database.
"""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Case, CharField, Exists, Model, OuterRef, Q, QuerySet, Value, When

from campaigns.audience.texts import Text
from campaigns.statuses import ExcludedReason
from contacts.models import Suppression

#: The filter of a subquery for the same number as the row outside it.
SAME_NUMBER = {"msisdn": OuterRef("msisdn")}


def excluded_if(condition: Any, reason: ExcludedReason) -> When:
    """The rule that excludes the rows with ``condition`` for ``reason``."""
    return When(condition, Value(reason.value))


def opted_out_rule() -> When:
    """The rule that excludes people with an active suppression."""
    return excluded_if(Exists(Suppression.objects.active().filter(**SAME_NUMBER)), ExcludedReason.OPTED_OUT)


def missing_field_rules(text: Text) -> list[When]:
    """The rule that excludes people without a text of their own who lack a value that ``text`` needs; [] for none."""
    missing = Q()
    for name in text.required:
        missing |= Q(**{name: ""})
    return [excluded_if(missing & Q(message=""), ExcludedReason.MISSING_FIELD)] if missing else []


def first_reason(rules: Sequence[When]) -> Case:
    """The reason of the first rule that is met; ``""`` for people who are included."""
    return Case(*rules, default=Value(""), output_field=CharField())


def insert_rows(model: type[Model], columns: Sequence[str], rows: QuerySet[Any, Any]) -> int:
    """Insert ``rows``, a ``values_list`` in the order of ``columns``, into the table of ``model``; return how many."""
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) {sql}", params)
        return cursor.rowcount
