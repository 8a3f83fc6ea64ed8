"""The files of a campaign, the attempts to hand them over, and what came back."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from campaigns.models.campaigns import Campaign
from campaigns.models.recipients import Recipient
from campaigns.querysets import BatchQuerySet
from campaigns.statuses import AttemptEnding, BatchStatus, RecipientResult


class Batch(models.Model):
    """One payload for one provider; a row for each generation of a number."""

    Status = BatchStatus

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="batches")
    account = models.ForeignKey("providers.Account", on_delete=models.PROTECT, related_name="batches")
    number = models.PositiveIntegerField()
    generation = models.PositiveIntegerField(default=1)
    stem = models.CharField(max_length=60)
    key = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    payload = models.FileField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    #: The lowest and the highest number in it: all of its recipients are between them, and perhaps others. Blank once
    #: a number in it was erased.
    first_msisdn = models.CharField(max_length=15, default="", editable=False)
    last_msisdn = models.CharField(max_length=15, default="9" * 15, editable=False)
    rows = models.PositiveIntegerField()
    parts = models.PositiveIntegerField()

    status = models.CharField(max_length=12, choices=Status, default=Status.PREPARED, editable=False)
    reason = models.CharField(max_length=60, blank=True, editable=False)
    sentence = models.TextField(blank=True, editable=False)
    alarm = models.TextField(blank=True, editable=False)
    provider_ref = models.CharField(max_length=100, blank=True, editable=False)
    #: Recipients with an outcome of their own in this generation.
    row_errors = models.PositiveIntegerField(default=0, editable=False)
    accepted_rows = models.PositiveIntegerField(default=0, editable=False)
    #: The same recipients by cause, so that no page counts outcomes: [[result, code, delivery, a sentence, how many]].
    causes = models.JSONField(default=list, blank=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    uploaded_at = models.DateTimeField(null=True, blank=True, editable=False)
    first_intent_at = models.DateTimeField(null=True, blank=True, editable=False)
    handed_over_at = models.DateTimeField(null=True, blank=True, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True, editable=False)
    poll_at = models.DateTimeField(null=True, blank=True, editable=False)
    poll_until = models.DateTimeField(null=True, blank=True, editable=False)
    polled_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: Failures in a row to reach the provider; the pause before the next try grows with them.
    failures = models.PositiveSmallIntegerField(default=0, editable=False)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("campaign", "number", "generation")
        verbose_name_plural = "batches"
        constraints = (
            models.CheckConstraint(name="batch_status_is_known", condition=Q(status__in=BatchStatus.values)),
            models.UniqueConstraint(
                fields=("campaign", "number"),
                condition=~Q(status=BatchStatus.SUPERSEDED),
                name="one_generation_of_a_batch_counts",
            ),
            models.UniqueConstraint(
                fields=("campaign", "number", "generation"), name="one_row_for_each_generation_of_a_batch"
            ),
            models.UniqueConstraint(fields=("account", "stem"), name="a_stem_is_used_once_in_an_account"),
            models.UniqueConstraint(fields=("account", "key"), name="a_key_is_used_once_in_an_account"),
            models.UniqueConstraint(
                fields=("account", "provider_ref"),
                condition=~Q(provider_ref=""),
                name="a_provider_reference_names_one_batch",
            ),
        )
        indexes = (
            models.Index(fields=("status", "due_at"), name="batch_that_is_due"),
            models.Index(fields=("poll_at",), name="batch_to_poll"),
        )

    def __str__(self) -> str:
        return self.name


class Attempt(models.Model):
    """One attempt at a commit, stored before it."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=120)
    host = models.CharField(max_length=200, blank=True)
    staged_name = models.CharField(max_length=120, blank=True)
    staged_host = models.CharField(max_length=200, blank=True)
    staged_size = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=12, default=AttemptEnding.NONE, choices=AttemptEnding)
    code = models.CharField(max_length=60, blank=True)
    sentence = models.TextField(blank=True)
    provider_ref = models.CharField(max_length=100, blank=True)
    receipt = models.BinaryField(default=b"", blank=True)

    class Meta:
        ordering = ("batch", "number")
        constraints = (models.UniqueConstraint(fields=("batch", "number"), name="attempts_of_a_batch_are_numbered"),)

    def __str__(self) -> str:
        return f"{self.name}, attempt {self.number}"


class Event(models.Model):
    """One line of history: a change of status, or something people may need to find later. Never a phone number."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="events")
    batch = models.ForeignKey(Batch, null=True, blank=True, on_delete=models.PROTECT, related_name="events")
    from_status = models.CharField(max_length=12, blank=True)
    to_status = models.CharField(max_length=12, blank=True)
    reason = models.CharField(max_length=60, blank=True)
    sentence = models.TextField(blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(auto_now_add=True)
    #: Whether the sweep has made the notices about it. A flag, because ids may become visible out of order.
    is_noticed = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("id",), condition=Q(is_noticed=False), name="events_to_notice"),)

    def __str__(self) -> str:
        return f"{self.from_status} to {self.to_status}" if self.to_status else self.reason


class Evidence(models.Model):
    """What one or more equal polls of the provider showed about a batch."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="evidence")
    seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    polls = models.PositiveIntegerField(default=1)
    hosts = models.JSONField(default=list)
    #: [{"folder", "name", "size", "modified_at", "host", "version", "sha256": of the body, "body": its parts}]. The
    #: parts are [[path in storage, bytes]], and [] if the file was not read.
    files = models.JSONField(default=list)
    #: Paths in storage of raw replies.
    replies = models.JSONField(default=list)
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "evidence"

    def __str__(self) -> str:
        return f"{len(self.files)} files seen of {self.batch}"


class RecipientOutcome(models.Model):
    """What the provider reported about one recipient, if it differs from the batch's status or adds to it."""

    Result = RecipientResult

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="outcomes")
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="outcomes")
    result = models.CharField(max_length=10, choices=Result)
    code = models.CharField(max_length=60, blank=True)
    sentence = models.TextField(blank=True)
    delivery = models.CharField(
        max_length=12, blank=True, choices=[("delivered", "Delivered"), ("undelivered", "Undelivered")]
    )
    source = models.CharField(max_length=200, blank=True)
    line = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("batch", "recipient"), name="one_outcome_of_a_recipient_in_a_batch"),
            models.CheckConstraint(name="outcome_result_is_known", condition=Q(result__in=RecipientResult.values)),
        )
        indexes = (models.Index(fields=("batch", "code"), name="outcome_by_cause"),)

    def __str__(self) -> str:
        return f"{self.result} {self.code}"
