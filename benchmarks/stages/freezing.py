"""Freeze a campaign of which a tenth has opted out: copy, measure and digest, against bulk_create."""

from collections.abc import Iterator

from django.db import connection, transaction

from benchmarks import campaigns
from benchmarks.bench import Baseline, Bench
from benchmarks.people import TEXT
from benchmarks.results import Result
from benchmarks.rows import opt_out_a_tenth
from benchmarks.stages.parts import naive_parts
from campaigns.models import Campaign, Recipient
from contacts.fields import FROZEN_FIELDS
from contacts.models import ContactList, Suppression

#: Recipients that the baseline creates at a time.
BULK = 2_000


def measure(bench: Bench) -> Iterator[Result]:
    account = campaigns.connect("smsportal")
    opt_out_a_tenth(bench.rows)
    lists: dict[int, ContactList] = {}

    def campaign_of(rows: int) -> Campaign:
        if rows not in lists:
            lists[rows] = campaigns.list_of(rows)
        return campaigns.draft(account, lists[rows])

    def product(rows: int) -> float:
        campaign = campaign_of(rows)
        with bench.watch() as watch:
            campaigns.begin_freeze(campaign)
            campaigns.freeze(campaign)
        assert campaign.counts["included"] == rows - max(rows // 10, 1), campaign.counts
        return watch.seconds

    def bulk_create(rows: int) -> float:
        campaign = campaign_of(rows)
        with bench.watch() as watch, transaction.atomic():
            opted_out = set(Suppression.objects.filter(lifted_at=None).values_list("msisdn", flat=True))
            made: list[Recipient] = []
            parts = 0
            for contact in lists[rows].contacts.order_by("msisdn").iterator():
                values = {name: getattr(contact, name) for name in FROZEN_FIELDS}
                reason = "opted_out" if contact.msisdn in opted_out else ""
                person = Recipient(
                    campaign=campaign, list_id=contact.list_id, contact_id=contact.pk, msisdn=contact.msisdn,
                    excluded_reason=reason, **values,
                )  # fmt: skip
                parts += naive_parts(text_of(person))
                made.append(person)
                if len(made) == BULK:
                    Recipient.objects.bulk_create(made)
                    made.clear()
            Recipient.objects.bulk_create(made)
        return watch.seconds

    def floor(rows: int) -> float:
        campaign = campaign_of(rows)
        columns = ", ".join(FROZEN_FIELDS)
        with bench.watch() as watch, connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO campaigns_recipient (campaign_id, excluded_reason, contact_id, list_id, msisdn,"
                f" {columns})"
                f" SELECT %s, '', id, list_id, msisdn, {columns} FROM contacts_contact WHERE list_id = %s"
                " AND NOT EXISTS (SELECT 1 FROM contacts_suppression s WHERE s.msisdn = contacts_contact.msisdn)"
                " ORDER BY msisdn",
                [campaign.pk, lists[rows].pk],
            )
        return watch.seconds

    yield from bench.compare("freeze", product, Baseline("bulk_create", bulk_create, faster=12), floor=floor)


def text_of(person: Recipient) -> str:
    """The text of a recipient, by replacing one field after another."""
    text = TEXT
    for name, fallback in (("value1", "friend"), ("value3", "town"), ("value4", "0")):
        text = text.replace(f"@@{name}|{fallback}@@", getattr(person, name) or fallback)
    return text
