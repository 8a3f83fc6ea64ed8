"""Polls that share a listing: what is kept between batches, and what never is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from providers.adapters.clickatell import Adapter as Clickatell
from providers.adapters.clickatell.batch_log import oldest_change
from providers.adapters.gatewayapi import Adapter as GatewayApi
from providers.adapters.smsportal import Adapter as SmsPortal
from providers.base import Attempt, BaseAdapter, Ending, Payload, Staged
from providers.transports.files import Entry, ReadFiles, version_of
from providers.transports.ftp_listing import KnownTimes
from providers.transports.shared import SharedRemote, shared

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEM = "c1-b1-g1-0a1b2c3d"


class Folder:
    """A remote with one file that grows by a byte whenever the folder is listed, on two hosts."""

    def __init__(self) -> None:
        self.listings = 0
        self.reads = 0

    def listdir(self, folder: str = "", containing: str | tuple[str, ...] = "") -> list[Entry]:
        self.listings += 1
        return [Entry("stem-1.log", self.listings, NOON)]

    def read(self, path: str, at_most: int) -> bytes:
        self.reads += 1
        return b"x" * self.listings

    @contextmanager
    def on(self, host_label: str) -> Iterator["Folder"]:
        yield self


def opened(remote: Folder) -> SharedRemote:
    moments = iter(NOON + timedelta(seconds=number) for number in range(100))
    with shared(remote, ["stem"], lambda: next(moments)) as found:
        assert isinstance(found, SharedRemote)
        return found


def test_a_listing_is_as_old_as_its_first_command_until_it_is_forgotten() -> None:
    remote = opened(Folder())
    assert remote.listed_at is None
    first = remote.listdir("", "stem")
    assert (remote.listdir("", "stem"), remote.listed_at) == (first, NOON)
    remote.forget()
    assert remote.listed_at is None
    assert remote.listdir("", "stem") != first
    assert remote.listed_at == NOON + timedelta(seconds=1)


def test_a_content_read_before_a_listing_is_not_shown_for_it() -> None:
    remote = opened(Folder())
    for folder, containing in (("", "stem"), ("", ""), ("", "another"), ("deeper", "stem")):
        [entry] = remote.listdir(folder, containing) or [Entry("", 0, None)]
        body = remote.read("stem-1.log", 100)
        assert body is not None
        assert len(body) == remote.remote.listings
        assert entry.size in (0, len(body))


def test_a_version_changes_with_everything_that_a_server_shows_of_a_file() -> None:
    entry = Entry("a.log", 9, NOON)
    line = Entry("a.log", 9, None, "-rw-r--r-- 1 u g 9 Mar  2 12:00 a.log")
    versions = [
        version_of(entry),
        version_of(replace(entry, name="b.log")),
        version_of(replace(entry, name="\udce9.log")),
        version_of(replace(entry, size=10)),
        version_of(replace(entry, modified_at=NOON + timedelta(seconds=1))),
        version_of(entry, "Processed"),
        version_of(entry, "", "host:21"),
        version_of(line),
        version_of(replace(line, line=line.line.replace("12:00", "12:01"))),
        version_of(replace(line, size=10)),
    ]
    assert all(versions)
    assert len(set(versions)) == len(versions)
    assert version_of(entry) == version_of(replace(entry, line=line.line))
    assert (version_of(Entry("a.log", 9, None)), version_of(Entry("a.log", 0, NOON))) == ("", "")


@pytest.mark.parametrize(
    ("adapter", "name"),
    [(Clickatell(), f"{STEM}.log"), (GatewayApi(), f"{STEM}.rejected"), (SmsPortal(), f"{STEM}-a1.report.json")],
    ids=["clickatell", "gatewayapi", "smsportal"],
)
def test_a_body_that_is_not_what_the_listing_showed_is_downloaded_again(adapter: BaseAdapter, name: str) -> None:
    payload = Payload(STEM, STEM, b"to:27825550101\n", 1)
    for size, is_kept in ((8, False), (9, True), (10, False)):
        observation = adapter.poll(OneFile(name, size), payload, [], NOON)
        assert {(file.body, bool(file.version)) for file in observation.files} == {(b"something", is_kept)}


class OneFile:
    """A remote that lists one file, which always has nine bytes, with a size."""

    host = "host:21"
    settings: ClassVar[dict[str, str]] = {"send_folder": "Send_SMS"}

    def __init__(self, name: str, size: int) -> None:
        self.entry = Entry(name, size, NOON)
        self.already_read = ReadFiles()

    def hosts(self) -> tuple[str, ...]:
        return (self.host,)

    def listdir(self, folder: str = "", containing: str = "") -> list[Entry]:
        return [] if folder == "Send_SMS" else [self.entry]

    def read(self, path: str, at_most: int) -> bytes:
        return b"something"


def test_forgetting_reaches_the_other_hosts() -> None:
    remote = opened(Folder())
    with remote.on("other:21") as other:
        first = other.listdir("", "stem")
        remote.forget()
        assert other.listdir("", "stem") != first


def test_a_time_is_kept_once_its_line_was_shown_for_longer_than_a_minute() -> None:
    known = KnownTimes(lambda: NOON)
    known.learn("line", NOON, NOON, True)
    known.learn("line", NOON + timedelta(seconds=30), NOON + timedelta(seconds=119), True)
    assert known.times == {}
    known.learn("line", NOON + timedelta(seconds=30), NOON + timedelta(seconds=120), True)
    assert known.times == {"line": NOON + timedelta(seconds=30)}


def test_a_time_to_the_day_is_kept_of_old_files_only() -> None:
    known = KnownTimes(lambda: NOON)
    for age in (1, 40):
        for minutes in (0, 5):
            known.learn(f"line {age}", NOON - timedelta(days=age), NOON + timedelta(minutes=minutes), False)
    assert list(known.times) == ["line 40"]


def test_logs_are_left_out_by_the_servers_clock_with_an_allowance() -> None:
    attempts = [Attempt(1, "a1.txt", "", Staged(), NOON, None, Ending.DONE)]
    assert oldest_change([], []) is None
    assert oldest_change(attempts, []) == NOON - timedelta(days=1)
    assert oldest_change(attempts, [Entry("a1.txt", 9, None)]) == NOON - timedelta(days=1)
    ahead = [Entry("a1.txt", 9, NOON + timedelta(hours=1))]
    assert oldest_change(attempts, ahead) == NOON - timedelta(minutes=10)
    behind = [Entry("a1.txt", 9, NOON - timedelta(hours=2))]
    assert oldest_change(attempts, behind) == NOON - timedelta(hours=2, minutes=10)
