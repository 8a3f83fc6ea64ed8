"""What a poll asks of a provider: one listing for all batches of an account, and no file twice."""

import ftplib
import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from campaigns.models import Batch, Campaign
from campaigns.results import already_read
from campaigns.results.evidence import attempts_of
from campaigns.results.poll import may_use
from contacts.models import ContactList
from providers.limits import Limits
from providers.models import Account
from providers.sandbox.server import Sandbox
from providers.transports import sftp
from tests.campaigns.conftest import Clock, MakeCampaign, collect, default_options, hand_over
from tests.providers import servers

pytestmark = pytest.mark.django_db

BATCHES = 6
FOREIGN = 200


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that go to FTP and SFTP servers."""
    cache.clear()
    sent: list[str] = []
    putcmd, listdir, opened = ftplib.FTP.putcmd, sftp._Client.listdir_attr, sftp._Client.open

    def put(self: ftplib.FTP, line: str) -> None:
        sent.append(line.partition(" ")[0])
        putcmd(self, line)

    def listed(self: Any, path: str = ".") -> Any:
        sent.append("MLSD")
        return listdir(self, path)

    def read(self: Any, *args: Any) -> Any:
        sent.append("RETR")
        return opened(self, *args)

    monkeypatch.setattr(ftplib.FTP, "putcmd", put)
    monkeypatch.setattr(sftp._Client, "listdir_attr", listed)
    monkeypatch.setattr(sftp._Client, "open", read)
    return sent


def fill(home: Path, count: int, age: float = 3_600) -> None:
    """Put foreign logs into a folder."""
    then = time.time() - age
    for number in range(count):
        path = home / f"foreign-{age:.0f}-{number}.log"
        path.write_text(f"ID: {number:032x} To: 4477009{number:05}\n")
        os.utime(path, (then, then))


@pytest.fixture
def open_batches(
    sandbox: Sandbox,
    account_at: Callable[..., Account],
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[[str], tuple[Campaign, Path]]:
    """Makes batches that were handed over to a provider that reports nothing, beside the files of others."""

    def make(slug: str) -> tuple[Campaign, Path]:
        account = account_at(slug)
        monkeypatch.setattr(type(account.adapter), "limits", Limits(rows=1, bytes=1_000_000, values=6, connections=2))
        sandbox.fault(f"{slug}:silent")
        home = tmp_path / "sandbox" / slug / "demo" / "home"
        fill(home / "Processed" if slug == "smsportal" else home, FOREIGN)
        campaign = make_running(account, make_list(count=BATCHES), options=default_options(account))
        hand_over(campaign, clock)
        assert set(campaign.batches.values_list("status", flat=True)) == {"handed_over"}
        assert campaign.batches.count() == BATCHES
        clock.forward(seconds=10)
        return campaign, home

    return make


def put_report(slug: str, home: Path, batch: Batch) -> Path:
    """Put what the provider reports about a batch of one recipient into its folder."""
    msisdn = batch.campaign.recipients.get(batch_number=batch.number).msisdn
    if slug == "clickatell":
        path = home / f"{batch.stem}-a1.txt.log"
        # Masking the password changes the length.
        path.write_text(f"password: correct-horse\nERR: 105 To: {msisdn}\n")
    elif slug == "gatewayapi":
        [ready] = home.glob(f"{batch.stem}*.ready")
        path = ready.rename(home / ready.name.replace(".ready", ".20261121T120000.rejected"))
        with path.open("a") as rejected:
            rejected.write("Unknown message class (0x0218)\n")
    else:
        path = home / "Processed" / f"{batch.stem}-a1.zip.report.json"
        fault = {"msisdn": msisdn, "errorCode": "MSISDN.NoNetworkFound"}
        path.write_text(json.dumps({"fileName": f"{batch.stem}.json", "errorReport": {"faults": [fault]}}))
    return path


@pytest.mark.parametrize(("slug", "folders"), [("clickatell", 1), ("gatewayapi", 1), ("smsportal", 3)])
def test_one_listing_of_each_folder_serves_all_batches_and_unchanged_files_are_not_read(
    slug: str,
    folders: int,
    open_batches: Callable[[str], tuple[Campaign, Path]],
    commands: list[str],
    clock: Clock,
) -> None:
    campaign, home = open_batches(slug)
    reports = [put_report(slug, home, batch) for batch in campaign.batches.all()]
    settled: list[list[tuple[str, str]]] = []
    for new in (BATCHES, 0, 1):
        commands.clear()
        collect(campaign, clock)
        assert (commands.count("MLSD"), commands.count("RETR")) == (folders, new)
        assert not {"SIZE", "MDTM", "NLST", "LIST"} & set(commands)
        assert all(batch.evidence.get().polls == len(settled) + 1 for batch in campaign.batches.all()[1:])
        assert len({batch.evidence.latest("id").last_seen_at for batch in campaign.batches.all()}) <= 2
        clock.forward(minutes=3)
        settled.append(list(campaign.batches.values_list("status", "reason")))
        if new == 0:
            with reports[0].open("a") as report:
                report.write("\n")
    assert settled == settled[:1] * 3


def test_a_new_foreign_log_is_read_once_and_again_only_when_it_grew(
    open_batches: Callable[[str], tuple[Campaign, Path]], commands: list[str], clock: Clock
) -> None:
    campaign, home = open_batches("clickatell")
    fill(home, 5, age=-60)
    polls = []
    for grown in (False, False, True, False):
        if grown:
            with (home / "foreign--60-3.log").open("a") as log:
                log.write(f"ID: {'f' * 32} To: 447700900000\n")
        commands.clear()
        collect(campaign, clock)
        clock.forward(minutes=3)
        polls.append((commands.count("MLSD"), commands.count("RETR")))

    assert polls == [(1, 5), (1, 0), (1, 1), (1, 0)]


def test_our_own_log_is_read_once_and_settles_its_batch(
    open_batches: Callable[[str], tuple[Campaign, Path]], commands: list[str], clock: Clock
) -> None:
    campaign, home = open_batches("clickatell")
    first, second = campaign.batches.order_by("number")[:2]
    number = campaign.recipients.get(batch_number=second.number).msisdn
    (home / "history.log").write_text(f"{first.stem}-a1.txt\nsomething\n--- {second.stem}-a1.txt\n")
    polls = []
    for grown in (False, False, True, False):
        if grown:
            with (home / "history.log").open("a") as log:
                log.write(f"ID: {'f' * 32} To: {number}\n")
        commands.clear()
        collect(campaign, clock)
        clock.forward(minutes=3)
        polls.append(commands.count("RETR"))

    assert polls == [1, 0, 1, 0]
    second.refresh_from_db()
    assert second.status == "accepted"
    first.refresh_from_db()
    assert first.status == "handed_over"


@pytest.mark.parametrize("ending", ["unclear", "none"])
def test_a_batch_whose_commit_is_not_confirmed_has_a_listing_of_its_own(
    ending: str, open_batches: Callable[[str], tuple[Campaign, Path]], commands: list[str], clock: Clock
) -> None:
    campaign, _ = open_batches("gatewayapi")
    for batch in campaign.batches.order_by("poll_at")[3:6]:
        batch.attempts.update(ending=ending)
    commands.clear()

    collect(campaign, clock)

    own = 3
    assert 1 + own <= commands.count("MLSD") <= 1 + 2 * own


def test_a_batch_committed_or_seen_after_the_listing_is_listed_again(
    open_batches: Callable[[str], tuple[Campaign, Path]], clock: Clock
) -> None:
    campaign, _ = open_batches("clickatell")
    batch = campaign.batches.order_by("number")[0]
    attempts = attempts_of(batch)
    now = clock()
    assert may_use(now, batch, attempts, now + timedelta(seconds=30))
    assert not may_use(None, batch, attempts, now)
    assert not may_use(now, batch, attempts, now + timedelta(seconds=31))
    assert not may_use(attempts[-1].started_at, batch, attempts, now)
    collect(campaign, clock)
    assert not may_use(now - timedelta(seconds=1), batch, attempts, now)


@pytest.mark.parametrize("is_wrong", [False, True])
def test_a_lost_or_wrong_cache_changes_nothing_about_our_own_log(
    is_wrong: bool,
    open_batches: Callable[[str], tuple[Campaign, Path]],
    commands: list[str],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign, home = open_batches("clickatell")
    batch = campaign.batches.order_by("number")[0]
    number = campaign.recipients.get(batch_number=batch.number).msisdn
    collect(campaign, clock)
    (home / f"{batch.stem}-a1.txt.log").write_text(f"ID: {'f' * 32} To: {number}\n")
    if is_wrong:
        monkeypatch.setattr(already_read._Digests, "__contains__", lambda versions, version: True)
    else:
        cache.clear()
    clock.forward(minutes=3)

    collect(campaign, clock)

    batch.refresh_from_db()
    assert batch.status == "accepted"


@pytest.mark.parametrize("slug", ["clickatell", "gatewayapi"])
def test_a_server_without_mlsd_is_asked_about_new_files_only(
    slug: str,
    open_batches: Callable[[str], tuple[Campaign, Path]],
    commands: list[str],
    clock: Clock,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    with servers.vsftpd(tmp_path, request.node.nodeid) as server:
        sandbox_home = tmp_path / "sandbox" / slug / "demo" / "home"
        campaign, _ = open_batches(slug)
        shutil.copytree(sandbox_home, server.home, dirs_exist_ok=True)
        move(campaign.account, slug, server)
        # A time is kept once its line has stayed the same for longer than the minute it shows.
        for _ in range(3):
            commands.clear()
            collect(campaign, clock)
            clock.forward(minutes=3)
        assert commands.count("LIST") == 1
        assert not {"RETR", "SIZE", "MDTM", "NLST"} & set(commands)
        fill(server.home, 5, age=-60)
        commands.clear()
        collect(campaign, clock)
        counted = {name: commands.count(name) for name in ("LIST", "SIZE", "MDTM", "RETR")}
        new = 5 if slug == "clickatell" else 0
        assert counted == {"LIST": 1, "SIZE": new, "MDTM": new, "RETR": new}


def move(account: Account, slug: str, server: servers.FileServer) -> None:
    """Let the account use another server, which shows the same files."""
    place = f"{server.host}:{server.port}"
    hosts = {"host_a": place, "host_b": ""} if slug == "gatewayapi" else {"host": server.host}
    account.save_settings({**account.open_settings(), **server.settings(), **hosts})
