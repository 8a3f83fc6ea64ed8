"""The page System: signs of life, queues, disks, mail, keys and alarms."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from campaigns import timing
from campaigns.models import Alarm, AlarmMessage, Heartbeat, Notice
from campaigns.monitoring.alarms import channels
from campaigns.monitoring.problems import gaps
from campaigns.monitoring.signs import Signs, read_signs
from providers.models import KeyFingerprint

#: Alarms that ended, as shown.
ENDED = 20


@require_GET
@permission_required("campaigns.view_heartbeat", raise_exception=True)
def system(request: HttpRequest) -> HttpResponse:
    now, signs = timezone.now(), read_signs()
    is_unsent = AlarmMessage.objects.filter(alarm=OuterRef("pk"), sent_at=None).exclude(error="")
    alarms = Alarm.objects.annotate(is_unsent=Exists(is_unsent))
    context = {
        "processes": _processes(signs, now),
        "queues": _queues(signs, now),
        "disks": [(monitor, _with_share(disk)) for monitor in signs.monitors for disk in monitor.disks],
        "open_alarms": alarms.filter(ended_at=None),
        "gaps": gaps(signs.monitors, now),
        "ended_alarms": alarms.exclude(ended_at=None)[:ENDED],
        "channels": channels(),
        "sends_email": bool(settings.EMAIL_URL),
        "late_emails": Notice.objects.filter(mailed_at=None, created_at__lt=now - timing.MAIL_IS_LATE_AFTER).count(),
        "keys": [(KEY_NAMES[key.name], key) for key in KeyFingerprint.objects.all() if key.name in KEY_NAMES],
        "account_keys": len(settings.ACCOUNT_KEYS),
        "redis_answers": signs.workers is not None,
    }
    return render(request, "campaigns/system.html", context)


KEY_NAMES = {"installation": "Installation key", "account": "Account key"}


def _processes(signs: Signs, now: datetime) -> list[dict[str, Any]]:
    """The rows of the processes: name, host, last sign of life, state. A process that never ran has no host."""
    beats = [signs.clock] if signs.clock else []
    rows = [
        {
            "name": beat.get_process_display(),
            "host": beat.host,
            "seen_at": beat.seen_at,
            "is_silent": beat.is_silent(now),
            "removable": beat if beat.process == Heartbeat.Process.MONITOR else None,
        }
        for beat in [*beats, *signs.monitors]
    ]
    rows += [
        {"name": name, "host": "", "seen_at": None, "is_silent": True}
        for name, is_missing in (("Clock", not signs.clock), ("Monitor", not signs.monitors))
        if is_missing
    ]
    rows += [
        {
            "name": f"Worker of {worker.queue}",
            "host": f"{worker.host}, process {worker.pid}",
            "seen_at": worker.seen_at,
            "is_silent": worker.is_silent(now),
            "is_busy": worker.state == "busy",
        }
        for worker in signs.workers or []
    ]
    return rows


def _queues(signs: Signs, now: datetime) -> list[dict[str, Any]]:
    alive = [worker.queue for worker in signs.workers or [] if not worker.is_silent(now)]
    return [
        {
            "name": queue.name,
            "waiting": queue.waiting,
            "oldest_at": queue.oldest_at,
            "workers": alive.count(queue.name),
        }
        for queue in signs.queues or []
    ]


def _with_share(disk: dict[str, Any]) -> dict[str, Any]:
    return {**disk, "is_low": disk["free"] < settings.DISK_LOW_BYTES}


@require_POST
@permission_required("campaigns.delete_heartbeat", raise_exception=True)
def host_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget a host that is no longer used. One that still runs shows a sign of life again within seconds."""
    beat = get_object_or_404(Heartbeat, pk=pk, process=Heartbeat.Process.MONITOR)
    beat.delete()
    messages.success(request, f"{beat.host} was removed. If Baton still runs on it, it appears again.")
    return redirect("campaigns:system")
