"""A full disk: pages can be read, what cannot be stored is refused in plain words, nothing is lost or sent twice."""

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django import Settings

import contacts.jobs
from campaigns import jobs
from campaigns.handover import batches
from campaigns.management.commands.monitor import look
from campaigns.models import Attempt, Batch, Campaign, Export
from campaigns.results import balance
from contacts import importing, suppression
from contacts.models import ContactList, Suppression
from people import sessions
from providers import points
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, approve, freeze, hand_over, journal_lines, until_closed
from tests.conftest import PASSWORD
from tests.small_disk import SmallDisk, small_disk

LogIn = Callable[[User], Client]

PAGES = (
    *("/", "/campaigns/", "/templates/", "/contacts/", "/contacts/opt-outs/", "/replies/", "/accounts/"),
    *("/notices/", "/system/", "/contacts/imports/", "/audit/", "/people/"),
)
SHEET = b"Cell no.,First name\n" + b"".join(b"08255502%02d,Person\n" % n for n in range(60))


@pytest.fixture
def files_disk(tmp_path: Path, own_files: None, settings: Settings) -> Iterator[SmallDisk]:
    """The files and the journals of Baton on a small disk; the database is elsewhere."""
    with small_disk(tmp_path / "disk", 16) as disk:
        settings.MEDIA_ROOT, settings.JOURNAL_DIR = disk.path / "files", disk.path / "journal"
        yield disk


@pytest.fixture
def disk(files_disk: SmallDisk, transactional_db: None) -> Iterator[SmallDisk]:
    """The SQLite database on the same disk."""
    if connection.vendor != "sqlite":
        pytest.skip("the database is a file of SQLite")
    usual, copy = connection.settings_dict["NAME"], str(files_disk.path / "baton.sqlite3")
    with sqlite3.connect(copy) as target:
        connection.ensure_connection()
        connection.connection.backup(target)
    target.close()
    connection.close()
    connection.settings_dict["NAME"] = copy
    yield files_disk
    connection.close()
    connection.settings_dict["NAME"] = usual


def plain(client: Client) -> Client:
    """A client for which an error is a page, as it is for a browser."""
    client.raise_request_exception = False
    return client


def stored(disk: SmallDisk) -> dict[Path, int]:
    """The size of each stored file. What tells installations apart is written by whatever needs it first."""
    found = {path: path.stat().st_size for path in disk.path.rglob("files/**/*") if path.is_file()}
    return {path: size for path, size in found.items() if path.name != "installation-id"}


