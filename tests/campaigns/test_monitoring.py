"""What stands still becomes an alarm: one message when it begins, one when it is over, and a line on the overview."""

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from redis import Redis, RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from campaigns import timing
from campaigns.lifecycle import transition
from campaigns.management.commands import monitor, sweep
from campaigns.models import Alarm, AlarmMessage, Campaign, Heartbeat
from campaigns.monitoring import messages, signs
from campaigns.monitoring.alarms import update_alarms
from campaigns.monitoring.problems import KNOWN_BY_REDIS, Problem, find_problems
from campaigns.monitoring.signs import QueueLength, Signs, WorkerSign
from campaigns.statuses import AlarmKind
from config.worker import TiedWorker
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

LogIn = Callable[[User], Client]

NOW = timezone.now()
LONG_AGO = NOW - timedelta(days=1)
QUEUES = ("imports", "campaigns", "handover", "results")
DISK = {"label": "Data directory", "path": "/var/baton", "free": 50_000_000_000, "total": 100_000_000_000}


def signs_of_health(**other: Any) -> Signs:
    """Everything works; ``other`` replaces fields."""
    fields: dict[str, Any] = {
        "workers": [WorkerSign("one", 7, queue, "idle", NOW) for queue in QUEUES],
        "queues": [QueueLength(queue, 0, None) for queue in QUEUES],
        "clock": Heartbeat(process="clock", host="one", seen_at=NOW, started_at=LONG_AGO),
        "monitors": [Heartbeat(process="monitor", host="one", seen_at=NOW, started_at=LONG_AGO, disks=[DISK])],
    }
    return Signs(**fields | other)


SILENT = NOW - timedelta(minutes=3)


def runs(complete_at: datetime) -> list[dict[str, Any]]:
    return [{"queue": "handover", "expected": 2, "complete_at": complete_at.isoformat()}]


BAD_DAYS = {
    "all well": ({}, {}),
    "clock stalled": (
        {"clock": Heartbeat(process="clock", host="one", seen_at=SILENT)},
        {"clock, clock": "no sign of life for 3 minutes"},
    ),
    "clock never ran": ({"clock": None}, {"clock, clock": "no sign of life for"}),
    "worker stalled": (
        {"workers": [WorkerSign("one", 7, each, "busy", SILENT if each == "handover" else NOW) for each in QUEUES]},
        {"worker, queue handover": "No worker of the queue handover has shown a sign of life for 3 minutes: nothing"},
    ),
    "no worker at all": ({"workers": []}, {f"worker, queue {each}": each for each in QUEUES}),
    "one of several workers stalled": (
        {
            "monitors": [
                Heartbeat(process="monitor", host="one", seen_at=NOW, workers=runs(NOW)),
                Heartbeat(process="monitor", host="two", seen_at=NOW, workers=runs(SILENT)),
                # The host is off, and its monitor saw its workers until then.
                Heartbeat(process="monitor", host="off", seen_at=SILENT, workers=runs(SILENT - timedelta(minutes=1))),
            ]
        },
        {
            "worker, queue handover on two": "On two, fewer than 2 workers of the queue handover have shown a sign of",
            "host, off": "no sign of life",
        },
    ),
    "another worker took over": (
        {
            "workers": [
                *(WorkerSign("one", 7, each, "idle", SILENT) for each in QUEUES),
                *(WorkerSign("two", 9, each, "idle", NOW) for each in QUEUES),
            ]
        },
        {},
    ),
    "stuck worker": (
        {"queues": [QueueLength("handover", 2, NOW - timedelta(minutes=20))]},
        {"queue, queue handover": "2 jobs of the queue handover waited for up to 20 minutes"},
    ),
    "long import": ({"queues": [QueueLength("imports", 2, NOW - timedelta(minutes=20))]}, {}),
    "redis away": ({"workers": None, "queues": None}, {"redis, redis": "Redis does not answer"}),
    "host silent": (
        {
            "monitors": [
                Heartbeat(process="monitor", host="one", seen_at=NOW),
                Heartbeat(process="monitor", host="two", seen_at=SILENT),
            ]
        },
        {"host, two": "The host two has shown no sign of life for 3 minutes"},
    ),
    "disk nearly full": (
        {"monitors": [Heartbeat(process="monitor", host="one", seen_at=NOW, disks=[{**DISK, "free": 900_000_000}])]},
        {"disk, one /var/baton": "nearly full: 858.3"},
    ),
}


@pytest.mark.parametrize(("found", "expected"), BAD_DAYS.values(), ids=BAD_DAYS)
def test_what_is_wrong_with_the_installation(found: dict[str, Any], expected: dict[str, str]) -> None:
    problems = {problem.cause: problem.sentence for problem in find_problems(signs_of_health(**found), LONG_AGO, NOW)}
    assert problems.keys() == expected.keys()
    for cause, part in expected.items():
        assert part in problems[cause]


