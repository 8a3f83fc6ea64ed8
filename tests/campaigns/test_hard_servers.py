"""Servers that restart, fill up, refuse, lack commands, disagree or overflow: the batch's status and its message."""

import errno
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from pyftpdlib.handlers import FTPHandler
from pytest_django import Settings

from campaigns.models import Batch, Campaign
from campaigns.results import balance
from contacts.models import ContactList
from providers import points
from providers.adapters.gatewayapi import Adapter as GatewayApi
from providers.base import Receipt
from providers.errors import Unclear
from providers.models import Account
from providers.sandbox.server import Sandbox
from providers.transports import ftp_connection, sftp
from tests.campaigns.conftest import Clock, MakeCampaign, collect, default_options, hand_over, until_closed
from tests.campaigns.elsewhere import account_at_server
from tests.providers import servers
from tests.providers.servers import FileServer

pytestmark = pytest.mark.django_db

FTP_PROVIDERS = ("smsportal", "gatewayapi", "clickatell")


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True


Serve = Callable[..., FileServer]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts pyftpdlib on a folder of its own; ``without`` names commands that it does not support."""
    with ExitStack() as stack:
        count = iter(range(10))

        def start(without: tuple[str, ...] = (), perm: str = "elradfmw") -> FileServer:
            known = {name: told for name, told in FTPHandler.proto_cmds.items() if name not in without}
            monkeypatch.setattr(servers, "FTPHandler", type("Handler", (FTPHandler,), {"proto_cmds": known}))
            return stack.enter_context(servers.pyftpdlib(tmp_path / f"home-{next(count)}", perm=perm))

        yield start


def running_at(account: Account, make_running: MakeCampaign, *lists: ContactList) -> Campaign:
    return make_running(account, *lists, options=default_options(account))


def files_in(home: Path) -> list[str]:
    """Every file below ``home``, at any depth."""
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())


def the_only(campaign: Campaign) -> Batch:
    assert balance.audit(campaign).balanced
    return campaign.batches.get()


def in_turn(campaign: Campaign, clock: Clock, rounds: int, **pause: float) -> Batch:
    """Run the jobs this many times, with a pause between them."""
    for _ in range(rounds):
        hand_over(campaign, clock)
        collect(campaign, clock)
        clock.forward(**pause)
    return the_only(campaign)


# -- the server restarts


#: Where a server is restarted, by provider: at the last of these points, once the others were reached in this order.
PLACES = {
    "smsportal": (
        "intent:journalled",
        "commit:begin sftp:open",
        "commit:begin sftp:block sftp:block sftp:block",
        "commit:begin sftp:close",
        "commit:end",
    ),
    "gatewayapi": (
        "stage:begin ftp:block ftp:block",
        "intent:journalled",
        "commit:begin ftp:command",  # RNFR
        "commit:begin ftp:command ftp:command",  # RNTO
        "commit:end",
    ),
    "clickatell": (
        "intent:journalled",
        "commit:begin ftp:command",
        "commit:begin ftp:stor",
        "commit:begin ftp:block ftp:block",  # in the middle of the credentials
        "commit:begin ftp:block ftp:block ftp:block ftp:block",  # in the middle of the numbers
        "commit:begin ftp:close",
        "commit:end",
    ),
    "bulksms": (
        "intent:journalled",
        "commit:begin http:request",
        "commit:begin http:block",  # the headers
        "commit:begin http:block http:block",  # the form
        "commit:begin http:reply",
        "commit:end",
    ),
}


@pytest.mark.parametrize(("slug", "place"), [(slug, place) for slug, places in PLACES.items() for place in places])
def test_a_server_that_is_restarted_in_the_middle_texts_nobody_twice(
    sandbox: Sandbox,
    account_at: Callable[..., Account],
    make_running: MakeCampaign,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    slug: str,
    place: str,
) -> None:
    """Everybody is texted once, except where half a file was read and no repeat is safe, as at Clickatell."""
    monkeypatch.setattr(ftp_connection, "_CHUNK", 64)
    monkeypatch.setattr(sftp, "_CHUNK", 64)
    # Every block but the last is confirmed before the server stops.
    monkeypatch.setattr(sftp, "_WRITES_AHEAD", 1)
    campaign = running_at(account_at(slug), make_running)
    to_come = place.split()

    def restart(reached: str) -> None:
        if reached != to_come[0]:
            return
        del to_come[0]
        if not to_come:
            points.listen(None)
            # By then the bytes that were written have arrived.
            time.sleep(0.2)
            sandbox.kill()
            sandbox.start()

    points.listen(restart)
    try:
        hand_over(campaign, clock)
    finally:
        points.listen(None)
    assert not to_come, "never got there"
    clock.forward(seconds=121)
    batch = _until_ended(campaign, clock)

    texted = Counter(line["msisdn"] for line in sandbox.messages())
    if batch.status == "accepted":
        assert texted == Counter(campaign.recipients.values_list("msisdn", flat=True))
        return
    assert (slug, batch.attempts.count(), batch.evidence.exists()) == ("clickatell", 1, True)
    assert batch.sentence
    if batch.status == "rejected":
        assert not texted
    else:
        assert batch.status == "unclear"
        assert max(texted.values(), default=1) == 1


def _until_ended(campaign: Campaign, clock: Clock) -> Batch:
    """The batch, once it has ended or waits for a person and has not changed for a few rounds of the jobs."""
    stayed = 0
    for _ in range(60):
        batch = in_turn(campaign, clock, 1, seconds=10)
        time.sleep(0.1)
        stayed = stayed + 1 if batch.status in ("accepted", "rejected", "unclear") else 0
        if stayed == 3:
            break
    return batch


# -- the server's disk is full


class FullDisk(servers.Folders):
    """A folder where files can be created, but not written to while ``is_full``."""

    is_full = True

    def open(self, filename: str, mode: str) -> Any:
        opened = super().open(filename, mode)
        return _Unwritable(opened) if "w" in mode and type(self).is_full else opened


class _Unwritable:
    def __init__(self, opened: Any) -> None:
        self._opened = opened

    def write(self, piece: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)


@pytest.fixture
def full_disk(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    monkeypatch.setattr(FullDisk, "is_full", True)
    monkeypatch.setattr(servers, "Folders", FullDisk)
    return serve()


def test_a_full_disk_before_the_rename_is_waited_out(
    full_disk: FileServer, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = running_at(account_at_server("gatewayapi", full_disk), make_running)

    hand_over(campaign, clock)

    batch = the_only(campaign)
    assert (batch.status, batch.attempts.count()) == ("prepared", 0)
    assert batch.sentence == "The connection broke while the file was being uploaded."
    monkeypatch.setattr(FullDisk, "is_full", False)
    clock.forward(seconds=5)
    hand_over(campaign, clock)
    batch = the_only(campaign)
    assert batch.status == "handed_over"
    assert files_in(full_disk.home) == [batch.name]


def test_a_full_disk_at_smsportal_leaves_a_half_zip_and_the_repeat_goes_through(
    full_disk: FileServer, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a zip in Errors beside a whole one in Processed: the file was processed once."""
    campaign = running_at(account_at_server("smsportal", full_disk), make_running)
    hand_over(campaign, clock)
    assert the_only(campaign).status == "committing"
    monkeypatch.setattr(FullDisk, "is_full", False)
    clock.forward(seconds=5)
    hand_over(campaign, clock)
    assert the_only(campaign).attempts.count() == 1  # It is too early for another attempt.
    clock.forward(seconds=61)

    hand_over(campaign, clock)

    batch = the_only(campaign)
    half, whole = batch.attempts.values_list("name", flat=True)
    assert files_in(full_disk.home) == [f"Send_SMS/{half}", f"Send_SMS/{whole}"]
    assert batch.status == "handed_over"
    (full_disk.home / "Send_SMS" / half).rename(full_disk.home / "Errors" / half)
    report = {"fileName": half, "errorCode": "File.Corrupt", "errorReport": {"faults": []}}
    (full_disk.home / "Errors" / f"{half}.report.json").write_text(json.dumps(report))
    clock.forward(seconds=5)
    collect(campaign, clock)
    assert the_only(campaign).status == "handed_over"
    (full_disk.home / "Send_SMS" / whole).rename(full_disk.home / "Processed" / whole)
    until_closed(campaign, clock)
    batch = the_only(campaign)
    assert (batch.status, batch.alarm, batch.row_errors) == ("accepted", "", 0)
    assert batch.sentence == "SMSPortal put the file into Processed."
    assert batch.attempts.count() == 2


