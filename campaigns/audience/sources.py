"""Who a campaign texts: the contacts that it chooses, and why some of them are excluded.

Everything is computed inside the database, for the check of a draft and for the freeze with the same conditions.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, Q, QuerySet, Value, When
from django.utils import timezone

from campaigns.audience import people
from campaigns.audience.chosen import chosen_contacts, on_any
from campaigns.audience.contacted import contacted_since
from campaigns.audience.exclusion import (
    SAME_NUMBER,
    excluded_if,
    first_reason,
    insert_rows,
    missing_field_rules,
    opted_out_rule,
)
from campaigns.audience.people import is_freezing, refuse_lost
from campaigns.audience.texts import Text, compile_text
from campaigns.models import Campaign, CampaignExclusion, CampaignList, Recipient
from campaigns.statuses import ExcludedReason
from contacts import segments
from contacts.fields import FROZEN_FIELDS
from contacts.models import Contact, ContactList
from contacts.planner import analyze
from providers.locks import Lock

#: Recipients copied in one transaction, so that web requests can write in between.
CHUNK = 20_000

_COPIED = ("msisdn", *FROZEN_FIELDS)


@dataclass(frozen=True)
class Sources:
    """The people whom a campaign chooses and excludes.

    The rows need not be saved, so that a form can count what it would choose. ``chosen`` is in order: a number counts
    once, in the first row that has it.
    """

    chosen: Sequence[CampaignList]
    exclusions: Sequence[CampaignExclusion] = ()
    not_texted_for_days: int | None = None

    @property
    def lists(self) -> list[ContactList]:
        """The lists whose contacts are chosen, each once, in order."""
        return list(dict.fromkeys(row.contact_list for row in self.chosen))

    @property
    def excluded_lists(self) -> list[ContactList]:
        """The lists whose contacts, or a segment of them, are excluded."""
        found = (row.contact_list or (row.segment.list if row.segment else None) for row in self.exclusions)
        return list(dict.fromkeys(contact_list for contact_list in found if contact_list))

    def count_reasons(self, text: Text) -> Counter[str]:
        """See the function ``count_reasons``."""
        reasons: Counter[str] = Counter()
        for rows in self._with_reasons(text):
            reasons.update(_count(rows))
        return reasons

    def count_missing(self, text: Text) -> Counter[str]:
        """See the function ``count_missing``."""
        missing: Counter[str] = Counter()
        for rows in self._with_reasons(text):
            missing.update(people.count_empty(rows.filter(reason=ExcludedReason.MISSING_FIELD), text))
        return missing

    def recipients(self, text: Text, skip: int, count: int) -> Iterator[Recipient]:
        """See ``draft_recipients``."""
        for rows in self._with_reasons(text):
            found = 0
            for contact in rows.filter(reason="").order_by("msisdn")[skip : skip + count]:
                found += 1
                yield _recipient_of(contact)
            count -= found
            if count <= 0:
                return
            skip = 0 if found else max(0, skip - _count(rows)[""])

    def recipient(self, text: Text, msisdn: str) -> Recipient | None:
        """See ``draft_recipient``."""
        found = (rows.filter(msisdn=msisdn).first() for rows in self.included(text))
        return next((_recipient_of(contact) for contact in found if contact), None)

    def included(self, text: Text) -> Iterator[QuerySet[Any]]:
        """The contacts of each chosen row who are included."""
        return (rows.filter(reason="") for rows in self._with_reasons(text))

    def rules(self, text: Text) -> list[When]:
        """Why a chosen contact is excluded, unless as a duplicate; the first rule that is met counts."""
        rules = [opted_out_rule()]
        excluded = self._excluded()
        if excluded:
            rules.append(excluded_if(excluded, ExcludedReason.EXCLUDED_LIST))
        if self.not_texted_for_days:
            moment = timezone.now() - timedelta(days=self.not_texted_for_days)
            rules.append(excluded_if(contacted_since(moment), ExcludedReason.RECENTLY_CONTACTED))
        return [*rules, *missing_field_rules(text)]

    def _with_reasons(self, text: Text) -> Iterator[QuerySet[Any]]:
        """The contacts of each chosen row, with the alias ``reason``: ``""`` for those who are included."""
        rules = self.rules(text)
        for position, row in enumerate(self.chosen):
            earlier = on_any(self.chosen[:position])
            first = [excluded_if(earlier, ExcludedReason.DUPLICATE)] if earlier else []
            yield chosen_contacts(row).alias(reason=first_reason([*first, *rules])).order_by()

    def _excluded(self) -> Q:
        lists = [row.contact_list_id for row in self.exclusions if row.contact_list_id]
        campaigns = [row.of_campaign_id for row in self.exclusions if row.of_campaign_id]
        excluded = Q()
        if lists:
            excluded |= Q(Exists(Contact.objects.filter(list__in=lists, **SAME_NUMBER)))
        if campaigns:
            excluded |= Q(Exists(Recipient.objects.included().filter(campaign__in=campaigns, **SAME_NUMBER)))
        for row in self.exclusions:
            if row.segment:
                excluded |= Q(Exists(segments.matching(row.segment).filter(**SAME_NUMBER)))
        return excluded


def sources_of(campaign: Campaign) -> Sources:
    """What a saved campaign chooses and excludes."""
    return Sources(
        list(
            campaign.campaignlist_set.select_related("contact_list", "segment__list", "of_campaign").order_by(
                "position"
            )
        ),
        list(campaign.exclusions.select_related("contact_list", "segment__list", "of_campaign")),
        campaign.not_texted_for_days,
    )


def count_reasons(campaign: Campaign, text: Text) -> Counter[str]:
    """Count the chosen contacts by the reason that would exclude them; ``""`` counts those included.

    Raises Refusal if the conditions of a segment are damaged.
    """
    if people.has_own_people(campaign):
        return people.count_reasons(campaign, text)
    return sources_of(campaign).count_reasons(text)


def count_missing(campaign: Campaign, text: Text) -> Counter[str]:
    """Count the people who are excluded for a missing value by the field that is empty; one may lack several."""
    if people.has_own_people(campaign):
        return people.count_missing(campaign, text)
    return sources_of(campaign).count_missing(text)


def selected(campaign: Campaign) -> int:
    """How many people the freeze will copy, excluded ones included."""
    if people.has_own_people(campaign):
        return campaign.people.count()
    return sum(chosen_contacts(row).count() for row in sources_of(campaign).chosen)


def draft_recipients(campaign: Campaign, text: Text, skip: int, count: int) -> Iterator[Recipient]:
    """Yield unsaved recipients that a freeze would include now: ``count`` of them after ``skip``, row by row.

    Raises Refusal if the conditions of a segment are damaged.
    """
    if people.has_own_people(campaign):
        return people.draft_recipients(campaign, text, skip, count)
    return sources_of(campaign).recipients(text, skip, count)


def draft_recipient(campaign: Campaign, text: Text, msisdn: str) -> Recipient | None:
    """The unsaved recipient with this number (digits) that a freeze would include now, or None.

    Raises Refusal if the conditions of a segment are damaged.
    """
    if people.has_own_people(campaign):
        return people.draft_recipient(campaign, text, msisdn)
    return sources_of(campaign).recipient(text, msisdn)


def is_recipient(campaign: Campaign) -> Q:
    """The condition that a row outside has the number of one whom the freeze included, or would include now in a draft.

    Raises Refusal if the text, or the conditions of a segment, of a draft cannot be used.
    """
    if campaign.counts:
        return Q(Exists(campaign.recipients.included().filter(**SAME_NUMBER)))
    text = compile_text(campaign.text)
    if people.has_own_people(campaign):
        return Q(Exists(people.included(campaign, text).filter(**SAME_NUMBER)))
    found = Q(pk__in=[])
    for rows in sources_of(campaign).included(text):
        found |= Q(Exists(rows.filter(**SAME_NUMBER)))
    return found


def copy_people(campaign: Campaign, text: Text, lock: Lock | None) -> int:
    """Copy the chosen contacts of a campaign that is ``freezing`` into recipients; return how many.

    It is done inside the database, a range of numbers at a time, and ends early if the freeze was given up. ``lock`` is
    the campaign's lock, or None if nobody else can be working on it. Raises LockLost, and Refusal if the conditions of
    a segment are damaged.
    """
    # Counted once, for the page that shows how far it is.
    Campaign.objects.filter(pk=campaign.pk).update(freeze_total=selected(campaign))
    if people.has_own_people(campaign):
        return people.copy_people(campaign, text, lock)
    sources = sources_of(campaign)
    # The rows chosen earlier have been copied, so their numbers are recipients already.
    copied_before = Exists(Recipient.objects.filter(campaign=campaign.pk, **SAME_NUMBER))
    is_duplicate = excluded_if(copied_before, ExcludedReason.DUPLICATE)
    rules, copied = sources.rules(text), 0
    for row in sources.chosen:
        reason, copied_until_now = first_reason([is_duplicate, *rules] if copied else rules), copied
        contacts = chosen_contacts(row).annotate(of_campaign=Value(campaign.pk), reason=reason)
        for after, until in _ranges(row.contact_list):
            with transaction.atomic():
                copied += _insert(contacts.filter(msisdn__gt=after, msisdn__lte=until))
                Campaign.objects.filter(pk=campaign.pk).update(freeze_progress=copied)
                # Before this chunk is committed: another worker may have started from nothing since.
                refuse_lost(lock)
            if not is_freezing(campaign):
                return copied
        if copied > copied_until_now + CHUNK:
            analyze(Recipient)
    return copied


def _recipient_of(contact: Contact) -> Recipient:
    values = {name: getattr(contact, name) for name in FROZEN_FIELDS}
    return Recipient(list_id=contact.list_id, contact_id=contact.pk, msisdn=contact.msisdn, **values)


def _count(rows: QuerySet[Contact]) -> Counter[str]:
    counted: Any = rows.annotate(why=rows.query.annotations["reason"]).values("why").annotate(n=Count("pk"))
    return Counter(dict(counted.values_list("why", "n")))


def _ranges(contact_list: ContactList) -> Iterator[tuple[str, str]]:
    """Ranges of the list's numbers, ``CHUNK`` contacts each: after the first number, up to and with the second."""
    after = ""
    while True:
        numbers = contact_list.contacts.filter(msisdn__gt=after).order_by("msisdn").values_list("msisdn", flat=True)
        last = numbers[CHUNK - 1 : CHUNK].first()
        yield after, last or "9" * 16
        if last is None:
            return
        after = last


def _insert(people: QuerySet[Contact]) -> int:
    """Copy contacts, annotated with ``of_campaign`` and ``reason``, into recipients; return how many."""
    columns = ("campaign_id", "excluded_reason", "list_id", "contact_id", *_COPIED)
    chosen = people.order_by("msisdn").values_list("of_campaign", "reason", "list_id", "pk", *_COPIED)
    return insert_rows(Recipient, columns, chosen)
