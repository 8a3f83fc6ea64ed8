"""People: contact lists and contacts, who must never get a text, and the imports that bring people in."""

import builtins
import uuid
from pathlib import PurePath
from typing import Any, NoReturn

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

VALUE_FIELDS = tuple(f"value{number}" for number in range(1, 7))
#: What a column of a spreadsheet can be: the fields of a contact, in the order people see them.
FIELD_LABELS = {
    "phone": "Phone",
    "customer_id": "Customer ID",
    "name": "Name",
    **{field: f"Value {number}" for number, field in enumerate(VALUE_FIELDS, start=1)},
    "message": "Own text",
}
CONTACT_FIELDS = tuple(FIELD_LABELS)

digits_only = RegexValidator(r"^[1-9][0-9]{5,14}\Z", "A number is 6 to 15 digits with the country code and no plus.")


class ContactList(models.Model):
    """People who are texted together. ``labels`` says what value1..value6 mean: ``{"value1": "First name"}``."""

    name = models.CharField(max_length=100, unique=True)
    country = models.CharField(max_length=2, default="ZA", help_text="Numbers without a country code are read as here.")
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
        """What people call ``field`` on this list, such as ``"First name"`` for ``"value1"``."""
        return self.labels.get(field) or FIELD_LABELS[field]


class Contact(models.Model):
    """One living person's record on one list. ``message`` is the person's own text and replaces the template's."""

    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="contacts")
    msisdn = models.CharField("number", max_length=15, validators=[digits_only])
    phone = models.CharField(max_length=60, blank=True, help_text="The number as it was typed.")
    customer_id = models.CharField("customer ID", max_length=100, blank=True)
    name = models.CharField(max_length=200, blank=True)
    value1 = models.CharField(max_length=500, blank=True)
    value2 = models.CharField(max_length=500, blank=True)
    value3 = models.CharField(max_length=500, blank=True)
    value4 = models.CharField(max_length=500, blank=True)
    value5 = models.CharField(max_length=500, blank=True)
    value6 = models.CharField(max_length=500, blank=True)
    message = models.TextField("own text", blank=True)
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


class NeverDeleted(models.QuerySet):
    """Rows that stay: nothing in Baton may clear an opt-out by deleting it."""

    def delete(self) -> NoReturn:
        raise PermissionError("An opt-out is never deleted; opting back in is contacts.suppression.opt_back_in().")


class Suppression(models.Model):
    """A number that must never get a text, until the person opts back in (``lifted_at``). Written by suppression.py."""

    class Source(models.TextChoices):
        MANUAL = "manual", "Added by hand"
        PASTE = "paste", "Pasted"
        FILE = "file", "Uploaded sheet"
        IMPORT = "import", "Import"
        PROVIDER = "provider", "Reported by the provider"
        REPLY = "reply", "Replied STOP"
        COMMAND = "command", "Command line"

    msisdn = models.CharField("number", max_length=15, validators=[digits_only], db_index=True)
    source = models.CharField(max_length=10, choices=Source.choices)
    note = models.CharField(max_length=500, blank=True, help_text="The proof: file and line, and the reason.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True, blank=True)

    objects = NeverDeleted.as_manager()

    class Meta:
        verbose_name = "opt-out"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["msisdn"], condition=Q(lifted_at__isnull=True), name="a_number_is_opted_out_once"
            ),
            models.CheckConstraint(
                condition=Q(source__in=["manual", "paste", "file", "import", "provider", "reply", "command"]),
                name="an_opt_out_has_a_known_source",
            ),
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="opt_outs_newest_first")]

    def __str__(self) -> str:
        return f"{self.msisdn} opted out"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise PermissionError("An opt-out is never deleted; opting back in is contacts.suppression.opt_back_in().")


class Consent(models.Model):
    """A person who had opted out asked to get texts again: the note is the proof."""

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