@pytest.mark.parametrize("is_late", [False, True], ids=["report with the zip", "report after the zip"])
def test_a_zip_that_was_read_before_its_upload_ended_is_no_rejection(
    tmp_path: Path, request: pytest.FixtureRequest, make_running: MakeCampaign, clock: Clock, is_late: bool
) -> None:
    """The upload ended well, yet SMSPortal dropped what it had read of it: it is handed over again."""
    with servers.openssh(tmp_path, request.node.nodeid) as server:
        campaign = running_at(account_at_server("smsportal", server), make_running)
        hand_over(campaign, clock)
        batch = the_only(campaign)
        name = batch.attempts.get().name
        assert (batch.status, batch.attempts.get().ending) == ("handed_over", "done")
        (server.home / "Send_SMS" / name).rename(server.home / "Errors" / name)
        if is_late:
            clock.forward(seconds=5)
            collect(campaign, clock)
            assert the_only(campaign).status == "processing"
        report = {"fileName": name, "errorCode": "File.Corrupt", "errorReport": {"faults": []}}
        (server.home / "Errors" / f"{name}.report.json").write_text(json.dumps(report))
        clock.forward(seconds=5)

        collect(campaign, clock)

        assert (the_only(campaign).status, the_only(campaign).reason) == ("committing", "File.Corrupt")
        clock.forward(seconds=61)
        hand_over(campaign, clock)
        second = the_only(campaign).attempts.get(number=2).name
        (zipped,) = (server.home / "Send_SMS").iterdir()
        assert zipped.name == second
        with ZipFile(zipped) as archive:
            assert archive.namelist() == [f"{batch.stem}.json"]
        zipped.rename(server.home / "Processed" / second)
        until_closed(campaign, clock)
        assert balance.audit(campaign).outcomes["accepted"] == batch.rows


