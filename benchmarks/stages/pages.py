"""The pages over ten times the rows as recipients, in ten campaigns, of which one is running."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from django.db import connection
from django.db.models import Count
from django.test import Client
from django.utils import timezone

from benchmarks import campaigns
from benchmarks.bench import Bench
from benchmarks.people import msisdn
from benchmarks.results import Result, compared
from benchmarks.rows import analyze
from campaigns.handover.batches import create_batches
from campaigns.models import Batch, Campaign, Recipient
from tests.plans import READS_ALL, plan_of, queries_over_growing_tables

COPIES = 10
#: Requests of each page in one round; their mean counts.
REQUESTS = 10
#: This table has no rows here, because all batches were accepted as a whole.
EMPTY = "campaigns_recipientoutcome"
#: Seconds in the server for each page.
LIMIT = 0.05


def copy(campaign: Campaign, number: int) -> None:
    """Copy a campaign with its batches and recipients; the copy is closed, and its batches were accepted."""
    source, batches = campaign.pk, list(campaign.batches.all())
    made = Campaign.objects.get(pk=source)
    made.pk = None
    made.name, made.status, made.closed_at = f"{campaign.name}, copy {number}", Campaign.Status.CLOSED, timezone.now()
    made.save()
    for position, batch in enumerate(batches):
        batch.pk, batch.campaign, batch.poll_at, batch.due_at = None, made, None, None
        batch.stem, batch.key = f"{batch.stem}-{number}", number * 100_000 + position
        batch.status, batch.settled_at = Batch.Status.ACCEPTED, timezone.now()
        batch.save()
    columns = ", ".join(
        str(field.column) for field in Recipient._meta.concrete_fields if field.column not in ("id", "campaign_id")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO campaigns_recipient (campaign_id, {columns}) SELECT %s, {columns} FROM campaigns_recipient"
            " WHERE campaign_id = %s ORDER BY id",
            [made.pk, source],
        )


def counted(result: Result, what: str, found: list[Any]) -> Result:
    """A result that says how many were found of something that must not occur."""
    return replace(
        result, baseline=what, baseline_seconds=None, ratio=float(len(found)), target="at most 0", holds=not found
    )


def measure(bench: Bench) -> Iterator[Result]:
    account = campaigns.connect("smsportal")
    people = campaigns.list_of(bench.rows)
    campaign = campaigns.approved(account, people)
    create_batches(campaign.pk, timezone.now())
    for number in range(1, COPIES):
        copy(campaign, number)
    analyze()
    client, htmx = Client(), Client(HTTP_HX_REQUEST="true")
    for each in (client, htmx):
        each.force_login(campaigns.person("operator"), backend="django.contrib.auth.backends.ModelBackend")
    searched, total = msisdn(bench.rows // 2), COPIES * bench.rows
    page = f"/campaigns/{campaign.pk}/"
    polled = {"overview, polled": "/", "campaign page, polled": f"{page}progress/"}
    others = {
        "overview": "/",
        "campaign page": page,
        "recipients, first page": f"{page}recipients/",
        "recipients, search": f"{page}recipients/?number={searched}",
        "number page": f"/search/?number={searched}",
    }

    def getting(asking: Client, address: str) -> Callable[[int], float]:
        def work(rows: int) -> float:
            with bench.watch() as watch:
                for _ in range(REQUESTS):
                    assert asking.get(address).status_code < 300, address
            return watch.seconds / REQUESTS

        return work

    for name, address in polled.items():
        result = bench.within(name, getting(htmx, address), LIMIT, total)
        yield result
        with queries_over_growing_tables() as found:
            htmx.get(address)
        yield counted(result, "queries over recipients", found)
    began = time.perf_counter()
    list(Recipient.objects.values("campaign", "batch_number").annotate(n=Count("id")))
    yield replace(result, **compared(result, "counting all recipients", time.perf_counter() - began))
    for name, address in others.items():
        result = bench.within(name, getting(client, address), LIMIT, total)
        yield result
        with queries_over_growing_tables() as found:
            client.get(address)
        scans = [scan[1] for query in found if (scan := READS_ALL.search(plan_of(query)))]
        yield counted(result, "plans that read all rows", [table for table in scans if table != EMPTY])
    # Without a limit: it counts for up to a second, then the page says how far it got.
    by_name = getting(client, f"/contacts/{people.pk}/?q=Nkosi")
    yield bench.measured("contact list, search by name", by_name, bench.rows)
