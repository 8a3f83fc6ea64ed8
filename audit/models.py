"""The audit trail: who did what, when and from where, and what it was before and after. Rows are only ever added.

Database triggers refuse every change (``audit.triggers``), and a chain of seals shows changes that were made all the
same (``audit.chain``).
"""

from typing import Any

from auditlog.models import AbstractLogEntry
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.urls import reverse

from contacts.outgoing import without_numbers

#: Fields whose values are names of campaigns, templates, lists and segments.
NAMES = {"name", "follows", "test_of", "lists", "excluded"}


class AuditEntry(AbstractLogEntry):
    """One thing that was done. No entry holds a password or a secret.

    Entries are about rows by their ids, and "(a number)" stands for what may be a phone number in the name of one. What
    people type elsewhere, such as the text of a campaign, is kept as it is.
    """

    class Action(AbstractLogEntry.Action):
        LOGIN = 4
        LOGOUT = 5
        LOGIN_FAILED = 6
        choices = (
            (AbstractLogEntry.Action.CREATE, "Created"),
            (AbstractLogEntry.Action.UPDATE, "Changed"),
            (AbstractLogEntry.Action.DELETE, "Deleted"),
            (AbstractLogEntry.Action.ACCESS, "Exported"),
            (LOGIN, "Logged in"),
            (LOGOUT, "Logged out"),
            (LOGIN_FAILED, "Login failed"),
        )

    # Entries stay as they are when a person or a kind of row is deleted, so the database keeps no reference.
    content_type = models.ForeignKey(ContentType, models.DO_NOTHING, related_name="+", db_constraint=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, blank=True, related_name="+", db_constraint=False
    )
    #: The user name at that time; "" for what Baton or a command did.
    actor_name = models.CharField(max_length=150, blank=True)
    action = models.PositiveSmallIntegerField(choices=Action.choices, db_index=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.object_repr}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save without phone numbers in names, except those of people who log in."""
        # The library's fields have no types.
        entry: Any = self
        if self.content_type.model_class() is not get_user_model():
            # "opt-out 27825550" ends in the id of its row.
            if not entry.object_repr.endswith(f" {entry.object_pk}"):
                entry.object_repr = without_numbers(entry.object_repr)
            entry.changes = {field: _named(field, value) for field, value in (entry.changes or {}).items()}
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("audit:entry", args=[self.pk])


def _named(field: str, value: Any) -> Any:
    """The change of a field, without phone numbers if it holds names; ``value`` is [before, after] or of many rows."""
    if isinstance(value, dict):
        return {**value, "objects": [without_numbers(each) for each in value["objects"]]}
    return [each and without_numbers(each) for each in value] if field in NAMES else value


class Seal(models.Model):
    """A link of the chain over the entries: its digest covers its entry and the digest before it."""

    #: 1, 2, 3 ... without a gap.
    position = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(AuditEntry, models.DO_NOTHING, related_name="seal")
    #: HMAC-SHA256 with the installation key, in hexadecimal.
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("position",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.position}"