def test_a_full_disk_at_clickatell_is_for_a_person(
    full_disk: FileServer, make_running: MakeCampaign, clock: Clock
) -> None:
    campaign = running_at(account_at_server("clickatell", full_disk), make_running)

    batch = in_turn(campaign, clock, 3, seconds=5)

    assert (batch.status, batch.attempts.count()) == ("unclear", 1)
    assert batch.sentence
    assert batch.evidence.get().files[0]["size"] == 0


# -- the server refuses


@pytest.mark.parametrize("slug", FTP_PROVIDERS)
def test_a_read_only_folder_stops_the_account_and_the_batch_waits(
    serve: Serve, make_running: MakeCampaign, clock: Clock, slug: str
) -> None:
    server = serve(perm="elr")
    account = account_at_server(slug, server)
    campaign = running_at(account, make_running)

    hand_over(campaign, clock)

    account.refresh_from_db()
    batch = the_only(campaign)
    assert (batch.status, batch.reason, account.stopped_code) == ("prepared", "folder_forbidden", "folder_forbidden")
    assert "may not use the folder" in account.stopped_sentence
    assert files_in(server.home) == []


def test_a_rename_that_is_denied_holds_the_batch_and_the_upload_stays_inert(
    serve: Serve, make_running: MakeCampaign, clock: Clock
) -> None:
    server = serve(perm="elradmw")
    campaign = running_at(account_at_server("gatewayapi", server), make_running)

    batch = in_turn(campaign, clock, 3, seconds=30)

    assert (batch.status, batch.reason) == ("held", "rename_refused")
    assert batch.sentence == "The server refuses to rename the uploaded file, which is still there untouched."
    assert files_in(server.home) == [f"{batch.stem}-a1.csv"]


# -- commands that the server does not support


def test_without_size_nothing_is_renamed(serve: Serve, make_running: MakeCampaign, clock: Clock) -> None:
    """Without it, Baton cannot know whether the upload is complete."""
    server = serve(without=("SIZE", "LIST", "MLSD", "MLST"))
    campaign = running_at(account_at_server("gatewayapi", server), make_running)

    batch = in_turn(campaign, clock, 3, seconds=30)

    assert (batch.status, batch.reason) == ("held", "size_unsupported")
    assert batch.sentence == (
        "The server cannot say how large a file is: it knows neither SIZE nor LIST, nor MLSD with sizes. Ask the "
        "provider to switch on SIZE."
    )
    assert files_in(server.home) == [f"{batch.stem}-a1.csv"]


@pytest.mark.parametrize("slug", FTP_PROVIDERS)
def test_without_any_listing_the_result_is_for_a_person_and_nothing_is_repeated(
    serve: Serve, make_running: MakeCampaign, clock: Clock, slug: str
) -> None:
    server = serve(without=("NLST", "MLSD", "LIST"))
    campaign = running_at(account_at_server(slug, server), make_running)

    assert in_turn(campaign, clock, 1, seconds=5).status == "handed_over"
    batch = in_turn(campaign, clock, 3, hours=30)

    assert (batch.status, batch.reason, batch.attempts.count()) == ("unclear", "silent", 1)
    assert "has shown nothing about" in batch.sentence
    assert "The last poll failed: " in batch.sentence
    assert len(files_in(server.home)) == 1


# -- listings that cannot be correct


