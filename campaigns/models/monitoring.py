"""Signs of life of the processes that work without a person, and the alarms that are raised when something fails."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from campaigns import timing
from campaigns.statuses import AlarmChannel, AlarmKind


class Heartbeat(models.Model):
    """The last sign of life of a process on a host. Workers show theirs to Redis instead."""

    class Process(models.TextChoices):
        CLOCK = "clock", "Clock"
        MONITOR = "monitor", "Monitor"

    process = models.CharField(max_length=10, choices=Process)
    host = models.CharField(max_length=255)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    #: When a monitor last looked for alarms. Only the one that holds the lock does, so most hosts' are older or None.
    looked_at = models.DateTimeField(null=True, blank=True)
    #: What a monitor saw of its host's disks: ``[{"label", "path", "free", "total"}]``, in bytes.
    disks = models.JSONField(default=list, blank=True)
    #: The workers that a monitor's host runs: ``[{"queue", "expected", "complete_at"}]``. ``complete_at`` (ISO 8601) is
    #: the last time at which as many of them showed a sign of life as are expected.
    workers = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("process", "host")
        constraints = (
            models.UniqueConstraint(fields=("process", "host"), name="one_heartbeat_of_a_process_on_a_host"),
        )

    def __str__(self) -> str:
        return f"{self.process} on {self.host}"

    def is_silent(self, now: datetime) -> bool:
        """Whether the process has shown no sign of life for so long that it is taken to be stalled."""
        return now - self.seen_at > timing.SILENT_AFTER


class Alarm(models.Model):
    """One cause of trouble, from its beginning to its end."""

    Kind = AlarmKind

    kind = models.CharField(max_length=20, choices=Kind)
    #: What it is about: ``worker, queue handover``. While an alarm is open, its cause raises no other one.
    cause = models.CharField(max_length=300)
    sentence = models.TextField()
    #: The path of the page that says more.
    path = models.CharField(max_length=200)
    began_at = models.DateTimeField()
    #: When its cause was last found. The alarm ends once the cause has been gone for a while.
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("cause",), condition=Q(ended_at__isnull=True), name="one_open_alarm_of_a_cause"
            ),
            models.CheckConstraint(name="alarm_kind_is_known", condition=Q(kind__in=AlarmKind.values)),
        )

    def __str__(self) -> str:
        return self.sentence


class AlarmMessage(models.Model):
    """The message that an alarm began or ended, for one channel. It is sent until it succeeds or is given up."""

    Channel = AlarmChannel

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="messages")
    channel = models.CharField(max_length=10, choices=Channel)
    is_end = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    #: When the next try is due. It is postponed before each try, so that a failure and a crash both wait for it.
    due_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    #: Why the last try failed: the type of an error or the status of an answer.
    error = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("alarm", "channel", "is_end"), name="one_message_of_an_alarm_and_channel"),
            models.CheckConstraint(name="alarm_channel_is_known", condition=Q(channel__in=AlarmChannel.values)),
        )
        indexes = (
            models.Index(
                fields=("due_at",),
                condition=Q(sent_at__isnull=True, given_up_at__isnull=True),
                name="alarm_messages_due",
            ),
        )

    def __str__(self) -> str:
        return f"{self.channel}: {self.alarm}"
