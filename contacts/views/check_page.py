"""What the page of an import shows about its rows: counts, reasons, the bad rows themselves, and switches."""

from collections.abc import Iterator
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import QueryDict

from contacts import countries
from contacts.ids import as_id
from contacts.importing import DOWNLOADS, LEFT_OUT, WARNINGS, Issues, Reason, reasons_of
from contacts.models import CHANGING_CONTACTS, UNDONE_BUCKETS, Import, ImportIssue, UndoOutcome

BUCKET_LABELS = {
    "created": "created",
    "updated": "updated",
    "unchanged": "unchanged",
    "duplicate": "duplicate",
    "opted_out": "opted out",
    "added": "newly opted out",
    "already": "already opted out",
    "invalid": "invalid",
    "blank": "blank",
}
#: Rows of the file that are not read, in words for one and for several.
LEFT_OUT_LABELS = {
    "above_header": ("heading row", "title and heading rows"),
    "hidden": ("hidden row", "hidden rows"),
    "swallowed": ("row inside an unclosed quotation", "rows inside unclosed quotations"),
}
UNDO_LABELS: dict[str, str] = {
    UndoOutcome.REVERTED: "reverted",
    UndoOutcome.KEPT: "kept",
    UndoOutcome.IN_USE: "in use by a campaign",
}
ROWS_ON_A_PAGE = 15


def counts(import_: Import) -> dict[str, int]:
    """How many rows are in each bucket: the result, or before applying what it would be now."""
    forecast = import_.forecast if import_.status == Import.Status.CHECKED else {}
    return {bucket: forecast.get(bucket, getattr(import_, bucket)) for bucket in BUCKET_LABELS}


def buckets(import_: Import) -> list[tuple[str, int]]:
    """Labels and counts that add up to ``read``."""
    rows = [(BUCKET_LABELS[bucket], count) for bucket, count in counts(import_).items() if count]
    if import_.status != Import.Status.CHECKED and import_.waiting:
        rows.append(("not imported", import_.waiting))
    return rows


def left_out(import_: Import) -> list[tuple[str, int]]:
    """Labels and counts of the rows of the file that are not read."""
    return [
        (LEFT_OUT_LABELS[name][count != 1], count)
        for name, count in import_.left_out.items()
        if count and name in LEFT_OUT_LABELS
    ]


def downloads(import_: Import) -> list[tuple[str, str, int]]:
    """What can be downloaded: its name in the address, its label and the number of rows; [] once the file is erased."""
    if import_.upload_erased_at:
        return []
    available: dict[str, int] = {**counts(import_), **import_.undo_counts}
    labels: dict[str, str] = {**BUCKET_LABELS, **UNDO_LABELS}
    return [(name, labels[name], available[name]) for name in DOWNLOADS if name in labels and available.get(name)]


def download_size(import_: Import, which: str) -> int:
    """The number of rows of a download."""
    if which in (LEFT_OUT, WARNINGS):
        return import_.issues.filter(is_warning=which == WARNINGS).values("row").distinct().count()
    return {**counts(import_), **import_.undo_counts}.get(which, 0)


def is_list_empty(import_: Import) -> bool:
    """Whether undoing the import left nothing in its list, and nothing else was imported into it."""
    if import_.list is None or import_.status != Import.Status.UNDONE:
        return False
    others = import_.list.imports.filter(status__in=(Import.Status.DONE, *CHANGING_CONTACTS))
    return not import_.list.contacts.exists() and not others.exists()


def undo_outcomes(import_: Import) -> list[tuple[str, int]]:
    """Labels and counts of what an undo did with the rows; they add up to the rows undone."""
    return [(label, import_.undo_counts.get(outcome, 0)) for outcome, label in UNDO_LABELS.items()]


def undone_rows(import_: Import) -> int:
    """The number of rows that an undo takes back."""
    return sum(getattr(import_, bucket) for bucket in UNDONE_BUCKETS)


