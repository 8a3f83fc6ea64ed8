"""What was erased to protect personal data: by retention, and one person on request."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from campaigns.statuses import ErasureStatus


class Purge(models.Model):
    """One run of the retention: what was older than the settings allow, and is erased."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    #: What was erased, by kind: the fields of privacy.purging.Purged.
    report = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"purge of {self.started_at:%Y-%m-%d}"


class Erasure(models.Model):
    """The request to erase one person everywhere, and the report of what was erased."""

    Status = ErasureStatus

    #: Digits with the country code while it is running; then their pseudonym (contacts.pseudonyms).
    msisdn = models.CharField("number", max_length=15)
    status = models.CharField(max_length=8, choices=ErasureStatus, default=ErasureStatus.RUNNING)
    note = models.CharField(max_length=300, help_text="How and when the person asked, without the number.")
    #: [[what, how many]], in the order it was erased. Running again adds to it.
    report = models.JSONField(default=list, blank=True)
    #: Sentences about what had to stay, or people have to do. No number.
    left = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="erasure_status_is_known", condition=Q(status__in=ErasureStatus.values)),
        )

    def __str__(self) -> str:
        return f"erasure {self.pk}"