def import_path(instance: "Import", filename: str) -> str:
    """A name of its own for each upload: the storage never overwrites."""
    ending = PurePath(filename).suffix.lower()
    return f"imports/{uuid.uuid4().hex}{ending if ending in {'.xlsx', '.csv', '.tsv', '.txt'} else ''}"


class Import(models.Model):
    """One spreadsheet on its way into one list.

    Every row read is in exactly one of the counters ``waiting`` (judged good, not yet applied), ``created``,
    ``updated``, ``unchanged``, ``duplicate``, ``opted_out``, ``invalid`` and ``blank``: a constraint keeps it so.
    """

    class Status(models.TextChoices):
        UPLOADED = "uploaded", "Uploaded"
        JUDGING = "judging", "Checking rows"
        JUDGED = "judged", "Checked"
        APPLYING = "applying", "Importing"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="imports")
    file = models.FileField(upload_to=import_path)
    original_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.UPLOADED)
    country = models.CharField(max_length=2)
    encoding = models.CharField(max_length=20, blank=True)
    sheet = models.CharField(max_length=100, blank=True)
    header = models.JSONField(default=builtins.list, blank=True)
    samples = models.JSONField(default=builtins.list, blank=True)
    mapping = models.JSONField(default=dict, blank=True)

    read = models.PositiveIntegerField(default=0)
    waiting = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    opted_out = models.PositiveIntegerField(default=0)
    invalid = models.PositiveIntegerField(default=0)
    blank = models.PositiveIntegerField(default=0)
    # What waits would become if it were applied now: {"created": n, "updated": n, "unchanged": n, "opted_out": n}.
    forecast = models.JSONField(default=dict, blank=True)

    progress = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    applied_up_to = models.CharField(max_length=15, blank=True)
    # Counts the workers that took this import: a worker whose number is not the newest changes nothing any more.
    claim = models.PositiveIntegerField(default=0)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_sentence = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    beat_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=["uploaded", "judging", "judged", "applying", "done", "failed", "cancelled"],
                ),
                name="an_import_has_a_known_status",
            ),
            models.CheckConstraint(
                condition=Q(
                    read=F("waiting")
                    + F("created")
                    + F("updated")
                    + F("unchanged")
                    + F("duplicate")
                    + F("opted_out")
                    + F("invalid")
                    + F("blank")
                ),
                name="every_row_read_is_in_one_bucket",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.original_name} into {self.list}"

    def get_absolute_url(self) -> str:
        return reverse("contacts:import", args=[self.pk])


class ImportIssue(models.Model):
    """Why a row of a spreadsheet is not imported: the sheet's row number, the column, and a sentence to show."""

    import_of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="issues", db_column="import_id")
    row = models.PositiveIntegerField()
    column = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=40)
    sentence = models.CharField(max_length=500)
    value = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["import_of", "row"]
        constraints = [
            models.UniqueConstraint(fields=["import_of", "row"], name="a_row_has_one_issue"),
        ]

    def __str__(self) -> str:
        return f"row {self.row}: {self.sentence}"


class ImportRow(models.Model):
    """One good row, staged where nobody sees it until the import is applied; the first of duplicates is the row."""

    import_of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows", db_column="import_id")
    row = models.PositiveIntegerField()
    msisdn = models.CharField(max_length=15)
    phone = models.CharField(max_length=60, blank=True)
    customer_id = models.CharField(max_length=100, blank=True)
    name = models.CharField(max_length=200, blank=True)
    value1 = models.CharField(max_length=500, blank=True)
    value2 = models.CharField(max_length=500, blank=True)
    value3 = models.CharField(max_length=500, blank=True)
    value4 = models.CharField(max_length=500, blank=True)
    value5 = models.CharField(max_length=500, blank=True)
    value6 = models.CharField(max_length=500, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["import_of", "msisdn"], name="the_first_of_duplicates_wins"),
        ]

    def __str__(self) -> str:
        return f"row {self.row}: {self.msisdn}"
