"""The admin: contacts and list names can be corrected; imports, opt-outs and consents are read-only.

Opt-outs are added on their own screen, through contacts.suppression, which also writes the journal.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from contacts import phones
from contacts.fields import SEARCHED_FIELDS, TABLE_FIELDS
from contacts.forms import ContactForm
from contacts.models import Consent, Contact, ContactList, Import, ImportCorrection, ImportIssue, ImportRow, Suppression


class ReadOnlyMixin:
    """For the ModelAdmin or inline of rows that only Baton itself writes: no adding, changing or deleting."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class CappedPaginator(Paginator):
    """Counts at most MOST rows: counting millions takes longer than anybody waits for a page."""

    MOST = 10_000
    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return self.object_list[: self.MOST].count()


class AutocompleteFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that is searched for, instead of a list of all of them."""

    template = "admin/autocomplete_filter.html"

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        self.form = forms.Form(initial={self.lookup_kwarg: self.lookup_val})
        self.form.fields[self.lookup_kwarg] = forms.ModelChoiceField(
            field.remote_field.model._default_manager.all(),
            label=field.verbose_name,
            required=False,
            widget=AutocompleteSelect(field, model_admin.admin_site),
        )
        return []

    def has_output(self) -> bool:
        return True

    def choices(self, changelist: Any) -> Iterator[Any]:
        own = self.expected_parameters()
        others = {name: values for name, values in changelist.filter_params.items() if name not in own}
        yield {"form": self.form, "others": others, "clear_url": changelist.get_query_string(remove=own)}


class LargeTableAdmin(admin.ModelAdmin):
    """For a table that may have millions of rows, which are narrowed down by search and filter."""

    paginator = CappedPaginator
    show_full_result_count = False
    #: Counting the rows of each choice of a filter would read the whole table, too.
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    #: Sorting by a column without an index would read the whole table.
    sortable_by = ()

    @property
    def media(self) -> forms.Media:
        """With the scripts of Django's own autocomplete fields, for AutocompleteFilter."""
        return super().media + AutocompleteSelect(Contact._meta.get_field("list"), self.admin_site).media


class ReadOnlyAdmin(ReadOnlyMixin, LargeTableAdmin):
    """Read-only pages of tables that may be large."""


@admin.display(description="number", ordering="msisdn")
def number(row: Any) -> str:
    """The number of a contact, opt-out, consent or recipient as people write it."""
    return phones.formatted(row.msisdn)


@admin.register(ContactList)
class ContactListAdmin(admin.ModelAdmin):
    list_display = ("name", "country", "updated_at")
    list_filter = ("country", "created_at")
    search_fields = ("name",)
    readonly_fields = ("country", "labels", "created_at", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A list is created on its own page, which asks for a known country and for each label."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A list is deleted on its own page, which refuses while an import into it is running."""
        return False


@admin.register(Contact)
class ContactAdmin(LargeTableAdmin):
    list_display = (number, *TABLE_FIELDS, "list")
    list_filter = (("list", AutocompleteFilter),)
    list_select_related = ("list",)
    search_fields = ("msisdn", *SEARCHED_FIELDS)
    readonly_fields = ("list", number, "created_at", "updated_at")  # type: ignore[assignment]
    form = ContactForm

    def get_form(self, request: HttpRequest, obj: Contact | None = None, change: bool = False, **kwargs: Any) -> Any:
        """A person with read access only gets a page without fields, which ContactForm does not expect."""
        if not self.has_change_permission(request, obj):
            kwargs["form"] = ModelForm
        return super().get_form(request, obj, change=change, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A contact is added on the page of its list, whose country is needed to read the number."""
        return False


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    list_display = (number, "source", "note", "created_at", "lifted_at")
    list_filter = ("source", ("lifted_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("msisdn", "note")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A complete number is found in any notation."""
        return super().get_search_results(request, queryset, _digits(search_term))


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = (number, "note", "created_at", "created_by")
    list_filter = ("created_at",)
    search_fields = ("msisdn", "note")


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    list_display = ("original_name", "list", "status", "read", "created", "updated", "invalid", "created_at")
    list_filter = ("status", ("list", AutocompleteFilter), "created_at")
    list_select_related = ("list",)
    search_fields = ("original_name", "sha256", "list__name")


@admin.register(ImportIssue)
class ImportIssueAdmin(ReadOnlyAdmin):
    list_display = ("import_of", "row", "column", "value", "code", "sentence")
    list_filter = ("code",)
    list_select_related = ("import_of__list",)
    search_fields = ("value", "sentence")


@admin.register(ImportRow)
class ImportRowAdmin(ReadOnlyAdmin):
    list_display = ("import_of", "row", number, *TABLE_FIELDS)
    list_filter = ("import_of__status",)
    list_select_related = ("import_of__list",)
    search_fields = ("msisdn", *SEARCHED_FIELDS)


@admin.register(ImportCorrection)
class ImportCorrectionAdmin(ReadOnlyAdmin):
    list_display = ("import_of", "row", "column_number", "old", "new", "created_by", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("import_of__list", "created_by")
    search_fields = ("old", "new")


def _digits(term: str) -> str:
    """The digits of ``term`` if it is a complete phone number, else ``term`` itself."""
    try:
        return phones.parse(term, settings.DEFAULT_COUNTRY, phones.TYPED)
    except phones.PhoneError:
        return term
