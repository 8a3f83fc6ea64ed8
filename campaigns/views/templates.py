"""Reusable texts, and the live count under every text while it is being written."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_tables2 import RequestConfig

from campaigns.audience.sources import count_reasons
from campaigns.audience.texts import compile_text, foreign_fields
from campaigns.forms.message import unbound_in
from campaigns.forms.recipients import labels_of
from campaigns.forms.templates import TemplateForm
from campaigns.models import Campaign, Template, TemplateVersion
from campaigns.tables import TemplateTable
from campaigns.template_versions import current_version, restore
from campaigns.views.equation import equation_of, without_skipped
from campaigns.views.estimate import estimate_of, while_unbound
from campaigns.views.preview import room_of
from campaigns.views.step_navigation import missing_in
from contacts.errors import Refusal
from contacts.fields import VALUE_FIELDS
from contacts.ids import as_id
from contacts.models import ContactList
from providers import gsm, letters
from providers.base import CampaignSpec, Message
from providers.models import Account


@require_GET
@permission_required("campaigns.view_template", raise_exception=True)
def templates(request: HttpRequest) -> HttpResponse:
    table = TemplateTable(Template.objects.all())
    RequestConfig(request, paginate={"per_page": 25, "silent": True}).configure(table)
    return render(request, "campaigns/templates.html", {"table": table})


@permission_required("campaigns.add_template", raise_exception=True)
def template_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, Template(created_by_id=request.user.pk))


@permission_required("campaigns.view_template", raise_exception=True)
def template(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Template, pk=pk)
    if not request.user.has_perm("campaigns.change_template"):
        context = {"template": row, "versions": row.versions.all(), **measured(row.text, [], None)}
        return render(request, "campaigns/template_read.html", context)
    return _edit(request, row)


@require_GET
@permission_required("campaigns.view_template", raise_exception=True)
def template_version(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """One version of a template, which can be restored as a new version."""
    version = get_object_or_404(TemplateVersion.objects.select_related("template", "created_by"), template=pk,
                                number=number)  # fmt: skip
    labels = {field: version.labels[field] for field in VALUE_FIELDS if version.labels.get(field)}
    context = {
        "version": version,
        "template": version.template,
        "labels": labels,
        "is_current": version.number
        == version.template.versions.order_by("-number").values_list("number", flat=True)[0],
        **measured(version.text, [], None),
    }
    return render(request, "campaigns/template_version.html", context)


@require_POST
@permission_required("campaigns.change_template", raise_exception=True)
def template_restore(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    version = get_object_or_404(TemplateVersion.objects.select_related("template"), template=pk, number=number)
    restored = restore(version, request.user)
    messages.success(request, f"{version.template} is as in version {number} again. This is version {restored.number}.")
    return redirect(version.template)


def _edit(request: HttpRequest, row: Template) -> HttpResponse:
    form = TemplateForm(request.POST or None, instance=row)
    if request.method == "POST" and request.POST.get("turn") == "clean":
        data = request.POST.copy()
        data["text"] = letters.replace(data.get("text", ""))
        form = TemplateForm(data, instance=row)
        form.errors.clear()
    elif request.method == "POST" and form.is_valid():
        saved = form.save()
        version = current_version(saved, request.user)
        messages.success(request, f"{saved} is saved as version {version.number}.")
        return redirect("campaigns:templates")
    text = form["text"].value() or ""
    context = {
        "form": form,
        "template": row if row.pk else None,
        "labels": form.labels(),
        "versions": row.versions.select_related("created_by") if row.pk else [],
        "used_by": Campaign.objects.filter(template=row).count() if row.pk else 0,
        **measured(text, [], None),
    }
    return render(request, "campaigns/template.html", context, status=422 if form.errors else 200)


@require_POST
@permission_required("campaigns.delete_template", raise_exception=True)
def template_delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Template, pk=pk)
    row.delete()
    messages.success(request, f"{row} was deleted. Campaigns that copied it keep their text.")
    return redirect("campaigns:templates")


@require_POST
@permission_required("campaigns.view_template", raise_exception=True)
def measure(request: HttpRequest) -> HttpResponse:
    """The count and the phone preview of a text while it is being written; for a draft, what else depends on it."""
    account = Account.objects.filter(pk=as_id(request.POST.get("account")) or 0).first()
    options = _options(account, request.POST)
    campaign = _draft(request)
    lists = campaign.ordered_lists() if campaign else []
    text = request.POST.get("text", "")
    context = measured(text, lists, account, options)
    if campaign is None:
        return render(request, "campaigns/_measure.html", context)
    unbound = unbound_in(campaign, text, request.POST.get("text_labels", ""))
    # What the step lacks, as its form is now.
    campaign.text_labels = unbound
    campaign.text = text
    campaign.account_id = account.pk if account else None
    campaign.confirmed_literals = foreign_fields(text) if "are_literals" in request.POST else []
    choice = request.POST.get("letters", "")
    context |= estimate_of(campaign, text, account, options, choice, request.POST)
    context = without_skipped(context | equation_of(partial(count_reasons, campaign), text), choice or campaign.letters)
    context |= {
        "missing": missing_in(campaign, "message"),
        **while_unbound(labels_of(campaign), unbound),
        "literals": foreign_fields(text),
        "are_literals": "are_literals" in request.POST,
    }
    return render(request, "campaigns/_measure_refresh.html", context)


def _draft(request: HttpRequest) -> Campaign | None:
    """The draft whose text is written; None while a template is."""
    is_allowed = request.user.has_perm("campaigns.view_campaign")
    return Campaign.objects.filter(pk=as_id(request.POST.get("campaign")) or 0).first() if is_allowed else None


def _options(account: Account | None, posted: Mapping[str, Any]) -> dict[str, Any]:
    """The provider's options as they are in the form right now; invalid ones are left out."""
    if account is None:
        return {}
    form = account.adapter.OptionsForm(posted, prefix="options")
    form.is_valid()
    return form.cleaned_data


def measured(
    source: str,
    lists: Sequence[ContactList],
    account: Account | None,
    options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure a text as its first real recipient would read it, or as it stands if no list is chosen.

    ``options`` are those of the account's provider, as far as they are known.
    """
    if not source.strip():
        return {"count": None}
    try:
        text = compile_text(source)
    except Refusal as error:
        return {"count": None, "count_error": error.sentence}
    contact = lists[0].contacts.filter(message="").order_by("msisdn").first() if lists else None
    if contact:
        finished = text.personalise({field: getattr(contact, field) for field in VALUE_FIELDS})
    else:
        finished = source
    foreign = gsm.unsupported(source)
    is_gsm_only = True
    if account:
        spec = CampaignSpec(template="", sender="", options=options or {}, account=account.settings)
        count = account.adapter.measure(spec, finished)
        message = Message(msisdn="", text=finished, values={}, own_text=finished, customer_id="", reference="")
        is_gsm_only = any(problem.characters for problem in account.adapter.problems(spec, message))
    else:
        count = gsm.measure(finished)
    return {
        "count": count,
        "room": room_of(count.alphabet, count.parts),
        "finished": finished,
        "contact": contact,
        "has_fields": bool(text.fields),
        "foreign": " ".join(foreign),
        "can_clean": letters.replace(source) != source,
        "is_gsm_only": is_gsm_only,
    }
