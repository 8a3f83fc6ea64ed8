"""Polls that share a listing: what is kept between batches, and what never is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from providers.adapters.clickatell.batch_log import oldest_change
from providers.base import Attempt, Ending, Staged
from providers.transports.files import Entry
from providers.transports.ftp_listing import KnownTimes
from providers.transports.shared import SharedRemote, shared

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


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
