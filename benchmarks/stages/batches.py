"""Create the files of an approved campaign for one provider, against rendering and saving each recipient."""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from benchmarks import campaigns
from benchmarks.bench import Baseline, Bench
from benchmarks.results import Result
from benchmarks.stages.freezing import text_of
from benchmarks.stages.parts import naive_parts
from campaigns.handover.batches import create_batches
from campaigns.models import Batch, Campaign, Event
from contacts.fields import FROZEN_FIELDS

#: Recipients in a file of the baseline.
FILE_ROWS = 30_000
#: Rows that the floor fetches at a time.
FETCH = 5_000


def reset(campaign: Campaign) -> None:
    """Forget the campaign's batches, so that they can be created again."""
    Event.objects.filter(campaign=campaign).delete()
    for batch in campaign.batches.all():
        default_storage.delete(str(batch.payload))
    Batch.objects.filter(campaign=campaign).delete()
    campaign.recipients.exclude(batch_number=None).update(batch_number=None)
    Campaign.objects.filter(pk=campaign.pk).update(
        status=Campaign.Status.APPROVED, started_at=None, nobody_waits_up_to=""
    )


def measure(bench: Bench, slug: str) -> Iterator[Result]:
    account = campaigns.connect(slug)
    made: dict[int, Campaign] = {}

    def campaign_of(rows: int) -> Campaign:
        if rows not in made:
            made[rows] = campaigns.approved(account, campaigns.list_of(rows))
        reset(made[rows])
        return made[rows]

    def product(rows: int) -> float:
        campaign = campaign_of(rows)
        with bench.watch() as watch:
            create_batches(campaign.pk, timezone.now())
        assert sum(campaign.batches.values_list("rows", flat=True)) == rows
        return watch.seconds

    def orm_and_save(rows: int) -> float:
        campaign = campaign_of(rows)
        with bench.watch() as watch, transaction.atomic():
            recipients = campaign.recipients.filter(excluded_reason="").order_by("msisdn")
            for number, begin in enumerate(range(0, rows, FILE_ROWS), start=1):
                messages, parts = [], 0
                for person in recipients[begin : begin + FILE_ROWS]:
                    text = text_of(person)
                    parts += naive_parts(text)
                    messages.append({"to": person.msisdn, "text": text, "reference": str(person.pk)})
                    person.batch_number = number
                    person.save()
                body = BytesIO()
                with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
                    archive.writestr("messages.json", json.dumps({"parts": parts, "messages": messages}))
                default_storage.save(f"baseline/{campaign.pk}-{number}.zip", ContentFile(body.getvalue()))
        return watch.seconds

    def bare_select(rows: int) -> float:
        campaign = campaign_of(rows)
        with bench.watch() as watch, connection.chunked_cursor() as cursor:
            cursor.execute(
                f"SELECT id, msisdn, {', '.join(FROZEN_FIELDS)} FROM campaigns_recipient"
                " WHERE campaign_id = %s AND excluded_reason = '' AND batch_number IS NULL ORDER BY msisdn",
                [campaign.pk],
            )
            while cursor.fetchmany(FETCH):
                pass
        return watch.seconds

    yield from bench.compare(
        f"create batches, {slug}",
        product,
        Baseline("ORM and save()", orm_and_save, faster=25),
        floor=bare_select,
        floor_name="the bare SELECT",
        floor_at_most=4,
    )
