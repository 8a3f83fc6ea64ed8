"""The tables of contacts: lists and their contacts, opt-outs and consents, and imports."""

import builtins
import operator
import uuid
from datetime import datetime
from functools import reduce
from pathlib import PurePath
from typing import Any, NoReturn, Self, TypeAlias

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from contacts.fields import FIELD_LABELS, VALUE_FIELDS
from contacts.number_facts import NUMBER_KINDS, number_facts
from contacts.sheets import ENDINGS
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

    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, related_name="contacts")
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


def import_path(instance: "Import", filename: str) -> str:
    """A new random name for each upload, so that no upload overwrites another."""
    ending = PurePath(filename).suffix.lower()
    return f"imports/{uuid.uuid4().hex}{ending if ending in ENDINGS else ''}"


class ImportQuerySet(models.QuerySet["Import"]):
    def changing_contacts(self) -> Self:
        """Imports that are changing the contacts of their list now: they are being applied or undone."""
        return self.filter(status__in=CHANGING_CONTACTS)

    def unfinished(self) -> Self:
        """Imports that are being checked, wait for a decision, or are changing contacts."""
        return self.filter(status__in=(*TO_CHECK, ImportStatus.CHECKED, ImportStatus.APPLYING, ImportStatus.UNDOING))

    def waiting_for_a_worker(self, now: datetime) -> Self:
        """Imports that are to be checked, applied or undone and that no worker has updated lately."""
        is_idle = Q(beat_at=None) | Q(beat_at__lt=now - OFFER_TO_ANOTHER_WORKER_AFTER)
        return self.filter(is_idle, status__in=(*TO_CHECK, *CHANGING_CONTACTS)).exclude(mapping={})


class ImportStatus(models.TextChoices):
    UPLOADED = "uploaded", "Uploaded"
    CHECKING = "checking", "Checking rows"
    CHECKED = "checked", "Checked"
    APPLYING = "applying", "Importing"
    DONE = "done", "Done"
    UNDOING = "undoing", "Undoing"
    UNDONE = "undone", "Undone"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


#: Statuses of an import whose rows are still to be checked.
TO_CHECK = (ImportStatus.UPLOADED, ImportStatus.CHECKING)
#: Statuses of an import that is changing the contacts of its list.
CHANGING_CONTACTS = (ImportStatus.APPLYING, ImportStatus.UNDOING)


class ImportPurpose(models.TextChoices):
    CONTACTS = "contacts", "Contacts"
    OPT_OUTS = "opt_outs", "Opt-outs"


#: Each row read is counted in one of these, or in ``waiting`` until it is applied.
CONTACT_BUCKETS = ("created", "updated", "unchanged", "duplicate", "opted_out", "invalid", "blank")
OPT_OUT_BUCKETS = ("added", "already", "invalid", "blank")
BUCKETS = tuple(dict.fromkeys(CONTACT_BUCKETS + OPT_OUT_BUCKETS))
#: The buckets of rows that an undo takes back. Opted-out rows are among them because they change a contact too.
UNDONE_BUCKETS = ("created", "updated", "opted_out")


class UndoOutcome(models.TextChoices):
    """What an undo did with a row. ``REVERTED``: the contact is as it was before the import."""

    REVERTED = "reverted", "Reverted"
    KEPT = "kept", "Kept: changed since the import"
    IN_USE = "in_use", "Kept: in use by a campaign"


