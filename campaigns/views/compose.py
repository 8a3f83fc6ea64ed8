"""Everything up to a draft that can be frozen: the list, the form, and the check."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from campaigns.audience.check import check_audience
from campaigns.audience.compare import usual_options
from campaigns.audience.texts import foreign_fields
from campaigns.audience.warnings import warnings_of
from campaigns.forms.compose import CampaignForm
from campaigns.forms.filters import CampaignFilter
from campaigns.models import Campaign, Template
from campaigns.results import summary
from campaigns.tables import EXCLUDED_WORDS, CampaignTable
from campaigns.views.compare import compared
from campaigns.views.facts import facts_of, linked
from campaigns.views.preview import sample_of
from campaigns.views.templates import measured
from contacts.errors import Refusal
from contacts.models import ContactList
from contacts.views.imports import NEXT
from providers import letters
from providers.models import Account

#: The form field in which a refusal can be fixed, by code.
PLACES = {
    "labels_differ": "lists",
    "no_list": "lists",
    "import_applying": "lists",
    "empty_audience": "lists",
    "text_empty": "text",
    "unknown_field": "text",
    "looks_like_a_field": "text",
    "texts_refused": "text",
    "account_inactive": "account",
    "end_passed": "end_at",
    "start_passed": "start_at",
}

#: The key of the session under which a form waits that was left for an upload: ``{"path": ..., "form": query}``.
LEFT = "left_for_upload"


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def campaigns(request: HttpRequest) -> HttpResponse:
    form = CampaignFilter(request.GET)
    rows = Campaign.objects.select_related("account").all()
    if form.is_valid():
        rows = rows.filter(Q(name__icontains=form.cleaned_data["name"]))
        if form.cleaned_data["status"]:
            rows = rows.filter(status=form.cleaned_data["status"])
    table = CampaignTable(rows)
    RequestConfig(request, paginate={"per_page": 25, "silent": True}).configure(table)
    shown = [line.record for line in table.page.object_list]
    summaries = summary.of(shown)
    for row in shown:
        row.summary = summaries[row.pk]
    is_filtered = any(request.GET.get(name) for name in ("name", "status"))
    return render(request, "campaigns/list.html", {"table": table, "filter": form, "is_filtered": is_filtered})


@permission_required("campaigns.add_campaign", raise_exception=True)
def new(request: HttpRequest) -> HttpResponse:
    campaign = Campaign(created_by_id=request.user.pk)
    initial: dict[str, Any] = {}
    accounts = list(Account.objects.filter(is_active=True)[:2])
    if len(accounts) == 1:
        initial["account"] = accounts[0].pk
    chosen = request.GET.get("template", "")
    template = Template.objects.filter(pk=int(chosen)).first() if chosen.isdigit() else None
    if template:
        initial |= {"template": template.pk, "text": template.text, "sender": template.sender}
    wanted = request.GET.get("uploaded") or request.GET.get("list", "")
    if wanted.isdigit():
        initial["lists"] = [int(wanted)]
    return _compose(request, campaign, initial)


@permission_required("campaigns.change_campaign", raise_exception=True)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    if campaign.status != Campaign.Status.DRAFT:
        messages.error(request, f"{campaign} is not a draft. Take it back to draft to change it.")
        return redirect(campaign)
    return _compose(request, campaign, {"lists": [chosen.pk for chosen in campaign.ordered_lists()]})


def _compose(request: HttpRequest, campaign: Campaign, initial: dict[str, Any]) -> HttpResponse:
    if request.method != "POST":
        returned = _returned(request)
        if returned is not None:
            return _form_page(request, CampaignForm(returned, instance=campaign), is_draft=True)
        form = CampaignForm(instance=campaign, initial=initial)
        return _form_page(request, form)
    if request.POST.get("turn") == "upload":
        return _go_to_upload(request)
    turned = _turn(request.POST)
    if turned is not None:
        form = CampaignForm(turned, instance=campaign)
        more = _compared(form) if request.POST["turn"] == "compare" else {}
        return _form_page(request, form, is_draft=True, **more)
    form = CampaignForm(request.POST, instance=campaign)
    if not form.is_valid():
        return _form_page(request, form)
    with transaction.atomic():
        # The status is checked again under a lock: somebody else may have frozen the draft in the meantime.
        if (
            campaign.pk
            and not Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.DRAFT).select_for_update().exists()
        ):
            messages.error(request, f"{campaign} is no longer a draft. Nothing was changed.")
            return redirect(campaign)
        campaign = form.save(commit=False)
        campaign.options = form.cleaned_data.get("options", {})
        campaign.confirmed_literals = foreign_fields(campaign.text) if form.cleaned_data["are_literals"] else []
        if campaign.pk:
            names = [*form.Meta.fields, "options", "confirmed_literals"]
            campaign.save(update_fields=names)
        else:
            campaign.save()
        form.save_lists(campaign)
        if isinstance(request.user, User):
            campaign.editors.add(request.user)
        Campaign.objects.filter(pk=campaign.pk).update(problems=[], reason="", sentence="")
    request.session.pop(LEFT, None)
    if request.POST.get("do") == "check":
        return redirect("campaigns:check", campaign.pk)
    messages.success(request, "Draft saved.")
    return redirect("campaigns:edit", campaign.pk)


def _go_to_upload(request: HttpRequest) -> HttpResponse:
    """Keep the form as it is, unchecked, while the user uploads a spreadsheet; ``_returned`` restores it."""
    data = request.POST.copy()
    for name in ("csrfmiddlewaretoken", "turn"):
        data.pop(name, None)
    request.session[LEFT] = {"path": request.path, "form": data.urlencode()}
    return redirect(f"{reverse('contacts:upload')}?{urlencode({'next': request.path})}")


def _returned(request: HttpRequest) -> QueryDict | None:
    """The form as it was left for an upload; None if it was not left.

    ``?uploaded=`` is the list that is to be chosen too, or blank if the upload was cancelled.
    """
    uploaded, left = request.GET.get("uploaded"), request.session.get(LEFT)
    if uploaded is None or not left or left["path"] != request.path:
        return None
    request.session.pop(NEXT, None)
    data = QueryDict(left["form"], mutable=True)
    if uploaded.isdigit():
        lists = [chosen for chosen in data.getlist("lists") if chosen not in ("", uploaded)]
        data.setlist("lists", [*lists, uploaded])
    return data


def _turn(posted: QueryDict) -> QueryDict | None:
    """The form's data after one of its small buttons, without checking or saving; None for the real buttons."""
    verb, _, where = posted.get("turn", "").partition("-")
    if not verb:
        return None
    data = posted.copy()
    lists = data.getlist("lists")
    if verb == "template":
        where = str(data.get("template", ""))
    at = int(where) if where.isdigit() else -1
    if verb == "add":
        lists.append("")
    elif verb == "remove" and 0 <= at < len(lists):
        del lists[at]
    elif verb == "up" and 0 < at < len(lists):
        lists[at - 1], lists[at] = lists[at], lists[at - 1]
    elif verb == "down" and 0 <= at < len(lists) - 1:
        lists[at + 1], lists[at] = lists[at], lists[at + 1]
    elif verb == "clean":
        data["text"] = letters.replace(data.get("text", ""))
    elif verb == "template" and where.isdigit():
        template = Template.objects.filter(pk=int(where)).first()
        if template:
            data["text"] = template.text
            data["sender"] = template.sender or data.get("sender", "")
    elif verb == "choose" and where.isdigit():
        _choose(data, Account.objects.filter(pk=int(where), is_active=True).first())
    data.setlist("lists", lists)
    return data


