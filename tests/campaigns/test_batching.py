"""The name and bytes of a batch are fixed when it is created, and every rendering gives the same bytes."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from campaigns import naming
from campaigns.handover import batches
from campaigns.models import Batch, Campaign, Event, Recipient
from campaigns.results import balance
from contacts.errors import Refusal
from contacts.models import ContactList
from contacts.suppression import suppress
from providers.adapters.smsportal import Adapter
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, approve, freeze

pytestmark = pytest.mark.postgresql


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Adapter, "limits", replace(Adapter.limits, rows=2))


def test_batches_are_split_by_rows(account: Account, make_running: MakeCampaign, small_files: None) -> None:
    campaign = make_running(account)

    assert list(campaign.batches.values_list("number", "rows")) == [(1, 2), (2, 2), (3, 1)]
    assert campaign.status == "running"
    assert not campaign.recipients.waiting().exists()


def test_batches_and_campaigns_say_where_their_recipients_are(
    account: Account, make_running: MakeCampaign, small_files: None
) -> None:
    campaign = make_running(account)
    numbers = list(campaign.recipients.order_by("msisdn").values_list("msisdn", flat=True))
    assert [(batch.first_msisdn, batch.last_msisdn) for batch in campaign.batches.all()] == [
        (numbers[0], numbers[1]), (numbers[2], numbers[3]), (numbers[4], numbers[4]),
    ]  # fmt: skip
    assert campaign.nobody_waits_up_to == numbers[4]
    assert [Recipient.objects.of_batch(batch).count() for batch in campaign.batches.all()] == [2, 2, 1]
    assert not balance.audit(campaign).mismatch

    Batch.objects.filter(campaign=campaign, number=2).update(last_msisdn=numbers[2])
    assert "below its lowest or above its highest" in balance.audit(campaign).mismatch
    Event.objects.filter(batch__number=3).delete()
    campaign.batches.filter(number=3).delete()
    campaign.recipients.filter(msisdn=numbers[4]).update(batch_number=None)
    Batch.objects.filter(campaign=campaign, number=2).update(last_msisdn=numbers[3])
    assert balance.audit(campaign).mismatch == "Recipients who wait are overlooked: 1."
    Campaign.objects.filter(pk=campaign.pk).update(nobody_waits_up_to=numbers[3])
    assert not balance.audit(campaign).mismatch

    assert batches.create_batches(campaign.pk, timezone.now()) == 1
    assert not Recipient.objects.has_waiting(Campaign.objects.get(pk=campaign.pk))


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only there a page can have room for updates")
def test_creating_batches_writes_no_index_of_recipients(
    account: Account, make_list: Callable[..., ContactList], make_running: MakeCampaign
) -> None:
    def updated() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_get_xact_tuples_hot_updated('campaigns_recipient'::regclass)")
            return int(cursor.fetchone()[0])

    # The count may include updates of earlier transactions.
    before = updated()

    make_running(account, make_list(count=500))

    assert updated() - before == 500


def test_a_file_too_large_is_halved(
    account: Account,
    make_running: MakeCampaign,
    make_list: Callable[..., ContactList],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Of a handful of recipients, half need not be smaller once deflated.
    campaign = make_running(account, make_list(count=41))
    whole = campaign.batches.get().size
    monkeypatch.setattr(Adapter, "limits", replace(Adapter.limits, bytes=whole - 1))

    other = make_running(account, *campaign.ordered_lists(), name="Smaller files")

    assert [batch.rows for batch in other.batches.all()] == [21, 20]
    assert all(batch.size < whole for batch in other.batches.all())


def test_one_text_that_fits_nowhere_pauses_with_the_reason(
    account: Account, make_running: MakeCampaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Adapter, "limits", replace(Adapter.limits, bytes=10))

    with pytest.raises(Refusal, match="larger than"):
        make_running(account)


def test_names_are_derived_and_not_random(account: Account, make_running: MakeCampaign) -> None:
    batch = make_running(account).batches.get()

    assert batch.stem == naming.derive_stem(batch.campaign_id, 1, 1)
    assert batch.stem.startswith(f"c{batch.campaign_id}-b1-g1-")
    assert 1 <= batch.key <= naming.LARGEST_KEY


def test_another_installation_has_other_names(settings: Settings) -> None:
    here = naming.derive_stem(1, 1, 1)
    settings.INSTALLATION_KEY = "another"

    assert naming.derive_stem(1, 1, 1) != here


def test_a_dry_run_shows_the_bytes_of_the_later_batches(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User, tmp_path: Path, small_files: None
) -> None:
    campaign = approve(freeze(make_campaign(account), operator), approver)
    said = StringIO()
    call_command("dry_run", str(campaign.pk), "--out", str(tmp_path / "dry"), "--json", stdout=said)
    files = json.loads(said.getvalue())["files"]

    batches.create_batches(campaign.pk, timezone.now())

    created = list(campaign.batches.order_by("number"))
    assert [file["sha256"] for file in files] == [batch.sha256 for batch in created]
    for file, batch in zip(files, created, strict=True):
        assert (tmp_path / "dry" / file["name"]).read_bytes() == batch.payload.read()
    assert sum(file["rows"] for file in files) == 5
    assert said.getvalue().count("\n") == 1


def test_a_draft_has_no_dry_run(account: Account, make_campaign: MakeCampaign, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not submitted"):
        call_command("dry_run", str(make_campaign(account).pk), "--out", str(tmp_path))


def test_a_file_without_a_database_row_is_replaced(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User
) -> None:
    campaign = approve(freeze(make_campaign(account), operator), approver)
    name = f"payloads/c{campaign.pk}/{naming.derive_stem(campaign.pk, 1, 1)}.zip"
    default_storage.save(name, ContentFile(b"left by a crash"))

    batches.create_batches(campaign.pk, timezone.now())

    batch = campaign.batches.get()
    assert batch.payload.name == name
    assert len(batch.payload.read()) == batch.size


def test_people_who_opted_out_since_the_freeze_are_not_batched(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User
) -> None:
    campaign = approve(freeze(make_campaign(account), operator), approver)
    suppress(["27825550103"], "manual")

    batches.create_batches(campaign.pk, timezone.now())

    assert campaign.batches.get().rows == 4
    campaign.refresh_from_db()
    assert campaign.opted_out_later == 1


def test_create_batches_before_the_start_creates_nothing(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User
) -> None:
    start = timezone.now() + timedelta(hours=1)
    campaign = approve(freeze(make_campaign(account, start_at=start), operator), approver)

    assert batches.create_batches(campaign.pk, timezone.now()) == 0
    assert batches.create_batches(campaign.pk, start) == 1
    assert Batch.objects.count() == 1


def test_create_batches_a_second_time_creates_nothing_more(account: Account, make_running: MakeCampaign) -> None:
    campaign = make_running(account)

    assert batches.create_batches(campaign.pk, timezone.now()) == 0
    assert Batch.objects.count() == 1


def test_an_early_hand_over_is_batched_at_the_approval_with_the_start_in_the_file(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User
) -> None:
    start = timezone.now() + timedelta(days=2)
    campaign = approve(freeze(make_campaign(account, start_at=start, is_early=True), operator), approver)

    assert batches.create_batches(campaign.pk, timezone.now()) == 1

    batch = campaign.batches.get()
    with zipfile.ZipFile(batch.payload.open()) as archive:
        content = archive.read(archive.namelist()[0]).decode()
    assert f'"start": "{start:%Y-%m-%d %H:%M}"' in content
    assert batch.expires_at == start


def test_held_until_its_start_a_file_has_no_start(account: Account, make_running: MakeCampaign) -> None:
    batch = make_running(account).batches.get()

    with zipfile.ZipFile(batch.payload.open()) as archive:
        assert b'"start"' not in archive.read(archive.namelist()[0])
