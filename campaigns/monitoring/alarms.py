"""Raises an alarm for each problem that has none yet, and ends those whose cause is gone."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from campaigns import timing
from campaigns.models import Alarm, AlarmMessage
from campaigns.monitoring.problems import Problem
from campaigns.statuses import AlarmChannel, AlarmKind


def update_alarms(problems: Sequence[Problem], unknown: Collection[AlarmKind], now: datetime) -> None:
    """Store which alarms there are, each with its messages to send.

    ``problems`` are all that were found; about the kinds in ``unknown`` nothing could be found out, so their alarms
    stay as they are.
    """
    found = {problem.cause: problem for problem in problems}
    with transaction.atomic():
        open_alarms = {alarm.cause: alarm for alarm in Alarm.objects.filter(ended_at=None)}
        for cause, problem in found.items():
            if cause in open_alarms:
                _keep(open_alarms.pop(cause), problem, now)
            else:
                _begin(problem, now)
        for alarm in open_alarms.values():
            if alarm.kind in unknown:
                Alarm.objects.filter(pk=alarm.pk).update(seen_at=now)
            elif now - alarm.seen_at >= timing.ALARM_ENDS_AFTER:
                _end(alarm, now)


def channels() -> list[AlarmChannel]:
    """The channels that the settings name."""
    named = {
        AlarmChannel.EMAIL: settings.EMAIL_URL and settings.ALARM_EMAILS,
        AlarmChannel.WEBHOOK: settings.ALARM_WEBHOOK_URL,
    }
    return [channel for channel, is_named in named.items() if is_named]


def _begin(problem: Problem, now: datetime) -> None:
    alarm = Alarm.objects.create(
        kind=problem.kind,
        cause=problem.cause,
        sentence=problem.sentence,
        path=problem.path,
        began_at=now,
        seen_at=now,
    )
    _add_messages(alarm, channels(), False, now)


def _keep(alarm: Alarm, problem: Problem, now: datetime) -> None:
    Alarm.objects.filter(pk=alarm.pk).update(sentence=problem.sentence, path=problem.path, seen_at=now)


def _end(alarm: Alarm, now: datetime) -> None:
    Alarm.objects.filter(pk=alarm.pk).update(ended_at=now)
    # A channel that never got the message that it began needs none that it ended.
    told = alarm.messages.filter(is_end=False, given_up_at=None).values_list("channel", flat=True)
    _add_messages(alarm, [channel for channel in channels() if channel in told], True, now)


def _add_messages(alarm: Alarm, to: Sequence[AlarmChannel], is_end: bool, now: datetime) -> None:
    AlarmMessage.objects.bulk_create(
        AlarmMessage(alarm=alarm, channel=channel, is_end=is_end, created_at=now, due_at=now) for channel in to
    )