def _choose(data: QueryDict, account: Account | None) -> None:
    """Put another account into the form, with its provider's default options."""
    before = Account.objects.filter(pk=int(raw)).first() if (raw := data.get("account", "")).isdigit() else None
    if account is None:
        return
    data["account"] = str(account.pk)
    if before and before.provider == account.provider:
        return
    for name in [name for name in data if name.startswith("options-")]:
        del data[name]
    for name, value in usual_options(account).items():
        if value not in (None, "", False):
            data[f"options-{name}"] = "on" if value is True else str(value)


def _compared(form: CampaignForm) -> dict[str, Any]:
    """What each account would do with the draft as it is in the form; nothing is saved."""
    form.is_valid()
    for name in ("text", "lists"):
        if name in form.errors:
            return {"is_compared": True, "account_checks_refusal": " ".join(str(error) for error in form.errors[name])}
    draft = form.instance
    account = form.chosen_account()
    # If the chosen account refuses something, the others are asked about exactly the same draft.
    draft.sender, draft.options = form.data.get("sender", "").strip(), form.chosen_options()
    if account:
        draft.account = account
    return {"is_compared": True, **compared(draft, form.sources())}


def _form_page(request: HttpRequest, form: CampaignForm, is_draft: bool = False, **more: Any) -> HttpResponse:
    if is_draft:
        # The user did not save, so no errors are shown.
        form.errors.clear()
        if form.options is not None:
            form.options.errors.clear()
    context = {
        "form": form,
        "campaign": form.instance if form.instance.pk else None,
        "all_lists": ContactList.objects.all(),
        "labels": form.labels(),
        "literals": form.foreign_fields(),
        "are_literals": form["are_literals"].value(),
        "account": form.chosen_account(),
        **measured(form["text"].value() or "", form.chosen_lists(), form.chosen_account(), form.chosen_options()),
        **more,
    }
    campaign = form.instance
    if not form.is_bound and campaign.pk and campaign.reason:
        context |= {"problem": campaign.sentence, "problem_field": PLACES.get(campaign.reason, "")}
    if not form.is_bound and request.GET.get("fix"):
        try:
            check_audience(campaign)
        except Refusal as refusal:
            context |= {"problem": refusal.sentence, "problem_field": PLACES.get(refusal.code, "")}
    return render(request, "campaigns/compose.html", context, status=422 if form.is_bound and not is_draft else 200)