class Import(models.Model):
    """One spreadsheet of contacts that is imported into one list, or one of opt-outs, which belongs to no list.

    Every row read is in exactly one of the counters ``waiting`` (checked and good, not applied yet) and ``BUCKETS``;
    a constraint enforces it. ``left_out`` counts the rows of the file that are not read, by reason:
    ``above_header``, ``hidden``, ``swallowed``.
    """

    Status: TypeAlias = ImportStatus
    Purpose: TypeAlias = ImportPurpose

    purpose = models.CharField(max_length=10, choices=ImportPurpose.choices, default=ImportPurpose.CONTACTS)
    list = models.ForeignKey(ContactList, on_delete=models.CASCADE, null=True, blank=True, related_name="imports")
    file = models.FileField(upload_to=import_path)
    original_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=10, choices=ImportStatus.choices, default=ImportStatus.UPLOADED)
    country = models.CharField(max_length=2)
    encoding = models.CharField(max_length=20, blank=True)
    # The title, which has no maximum in OpenDocument.
    sheet = models.TextField(blank=True)
    # The visible sheets with data, ``[title, rows]``, and the titles of the hidden ones.
    sheets = models.JSONField(default=builtins.list, blank=True)
    hidden_sheets = models.JSONField(default=builtins.list, blank=True)
    # The row that holds the titles; 0: there is none. ``first_rows``: ``[number, cells]`` as they are in the sheet.
    header_row = models.PositiveIntegerField(default=0)
    first_rows = models.JSONField(default=builtins.list, blank=True)
    header = models.JSONField(default=builtins.list, blank=True)
    samples = models.JSONField(default=builtins.list, blank=True)
    mapping = models.JSONField(default=dict, blank=True)
    hidden_rows = models.PositiveIntegerField(default=0)
    takes_hidden_rows = models.BooleanField(default=False)
    # Which numbers are taken in besides mobiles: see contacts.phones.Accepted.
    takes_fixed_lines = models.BooleanField(default=False)
    takes_countries = models.JSONField(default=builtins.list, blank=True)

    read = models.PositiveIntegerField(default=0)
    waiting = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    opted_out = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    already = models.PositiveIntegerField(default=0)
    invalid = models.PositiveIntegerField(default=0)
    blank = models.PositiveIntegerField(default=0)
    left_out = models.JSONField(default=dict, blank=True)
    # Rows of an undone import by UndoOutcome; they add up to the counters of UNDONE_BUCKETS.
    undo_counts = models.JSONField(default=dict, blank=True)
    # What each bucket would hold if the import were applied now.
    forecast = models.JSONField(default=dict, blank=True)

    progress = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    # The last msisdn of the ranges applied so far or, while the import is being undone, of the ranges undone so far.
    applied_up_to = models.CharField(max_length=15, blank=True)
    # Counts the workers that took this import. A worker whose number is no longer the newest changes nothing.
    claim = models.PositiveIntegerField(default=0)
    # Counts the workers that took the check that is running. A new check starts at 0.
    attempts = models.PositiveIntegerField(default=0)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_sentence = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)
    beat_at = models.DateTimeField(null=True, blank=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=ImportStatus.values), name="an_import_has_a_known_status"),
            models.CheckConstraint(
                condition=Q(read=reduce(operator.add, map(F, ("waiting", *BUCKETS)))),
                name="every_row_read_is_in_one_bucket",
            ),
            models.CheckConstraint(
                condition=Q(purpose=ImportPurpose.CONTACTS, list__isnull=False)
                | Q(purpose=ImportPurpose.OPT_OUTS, list__isnull=True),
                name="an_import_of_contacts_has_a_list",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.original_name} into {self.list or 'opt-outs'}"

    @property
    def contact_list(self) -> ContactList:
        """The list of an import of contacts. Raises ValueError for one of opt-outs."""
        if self.list is None:
            raise ValueError("An import of opt-outs has no list.")
        return self.list

    @property
    def is_of_opt_outs(self) -> bool:
        """Whether its numbers are opted out instead of imported into a list."""
        return self.purpose == ImportPurpose.OPT_OUTS

    @property
    def upload_url(self) -> str:
        """Where to upload another file for the same."""
        return reverse("contacts:upload", args=[self.list_id]) if self.list_id else reverse("contacts:opt_out_upload")

    def other_sheets(self) -> builtins.list[tuple[str, int]]:
        """The visible sheets of the workbook that this import does not read, with their number of rows."""
        return [(title, rows) for title, rows in self.sheets if title != self.sheet]

    def get_absolute_url(self) -> str:
        return reverse("contacts:import", args=[self.pk])


class ImportIssue(models.Model):
    """Why a row is not imported, or, as a warning, what to look at in a row that is.

    ``row`` is the number the spreadsheet shows. ``cells``: the whole row, with corrections. ``column_number``: the cell
    at fault, counted from 0; None where the row as a whole is. ``problems``: ``[code, sentence]`` by column, as the
    reader reported them. ``country``: of a number that is left out as another country's.
    """

    import_of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="issues", db_column="import_id")
    row = models.PositiveIntegerField()
    column = models.CharField(max_length=200, blank=True)
    column_number = models.PositiveIntegerField(null=True, blank=True)
    code = models.CharField(max_length=40)
    sentence = models.CharField(max_length=500)
    value = models.CharField(max_length=200, blank=True)
    cells = models.JSONField(default=list, blank=True)
    problems = models.JSONField(default=dict, blank=True)
    country = models.CharField(max_length=2, blank=True)
    is_warning = models.BooleanField(default=False)

    class Meta:
        ordering = ["import_of", "row"]
        constraints = [
            models.UniqueConstraint(
                fields=["import_of", "row"], condition=Q(is_warning=False), name="a_row_has_one_issue"
            ),
            models.UniqueConstraint(
                fields=["import_of", "row", "code"], condition=Q(is_warning=True), name="a_row_has_a_warning_once"
            ),
        ]
        indexes = [models.Index(fields=["import_of", "code", "row"], name="issues_by_reason")]

    def __str__(self) -> str:
        return f"row {self.row}: {self.sentence}"


class ImportRow(NumberFacts, ContactData):
    """A checked, good row in staging: it is not shown anywhere until it is applied. Duplicates keep the first row.

    Applied rows stay, so that the import can be undone: ``bucket`` is the counter the row went into, and ``before``
    holds the mapped fields that an updated or opted-out contact had. ``undone_as``: its UndoOutcome.
    """

    import_of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows", db_column="import_id")
    row = models.PositiveIntegerField()
    msisdn = models.CharField(max_length=15)
    bucket = models.CharField(max_length=10, blank=True)
    before = models.JSONField(null=True, blank=True)
    undone_as = models.CharField(max_length=10, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["import_of", "msisdn"], name="the_first_of_duplicates_wins"),
        ]
        indexes = [models.Index(fields=["import_of", "row"], name="staged_rows_in_order")]

    def __str__(self) -> str:
        return f"row {self.row}: {self.msisdn}"


class ImportCorrection(models.Model):
    """A cell that a person corrected on the check page. The uploaded file stays as it is; checking uses ``new``.

    Corrections are only ever added: the latest one of a cell counts. ``column_number`` is counted from 0.
    """

    import_of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="corrections", db_column="import_id")
    row = models.PositiveIntegerField()
    column_number = models.PositiveIntegerField()
    old = models.TextField(blank=True)
    new = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column_number + 1}"
