"""The rows of an import that are left out or need a look, grouped by reason, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from django.db.models import Count, Min

from contacts import countries
from contacts.models import Import, ImportIssue

#: What is wrong with one row and with several, by the code of the issue. ``{country}``: the name of a country.
WORDS = {
    "missing": ("row has no phone number", "rows have no phone number"),
    "not_a_number": ("cell is not a phone number", "cells are not phone numbers"),
    "too_short": ("number is too short", "numbers are too short"),
    "too_long": ("number is too long", "numbers are too long"),
    "not_in_use": ("number does not exist", "numbers do not exist"),
    "other_country": ("number could be from {country}", "numbers could be from {country}"),
    "unknown_country": ("number has an unknown country", "numbers have an unknown country"),
    "fixed_line": ("number is a fixed line", "numbers are fixed lines"),
    "toll_free": ("number is toll-free", "numbers are toll-free"),
    "premium_rate": ("number is a premium-rate number", "numbers are premium-rate numbers"),
    "shared_cost": ("number is a shared-cost number", "numbers are shared-cost numbers"),
    "voip": ("number is an internet phone number", "numbers are internet phone numbers"),
    "personal_number": ("number only forwards calls", "numbers only forward calls"),
    "pager": ("number is a pager", "numbers are pagers"),
    "uan": ("number is a switchboard", "numbers are switchboards"),
    "voicemail": ("number is a voice mailbox", "numbers are voice mailboxes"),
    "short_number": ("number is a short number", "numbers are short numbers"),
    "identity_number": ("cell appears to be an identity number", "cells appear to be identity numbers"),
    "card_number": ("cell appears to be a bank card number", "cells appear to be bank card numbers"),
    "date": ("cell is a date or a time", "cells are dates or times"),
    "amount": ("cell is an amount", "cells are amounts"),
    "thousands_separators": ("number is divided into thousands", "numbers are divided into thousands"),
    "ip_address": ("cell is an IP address", "cells are IP addresses"),
    "format_not_fitting": ("cell does not fit the chosen format", "cells do not fit the chosen format"),
    "spreadsheet_error": ("cell shows a spreadsheet error", "cells show a spreadsheet error"),
    "rounded_by_excel": ("number was rounded by Excel", "numbers were rounded by Excel"),
    "two_numbers": ("cell has more than one number", "cells have more than one number"),
    "extension": ("number has an extension", "numbers have an extension"),
    "footnote": ("number has a footnote", "numbers have a footnote"),
    "words": ("cell has words beside the number", "cells have words beside the number"),
    "text_too_long": ("text is too long", "texts are too long"),
    "not_a_text": ("cell contains a character that is not text", "cells contain a character that is not text"),
    "unknown_format": ("cell has an unknown number format", "cells have an unknown number format"),
    "formula_without_result": ("formula has no stored result", "formulas have no stored result"),
    "missing_quote": ("row has an unclosed quotation mark", "rows have an unclosed quotation mark"),
    "shifted": ("row has shifted cells", "rows have shifted cells"),
    "duplicate": ("row repeats the number of another row", "rows repeat the number of another row"),
    "surplus_cells": ("row has more cells than headings", "rows have more cells than headings"),
    "unmapped_number": ("row has a number in another column", "rows have numbers in other columns"),
    "above_header": ("row with a number is above the headings", "rows with numbers are above the headings"),
    "look_alike": ("row repeats a number with other values", "rows repeat a number with other values"),
}


@dataclass(frozen=True)
class Reason:
    """Why ``count`` rows are left out or need a look. ``country`` (ISO 3166) is set for the code ``other_country``."""

    code: str
    country: str
    count: int

    @property
    def key(self) -> str:
        """The reason in an address: ``"too_short"``, ``"other_country:IN"``."""
        return f"{self.code}:{self.country}" if self.country else self.code

    @property
    def words(self) -> str:
        """What is wrong, after the count: ``"numbers are too short"``."""
        default = self.code.replace("_", " ")
        one, several = WORDS.get(self.code, (f"row: {default}", f"rows: {default}"))
        return (one if self.count == 1 else several).format(country=countries.name_of(self.country))


def reasons_of(import_: Import, is_warning: bool = False) -> list[Reason]:
    """The reasons why rows are left out, or the warnings, the most common first, then in the order of the sheet."""
    groups = import_.issues.filter(is_warning=is_warning).order_by().values("code", "country")
    counted = groups.annotate(count=Count("pk"), first=Min("row")).order_by("-count", "first")
    return [Reason(group["code"], group["country"], group["count"]) for group in counted]


class Issues(Sequence[ImportIssue]):
    """The issues of an import with one of ``reasons``, in the order of the reasons and then of the rows."""

    def __init__(self, import_: Import, reasons: Sequence[Reason], is_warning: bool = False) -> None:
        self._issues = import_.issues.filter(is_warning=is_warning)
        self._reasons = reasons

    def __len__(self) -> int:
        return sum(reason.count for reason in self._reasons)

    @overload
    def __getitem__(self, wanted: int) -> ImportIssue: ...
    @overload
    def __getitem__(self, wanted: slice) -> list[ImportIssue]: ...
    def __getitem__(self, wanted: int | slice) -> ImportIssue | list[ImportIssue]:
        if isinstance(wanted, int):
            return self[wanted : wanted + 1][0]
        start, stop, _ = wanted.indices(len(self))
        found: list[ImportIssue] = []
        for reason in self._reasons:
            if start < reason.count and stop > 0:
                rows = self._issues.filter(code=reason.code, country=reason.country).order_by("row")
                found += rows[max(start, 0) : min(stop, reason.count)]
            start, stop = start - reason.count, stop - reason.count
        return found