@require_GET
@permission_required("campaigns.add_campaign", raise_exception=True)
def options(request: HttpRequest) -> HttpResponse:
    """The options of the account that was just chosen."""
    form = CampaignForm(initial={"account": request.GET.get("account", "")})
    return render(request, "campaigns/_options.html", {"form": form, "account": form.chosen_account()})


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def check(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    if campaign.status != Campaign.Status.DRAFT:
        return redirect(campaign)
    return check_page(request, campaign)


def check_page(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """What a draft would become if it were frozen now. A refusal is shown with a link to where it can be fixed."""
    context: dict[str, Any] = {"campaign": campaign, **facts_of(campaign)}
    context["may_change"] = request.user.has_perm("campaigns.change_campaign")
    context["is_comparable"] = Account.objects.filter(is_active=True).exclude(pk=campaign.account.pk).exists()
    context["events"] = campaign.events.select_related("user", "batch").order_by("-id")[:50]
    try:
        audience_check = check_audience(campaign)
    except Refusal as refusal:
        place = PLACES.get(refusal.code, "")
        return render(request, "campaigns/check.html", context | {"refusal": refusal, "place": place})
    context |= {
        "check": audience_check,
        "warnings": linked(warnings_of(campaign, audience_check.text_faults, timezone.now()), campaign),
        "excluded": [(EXCLUDED_WORDS[reason], n) for reason, n in sorted(audience_check.excluded.items()) if n],
        "histogram": sorted(audience_check.histogram.items()),
        "is_blocked": bool(audience_check.problem_count or audience_check.spec_problems or not audience_check.included),
    }
    context |= sample_of(request, campaign)
    return render(request, "campaigns/check.html", context)
