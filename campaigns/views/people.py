"""The people of a follow-up while it is a draft: why each got no text, corrected in place or in a spreadsheet."""

from collections.abc import Iterable

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from campaigns import corrections
from campaigns.audience.people import people_with_reasons
from campaigns.models import Campaign, CampaignPerson
from campaigns.statuses import ExcludedReason
from campaigns.views.step_navigation import steps_of
from contacts.errors import Refusal
from contacts.export_log import record_export
from contacts.ids import as_id
from contacts.views import exports
from contacts.views.uploads import on_disk

#: So that the page stays short.
SHOWN = 20


class PersonForm(forms.Form):
    """One person of a draft. ``names``: the fields with their labels."""

    def __init__(self, person: CampaignPerson, names: dict[str, str], data: QueryDict | None) -> None:
        super().__init__(data, initial={name: getattr(person, name) for name in names})
        for name, label in names.items():
            widget = forms.Textarea(attrs={"rows": 3}) if name == "message" else forms.TextInput()
            self.fields[name] = forms.CharField(label=label, required=False, widget=widget)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def people(request: HttpRequest, pk: int) -> HttpResponse:
    """Everybody in the draft, with the reason why they got no text, and who is left out again."""
    return _page(request, _follow_up(pk))


@permission_required("campaigns.change_campaign", raise_exception=True)
def person(request: HttpRequest, pk: int, person_pk: int) -> HttpResponse:
    """Correct one person."""
    campaign = _follow_up(pk)
    found = get_object_or_404(campaign.people, pk=person_pk)
    names = corrections.editable_fields(campaign)
    form = PersonForm(found, names, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            corrections.correct_person(found, form.cleaned_data, request.user)
        except corrections.CellError as error:
            form.add_error(error.name, error.sentence)
        except Refusal as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, "Corrected.")
            return redirect("campaigns:people", pk)
    return render(request, "campaigns/person.html", {"campaign": campaign, "person": found, "form": form})


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def people_remove(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _follow_up(pk)
    ids = [found for text in request.POST.getlist("people") if (found := as_id(text)) is not None]
    try:
        removed = corrections.remove_people(campaign, ids, request.user)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"Removed {removed:,} {'person' if removed == 1 else 'people'} from this draft.")
    return redirect("campaigns:people", pk)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def people_sheet(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Download the people as a workbook to correct."""
    campaign = _follow_up(pk)
    record_export(request, campaign, "people to correct", rows=campaign.people.count())
    lines: Iterable[list[str]] = corrections.lines_of(campaign)
    return exports.as_xlsx(f"campaign-{pk}-people", corrections.header_of(campaign), lines, title="People")


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def people_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Apply a corrected workbook, and show what was changed and which rows were not."""
    campaign, file = _follow_up(pk), request.FILES.get("file")
    if file is None:
        messages.error(request, "Choose the corrected spreadsheet.")
        return redirect("campaigns:people", pk)
    try:
        with on_disk(file) as path:
            result = corrections.apply_sheet(campaign, path, file.name or "", request.user)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect("campaigns:people", pk)
    if result.problem_count:
        return _page(request, campaign, result)
    messages.success(
        request,
        f"Read {result.read:,} row{'' if result.read == 1 else 's'}: {result.changed:,} corrected,"
        f" {result.unchanged:,} unchanged.",
    )
    return redirect("campaigns:people", pk)


def _follow_up(pk: int) -> Campaign:
    """A campaign that follows another one."""
    rows = Campaign.objects.select_related("account", "follows", "chain_root").filter(follows__isnull=False)
    return get_object_or_404(rows, pk=pk)


def _page(request: HttpRequest, campaign: Campaign, result: corrections.SheetResult | None = None) -> HttpResponse:
    names = corrections.editable_fields(campaign)
    shown = Paginator(people_with_reasons(campaign).order_by("pk"), SHOWN).get_page(request.GET.get("page"))
    rows = [
        {
            "person": one,
            "cells": [(label, getattr(one, name)) for name, label in names.items() if name != "msisdn"],
            "left_out": ExcludedReason(one.why).label if one.why else "",
        }
        for one in shown
    ]
    is_draft = campaign.status == Campaign.Status.DRAFT
    context = {
        "campaign": campaign,
        "steps": steps_of(campaign, "recipients"),
        "as_links": True,
        "headings": [label for name, label in names.items() if name != "msisdn"],
        "shown": shown,
        "rows": rows,
        "result": result,
        "may_change": is_draft and request.user.has_perm("campaigns.change_campaign"),
        "may_download": request.user.has_perm("contacts.export_numbers"),
    }
    return render(request, "campaigns/people.html", context)