@pytest.mark.slow
@pytest.mark.usefixtures("disk")
def test_pages_are_read_refusals_are_clear_and_all_continues_afterwards(
    disk: SmallDisk,
    enqueued: list[tuple[str, int]],
    sandbox: Sandbox,
    sandbox_account: Account,
    make_list: Callable[..., ContactList],
    make_campaign: MakeCampaign,
    make_running: MakeCampaign,
    administrator: User,
    operator: User,
    approver: User,
    logged_in: LogIn,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = make_running(sandbox_account, make_list(count=20))
    due = approve(freeze(make_campaign(sandbox_account, make_list("Others", 20, 27825551100)), operator), approver)
    frozen = make_campaign(sandbox_account, make_list("More", 20, 27825552100))
    jobs.audience_freeze.begin_freeze(frozen, operator, clock())
    import_ = importing.upload(make_list("New", 0), SimpleUploadedFile("a.csv", SHEET), "a.csv", operator, "ZA")
    importing.confirm(import_, {0: "phone", 1: "value1"})
    export = Export.objects.create(campaign=running, format="xlsx", filter={}, created_by=operator, created_at=clock())
    reader, client, other = plain(logged_in(administrator)), plain(logged_in(operator)), plain(Client())
    session = reader.session
    session[sessions.SEEN] = session[sessions.BEGAN] = time.time() - 600
    session.save()

    before = stored(disk)

    disk.fill()

    for path in PAGES:
        page = reader.get(path, follow=True)
        assert (path, page.status_code) == (path, 200)
        assert "<strong>The disk is full.</strong>" in page.content.decode(), path
    opt_out = {"phone": "082 555 0777", "country": "ZA"}
    refused = {
        "opt-out": client.post("/contacts/opt-outs/add/", opt_out),
        "login": other.post("/login/login/", {"login": "operator", "password": PASSWORD}),
        "upload": client.post(f"/contacts/{import_.list_id}/upload/", {"file": SimpleUploadedFile("b.csv", SHEET)}),
    }
    for what, page in refused.items():
        assert (what, page.status_code) == (what, 503)
        assert "The disk is full" in page.content.decode()
        assert "What you just did was not finished." in page.content.decode()
    line = client.post("/contacts/opt-outs/add/", opt_out, headers={"HX-Request": "true"})
    assert line.headers["Content-Type"].startswith("text/plain")
    assert line.content.decode().startswith("The disk is full. What you just did was not finished.")

    for attempt in (
        lambda: hand_over(running, clock),
        lambda: batches.create_batches(due.pk, clock()),
        lambda: jobs.freeze(frozen.pk),
        lambda: contacts.jobs.check_import(import_.pk),
        lambda: jobs.write_export(export.pk),
        lambda: look(clock()),
    ):
        with pytest.raises((DatabaseError, OSError)):
            attempt()
    sweep_twice(monkeypatch)
    assert not sandbox.messages()
    assert not journal_lines("intents")
    assert not journal_lines("suppressions")
    assert not Attempt.objects.exists()
    assert not Suppression.objects.exists()
    assert stored(disk) == before

    disk.free()

    assert client.post("/contacts/opt-outs/add/", opt_out).status_code == 302
    assert len(journal_lines("suppressions")) == Suppression.objects.count() == 1
    clock.forward(seconds=130)
    monkeypatch.setattr(importing.checking, "WORKER_IS_DEAD_AFTER", importing.checking.WORKER_IS_DEAD_AFTER * 0)
    jobs.freeze(frozen.pk)
    contacts.jobs.check_import(import_.pk)
    jobs.write_export(export.pk)
    batches.create_batches(due.pk, clock())
    frozen.refresh_from_db()
    assert frozen.status == "frozen"
    import_.refresh_from_db()
    assert (import_.status, import_.attempts) == ("checked", 1)
    assert Export.objects.get().status == "done"

    # It is full again between the intent and the receipt.
    full_at(disk, "commit:begin")
    with suppress(DatabaseError, OSError):
        hand_over(running, clock)
    points.listen(None)
    assert Batch.objects.filter(status="committing").count() == 1
    disk.free()
    clock.forward(seconds=130)
    for campaign in (running, due):
        assert_balanced(until_closed(campaign, clock), 20)
    assert Counter(Counter(message["msisdn"] for message in sandbox.messages()).values()) == {1: 40}


def sweep_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock survives two sweeps."""
    pauses = iter([None, KeyboardInterrupt()])

    def pause(seconds: float) -> None:
        if end := next(pauses):
            raise end

    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", pause)
        with pytest.raises(KeyboardInterrupt):
            call_command("sweep", "--every", "1")


def full_at(disk: SmallDisk, point: str) -> None:
    points.listen(lambda reached: disk.fill() if reached == point else None)


def assert_balanced(campaign: Campaign, accepted: int) -> None:
    books = balance.of(campaign)
    assert (books.mismatch, books.outcomes["accepted"]) == ("", accepted)


@pytest.mark.slow
@pytest.mark.django_db
def test_without_room_for_the_journal_nothing_is_handed_over(
    files_disk: SmallDisk, sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    campaign = make_running(sandbox_account)
    full_at(files_disk, "intent:stored")
    hand_over(campaign, clock)
    points.listen(None)
    batch = campaign.batches.get()
    assert (batch.status, batch.reason) == ("prepared", "journal_not_written")
    assert "No space left on device" in batch.sentence
    assert not journal_lines("intents")
    with pytest.raises(OSError, match="No space left"):
        suppression.suppress(["27825550100"], "manual")
    assert not Suppression.objects.exists()

    files_disk.free()
    clock.forward(seconds=130)
    assert_balanced(until_closed(campaign, clock), 5)
    assert Counter(Counter(message["msisdn"] for message in sandbox.messages()).values()) == {1: 5}
