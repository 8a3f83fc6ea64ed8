"""Baton's metrics in the format of Prometheus, computed from the database, Redis and the monitors' reports."""

from collections.abc import Iterable, Iterator

from django.db.models import Count, Sum
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from campaigns.models import Alarm, AlarmMessage, Batch, Campaign
from campaigns.monitoring.signs import Signs, read_signs
from campaigns.results.balance import BUCKETS, OUTCOMES
from campaigns.statuses import AlarmKind, BatchStatus, CampaignStatus
from providers.models import Account


def write_metrics() -> bytes:
    """All metrics as text. Raises DatabaseError."""
    registry = CollectorRegistry()
    registry.register(_Baton())
    return generate_latest(registry)


class _Baton(Collector):
    def describe(self) -> Iterable[Metric]:
        # Otherwise the registration would collect everything once.
        return ()

    def collect(self) -> Iterator[Metric]:
        signs = read_signs()
        yield from _campaigns()
        yield from _alarms()
        yield from _processes(signs)
        yield from _queues(signs)
        yield from _disks(signs)


def _gauge(name: str, help_text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    metric = GaugeMetricFamily(f"baton_{name}", help_text, labels=[label])
    for value, number in values:
        metric.add_metric([value], number)
    return metric


def _campaigns() -> Iterator[Metric]:
    campaigns = dict(Campaign.objects.order_by().values_list("status").annotate(n=Count("pk")))
    values = ((status, campaigns.get(status, 0)) for status in CampaignStatus.values)
    yield _gauge("campaigns", "Campaigns by status.", "status", values)
    batches = {
        status: sums
        for status, *sums in Batch.objects.order_by()
        .values_list("status")
        .annotate(n=Count("pk"), all_rows=Sum("rows"), errors=Sum("row_errors"), taken=Sum("accepted_rows"))
    }
    counts = ((status, batches[status][0] if status in batches else 0) for status in BatchStatus.values)
    yield _gauge("batches", "Batches (files) by status.", "status", counts)
    recipients = dict.fromkeys(OUTCOMES, 0)
    for status, (_, rows, errors, taken) in batches.items():
        recipients["row_error"] += errors
        recipients["accepted"] += taken
        # The other recipients of a superseded batch are in its successor.
        if status in BUCKETS:
            recipients[BUCKETS[status]] += rows - errors - taken
    yield _gauge("recipients", "Recipients in batches by outcome, of all campaigns.", "outcome", recipients.items())
    stopped = Account.objects.filter(is_active=True).exclude(stopped_at=None).count()
    yield GaugeMetricFamily("baton_accounts_stopped", "Accounts through which nothing is handed over.", stopped)


def _alarms() -> Iterator[Metric]:
    found = dict(Alarm.objects.filter(ended_at=None).order_by().values_list("kind").annotate(n=Count("pk")))
    yield _gauge("alarms", "Open alarms by kind.", "kind", ((kind, found.get(kind, 0)) for kind in AlarmKind.values))
    waiting = AlarmMessage.objects.filter(sent_at=None, given_up_at=None).count()
    yield GaugeMetricFamily("baton_alarm_messages_waiting", "Messages about alarms that are not sent yet.", waiting)


def _processes(signs: Signs) -> Iterator[Metric]:
    clock = [(signs.clock.host, signs.clock.seen_at.timestamp())] if signs.clock else []
    yield _gauge("clock_seen_timestamp_seconds", "When the clock last showed a sign of life.", "host", clock)
    monitors = ((monitor.host, monitor.seen_at.timestamp()) for monitor in signs.monitors)
    yield _gauge("monitor_seen_timestamp_seconds", "When the monitor of a host last did.", "host", monitors)
    metric = GaugeMetricFamily(
        "baton_worker_seen_timestamp_seconds", "When a worker last did.", labels=["queue", "host", "process"]
    )
    for worker in signs.workers or []:
        metric.add_metric([worker.queue, worker.host, str(worker.pid)], worker.seen_at.timestamp())
    yield metric


def _queues(signs: Signs) -> Iterator[Metric]:
    yield GaugeMetricFamily("baton_redis_up", "Whether Redis answers.", 0 if signs.queues is None else 1)
    queues = signs.queues or []
    yield _gauge("queue_jobs", "Jobs that wait in a queue.", "queue", ((each.name, each.waiting) for each in queues))
    oldest = ((each.name, each.oldest_at.timestamp()) for each in queues if each.oldest_at)
    yield _gauge("queue_oldest_timestamp_seconds", "Since when the first of them has waited.", "queue", oldest)


def _disks(signs: Signs) -> Iterator[Metric]:
    for size, help_text in (("free", "Free bytes of a disk."), ("total", "Bytes of a disk.")):
        metric = GaugeMetricFamily(f"baton_disk_{size}_bytes", help_text, labels=["host", "path"])
        for monitor in signs.monitors:
            for disk in monitor.disks:
                metric.add_metric([monitor.host, disk["path"]], disk[size])
        yield metric