def undo_words(import_: Import) -> str:
    """What an undo would do, for the question before it."""
    parts = [
        f"removes {import_.created:,} created contact{'s' * (import_.created != 1)}" if import_.created else "",
        f"puts back {import_.updated:,} updated one{'s' * (import_.updated != 1)}" if import_.updated else "",
        f"reverts {import_.opted_out:,} of people who opted out" if import_.opted_out else "",
    ]
    return (
        f"This {' and '.join(filter(None, parts))}. Contacts that were changed since, or that a campaign uses, are"
        " kept. Opt-outs stay."
    )


def issues(import_: Import, query: QueryDict) -> dict[str, Any]:
    """The context of _issues.html: the reasons, and one page of the rows that have the chosen one."""
    bad, warnings = reasons_of(import_), reasons_of(import_, is_warning=True)
    chosen = next((reason for reason in bad + warnings if reason.key == query.get("reason")), None)
    is_warning = chosen in warnings
    shown = Issues(import_, [chosen] if chosen else bad, is_warning)
    page = Paginator(shown, ROWS_ON_A_PAGE).get_page(query.get("page"))
    base = f"?reason={chosen.key}&page=" if chosen else "?page="
    rows = list(_rows(import_, page))
    return {
        "reasons": bad,
        "warnings": warnings,
        "chosen": chosen,
        "issue_count": sum(reason.count for reason in bad),
        "page": page,
        "base": base,
        "titles": _titles(import_, rows),
        "rows": rows,
        "is_fixable": import_.status == Import.Status.CHECKED and not is_warning,
        "focus": _focus(query, len(rows)),
    }


def _titles(import_: Import, rows: list[dict[str, Any]]) -> list[str]:
    """The headings of the table, as many as its widest row has cells."""
    width = max([len(import_.header), *(len(row["cells"]) for row in rows)])
    header = [*import_.header, *[""] * (width - len(import_.header))]
    return [title or f"Column {number}" for number, title in enumerate(header, start=1)]


def _rows(import_: Import, page: Page[ImportIssue]) -> Iterator[dict[str, Any]]:
    width = max([len(import_.header), *(len(issue.cells) for issue in page)])
    for issue in page:
        cells = [*issue.cells, *[""] * (width - len(issue.cells))]
        yield {
            "issue": issue,
            "cells": [(text, number == issue.column_number) for number, text in enumerate(cells)],
            "text": cells[issue.column_number] if issue.column_number is not None else "",
        }


def _focus(query: QueryDict, shown: int) -> int | None:
    """The position of the row whose field gets the focus after a correction: the row that took the corrected one's."""
    at = as_id(query.get("at"))
    return min(at, shown - 1) if at is not None and shown else None


def switches(import_: Import, reasons: list[Reason]) -> list[dict[str, Any]]:
    """What the operator can take in or leave out, each with the number of rows it now leaves out.

    ``name`` and ``value`` are what the button sends; ``taken`` says which way it goes.
    """
    found = [_fixed_lines(import_, reasons)] if _has_fixed_lines(import_, reasons) else []
    counted = {reason.country: reason.count for reason in reasons if reason.code == "other_country"}
    for country in sorted({*counted, *import_.takes_countries}, key=countries.name_of):
        found.append(
            {
                "name": "country",
                "value": country,
                "label": countries.name_of(country),
                "count": counted.get(country, 0),
                "taken": country in import_.takes_countries,
                "hint": f"numbers without a plus that read as numbers in {countries.name_of(country)}",
            }
        )
    if import_.hidden_rows:
        found.append(
            {
                "name": "hidden_rows",
                "value": "1",
                "label": "Hidden rows",
                "count": import_.left_out.get("hidden", 0),
                "taken": import_.takes_hidden_rows,
                "hint": "rows that a filter or a person hid in the sheet",
            }
        )
    return found


def _has_fixed_lines(import_: Import, reasons: list[Reason]) -> bool:
    return import_.takes_fixed_lines or any(reason.code == "fixed_line" for reason in reasons)


def _fixed_lines(import_: Import, reasons: list[Reason]) -> dict[str, Any]:
    return {
        "name": "fixed_lines",
        "value": "1",
        "label": "Fixed lines",
        "count": sum(reason.count for reason in reasons if reason.code == "fixed_line"),
        "taken": import_.takes_fixed_lines,
        "hint": "numbers that rarely receive texts",
    }
