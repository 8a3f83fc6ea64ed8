"""What polls saw is kept as differences, byte for byte, and a poll reads only what is new."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from campaigns.models import Batch
from campaigns.results import evidence, reading
from campaigns.results.evidence import keep_observation, kept_body, observations_of
from providers.base import Observation, ObservedFile
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign
from tests.providers.test_readers import NOON, POLLS
from tests.providers.test_readers import observations_of as random_observations

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


@pytest.fixture
def batch(account: Account, make_running: MakeCampaign) -> Batch:
    return make_running(account).batches.get()


@pytest.fixture
def stored_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the parts of evidence that are read."""
    cache.clear()
    paths: list[str] = []
    read = evidence._read

    def remembered(path: str) -> bytes:
        paths.append(path)
        return read(path)

    monkeypatch.setattr(evidence, "_read", remembered)
    return paths


def seen_log(body: bytes, minute: int) -> Observation:
    file = ObservedFile("", "history.log", len(body), NOON, body, "ftp.example.org")
    return Observation(NOON + timedelta(minutes=minute), ("ftp.example.org",), (file,))


def test_a_growing_log_is_kept_as_differences_byte_for_byte(batch: Batch) -> None:
    chance, body, contents = random.Random(15), b"", []
    for minute in range(200):
        body = body if minute % 50 else b""
        body += bytes(chance.randrange(256) for _ in range(chance.choice([0, 1, 90, 90, 700])))
        keep_observation(batch, seen_log(body, minute))
        contents.append(body)
    rows = list(batch.evidence.order_by("id"))
    kept = [kept_body(row.files[0]["body"]) for row in rows for _ in range(row.polls)]
    assert kept == contents
    assert max(len(row.files[0]["body"]) for row in rows) <= 16
    paths = {path: size for row in rows for path, size in row.files[0]["body"]}
    assert all(default_storage.size(path) == size for path, size in paths.items())
    assert sum(paths.values()) < sum(map(len, contents)) / 8


def test_polls_that_see_the_same_content_are_one_row_however_it_is_kept(batch: Batch) -> None:
    for minute, body in enumerate([b"abc", b"abcdefgh", b"abcdefgh", b"x", b"abcdefgh"]):
        keep_observation(batch, seen_log(body, minute))
    rows = list(batch.evidence.order_by("id"))
    assert [row.polls for row in rows] == [1, 2, 1, 1]
    assert rows[1].digest == rows[3].digest


def test_a_kept_file_is_downloaded_whole(batch: Batch, operator: User, logged_in: Callable[[User], Client]) -> None:
    body = b"".join(b"line %d\n" % number for number in range(40))
    for end in (100, 200, len(body)):
        row = keep_observation(batch, seen_log(body[:end], end))
    assert len(row.files[0]["body"]) > 1
    answer: Any = logged_in(operator).get(reverse("campaigns:evidence_file", args=[row.pk, 0]))
    assert b"".join(answer.streaming_content) == body


@pytest.mark.parametrize("slug", sorted(POLLS))
def test_a_poll_concludes_what_reading_everything_concludes(batch: Batch, slug: str) -> None:
    """Also if the cache is lost between two polls, or the database is set back to an older copy."""
    batch.account.provider = slug
    chance = random.Random(slug)
    for seed in range(12):
        payload, attempts, seen = random_observations(slug, 10_000 + seed)
        cache.clear()
        batch.evidence.all().delete()
        for observation in seen:
            keep_observation(batch, observation)
            if chance.random() < 0.1:
                cache.clear()
            if chance.random() < 0.1:
                batch.evidence.latest("id").delete()
                keep_observation(batch, seen[0])
            whole = batch.account.adapter.interpret(payload, attempts, observations_of(batch))
            assert reading.interpret(batch, payload, attempts) == whole
        assert reading.interpret(batch, payload, attempts[:-1]) == batch.account.adapter.interpret(
            payload, attempts[:-1], observations_of(batch)
        )


def test_a_poll_reads_only_what_is_new(batch: Batch, stored_reads: list[str]) -> None:
    batch.account.provider = "clickatell"
    payload, attempts, _ = random_observations("clickatell", 0)
    body, read = b"", []
    for minute in range(60):
        body += b"ID: %032x To: 27829990000\n" % minute
        keep_observation(batch, seen_log(body, minute))
        stored_reads.clear()
        reading.interpret(batch, payload, attempts)
        read.append(len(stored_reads))
    # The parts of the newest content, which has them all; not the contents before it.
    assert max(read) <= 2 * 12
    stored_reads.clear()
    reading.interpret(batch, payload, attempts[:-1])
    assert len(stored_reads) > 60