def test_silence_before_the_start_raises_nothing() -> None:
    found = signs_of_health(clock=Heartbeat(process="clock", host="one", seen_at=LONG_AGO), workers=[])
    assert find_problems(found, NOW - timedelta(minutes=1), NOW) == []


def test_what_is_wrong_with_accounts_and_campaigns(
    account: Account, make_running: Callable[..., Campaign], make_list: Callable[..., ContactList]
) -> None:
    unclear, paused, wrong = (
        make_running(account, make_list(name, first=first), name=name)
        for first, name in ((27825550100, "Unclear"), (27825550200, "Paused"), (27825550300, "Wrong"))
    )
    for status in ("uploading", "committing", "unclear"):
        transition(unclear.batches.get(), status)
    transition(paused, "paused", reason="no_progress", sentence="Nothing was handed over for 31 minutes.")
    Campaign.objects.filter(pk=wrong.pk).update(alarm="5 were submitted, 4 recipients are stored.")
    account.stop("login_refused", "The server refused the login.")

    problems = {problem.kind: problem for problem in find_problems(signs_of_health(), LONG_AGO, NOW)}
    assert {kind.value: problem.sentence for kind, problem in problems.items()} == {
        "account_stopped": (
            "The account SMSPortal main is stopped: nothing is handed over through it. The server refused the login."
        ),
        "batch_unclear": ("1 file of Unclear needs a decision: nobody knows whether 5 recipients were handed over."),
        "campaign_paused": "Paused was paused by Baton. Nothing was handed over for 31 minutes.",
        "books": "The numbers of Wrong do not add up: 5 were submitted, 4 recipients are stored.",
    }
    assert problems[AlarmKind.BATCH_UNCLEAR].path == reverse("campaigns:unclear", args=[unclear.pk])


# -- alarms and their messages -------------------------------------------------------------------------------------

FULL = Problem(AlarmKind.DISK, "disk, one /", "The disk is nearly full. Ask Thandi on 082 555 0100.", "/system/")


@pytest.fixture
def receiver(settings: Settings) -> Iterator[SimpleNamespace]:
    """A server that takes webhooks: ``answers`` are the next statuses, ``got`` the requests."""
    server = SimpleNamespace(answers=[], got=[])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((dict(self.headers.items()), body))
            self.send_response(server.answers.pop(0) if server.answers else 204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    settings.ALARM_WEBHOOK_URL = f"http://127.0.0.1:{http.server_port}/hook"
    settings.ALARM_WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"a secret of the installation").decode()
    settings.ALARM_EMAILS = ["ops@example.org", "night@example.org"]
    settings.EMAIL_URL = "smtp://mail.example.org"
    yield server
    http.shutdown()
    http.server_close()


def told(receiver: SimpleNamespace) -> list[str]:
    return [json.loads(body)["type"] for _, body in receiver.got]


def test_one_message_when_it_begins_and_one_when_it_is_over(receiver: SimpleNamespace, clock: Clock) -> None:
    for _ in range(3):
        update_alarms([FULL], (), clock())
        messages.send_due(clock)
        clock.forward(seconds=10)
    assert told(receiver) == ["alarm.began"]
    # It comes back within a minute, which is no second alarm.
    update_alarms([], (), clock())
    update_alarms([FULL], (), clock())
    clock.forward(seconds=61)
    update_alarms([], (), clock())
    messages.send_due(clock)
    assert told(receiver) == ["alarm.began", "alarm.ended"]
    update_alarms([FULL], (), clock())
    messages.send_due(clock)
    assert told(receiver) == ["alarm.began", "alarm.ended", "alarm.began"]

    assert [message.subject for message in mail.outbox] == [
        "Baton alarm: The disk is nearly full",
        "Baton alarm over: The disk is nearly full",
        "Baton alarm: The disk is nearly full",
    ]
    assert mail.outbox[0].to == ["ops@example.org", "night@example.org"]
    written = mail.outbox[0].body + receiver.got[0][1].decode()
    assert "082 555 0100" not in written
    assert "Ask Thandi on (a number)." in written
    assert Alarm.objects.count() == 2