@pytest.fixture
def answer_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rename succeeds, but its answer is lost."""
    commit = GatewayApi.commit

    def lost(self: GatewayApi, *arguments: Any) -> Receipt:
        monkeypatch.setattr(GatewayApi, "commit", commit)
        commit(self, *arguments)
        raise Unclear("rename_broken", "The server gave no clean answer to the renaming of the file.")

    monkeypatch.setattr(GatewayApi, "commit", lost)


@pytest.mark.usefixtures("answer_lost")
def test_a_server_that_still_shows_the_source_is_outvoted_by_one_that_shows_the_file(
    serve: Serve, make_running: MakeCampaign, clock: Clock
) -> None:
    first, second = serve(), serve()
    campaign = running_at(account_at_server("gatewayapi", first, second), make_running)
    batch = the_only(campaign)
    # The listing from before the rename.
    (second.home / f"{batch.stem}-a1.csv").write_bytes(batch.payload.read())

    batch = in_turn(campaign, clock, 3, seconds=61)

    assert (batch.status, batch.attempts.count()) == ("handed_over", 1)
    assert files_in(first.home) == [batch.name]
    assert files_in(second.home) == [f"{batch.stem}-a1.csv"]


@pytest.mark.usefixtures("answer_lost")
def test_servers_that_disagree_without_the_file_are_for_a_person(
    serve: Serve, make_running: MakeCampaign, clock: Clock
) -> None:
    first, second = serve(), serve()
    campaign = running_at(account_at_server("gatewayapi", first, second), make_running)
    hand_over(campaign, clock)
    batch = the_only(campaign)
    # One server shows the source as before, the other shows nothing.
    (first.home / batch.name).rename(first.home / f"{batch.stem}-a1.csv")
    clock.forward(seconds=5)

    batch = in_turn(campaign, clock, 20, seconds=61)

    assert (batch.status, batch.attempts.count()) == ("unclear", 1)
    assert batch.sentence.startswith("GatewayAPI's servers disagree")
    assert files_in(first.home) == [f"{batch.stem}-a1.csv"]


@pytest.mark.parametrize("slug", ["smsportal", "gatewayapi"])
def test_its_own_file_is_found_among_ten_thousand(
    serve: Serve,
    make_running: MakeCampaign,
    clock: Clock,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    slug: str,
) -> None:
    node = request.node.nodeid
    with servers.openssh(tmp_path, node) if slug == "smsportal" else nullcontext(serve()) as server:
        campaign = running_at(account_at_server(slug, server), make_running)
        crowded = server.home / "Processed" if slug == "smsportal" else server.home
        for number in range(10_000):
            (crowded / f"c9-b{number}-g1-0a1b2c3d.csv.utf8.success").touch()

        hand_over(campaign, clock)
        batch = the_only(campaign)
        assert batch.status == "handed_over"
        _taken_by_the_provider(server.home, slug, batch)
        clock.forward(seconds=5)
        until_closed(campaign, clock)

    batch = the_only(campaign)
    assert (batch.status, batch.attempts.count()) == ("accepted", 1)
    assert len(batch.evidence.latest("id").files) == 1


@pytest.mark.parametrize("server_name", ["pyftpdlib", "vsftpd", "openssh"])
def test_names_that_are_no_utf8_are_harmless(
    serve: Serve,
    make_running: MakeCampaign,
    clock: Clock,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    server_name: str,
) -> None:
    slug = "smsportal" if server_name == "openssh" else "gatewayapi"
    node = request.node.nodeid
    running: dict[str, Callable[[], AbstractContextManager[FileServer]]] = {
        "pyftpdlib": lambda: nullcontext(serve()),
        "vsftpd": lambda: servers.vsftpd(tmp_path, node),
        "openssh": lambda: servers.openssh(tmp_path, node),
    }
    with running[server_name]() as server:
        campaign = running_at(account_at_server(slug, server), make_running)
        stem = the_only(campaign).stem
        for folder in ("Send_SMS", "Processed", "Errors") if slug == "smsportal" else ("",):
            for strange in (b"caf\xe9.csv", b"\xff\xfe.zip", f"{stem}-\udce9.csv".encode("utf-8", "surrogateescape")):
                Path(os.fsdecode(os.path.join(os.fsencode(server.home), folder.encode(), strange))).touch()

        hand_over(campaign, clock)
        batch = the_only(campaign)
        assert batch.status == "handed_over"
        _taken_by_the_provider(server.home, slug, batch)
        clock.forward(seconds=5)
        until_closed(campaign, clock)

    batch = the_only(campaign)
    assert (batch.status, batch.alarm) == ("accepted", "")


def _taken_by_the_provider(home: Path, slug: str, batch: Batch) -> None:
    if slug == "smsportal":
        name = batch.attempts.get().name
        (home / "Send_SMS" / name).rename(home / "Processed" / name)
    else:
        (home / batch.name).rename(home / f"{batch.name.removesuffix('.ready')}.success")
