"""Opt-outs, which are never deleted, and the consents that lift them."""

from typing import Any, NoReturn, Self, TypeAlias

from django.conf import settings
from django.db import models
from django.db.models import Q

from contacts.models.people import digits_only


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def active(self) -> Self:
        """Opt-outs in force: these numbers must not be texted."""
        return self.filter(lifted_at=None)

    def lifted(self) -> Self:
        """Opt-outs of people who have opted back in."""
        # As the index on lifted opt-outs says it, so that it is used.
        return self.filter(lifted_at__isnull=False)

    def delete(self) -> NoReturn:
        """Refused: deleting a row would clear an opt-out without a consent."""
        raise PermissionError(OPT_OUTS_ARE_NOT_DELETED)


OPT_OUTS_ARE_NOT_DELETED = "Opt-outs cannot be deleted. Use contacts.suppression.opt_back_in()."


class SuppressionSource(models.TextChoices):
    MANUAL = "manual", "Entered by hand"
    PASTE = "paste", "Pasted"
    FILE = "file", "Uploaded file"
    IMPORT = "import", "Import"
    PROVIDER = "provider", "Reported by the provider"
    COMMAND = "command", "Command line"
    REPLY = "reply", "Reply"


class Suppression(models.Model):
    """A number that must not be texted until the person opts back in (``lifted_at``). Written by suppression.py only.

    "Opt-out" in the UI. An opt-out applies to every list and campaign.
    """

    Source: TypeAlias = SuppressionSource

    msisdn = models.CharField("number", max_length=15, validators=[digits_only], db_index=True)
    source = models.CharField(max_length=10, choices=SuppressionSource.choices)
    note = models.CharField(max_length=500, blank=True, help_text="The proof: the file and line, and the reason.")
    #: The day the person opted out, where that was before it was recorded.
    opted_out_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = "opt-out"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["msisdn"], condition=Q(lifted_at__isnull=True), name="a_number_is_opted_out_once"
            ),
            models.CheckConstraint(
                condition=Q(source__in=SuppressionSource.values), name="an_opt_out_has_a_known_source"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="opt_outs_newest_first"),
            models.Index(fields=["source", "-created_at", "-id"], name="opt_outs_by_source"),
            models.Index(
                fields=["-created_at", "-id"], condition=Q(lifted_at__isnull=False), name="lifted_opt_outs_newest_first"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.msisdn} opted out"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise PermissionError(OPT_OUTS_ARE_NOT_DELETED)


class Consent(models.Model):
    """A person who had opted out asked to be texted again. ``note`` is the proof."""

    msisdn = models.CharField("number", max_length=15, validators=[digits_only], db_index=True)
    note = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.msisdn} opted back in"