def test_a_webhook_is_signed_and_repeated_until_it_is_taken(receiver: SimpleNamespace, clock: Clock) -> None:
    receiver.answers = [500, 302]
    update_alarms([FULL], (), clock())
    clock.forward(seconds=70)
    update_alarms([], (), clock())
    for minutes in (0, 2, 0, 4, 0):
        clock.forward(minutes=minutes)
        messages.send_due(clock)
    # The end waits for the beginning, and a pause lies between two tries.
    assert told(receiver) == ["alarm.began", "alarm.began", "alarm.began", "alarm.ended"]
    assert len({headers["webhook-id"] for headers, _ in receiver.got[:3]}) == 1
    [began, ended] = AlarmMessage.objects.filter(channel="webhook")
    assert (began.tries, ended.tries) == (3, 1)
    assert began.sent_at
    for headers, body in receiver.got:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = hmac.new(b"a secret of the installation", signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_a_receiver_that_is_away_is_recorded_and_given_up(
    receiver: SimpleNamespace, settings: Settings, clock: Clock
) -> None:
    settings.ALARM_WEBHOOK_URL = "http://127.0.0.1:9/hook"
    update_alarms([FULL], (), clock())
    messages.send_due(clock)
    message = AlarmMessage.objects.get(channel="webhook")
    assert (message.error, message.sent_at, message.tries) == ("ConnectError", None, 1)
    # The other channel does not wait for it.
    assert len(mail.outbox) == 1
    clock.forward(days=3, minutes=1)
    messages.send_due(clock)
    update_alarms([], (), clock())
    messages.send_due(clock)
    message.refresh_from_db()
    assert message.given_up_at
    assert AlarmMessage.objects.filter(channel="webhook").count() == 1
    assert len(mail.outbox) == 2


def test_what_redis_knows_is_kept_while_it_is_away(clock: Clock) -> None:
    stalled = Problem(AlarmKind.WORKER, "worker, queue handover", "No worker.", "/system/")
    update_alarms([stalled], (), clock())
    for _ in range(3):
        clock.forward(minutes=2)
        update_alarms([], KNOWN_BY_REDIS, clock())
    assert Alarm.objects.get().ended_at is None


# -- the processes -------------------------------------------------------------------------------------------------


def test_the_monitor_looks_and_the_overview_shows_it(
    valkey: Redis, viewer: User, administrator: User, logged_in: LogIn, settings: Settings, receiver: SimpleNamespace
) -> None:
    settings.DISK_LOW_BYTES = 10**18
    call_command("monitor")
    assert set(Alarm.objects.values_list("kind", flat=True)) == {"clock", "worker", "disk"}
    assert len(mail.outbox) == len(receiver.got) == Alarm.objects.count()
    assert Heartbeat.objects.get().looked_at

    lines = logged_in(viewer).get("/").context["inbox"]
    assert {line["what"] for line in lines} == {"clock stalled", "worker stalled", "disk nearly full"}
    Heartbeat.objects.update(seen_at=timezone.now() - timedelta(minutes=3))
    assert "monitor stalled" in {line["what"] for line in logged_in(viewer).get("/").context["inbox"]}

    page = logged_in(viewer).get(reverse("campaigns:system"))
    assert page.status_code == 200
    assert "Nearly full" in page.content.decode()
    assert "Remove" not in page.content.decode()
    remove = reverse("campaigns:host_remove", args=[Heartbeat.objects.get().pk])
    assert logged_in(viewer).post(remove).status_code == 403
    assert logged_in(administrator).post(remove).status_code == 302
    assert not Heartbeat.objects.exists()


def test_a_monitor_that_hangs_with_the_lock_shows_although_another_shows_signs_of_life(
    viewer: User, logged_in: LogIn
) -> None:
    now = timezone.now()
    long_ago, looked = now - timedelta(hours=5), now - timedelta(minutes=7)
    common = {"process": Heartbeat.Process.MONITOR, "started_at": long_ago}
    hanging = Heartbeat.objects.create(host="one", seen_at=looked, looked_at=looked, **common)
    other = Heartbeat.objects.create(host="two", seen_at=now, looked_at=long_ago, **common)
    client = logged_in(viewer)

    def shown() -> list[str]:
        lines = [line["sentence"] for line in client.get("/").context["inbox"]]
        page = client.get(reverse("campaigns:system")).content.decode()
        assert all(line in page for line in lines)
        return lines

    both = shown()
    assert [line.partition(".")[0] for line in both] == [
        "The monitor on one has shown no sign of life for 7 minutes",
        "Nothing has looked for alarms for 7 minutes, so some may be missing here",
    ]
    # Another monitor took over, and its alarm about the host is shown in place of the line.
    Heartbeat.objects.filter(pk=other.pk).update(looked_at=now)
    assert shown() == both[:1]
    found = find_problems(signs_of_health(monitors=[hanging]), LONG_AGO, now)
    [problem] = [each for each in found if each.kind == AlarmKind.HOST]
    update_alarms([problem], (), now)
    assert shown() == [problem.sentence]


def test_the_page_works_without_redis(viewer: User, logged_in: LogIn, settings: Settings, monkeypatch: Any) -> None:
    monkeypatch.setitem(settings.RQ_QUEUES["handover"], "URL", "unix:///nowhere/valkey.sock")
    call_command("monitor")
    assert set(Alarm.objects.values_list("kind", flat=True)) == {"clock", "redis"}
    page = logged_in(viewer).get(reverse("campaigns:system")).content.decode()
    assert "workers and queues are not shown" in page


def test_a_worker_and_a_queue_are_seen(valkey: Redis) -> None:
    worker = TiedWorker(["handover"], connection=valkey, serializer=JSONSerializer)
    worker.register_birth()
    Queue("handover", connection=valkey, serializer=JSONSerializer).enqueue("campaigns.jobs.hand_over", 3)
    found = signs.read_signs()
    assert found.workers is not None
    assert found.queues is not None
    [sign] = found.workers
    assert (sign.queue, sign.is_silent(timezone.now())) == ("handover", False)
    waiting = {queue.name: queue for queue in found.queues}
    assert waiting["handover"].waiting == 1
    assert waiting["handover"].oldest_at
    assert (waiting["imports"].waiting, waiting["imports"].oldest_at) == (0, None)

    # A Redis that lost everything still learns of a living worker.
    valkey.flushall()
    worker.heartbeat()
    [again] = Worker.all(connection=valkey, serializer=JSONSerializer)
    assert again.queue_names() == ["handover"]
    worker.register_death()


def test_a_worker_that_stalls_is_missed_and_one_that_is_replaced_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    start, host, workers = NOW - timedelta(hours=1), socket.gethostname(), list[WorkerSign]()
    monkeypatch.setattr(signs, "_workers", lambda client: workers)

    def complete_at(*beats: datetime, at: datetime = NOW, started_at: datetime = start) -> datetime:
        workers[:] = [WorkerSign(host, pid, "handover", "idle", beat) for pid, beat in enumerate(beats)]
        workers.append(WorkerSign("another", 9, "handover", "idle", NOW))
        signs.report_workers({"handover": 2}, at, started_at)
        [row] = Heartbeat.objects.get().workers
        assert (row["queue"], row["expected"]) == ("handover", 2)
        return datetime.fromisoformat(row["complete_at"])

    # Until both have started, the start counts.
    assert complete_at(NOW) == start
    assert complete_at(NOW, SILENT) == SILENT
    # The entry of a killed worker remains beside those of its replacement and the other one.
    assert complete_at(NOW, SILENT, NOW) == NOW
    # Both have ended in order and unregistered.
    assert complete_at() == NOW
    later = NOW + timedelta(minutes=9)
    assert complete_at(started_at=later) == later

    def fail(client: Redis) -> list[WorkerSign]:
        raise RedisError

    monkeypatch.setattr(signs, "_workers", fail)
    assert complete_at(at=later, started_at=start) == later


class Ended(Exception):
    """Ends a command that would run for ever, at its first pause."""


def end_loop(_: float) -> None:
    raise Ended


def test_the_clock_shows_a_sign_of_life_after_a_sweep(enqueued: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep.time, "sleep", end_loop)
    monkeypatch.setattr(sweep, "close_old_connections", lambda: None)
    monkeypatch.setattr(sweep.identity, "verify", lambda: None)
    with pytest.raises(Ended):
        call_command("sweep", every=2.0)
    assert Heartbeat.objects.get().process == "clock"


@pytest.mark.parametrize("error", [monitor.DatabaseError, ValueError])
def test_the_monitor_survives_what_fails(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error("no number 27825550100")

    monkeypatch.setattr(monitor.signs, "read_signs", fail)
    monkeypatch.setattr(monitor.time, "sleep", end_loop)
    monkeypatch.setattr(monitor, "close_old_connections", lambda: None)
    ten_minutes_ago = timezone.now() - timedelta(minutes=10)
    signs.beat(Heartbeat.Process.MONITOR, ten_minutes_ago, ten_minutes_ago)
    with pytest.raises(Ended):
        call_command("monitor", every=1.0)
    assert len(caplog.records) == 1
    # A monitor that cannot look counts as silent.
    assert Heartbeat.objects.get().seen_at == ten_minutes_ago


def test_limits_allow_for_what_is_slow() -> None:
    """A busy worker shows a sign of life every 30 s, and sending may keep the monitor this long."""
    assert timing.SEND_ALARMS_FOR + timedelta(seconds=2 * timing.WEBHOOK_ANSWER_SECONDS) < timing.SILENT_AFTER
    assert timedelta(seconds=2 * 30) < timing.SILENT_AFTER
    sending = timing.SEND_ALARMS_FOR + timedelta(seconds=2 * timing.WEBHOOK_ANSWER_SECONDS)
    assert timedelta(seconds=30) + sending < timing.SILENT_AFTER
