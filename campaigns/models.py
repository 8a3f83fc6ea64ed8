"""Campaigns, their frozen recipients, the batches handed over, and the evidence of what happened."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from campaigns.querysets import BatchQuerySet, RecipientQuerySet
from campaigns.statuses import (
    AttemptEnding,
    BatchStatus,
    CampaignStatus,
    ExcludedReason,
    RecipientResult,
    ReplyAction,
    ReplySource,
)
from contacts.fields import VALUE_FIELDS


def default_patience() -> timedelta:
    """How late a start may be before a person must decide."""
    return settings.START_PATIENCE


class Template(models.Model):
    """A reusable text. A campaign copies it and may change its copy."""

    name = models.CharField(max_length=100, unique=True)
    text = models.TextField(help_text="Fields are written @@value1@@ to @@value6@@.")
    labels = models.JSONField(default=dict, blank=True, help_text='What the fields hold: {"value1": "First name"}.')
    sender = models.CharField(max_length=16, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("campaigns:template", args=[self.pk])


class Campaign(models.Model):
    """One text to one audience through one account."""

    Status = CampaignStatus

    name = models.CharField(max_length=100)
    account = models.ForeignKey("providers.Account", on_delete=models.PROTECT, related_name="campaigns")
    lists = models.ManyToManyField("contacts.ContactList", through="CampaignList", related_name="campaigns")
    template = models.ForeignKey(Template, null=True, blank=True, on_delete=models.SET_NULL, related_name="campaigns")
    text = models.TextField()
    #: What looks like a field of another program, such as {name}, and is meant as it stands.
    confirmed_literals = models.JSONField(default=list, blank=True, editable=False)
    sender = models.CharField(max_length=16, blank=True)
    start_at = models.DateTimeField(null=True, blank=True, help_text="Empty means the moment of approval.")
    end_at = models.DateTimeField(null=True, blank=True)
    is_early = models.BooleanField(default=False, help_text="The provider holds the file until the start.")
    options = models.JSONField(default=dict, blank=True)
    window = models.JSONField(default=dict, blank=True, editable=False)
    parts_ceiling = models.PositiveIntegerField(null=True, blank=True, editable=False)
    patience = models.DurationField(default=default_patience)

    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    reason = models.CharField(max_length=40, blank=True, editable=False)
    sentence = models.TextField(blank=True, editable=False)
    alarm = models.TextField(blank=True, editable=False)

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    editors = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, editable=False, related_name="+")

    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    frozen_at = models.DateTimeField(null=True, blank=True, editable=False)
    audience_digest = models.CharField(max_length=64, blank=True, editable=False)
    #: {"selected", "excluded": {reason: n}, "included", "parts", "histogram": {parts: n}, "least", "most", "longest",
    #: "text_faults": {code: n}}
    counts = models.JSONField(default=dict, blank=True, editable=False)
    #: Why a freeze was refused, the first hundred: [{"msisdn", "code", "sentence"}]
    problems = models.JSONField(default=list, blank=True, editable=False)
    freeze_progress = models.PositiveIntegerField(default=0, editable=False)

    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    approved_at = models.DateTimeField(null=True, blank=True, editable=False)
    approval_hash = models.CharField(max_length=64, blank=True, editable=False)
    approval_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_self_approved = models.BooleanField(default=False, editable=False)

    #: When the first batch may be created: the requested start, a new start that was confirmed, or the approval if the
    #: campaign is handed over early.
    effective_start_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    resumed_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: Recipients that were excluded after the freeze.
    opted_out_later = models.PositiveIntegerField(default=0, editable=False)
    audited_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        permissions = (
            ("approve_campaign", "Can approve a frozen campaign and confirm a new start"),
            ("release_batch", "Can release or cancel a held batch"),
            ("decide_batch", "Can decide an unclear batch"),
        )
        constraints = (
            models.CheckConstraint(name="campaign_status_is_known", condition=Q(status__in=CampaignStatus.values)),
            models.CheckConstraint(
                name="approver_did_not_freeze",
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("frozen_by")) | Q(is_self_approved=True),
            ),
        )
        indexes = (models.Index(fields=("status", "effective_start_at")),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("campaigns:campaign", args=[self.pk])

    def ordered_lists(self) -> list[Any]:
        """The chosen contact lists, in the chosen order."""
        return [row.contact_list for row in self.campaignlist_set.select_related("contact_list").order_by("position")]

    def value_labels(self) -> dict[str, str]:
        """The value fields that its lists label, with their labels: ``{"value1": "First name"}``.

        Where lists label a field differently, the labels are joined: ``"City / Balance"``.
        """
        found: dict[str, dict[str, None]] = {}
        for contact_list in self.ordered_lists():
            for field, label in contact_list.labelled_fields().items():
                found.setdefault(field, {})[label] = None
        return {field: " / ".join(found[field]) for field in VALUE_FIELDS if field in found}


class CampaignList(models.Model):
    """A contact list chosen for a campaign, with its position in the order."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE)
    contact_list = models.ForeignKey("contacts.ContactList", on_delete=models.PROTECT)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=("campaign", "contact_list"), name="a_list_is_chosen_once_in_a_campaign"),
            models.UniqueConstraint(fields=("campaign", "position"), name="one_list_at_each_place_of_a_campaign"),
        )

    def __str__(self) -> str:
        return f"{self.position}. {self.contact_list}"


