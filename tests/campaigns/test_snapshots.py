"""Figures that are compared come from one snapshot: no false alarm while batches are rebuilt, and no writer waits."""

import io
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from campaigns import jobs
from campaigns.handover.batches import supersede
from campaigns.models import Campaign, Recipient
from campaigns.results import balance
from campaigns.views import watch
from contacts.importing import check_rows, forecast
from contacts.models import ContactList, Import
from contacts.snapshots import snapshot
from contacts.suppression import suppress
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, in_thread

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

PEOPLE = 20


@pytest.fixture
def running(account: Account, make_list: Callable[..., ContactList], make_running: MakeCampaign) -> Campaign:
    return make_running(account, make_list(count=PEOPLE))


def opt_out_and_rebuild(campaign: Campaign) -> None:
    """Somebody in the batch opts out, and the batch is superseded by one without them."""
    batch = campaign.batches.select_related("campaign__account", "account").get(status="prepared")
    person = Recipient.objects.of_batch(batch).order_by("msisdn")[0]
    suppress([person.msisdn], "manual")
    supersede(batch, timezone.now(), reason="opted_out", sentence="A recipient opted out.")


@pytest.mark.slow
def test_audits_beside_rebuilds_find_no_mismatch(running: Campaign) -> None:
    def rebuild_often() -> None:
        for _ in range(PEOPLE - 1):
            opt_out_and_rebuild(running)

    audits, pages = [], []
    with in_thread(rebuild_often) as rebuilding:
        while rebuilding.is_alive():
            audits.append(balance.audit(Campaign.objects.get(pk=running.pk)).mismatch)
            jobs.audit(running.pk)
            audits.append(Campaign.objects.get(pk=running.pk).alarm)
            with snapshot():
                row = watch.find(running.pk)
                books = balance.of(row)
            pages.append((books.waiting, books.mismatch))

    assert len(audits) > 4
    assert set(audits) == {""}
    assert set(pages) == {(0, "")}
    assert balance.audit(running).excluded == {"opted_out_later": PEOPLE - 1}


def between_statements(
    running: Campaign, read: Callable[[], Any], about: str = "campaigns_campaign", number: int = 1
) -> Any:
    """What ``read`` returns if the batch is rebuilt after statement ``number`` that contains ``about``."""
    rebuilt: list[str] = []
    seen: list[str] = []

    def rebuild_once(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if about in sql and not rebuilt:
            seen.append(sql)
        if len(seen) == number and not rebuilt:
            rebuilt.append(sql)
            with in_thread(lambda: opt_out_and_rebuild(running)):
                pass
        return result

    with connection.execute_wrapper(rebuild_once):
        found = read()
    assert rebuilt
    return found


def test_the_pages_show_the_books_of_one_moment(
    running: Campaign, viewer: User, logged_in: Callable[[User], Client]
) -> None:
    client = logged_in(viewer)

    for url in (running.get_absolute_url(), f"{running.get_absolute_url()}progress/"):
        response = between_statements(running, partial(client.get, url))
        assert (response.context["books"].waiting, response.context["books"].mismatch) == (0, "")
    response = between_statements(running, lambda: client.get("/"))
    [shown] = response.context["running"]
    assert (shown.books.waiting, shown.books.mismatch) == (0, "")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_records_as_many_rows_as_it_contains(
    running: Campaign, operator: User, logged_in: Callable[[User], Client], kind: str
) -> None:
    client = logged_in(operator)

    def export() -> int:
        answer = client.get(f"/campaigns/{running.pk}/export/?format={kind}&outcome=waiting")
        body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        if kind == "csv":
            return len(body.decode().splitlines()) - 1
        return sum(sheet.max_row for sheet in openpyxl.load_workbook(io.BytesIO(body)).worksheets) - 1

    for number in range(1, 4):
        rows = between_statements(running, export, about='FROM "campaigns_recipient"', number=number)
        entry = AuditEntry.objects.filter(action=AuditEntry.Action.ACCESS).latest("id")
        assert entry.changes_dict["rows"][1] == str(rows), number
        assert rows in (PEOPLE - number, PEOPLE - number + 1)


def test_an_export_that_breaks_off_records_the_rows_that_left(
    running: Campaign, operator: User, logged_in: Callable[[User], Client]
) -> None:
    answer = logged_in(operator).get(f"/campaigns/{running.pk}/export/?format=csv")
    for _ in range(4):
        next(answer.streaming_content)  # type: ignore[attr-defined]
    answer.close()
    entry = AuditEntry.objects.filter(action=AuditEntry.Action.ACCESS).latest("id")
    # The trail is append-only: this entry follows the one that the download began with.
    assert entry.changes_dict["rows"] == [str(PEOPLE), "3"]
    assert (entry.actor, entry.actor_name) == (operator, operator.username)


def test_the_forecast_of_an_import_is_of_one_moment(running: Campaign) -> None:
    """Its rows add up, although a contact of the list opts out between its statements."""
    chosen = running.lists.get()
    upload = default_storage.save("imports/a.csv", ContentFile(b"Phone\n27825550100\n27825550101\n27825559999\n"))
    imported = Import.objects.create(
        list=chosen, original_name="a.csv", country="ZA", file=upload, mapping={"0": "phone"}, status="uploaded"
    )
    check_rows(imported.pk)
    before = forecast(imported.pk)
    assert between_statements(running, partial(forecast, imported.pk), about="contacts_import") == before
    assert sum(before.values()) == 3
    assert forecast(imported.pk) != before


def test_a_snapshot_blocks_no_writer_and_waits_for_none(running: Campaign) -> None:
    began = time.monotonic()
    with snapshot():
        before = running.batches.count()
        with in_thread(lambda: opt_out_and_rebuild(running)):
            pass
        assert running.batches.count() == before
    assert running.batches.count() == before + 1
    writing, may_end = threading.Event(), threading.Event()

    def write() -> None:
        from_thread = Campaign.objects.filter(pk=running.pk)
        with transaction.atomic():
            from_thread.update(name="Changed")
            writing.set()
            assert may_end.wait(20)

    with in_thread(write):
        assert writing.wait(20)
        with snapshot():
            assert Campaign.objects.get(pk=running.pk).name == "October promo"
        may_end.set()
    assert time.monotonic() - began < 15
