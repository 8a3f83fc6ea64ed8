"""Imports of spreadsheets, their staged rows, and what is wrong with the others."""

import builtins
import operator
import uuid
from datetime import datetime
from functools import reduce
from pathlib import PurePath
from typing import Self, TypeAlias

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from contacts.models.people import ContactData, ContactList, NumberFacts
from contacts.sheets import ENDINGS
from contacts.timing import OFFER_TO_ANOTHER_WORKER_AFTER


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
    # How the dates or amounts of a column are written: see contacts.value_formats. Keyed like ``mapping``.
    formats = models.JSONField(default=dict, blank=True)
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
    # When the file with its staged rows, and the cells of rows that were left out, were erased: see contacts.retention.
    upload_erased_at = models.DateTimeField(null=True, blank=True)
    left_out_erased_at = models.DateTimeField(null=True, blank=True)

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

    # The unique constraint begins with it, so that it needs no index of its own.
    import_of = models.ForeignKey(
        Import, on_delete=models.CASCADE, related_name="rows", db_column="import_id", db_index=False
    )
    row = models.PositiveIntegerField()
    msisdn = models.CharField(max_length=15)
    bucket = models.CharField(max_length=10, blank=True)
    before = models.JSONField(null=True, blank=True)
    undone_as = models.CharField(max_length=10, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["import_of", "msisdn"], name="the_first_of_duplicates_wins"),
        ]
        # Rows of opt-outs, which have no facts of their numbers. Those of contacts are staged in the order of their
        # msisdns, so that an index on row numbers would be written at random places.
        indexes = [
            models.Index(fields=["import_of", "row"], condition=Q(number_kind=""), name="staged_opt_outs_in_order")
        ]

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