class Recipient(models.Model):
    """The frozen copy of one person: after the freeze only ``batch_number`` and ``excluded_reason`` are written."""

    Excluded = ExcludedReason

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="recipients")
    list_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    msisdn = models.CharField(max_length=15)
    customer_id = models.CharField(max_length=100, blank=True)
    value1 = models.TextField(blank=True)
    value2 = models.TextField(blank=True)
    value3 = models.TextField(blank=True)
    value4 = models.TextField(blank=True)
    value5 = models.TextField(blank=True)
    value6 = models.TextField(blank=True)
    message = models.TextField(blank=True)
    excluded_reason = models.CharField(max_length=20, blank=True, choices=Excluded)
    batch_number = models.PositiveIntegerField(null=True, blank=True)

    objects = RecipientQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("campaign", "msisdn"),
                condition=Q(excluded_reason=""),
                name="nobody_is_texted_twice_in_a_campaign",
            ),
            models.CheckConstraint(
                name="excluded_reason_is_known", condition=Q(excluded_reason__in=["", *ExcludedReason.values])
            ),
            models.CheckConstraint(
                name="nobody_excluded_is_in_a_batch", condition=Q(excluded_reason="") | Q(batch_number__isnull=True)
            ),
        )
        indexes = (
            models.Index(fields=("campaign", "msisdn"), name="recipient_by_number"),
            models.Index(fields=("campaign", "batch_number", "msisdn"), name="recipient_by_batch"),
            models.Index(fields=("msisdn", "-id"), name="recipient_of_anything"),
        )

    def __str__(self) -> str:
        return f"recipient {self.pk}"

    def values(self) -> dict[str, str]:
        """``value1``..``value6`` as frozen."""
        return {field: getattr(self, field) for field in VALUE_FIELDS}


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

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.from_status} to {self.to_status}" if self.to_status else self.reason


class Evidence(models.Model):
    """What one or more equal polls of the provider showed about a batch."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="evidence")
    seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    polls = models.PositiveIntegerField(default=1)
    hosts = models.JSONField(default=list)
    #: [{"folder", "name", "size", "modified_at", "host", "body": path in storage or "", "version"}]
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


class Reply(models.Model):
    """A text that a person sent back, with the bytes that the provider gave us as proof."""

    Action = ReplyAction
    Source = ReplySource

    account = models.ForeignKey("providers.Account", on_delete=models.PROTECT, related_name="replies")
    #: Digits with the country code; "" if ``phone`` is not a number that can be texted.
    msisdn = models.CharField("number", max_length=15, blank=True, db_index=True)
    phone = models.CharField(max_length=60, help_text="The sender as the provider gave it.")
    text = models.TextField(blank=True)
    received_at = models.DateTimeField(null=True, blank=True, help_text="The provider's time.")
    recorded_at = models.DateTimeField()
    provider_ref = models.CharField(max_length=100, blank=True)
    #: Equal for the same reply: see results.replies.
    fingerprint = models.CharField(max_length=64)
    source = models.CharField(max_length=6, choices=ReplySource)
    action = models.CharField(max_length=9, choices=ReplyAction)
    #: Who read the reply or opted the number out; None if Baton did it by itself.
    acted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acted_at = models.DateTimeField(null=True, blank=True)
    raw = models.BinaryField(default=b"")

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "replies"
        constraints = (
            models.UniqueConstraint(fields=("account", "fingerprint"), name="a_reply_is_recorded_once"),
            models.CheckConstraint(name="reply_action_is_known", condition=Q(action__in=ReplyAction.values)),
            models.CheckConstraint(name="reply_source_is_known", condition=Q(source__in=ReplySource.values)),
        )
        indexes = (models.Index(fields=("action", "-id"), name="replies_newest_first"),)

    def __str__(self) -> str:
        return f"reply {self.pk}"


class ReplyAddress(models.Model):
    """The secret address to which a provider pushes the replies of one account."""

    account = models.OneToOneField("providers.Account", on_delete=models.CASCADE, related_name="reply_address")
    #: The hash by which a push finds its account, and the token itself, encrypted, to show to administrators.
    token_hash = models.CharField(max_length=64, unique=True)
    token = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name_plural = "reply addresses"

    def __str__(self) -> str:
        return f"reply address of {self.account}"
