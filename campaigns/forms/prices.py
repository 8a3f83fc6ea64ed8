"""The form of an account's prices."""

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict

from contacts import sheets
from contacts.forms import checked_size, sheet_field
from contacts.sheets import SheetError
from contacts.views.uploads import on_disk
from providers.models import Account
from providers.prices import PriceError, read_prices

#: Prices that can be typed; of more, the table shows the first, and a spreadsheet changes them.
TYPED = 100
BLANK_ROWS = 3
_PREFIX_HEADINGS = ("prefix", "code", "countrycode", "dialcode", "dialingcode", "diallingcode", "number")
_PRICE_HEADINGS = ("price", "priceperpart", "perpart", "rate", "cost", "pricepersms", "persms", "amount")


class PricesForm(forms.Form):
    """The prices of an account and their currency; ``prices`` holds what was read once the form is valid.

    The rows of the table are the fields ``prefix`` and ``price``, each as often as there are rows.
    """

    currency = forms.CharField(
        max_length=3,
        help_text="Three letters, such as ZAR. All prices of the account are in it.",
        error_messages={"required": "Enter the currency of the prices, such as ZAR."},
    )
    file = sheet_field()

    def __init__(self, account: Account, data: QueryDict | None = None, files: Any = None) -> None:
        super().__init__(data, files, initial={"currency": account.currency})
        self._posted = data if data is not None else QueryDict()
        self.is_upload = self._posted.get("do") == "upload"
        self.fields["file"].required = self.is_upload
        self.prices: dict[str, Decimal] = {}
        #: The error of a row, by its position from 0.
        self.row_errors: dict[int, str] = {}
        self.account = account

    def rows(self) -> list[dict[str, Any]]:
        """The rows of the table with what was entered or stored, and some blank ones."""
        if self.is_bound and not self.is_upload:
            entered = list(self._entered())
        else:
            stored = self.account.prices.order_by("prefix")[: TYPED + 1]
            entered = [(at, price.prefix, f"{price.per_part.normalize():f}") for at, price in enumerate(stored)]
        rows = [{"prefix": prefix, "price": price, "error": self.row_errors.get(at)} for at, prefix, price in entered]
        filled = [row for row in rows if row["prefix"] or row["price"]]
        return [*filled[:TYPED], *({"prefix": "", "price": ""} for _ in range(BLANK_ROWS))]

    def clean_currency(self) -> str:
        currency = self.cleaned_data["currency"].strip().upper()
        if not re.fullmatch(r"[A-Z]{3}", currency):
            raise forms.ValidationError("A currency has three letters, such as ZAR.")
        return currency

    def clean_file(self) -> UploadedFile | None:
        file = self.cleaned_data["file"]
        return checked_size(file) if file else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.is_upload and cleaned.get("file"):
            self._read_file(cleaned["file"])
        elif not self.is_upload:
            try:
                self.prices = read_prices(self._entered())
            except PriceError as error:
                self.row_errors[error.at] = error.sentence
                self.add_error(None, forms.ValidationError("Not saved. Fix the row marked below.", code="row"))
        return cleaned

    def _entered(self) -> list[tuple[int, str, str]]:
        prefixes, prices = self._posted.getlist("prefix"), self._posted.getlist("price")
        return [(at, prefix, price) for at, (prefix, price) in enumerate(zip(prefixes, prices, strict=False))]

    def _read_file(self, file: UploadedFile) -> None:
        try:
            with on_disk(file) as path:
                self.prices = read_sheet(path, file.name or "")
        except SheetError as error:
            self.add_error("file", error.sentence)
        except PriceError as error:
            self.add_error("file", f"Row {error.at}: {error.sentence}")


def read_sheet(path: Path, name: str) -> dict[str, Decimal]:
    """The prices of a spreadsheet, by prefix. Raises SheetError, or PriceError with the number of a row.

    The columns are found by their headings, such as Prefix and Price; without such headings they are the first two.
    """
    with sheets.open_sheet(path, name) as sheet:
        prefix, price = _columns(sheet.layout.header)
        lines = [(row.number, _cell(row.cells, prefix), _cell(row.cells, price)) for row in sheet.rows()]
    found = read_prices(lines)
    if not found:
        raise SheetError("no_prices", "This file has no prices. It needs the columns Prefix and Price.")
    return found


def _columns(header: list[str]) -> tuple[int, int]:
    titles = ["".join(filter(str.isalnum, title.casefold())) for title in header]

    def at(headings: Sequence[str], otherwise: int) -> int:
        return next((titles.index(heading) for heading in headings if heading in titles), otherwise)

    return at(_PREFIX_HEADINGS, 0), at(_PRICE_HEADINGS, 1)


def _cell(cells: list[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""
