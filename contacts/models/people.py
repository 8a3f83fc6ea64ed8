"""Lists and their contacts, the segments of a list, and actions on all contacts of a filter."""

import builtins
from datetime import datetime
from typing import Any, Self, TypeAlias

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from contacts.fields import FIELD_LABELS, VALUE_FIELDS
from contacts.number_facts import NUMBER_KINDS, number_facts
from contacts.timing import OFFER_TO_ANOTHER_WORKER_AFTER

digits_only = RegexValidator(r"^[1-9][0-9]{5,14}\Z", "Enter 6 to 15 digits with the country code and without a plus.")


class ContactList(models.Model):
    """Contacts that a campaign texts together. ``labels`` names value1 to value6: ``{"value1": "First name"}``."""

    name = models.CharField(max_length=100, unique=True)
    country = models.CharField(max_length=2, default="ZA", help_text="Used to read numbers without a country code.")
    labels = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("contacts:list", args=[self.pk])

    def label(self, field: str) -> str:
        """The label of ``field`` on this list, such as ``"First name"`` for ``"value1"``."""
        return self.labels.get(field) or FIELD_LABELS[field]

    def labelled_fields(self) -> dict[str, str]:
        """The value fields that this list has a label for, with their labels."""
        return {field: self.labels[field] for field in VALUE_FIELDS if self.labels.get(field)}

    def labelled_values(self, person: models.Model) -> builtins.list[tuple[str, str]]:
        """Label and value of each labelled field that ``person`` (contact or recipient) has: ``("City", "Paarl")``."""
        values = ((label, getattr(person, field)) for field, label in self.labelled_fields().items())
        return [(label, value) for label, value in values if value]


class ContactData(models.Model):
    """The columns of what is known about a contact, as declared in ``contacts.fields``."""

    phone = models.CharField(max_length=60, blank=True, help_text="The number as it was entered.")
    customer_id = models.CharField("customer ID", max_length=100, blank=True)
    value1 = models.CharField(max_length=500, blank=True)
    value2 = models.CharField(max_length=500, blank=True)
    value3 = models.CharField(max_length=500, blank=True)
    value4 = models.CharField(max_length=500, blank=True)
    value5 = models.CharField(max_length=500, blank=True)
    value6 = models.CharField(max_length=500, blank=True)
    message = models.TextField("own text", blank=True)

    class Meta:
        abstract = True


class NumberFacts(models.Model):
    """What the digits of ``msisdn`` tell, stored so that filters need not compute it: see contacts.number_facts."""

    #: ISO 3166; "" if the number belongs to no country.
    number_country = models.CharField(max_length=2, blank=True)
    number_kind = models.CharField(max_length=10, blank=True, choices=NUMBER_KINDS)

    class Meta:
        abstract = True


class Contact(NumberFacts, ContactData):
    """One person on one list. ``message`` is the person's own text and replaces the campaign's."""

    # The unique constraint begins with it, so that it needs no index of its own.
    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="contacts", db_index=False)
    msisdn = models.CharField("number", max_length=15, validators=[digits_only])
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["list", "msisdn"]
        constraints = [
            models.UniqueConstraint(fields=["list", "msisdn"], name="a_number_is_on_a_list_once"),
        ]
        indexes = [models.Index(fields=["msisdn"], name="contact_by_number")]
        permissions = [("export_numbers", "Can export phone numbers and download files that hold them")]

    def __str__(self) -> str:
        return f"{self.msisdn} on {self.list}"

    def labelled_values(self) -> builtins.list[tuple[str, str]]:
        return self.list.labelled_values(self)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the facts of the number as it is now."""
        self.number_country, self.number_kind = number_facts(self.msisdn)
        super().save(*args, **kwargs)


class Segment(models.Model):
    """A saved filter over the contacts of a list. ``conditions``: see contacts.segments."""

    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="segments")
    name = models.CharField(max_length=100)
    conditions = models.JSONField(default=builtins.list, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["list", "name"], name="a_list_has_a_segment_name_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.list}"


class BulkActionKind(models.TextChoices):
    DELETE = "delete", "Delete from the list"
    OPT_OUT = "opt_out", "Opt out"
    COPY = "copy", "Copy to another list"
    MOVE = "move", "Move to another list"


class BulkActionQuerySet(models.QuerySet["BulkAction"]):
    def running(self) -> Self:
        return self.filter(status=BulkActionStatus.RUNNING)

    def waiting_for_a_worker(self, now: datetime) -> Self:
        """Bulk actions that no worker has advanced lately."""
        return self.running().filter(beat_at__lt=now - OFFER_TO_ANOTHER_WORKER_AFTER)


class BulkActionStatus(models.TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"


class BulkAction(models.Model):
    """Something done to all contacts of a list that match ``conditions``, in ranges of msisdns.

    Contacts added after ``confirmed_at`` are left alone: the person who confirmed did not see them.
    """

    Kind: TypeAlias = BulkActionKind
    Status: TypeAlias = BulkActionStatus

    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="bulk_actions")
    kind = models.CharField(max_length=10, choices=BulkActionKind.choices)
    conditions = models.JSONField(default=builtins.list, blank=True)
    target = models.ForeignKey(ContactList, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    # Of a copy or a move: the value field of the target for each one of this list, by label.
    fields = models.JSONField(default=dict, blank=True)
    note = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=10, choices=BulkActionStatus.choices, default=BulkActionStatus.RUNNING)
    # Contacts that matched when the person confirmed, those looked at since, and what came of them.
    matched = models.PositiveIntegerField(default=0)
    progress = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    already = models.PositiveIntegerField(default=0)
    done_up_to = models.CharField(max_length=15, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    beat_at = models.DateTimeField()

    objects = BulkActionQuerySet.as_manager()

    class Meta:
        ordering = ["-confirmed_at"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=BulkActionKind.values), name="a_bulk_action_has_a_known_kind"),
            models.CheckConstraint(
                condition=Q(status__in=BulkActionStatus.values), name="a_bulk_action_has_a_known_status"
            ),
            models.CheckConstraint(
                condition=Q(progress=F("changed") + F("already")), name="every_contact_of_a_bulk_action_is_counted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.matched} contacts of {self.list}"

    def get_absolute_url(self) -> str:
        return reverse("contacts:bulk_action", args=[self.pk])
