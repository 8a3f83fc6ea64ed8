"""What is wrong right now: with the installation, the accounts and the campaigns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, F, Q, Sum
from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from campaigns import timing
from campaigns.history import counted
from campaigns.models import Alarm, Batch, Campaign, Heartbeat
from campaigns.monitoring.signs import Signs
from campaigns.results import balance
from campaigns.statuses import ACTIVE, PAUSED_BY_USER, AlarmKind
from contacts.snapshots import snapshot
from providers.models import Account


@dataclass(frozen=True)
class Problem:
    """One cause of an alarm. ``cause`` tells it from every other; ``path`` is the page that says more."""

    kind: AlarmKind
    cause: str
    sentence: str
    path: str


LONGEST_CAUSE = 300
#: Nothing is known about these while Redis does not answer.
KNOWN_BY_REDIS = frozenset({AlarmKind.WORKER, AlarmKind.QUEUE})


def find_problems(signs: Signs, since: datetime, now: datetime) -> list[Problem]:
    """Everything that is wrong. Silence before ``since``, when the monitor started, does not count."""
    return [
        *_problems_of_processes(signs, since, now),
        *_full_disks(signs),
        *_stopped_accounts(),
        *_unclear_files(),
        *_waiting_campaigns(),
        *_mismatches(now),
    ]


def _problem(kind: AlarmKind, about: str, sentence: str, path: str = "") -> Problem:
    return Problem(kind, _cause(kind, about), sentence, path or reverse("campaigns:system"))


def _cause(kind: AlarmKind, about: str) -> str:
    return f"{kind.value}, {about}"[:LONGEST_CAUSE]


@dataclass(frozen=True)
class Gap:
    """Why alarms cannot be relied on, and since when."""

    sentence: str
    since: datetime


def gaps(monitors: Sequence[Heartbeat], now: datetime) -> list[Gap]:
    """What no alarm says: each silent monitor whose host has no alarm, and that nothing looks for alarms.

    A monitor that hangs while it looks keeps its lock. Those of other hosts then show signs of life and raise nothing.
    """
    silent = [monitor for monitor in monitors if monitor.is_silent(now)]
    open_alarms = Alarm.objects.filter(ended_at=None, kind=AlarmKind.HOST).values_list("cause", flat=True)
    known = set(open_alarms) if silent else set()
    found = [
        Gap(
            f"The monitor on {monitor.host} has shown no sign of life for {_lapse(now - monitor.seen_at)}. Restart "
            "Baton there. If the host is no longer used, remove it on the page System.",
            monitor.seen_at,
        )
        for monitor in silent
        if _cause(AlarmKind.HOST, monitor.host) not in known
    ]
    looked = [monitor.looked_at for monitor in monitors if monitor.looked_at]
    last = max(looked or [monitor.started_at for monitor in monitors], default=now)
    if now - last > timing.SILENT_AFTER:
        sentence = (
            f"Nothing has looked for alarms for {_lapse(now - last)}, so some may be missing here. Restart Baton on "
            "the hosts whose monitor shows no sign of life."
        )
        found.append(Gap(sentence, last))
    return found


# -- the installation ----------------------------------------------------------------------------------------------


def _problems_of_processes(signs: Signs, since: datetime, now: datetime) -> Iterator[Problem]:
    clock_seen = max(signs.clock.seen_at, since) if signs.clock else since
    if now - clock_seen > timing.SILENT_AFTER:
        sentence = (
            f"The clock has shown no sign of life for {_lapse(now - clock_seen)}: no campaign starts, and nothing that "
            "waits for its time is continued. Restart the clock process."
        )
        yield _problem(AlarmKind.CLOCK, "clock", sentence)
    for monitor in signs.monitors:
        silent_for = now - max(monitor.seen_at, since)
        if silent_for > timing.SILENT_AFTER:
            sentence = (
                f"The host {monitor.host} has shown no sign of life for {_lapse(silent_for)}. Restart Baton on it. If "
                "it is no longer used, remove it on the page System."
            )
            yield _problem(AlarmKind.HOST, monitor.host, sentence)
    if signs.workers is None or signs.queues is None:
        sentence = "Redis does not answer: no job runs and nobody can log in. Nothing is lost. Start it again."
        yield _problem(AlarmKind.REDIS, "redis", sentence)
        return
    for queue in signs.queues:
        beats = [worker.seen_at for worker in signs.workers if worker.queue == queue.name]
        seen = max([since, *beats])
        if now - seen > timing.SILENT_AFTER:
            sentence = (
                f"No worker of the queue {queue.name} has shown a sign of life for {_lapse(now - seen)}: "
                f"{WORK[queue.name]}. Restart the worker."
            )
            yield _problem(AlarmKind.WORKER, f"queue {queue.name}", sentence)
        else:
            yield from _missing_workers(queue.name, signs.monitors, since)
        limit = timedelta(seconds=settings.QUEUE_TIMEOUTS[queue.name])
        if queue.oldest_at and now - max(queue.oldest_at, since) > limit:
            sentence = (
                f"{counted(queue.waiting, 'job')} of the queue {queue.name} waited for up to "
                f"{_lapse(now - queue.oldest_at)}: its worker is stuck or has too much to do. Restart the worker."
            )
            yield _problem(AlarmKind.QUEUE, f"queue {queue.name}", sentence)


def _missing_workers(queue: str, monitors: Sequence[Heartbeat], since: datetime) -> Iterator[Problem]:
    """Hosts on which fewer workers of the queue live than run there, while others of the queue work.

    The time is that of the host's own monitor: while a host is off, the alarm about the host says so.
    """
    for monitor in monitors:
        for row in monitor.workers:
            silent_for = monitor.seen_at - max(datetime.fromisoformat(row["complete_at"]), since)
            if row["queue"] == queue and silent_for > timing.SILENT_AFTER:
                sentence = (
                    f"On {monitor.host}, fewer than {counted(row['expected'], 'worker')} of the queue {queue} have "
                    f"shown a sign of life for {_lapse(silent_for)}. Other workers continue. Restart Baton on "
                    f"{monitor.host}."
                )
                yield _problem(AlarmKind.WORKER, f"queue {queue} on {monitor.host}", sentence)


#: What does not happen while nobody works on a queue.
WORK = {
    "imports": "no sheet is imported and no export is written",
    "campaigns": "no campaign is prepared and no file is created",
    "handover": "nothing is handed over",
    "results": "no results are collected and no notices are emailed",
}


def _full_disks(signs: Signs) -> Iterator[Problem]:
    for monitor in signs.monitors:
        for disk in monitor.disks:
            if disk["free"] < settings.DISK_LOW_BYTES:
                sentence = (
                    f"The disk of {disk['path']} on {monitor.host} is nearly full: {filesizeformat(disk['free'])} of "
                    f"{filesizeformat(disk['total'])} left. Make room, or nothing can be imported and handed over."
                )
                yield _problem(AlarmKind.DISK, f"{monitor.host} {disk['path']}", sentence)


def _lapse(lapse: timedelta) -> str:
    return timing.duration_in_words(lapse)


# -- accounts and campaigns ----------------------------------------------------------------------------------------


def _stopped_accounts() -> Iterator[Problem]:
    for account in Account.objects.exclude(stopped_at=None).filter(is_active=True):
        sentence = f"The account {account} is stopped: nothing is handed over through it. {account.stopped_sentence}"
        yield _problem(AlarmKind.ACCOUNT_STOPPED, f"account {account.pk}", sentence, account.get_absolute_url())


def _unclear_files() -> Iterator[Problem]:
    groups = (
        Batch.objects.filter(status=Batch.Status.UNCLEAR)
        .order_by()
        .values("campaign_id", "campaign__name")
        .annotate(files=Count("pk"), left=Sum(F("rows") - F("row_errors") - F("accepted_rows")))
    )
    for group in groups:
        verb = "needs" if group["files"] == 1 else "need"
        sentence = (
            f"{counted(group['files'], 'file')} of {group['campaign__name']} {verb} a decision: nobody knows whether "
            f"{counted(group['left'], 'recipient')} were handed over."
        )
        path = reverse("campaigns:unclear", args=[group["campaign_id"]])
        yield _problem(AlarmKind.BATCH_UNCLEAR, f"campaign {group['campaign_id']}", sentence, path)


def _waiting_campaigns() -> Iterator[Problem]:
    """Campaigns that Baton paused, and those that missed their start."""
    is_paused = Q(status=Campaign.Status.PAUSED) & ~Q(reason=PAUSED_BY_USER)
    for campaign in Campaign.objects.filter(is_paused | Q(status=Campaign.Status.HELD)):
        what = "missed its start" if campaign.status == Campaign.Status.HELD else "was paused by Baton"
        sentence = f"{campaign} {what}. {campaign.sentence}"
        yield _problem(AlarmKind.CAMPAIGN_PAUSED, f"campaign {campaign.pk}", sentence, campaign.get_absolute_url())


def _mismatches(now: datetime) -> Iterator[Problem]:
    """Campaigns whose books do not balance: those that the overview checks too."""
    ended = Q(
        status__in=(Campaign.Status.CLOSED, Campaign.Status.CANCELLED),
        closed_at__gte=now - timing.CHECK_ENDED_FOR,
    )
    with snapshot():
        campaigns = list(Campaign.objects.filter(Q(status__in=ACTIVE) | ended))
        totals = balance.totals_of(campaigns)
        found = [(each, each.alarm or balance.of(each, totals[each.pk]).mismatch) for each in campaigns]
    for campaign, mismatch in found:
        if mismatch:
            sentence = f"The numbers of {campaign} do not add up: {mismatch}"
            yield _problem(AlarmKind.BOOKS, f"campaign {campaign.pk}", sentence, campaign.get_absolute_url())
