"""Erases one person from lists and imports. Opt-outs and consents stay: they say whether the number may be texted."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from contacts import retention
from contacts.fields import FIELD_NAMES
from contacts.models import (
    CHANGING_CONTACTS,
    TO_CHECK,
    BulkAction,
    Contact,
    Import,
    ImportCorrection,
    ImportIssue,
    ImportRow,
    ImportStatus,
    Segment,
)
from contacts.pseudonyms import pseudonym

#: The last digits of a number, by which it is found in cells as people typed them. The fewest digits that a number has
#: are six; of a longer one, these leave out the country code.
TAIL = 8
_UNFINISHED = (*TO_CHECK, ImportStatus.CHECKED, *CHANGING_CONTACTS)
_GIVEN_UP = (ImportStatus.CANCELLED, ImportStatus.FAILED)


def unfinished_imports(msisdn: str) -> Iterator[str]:
    """A sentence for each import that is not finished and has staged this number (digits)."""
    for import_ in _imports_of(msisdn).filter(status__in=_UNFINISHED):
        yield f"The import {import_} is not finished. Finish or cancel it."


def erase_from_contacts(msisdn: str, now: datetime, count: Callable[[str, int], None]) -> None:
    """Erase the person with this number (digits) from lists and imports. ``count`` is told what was erased, and how
    much. May be repeated."""
    deleted, _ = Contact.objects.filter(msisdn=msisdn).delete()
    count("Contacts on lists", deleted)
    count("Rows left out of imports, and corrections", _erase_issues(msisdn))
    imports = _imports_of(msisdn)
    # Nobody needs the files of these, and they have no staged rows that would tell whose numbers they hold.
    given_up = Import.objects.filter(status__in=_GIVEN_UP)
    files = list((imports | given_up).exclude(file="").distinct())
    for import_ in files:
        retention.delete_file(import_, now)
    count("Uploaded files, as a whole", len(files))
    count("Rows of imports", _erase_rows(msisdn, imports))
    count("Conditions of bulk actions", _erase_conditions(msisdn))


def staged_rows(msisdn: str) -> QuerySet[ImportRow]:
    """The rows of imports that have this number (digits), each with its import."""
    imports = list(_imports_of(msisdn).values_list("pk", flat=True))
    return ImportRow.objects.filter(import_of__in=imports, msisdn=msisdn).select_related("import_of").order_by("pk")


def mentioned_in(msisdn: str) -> Iterator[str]:
    """A sentence for each segment whose conditions have the number: people have to change them."""
    for segment in Segment.objects.select_related("list"):
        if _mentions(segment.conditions, msisdn):
            yield f"The segment “{segment}” has the number in its conditions. Change or delete the segment."


def _imports_of(msisdn: str) -> QuerySet[Import]:
    """The imports that staged this number; each is looked up by the index that begins with the import."""
    ids = list(Import.objects.values_list("pk", flat=True))
    found = ImportRow.objects.filter(import_of__in=ids, msisdn=msisdn).values_list("import_of", flat=True)
    return Import.objects.filter(pk__in=list(found))


def _erase_rows(msisdn: str, imports: QuerySet[Import]) -> int:
    """Replace the staged rows. They stay, so that an undo accounts for every row."""
    rows = ImportRow.objects.filter(import_of__in=list(imports.values_list("pk", flat=True)), msisdn=msisdn)
    rows.filter(before__isnull=False).update(before={})
    return rows.update(msisdn=pseudonym(msisdn), **dict.fromkeys(FIELD_NAMES, ""))


def _erase_issues(msisdn: str) -> int:
    issues = ImportIssue.objects.exclude(value="", cells=[]).values_list("pk", "value", "cells")
    found = [pk for pk, *texts in issues.iterator() if _mentions(texts, msisdn)]
    ImportIssue.objects.filter(pk__in=found).update(value="", cells=[], problems={}, sentence=retention.ERASED)
    corrections = ImportCorrection.objects.exclude(old="", new="").values_list("pk", "old", "new")
    corrected = [pk for pk, *texts in corrections.iterator() if _mentions(texts, msisdn)]
    ImportCorrection.objects.filter(pk__in=corrected).update(old="", new="")
    return len(found) + len(corrected)


def _erase_conditions(msisdn: str) -> int:
    done = BulkAction.objects.filter(status=BulkAction.Status.DONE)
    found = [action.pk for action in done if _mentions(action.conditions, msisdn)]
    return BulkAction.objects.filter(pk__in=found).update(conditions=[])


def _mentions(value: Any, msisdn: str) -> bool:
    """Whether a text, or a text anywhere in lists and dictionaries, has the digits of the number in any notation."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return any(_mentions(one, msisdn) for one in value)
    return isinstance(value, str) and msisdn[-TAIL:] in "".join(filter(str.isdigit, value))
