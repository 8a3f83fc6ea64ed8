"""The people of a follow-up or a test handover: chosen one by one (CampaignPerson), not by lists.

The check of a draft and the freeze use the same conditions, inside the database, as for lists (``sources``).
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Value

from campaigns.audience.exclusion import (
    SAME_NUMBER,
    excluded_if,
    first_reason,
    insert_rows,
    missing_field_rules,
    opted_out_rule,
)
from campaigns.audience.texts import Text, compile_text
from campaigns.chain import is_reached_elsewhere
from campaigns.models import Campaign, CampaignPerson, Recipient
from campaigns.statuses import ExcludedReason
from contacts.errors import Refusal
from contacts.fields import FROZEN_FIELDS
from providers.locks import Lock, LockLost

#: People copied in one transaction, so that web requests can write in between.
CHUNK = 20_000

_COPIED = ("list_id", "contact_id", "msisdn", *FROZEN_FIELDS)


def has_own_people(campaign: Campaign) -> bool:
    """Whether the people of the campaign are its CampaignPerson rows, and not those of its lists."""
    return campaign.follows_id is not None or campaign.test_of_id is not None


def count_reasons(campaign: Campaign, text: Text) -> Counter[str]:
    """Count the people by the reason that would exclude them; ``""`` counts those included."""
    counted: Any = _with_reasons(campaign, text).order_by().values("why").annotate(n=Count("pk"))
    return Counter(dict(counted.values_list("why", "n")))


def count_missing(campaign: Campaign, text: Text) -> Counter[str]:
    """Count the people who are excluded for a missing value by the field that is empty; one may lack several."""
    return count_empty(_with_reasons(campaign, text).filter(why=ExcludedReason.MISSING_FIELD), text)


def count_empty(rows: QuerySet[Any], text: Text) -> Counter[str]:
    """Count the ``rows`` without a value by the field, of those that ``text`` needs."""
    return Counter(rows.aggregate(**{name: Count("pk", filter=Q(**{name: ""})) for name in text.required}))


def included(campaign: Campaign, text: Text) -> QuerySet[CampaignPerson]:
    """The people whom a freeze would include now."""
    found: QuerySet[CampaignPerson] = _with_reasons(campaign, text).filter(why="")
    return found


def draft_recipients(campaign: Campaign, text: Text, skip: int, count: int) -> Iterator[Recipient]:
    """Yield unsaved recipients that a freeze would include now: ``count`` of them after ``skip``, by number."""
    for person in included(campaign, text).order_by("msisdn")[skip : skip + count]:
        yield _recipient_of(person)


def draft_recipient(campaign: Campaign, text: Text, msisdn: str) -> Recipient | None:
    """The unsaved recipient with this number (digits) that a freeze would include now, or None."""
    person = included(campaign, text).filter(msisdn=msisdn).first()
    return _recipient_of(person) if person else None


def copy_people(campaign: Campaign, text: Text, lock: Lock | None) -> int:
    """Copy the people of a campaign that is ``freezing`` into recipients; return how many.

    It is done inside the database, some at a time, and ends early if the freeze was given up. ``lock`` is the
    campaign's lock, or None if nobody else can be working on it. Raises LockLost.
    """
    copied = after = 0
    while True:
        ids = campaign.people.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
        last = ids[CHUNK - 1 : CHUNK].first()
        chunk = _with_reasons(campaign, text).filter(pk__gt=after)
        with transaction.atomic():
            copied += _insert(campaign, chunk if last is None else chunk.filter(pk__lte=last))
            Campaign.objects.filter(pk=campaign.pk).update(freeze_progress=copied)
            # Before this chunk is committed: another worker may have started from nothing since.
            refuse_lost(lock)
        if last is None or not is_freezing(campaign):
            return copied
        after = last


def people_with_reasons(campaign: Campaign) -> Any:
    """The people, annotated with ``why`` a freeze would exclude them now: ``""`` for those who are included.

    While the text of the draft cannot be used, nobody lacks a value for it.
    """
    try:
        text = compile_text(campaign.text)
    except Refusal:
        text = Text("", (), (), (), "", {})
    return _with_reasons(campaign, text)


def refuse_lost(lock: Lock | None) -> None:
    """Raise LockLost if another worker may be freezing the campaign by now."""
    if lock is not None and not lock.still_held():
        raise LockLost


def is_freezing(campaign: Campaign) -> bool:
    """Whether the campaign is still being frozen; a user may have ended it."""
    return Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.FREEZING).exists()


def _with_reasons(campaign: Campaign, text: Text) -> Any:
    """The people, annotated with ``why`` they are excluded: ``""`` for those who are included."""
    earlier = CampaignPerson.objects.filter(campaign=campaign.pk, pk__lt=OuterRef("pk"), **SAME_NUMBER)
    rules = [excluded_if(Exists(earlier), ExcludedReason.DUPLICATE)]
    # Nobody of a test handover is reached by it instead of the campaign: administrators keep these numbers for tests.
    reached = None if campaign.test_of_id else is_reached_elsewhere(campaign)
    if reached is not None:
        rules.append(excluded_if(reached, ExcludedReason.IN_FOLLOW_UP_CHAIN))
    return campaign.people.annotate(why=first_reason([*rules, opted_out_rule(), *missing_field_rules(text)]))


def _recipient_of(person: CampaignPerson) -> Recipient:
    return Recipient(**{name: getattr(person, name) for name in _COPIED})


def _insert(campaign: Campaign, people: QuerySet[CampaignPerson]) -> int:
    """Copy people, annotated with ``why``, into recipients of the campaign; return how many."""
    chosen = people.order_by("msisdn").annotate(of=Value(campaign.pk)).values_list("of", "why", *_COPIED)
    return insert_rows(Recipient, ("campaign_id", "excluded_reason", *_COPIED), chosen)
