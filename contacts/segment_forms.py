"""The form of a filter over the contacts of a list, and of a segment, which is a saved filter."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from contacts import countries, segments
from contacts.elements import Select
from contacts.models import ContactList, Import, Segment
from contacts.number_facts import NUMBER_KINDS
from contacts.segments import Condition

SEGMENT_EXISTS = "This list already has a segment with this name."
#: Imports offered in the filter.
RECENT_IMPORTS = 100


class FilterForm(forms.Form):
    """One line for each field: a test and a value. Cleans to ``conditions``; a line without a value sets none."""

    def __init__(self, data: Any = None, *, contact_list: ContactList, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.text_fields = {"customer_id": contact_list.label("customer_id"), **contact_list.labelled_fields()}
        for field, label in self.text_fields.items():
            self._add_line(field, label, segments.TEXT_TESTS, forms.CharField(required=False, max_length=500))
        self._add_line("country", "Country", segments.EQUALITY, _choice("Any", countries.names().items()))
        self._add_line("kind", "Number type", segments.EQUALITY, _choice("Any", NUMBER_KINDS))
        self._add_line("import", "Imported in", segments.EQUALITY, _choice("Any", _imports_of(contact_list)))
        self.fields["contacted_is"] = _choice("Any", segments.CONTACTED_TESTS.items(), "Contacted: comparison")
        self.fields["contacted_days"] = forms.IntegerField(
            label="Contacted in the last days", required=False, min_value=1, max_value=segments.MAX_DAYS
        )
        self.fields["contacted_on"] = forms.DateField(
            label="Contacted since the date", required=False, widget=forms.DateInput(attrs={"type": "date"})
        )
        for name in self.fields:
            widget = self.fields[name].widget
            widget.attrs["class"] = "form-select" if isinstance(widget, forms.Select) else "form-control"

    def _add_line(self, field: str, label: str, tests: Mapping[str, str], value: forms.Field) -> None:
        self.fields[f"{field}_is"] = forms.ChoiceField(
            label=f"{label}: comparison", required=False, choices=list(tests.items()), widget=Select
        )
        value.label = label
        self.fields[field] = value

    def lines(self) -> Iterator[tuple[str, list[forms.BoundField]]]:
        """For each line of the form: its label, and the test and the value."""
        for field in (*self.text_fields, "country", "kind", "import"):
            yield str(self.fields[field].label), [self[f"{field}_is"], self[field]]
        yield "Contacted", [self["contacted_is"], self["contacted_days"], self["contacted_on"]]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        cleaned["conditions"] = []
        for field in (*self.text_fields, "country", "kind", "import"):
            test = cleaned.get(f"{field}_is") or "equals"
            value = cleaned.get(field) or ""
            if value or test in segments.WITHOUT_VALUE:
                self._add_condition(field, test, value)
        if test := cleaned.get("contacted_is"):
            self._add_contacted(test, cleaned.get("contacted_days"), cleaned.get("contacted_on"))
        return cleaned

    def _add_contacted(self, test: str, days: Any, day: Any) -> None:
        if {"contacted_days", "contacted_on"} & set(self.errors):
            return
        if bool(days) == bool(day):
            self.add_error("contacted_days", "Enter either a number of days or a date.")
            return
        self._add_condition("contacted", test, str(days) if days else day.isoformat(), at="contacted_days")

    def _add_condition(self, field: str, test: str, value: str, at: str = "") -> None:
        if at in self.errors or field in self.errors or f"{field}_is" in self.errors:
            return
        try:
            condition = segments.validated([{"field": field, "is": test, "value": value}])
        except segments.ConditionError as error:
            self.add_error(at or field, forms.ValidationError(error.sentence, code=error.code))
        else:
            self.cleaned_data["conditions"] += condition

    @property
    def conditions(self) -> list[dict[str, str]]:
        """The conditions of a valid form; [] of any other."""
        return list(self.cleaned_data["conditions"]) if self.is_valid() else []


def _choice(blank: str, choices: Iterable[tuple[Any, Any]], label: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[("", blank), *choices], widget=Select)


def _imports_of(contact_list: ContactList) -> list[tuple[str, str]]:
    found = contact_list.imports.exclude(ended_at=None).exclude(
        status__in=(Import.Status.FAILED, Import.Status.CANCELLED)
    )
    names = []
    for import_ in found.order_by("-created_at")[:RECENT_IMPORTS]:
        local = timezone.localtime(import_.created_at)
        names.append((str(import_.pk), f"{import_.original_name} · {local.day} {local:%b %Y, %H:%M}"))
    return names


def query_string(conditions: Iterable[Condition]) -> str:
    """The query string that shows ``conditions`` in the filter form of their list."""
    query = QueryDict(mutable=True)
    for condition in conditions:
        field, test, value = condition["field"], condition["is"], condition["value"]
        query[f"{field}_is"] = test
        if field == "contacted":
            query["contacted_days" if value.isdigit() else "contacted_on"] = value
        elif value:
            query[field] = value
    return query.urlencode()


class SegmentForm(forms.ModelForm):
    """The name of a segment; ``instance.list`` is set."""

    class Meta:
        model = Segment
        fields = ("name",)
        error_messages = {"name": {"required": "Enter a name for the segment."}}

    def clean_name(self) -> str:
        name = self.cleaned_data["name"]
        others = Segment.objects.filter(list=self.instance.list, name=name)
        if others.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(SEGMENT_EXISTS, code="segment_exists")
        return name
