"""The form of an import's second step: how the sheet is read, and the field that each column goes to."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django import forms

from contacts import columns, importing, sheets, value_formats
from contacts.fields import FIELD_LABELS, VALUE_FIELDS
from contacts.forms import country_field
from contacts.models import Import
from contacts.phone_columns import cells_of

SHOWN_SAMPLES = 3
CHOOSE_PHONE = "Choose the column whose numbers are to be texted."
LABEL_TAKEN = "Another column already has this label. Choose a different one."


@dataclass(frozen=True)
class Line:
    """One column on the page. ``label``: the form field of its label in texts, where the column can have one.

    ``format``: that of how its dates or amounts are written, where it has any.
    """

    title: str
    samples: list[str]
    goal: forms.BoundField
    label: forms.BoundField | None
    format: forms.BoundField | None


class ColumnsForm(forms.Form):
    """The columns of an upload. Cleans to ``country``, ``mapping``, ``labels`` (new labels by field) and ``formats``.

    ``chosen_options`` is how the operator wants the sheet to be read. If that differs from how it was read, the columns
    in the form are not those of the sheet: read it again before anything else.
    """

    country = country_field("Used to read numbers without a country code.")

    def __init__(self, *args: Any, upload: Import, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.upload = upload
        self.list_labels = upload.list.labels if upload.list else {}
        self.remembered = None if upload.is_of_opt_outs else importing.remembered_columns(upload)
        self.guessed = self._proposed()
        self.fields["country"].initial = upload.country
        self._add_reading_fields()
        if self.guessed.asked:
            self.fields["phone"] = forms.ChoiceField(
                label="Which column has the numbers to text?",
                required=False,
                widget=forms.RadioSelect,
                choices=[(str(column), self._title_with_samples(column)) for column in self.guessed.asked],
            )
        new_labels = columns.new_labels(self.guessed.mapping, upload.header, self.list_labels)
        for column in range(len(upload.header)):
            self._add_column(column, self.guessed.mapping.get(column, ""), new_labels)

    def _proposed(self) -> columns.Guess:
        """The columns as they were confirmed for the last sheet with the same titles, or else guessed."""
        if self.upload.is_of_opt_outs:
            return columns.Guess(importing.guess_opt_outs(self.upload))
        if self.remembered:
            return columns.Guess(columns.restored(self.remembered.mapping))
        return columns.guess(self.upload.header, self.upload.samples, self.list_labels, self.upload.country)

    def _add_reading_fields(self) -> None:
        upload = self.upload
        if len(upload.sheets) > 1:
            choices = [(title, f"{title} ({rows:,} row{'' if rows == 1 else 's'})") for title, rows in upload.sheets]
            self.fields["sheet"] = forms.ChoiceField(
                label="Sheet", choices=choices, initial=upload.sheet, required=False
            )
        rows = [(str(number), f"Row {number}") for number, _ in upload.first_rows]
        self.fields["header_row"] = forms.ChoiceField(choices=[*rows, ("0", "No header")], required=False)
        if upload.hidden_rows:
            count, them = (
                ("1 hidden row", "it") if upload.hidden_rows == 1 else (f"{upload.hidden_rows:,} hidden rows", "them")
            )
            self.fields["hidden_rows"] = forms.ChoiceField(
                label=f"This sheet has {count}, for example because of a filter",
                widget=forms.RadioSelect,
                choices=[("", f"Leave {them} out"), ("1", f"Take {them} in")],
                initial="1" if upload.takes_hidden_rows else "",
                required=False,
            )

    def _add_column(self, column: int, goal: str, new_labels: dict[str, str]) -> None:
        title = columns.title_of(column, self.upload.header)
        self.fields[f"column_{column}"] = forms.ChoiceField(
            label=f"{title} goes to", choices=self._goals, required=False, initial=goal
        )
        if not self.upload.is_of_opt_outs and not self.list_labels.get(goal):
            self.fields[f"label_{column}"] = forms.CharField(
                label=f"Label of {title}",
                required=False,
                max_length=columns.LABEL_LENGTH,
                initial=new_labels.get(goal, ""),
            )
        offered = [] if self.upload.is_of_opt_outs else value_formats.offered(cells_of(column, self.upload.samples))
        if offered:
            before = columns.restored(self.remembered.formats) if self.remembered else {}
            self.fields[f"format_{column}"] = forms.ChoiceField(
                label=f"Format of {title}",
                required=False,
                choices=[("", "As in the sheet"), *offered],
                initial=before.get(column, ""),
            )

    def _goals(self) -> list[tuple[str, str]]:
        if self.upload.is_of_opt_outs:
            return [("", "(leave out)"), ("phone", "Opt out these numbers")]
        labels = self.list_labels
        goals = [
            (field, f"{label} “{labels[field]}”" if labels.get(field) else label)
            for field, label in FIELD_LABELS.items()
        ]
        return [("", "(leave out)"), *goals]

    def _title_with_samples(self, column: int) -> str:
        title, samples = columns.title_of(column, self.upload.header), self._samples(column)
        return f"{title}: {' · '.join(samples)}" if samples else f"{title} (blank in the first rows)"

    def _samples(self, column: int) -> list[str]:
        return list(dict.fromkeys(cells_of(column, self.upload.samples)))[:SHOWN_SAMPLES]

    def lines(self) -> Iterator[Line]:
        for column, _ in enumerate(self.upload.header):
            goal = self[f"column_{column}"]
            yield Line(
                columns.title_of(column, self.upload.header),
                self._samples(column),
                goal,
                label=self._of_value(goal, f"label_{column}"),
                format=self._of_value(goal, f"format_{column}"),
            )

    def _of_value(self, goal: forms.BoundField, name: str) -> forms.BoundField | None:
        return self[name] if goal.value() in VALUE_FIELDS and name in self.fields else None

    def first_rows(self) -> list[tuple[int, list[str]]]:
        """The first rows of the sheet, each as wide as the widest."""
        width = max((len(cells) for _, cells in self.upload.first_rows), default=0)
        return [(number, [*cells, *[""] * (width - len(cells))]) for number, cells in self.upload.first_rows]

    def surplus(self) -> list[str]:
        """The titles of the columns that no value field was left for."""
        return [columns.title_of(column, self.upload.header) for column in self.guessed.surplus]

    def chosen_options(self) -> sheets.Options:
        """How the operator wants the sheet to be read. A choice that is not on offer changes nothing."""
        options = importing.reader_options(self.upload)
        if not self.is_bound:
            return options
        sheet = self._offered("sheet")
        if sheet and sheet != self.upload.sheet:
            return replace(options, sheet=sheet, header_row=None)
        header_row, hidden_rows = self._offered("header_row"), self._offered("hidden_rows")
        if header_row is not None:
            options = replace(options, header_row=int(header_row))
        return options if hidden_rows is None else replace(options, hidden_rows=bool(hidden_rows))

    def _offered(self, name: str) -> str | None:
        field, value = self.fields.get(name), self.data.get(name)
        if not isinstance(field, forms.ChoiceField) or value is None or not field.valid_value(value):
            return None
        return value

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        mapping = {n: goal for n in range(len(self.upload.header)) if (goal := cleaned.get(f"column_{n}"))}
        if cleaned.get("phone"):
            mapping[int(cleaned["phone"])] = "phone"
        elif "phone" in self.fields and "phone" not in mapping.values():
            self.add_error("phone", forms.ValidationError(CHOOSE_PHONE, code="phone_not_chosen"))
        if not self.errors:
            self._check(mapping)
        formats = {
            n: code for n, goal in mapping.items() if goal in VALUE_FIELDS and (code := cleaned.get(f"format_{n}"))
        }
        return {**cleaned, "mapping": mapping, "labels": self._clean_labels(mapping), "formats": formats}

    def _clean_labels(self, mapping: dict[int, str]) -> dict[str, str]:
        """The labels that were entered for value fields the list has none for."""
        labels: dict[str, str] = {}
        known = {label.lower() for label in self.list_labels.values()}
        for column, goal in mapping.items():
            label = self.cleaned_data.get(f"label_{column}", "").strip()
            if goal not in VALUE_FIELDS or self.list_labels.get(goal) or not label:
                continue
            if label.lower() in known:
                self.add_error(f"label_{column}", LABEL_TAKEN)
            known.add(label.lower())
            labels[goal] = label
        return labels

    def _check(self, mapping: dict[int, str]) -> None:
        validate = columns.validate_opt_outs if self.upload.is_of_opt_outs else columns.validate
        try:
            validate(mapping, self.upload.header)
        except columns.ColumnsError as error:
            form_field = None
            if error.code == "field_twice":
                goals = list(mapping.values())
                form_field = next(f"column_{n}" for n, field in reversed(mapping.items()) if goals.count(field) > 1)
            self.add_error(form_field, forms.ValidationError(error.sentence, code=error.code))
