"""Export all recipients of a campaign as csv, against one query for each recipient."""

import csv
from collections.abc import Iterator
from io import StringIO

from django.db import connection
from django.utils import timezone

from benchmarks import campaigns
from benchmarks.bench import Baseline, Bench
from benchmarks.results import Result
from benchmarks.stages.freezing import text_of
from campaigns import exporting
from campaigns.handover.batches import create_batches
from campaigns.models import Batch, Campaign, Export, RecipientOutcome
from contacts.fields import FROZEN_FIELDS


def measure(bench: Bench) -> Iterator[Result]:
    account = campaigns.connect("smsportal")
    made: dict[int, Campaign] = {}

    def campaign_of(rows: int) -> Campaign:
        if rows not in made:
            made[rows] = campaigns.approved(account, campaigns.list_of(rows))
            create_batches(made[rows].pk, timezone.now())
        return made[rows]

    def product(rows: int) -> float:
        campaign = campaign_of(rows)
        row = Export.objects.create(
            campaign=campaign,
            created_by=campaigns.person("operator"),
            filter={},
            format="csv",
            total=rows,
            name="recipients",
            created_at=timezone.now(),
        )
        with bench.watch() as watch:
            exporting.write(row.pk, timezone.now)
        row.refresh_from_db()
        assert row.rows == rows
        return watch.seconds

    def naive(rows: int) -> float:
        campaign = campaign_of(rows)
        with bench.watch() as watch:
            writer = csv.writer(StringIO())
            for person in campaign.recipients.order_by("msisdn").iterator():
                batch = Batch.objects.filter(campaign=campaign, number=person.batch_number or 0).first()
                outcome = RecipientOutcome.objects.filter(recipient=person).first()
                said = outcome.result if outcome else batch.status if batch else ""
                writer.writerow(
                    [person.msisdn, *(getattr(person, name) for name in FROZEN_FIELDS), text_of(person), said]
                )
        return watch.seconds

    def floor(rows: int) -> float:
        campaign = campaign_of(rows)
        with bench.watch() as watch, connection.chunked_cursor() as cursor:
            writer = csv.writer(StringIO())
            cursor.execute(
                f"SELECT msisdn, {', '.join(FROZEN_FIELDS)} FROM campaigns_recipient WHERE campaign_id = %s"
                " ORDER BY msisdn",
                [campaign.pk],
            )
            while found := cursor.fetchmany(5_000):
                writer.writerows(found)
        return watch.seconds

    yield from bench.compare("export recipients", product, Baseline("queries for each", naive), floor=floor)
