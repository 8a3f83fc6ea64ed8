"""The steps Recipients, Message and When of a draft. A step is saved as it is left."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from campaigns.audience.check import count_usable
from campaigns.audience.compare import usual_options
from campaigns.audience.sources import count_reasons
from campaigns.audience.windows import preset_window
from campaigns.forms import message, recipients
from campaigns.forms.ceilings import CeilingsForm
from campaigns.forms.letters import LettersForm
from campaigns.forms.message import MessageForm
from campaigns.forms.recipients import RecipientsForm
from campaigns.forms.steps import NameForm, StepForm, fingerprint, record_edit
from campaigns.forms.times import TimesForm
from campaigns.forms.when import WhenForm
from campaigns.models import Campaign, Template
from campaigns.template_versions import copy_into
from campaigns.views.compare import compared
from campaigns.views.equation import equation_of, without_skipped
from campaigns.views.estimate import estimate_of, while_unbound
from campaigns.views.forecasts import last_of_draft
from campaigns.views.step_navigation import LABELS, PLACES, first_unfinished, neighbours, step_url, steps_of
from campaigns.views.templates import measured
from contacts.errors import Refusal
from contacts.ids import as_id
from contacts.views.imports import NEXT
from providers.models import Account

#: The forms of each step under the names that its template knows.
FORMS: dict[str, dict[str, type[StepForm]]] = {
    "recipients": {"name_form": NameForm, "recipients_form": RecipientsForm},
    "message": {"message_form": MessageForm, "letters_form": LettersForm},
    "when": {"times_form": TimesForm, "when_form": WhenForm, "ceilings_form": CeilingsForm},
}

#: What the small buttons of a step do with its data.
TURNS: dict[str, Callable[[QueryDict, Campaign], QueryDict]] = {
    "recipients": recipients.turned,
    "message": message.turned,
}

Forms = dict[str, Any]


class ChangedSince(Exception):
    """Somebody saved this step after the page that was posted had been opened."""


@permission_required("campaigns.add_campaign", raise_exception=True)
def new(request: HttpRequest) -> HttpResponse:
    """The first step of a draft that is saved as it is left.

    ``?list=`` or ``?uploaded=`` chooses a list, ``?template=`` a text. A button elsewhere that posts no fields gets a
    draft with the offered name and these choices at once.
    """
    hours = preset_window(settings.ALLOWED_HOURS, settings.TIME_ZONE)
    campaign = Campaign(created_by_id=request.user.pk, window=hours)
    wanted = request.GET.get("uploaded") or request.GET.get("list", "")
    chosen = as_id(wanted)
    initial = {"name": offered_name(timezone.localdate()), "lists": [] if chosen is None else [chosen]}
    if request.method != "POST":
        return _page(request, campaign, "recipients", _forms(campaign, "recipients", initial=initial))
    data = request.POST.copy()
    if "name" not in data:
        data["name"] = str(initial["name"])
        data.setlist("lists", [str(pk) for pk in initial["lists"]])
    return _post(request, campaign, "recipients", data)


@require_GET
@permission_required("campaigns.change_campaign", raise_exception=True)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """The first step that lacks something."""
    campaign = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    return redirect(step_url(campaign, first_unfinished(campaign)))


@permission_required("campaigns.change_campaign", raise_exception=True)
def recipients_step(request: HttpRequest, pk: int) -> HttpResponse:
    return _step(request, pk, "recipients")


@permission_required("campaigns.change_campaign", raise_exception=True)
def message_step(request: HttpRequest, pk: int) -> HttpResponse:
    return _step(request, pk, "message")


@permission_required("campaigns.change_campaign", raise_exception=True)
def when_step(request: HttpRequest, pk: int) -> HttpResponse:
    return _step(request, pk, "when")


@require_GET
@permission_required("campaigns.add_campaign", raise_exception=True)
def options(request: HttpRequest) -> HttpResponse:
    """The options of the account that was just chosen."""
    form = MessageForm(initial={"account": request.GET.get("account", "")})
    return render(request, "campaigns/_options.html", {"message_form": form, "account": form.chosen_account()})


def offered_name(today: date) -> str:
    """A name that no campaign has: ``Campaign of 27 November``, then ``Campaign of 27 November (2)``."""
    name = f"Campaign of {today.day} {today:%B}"
    taken = set(Campaign.objects.filter(name__startswith=name).values_list("name", flat=True))
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def _step(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    if campaign.status != Campaign.Status.DRAFT:
        messages.error(request, f"{campaign} is not a draft. Take it back to draft to change it.")
        return redirect(campaign)
    if name == "recipients" and campaign.follows_id:
        return redirect("campaigns:people", pk)
    if request.method == "POST":
        return _post(request, campaign, name, request.POST)
    chosen = recipients.chosen_keys(campaign)
    if name == "recipients" and "uploaded" in request.GET:
        request.session.pop(NEXT, None)
        uploaded = str(as_id(request.GET["uploaded"]) or "")
        chosen["lists"] += [uploaded] if uploaded and uploaded not in chosen["lists"] else []
    return _page(request, campaign, name, _forms(campaign, name, initial=chosen))


def _forms(campaign: Campaign, name: str, data: QueryDict | None = None, initial: Any = None) -> Forms:
    return {key: form(data, instance=campaign, initial=initial) for key, form in FORMS[name].items()}


def _post(request: HttpRequest, campaign: Campaign, name: str, data: QueryDict) -> HttpResponse:
    turn = data.get("turn", "")
    if turn and turn != "upload":
        forms = _forms(campaign, name, TURNS[name](data, campaign))
        more = _compared(forms["message_form"]) if turn == "compare" else {}
        return _page(request, campaign, name, forms, is_unasked=True, **more)
    forms = _forms(campaign, name, data)
    # All are validated, also after the first that is invalid: what is valid is saved.
    is_valid = False not in [form.is_valid() for form in forms.values()]
    if not campaign.pk:
        if "name" not in forms["name_form"].cleaned_data:
            return _page(request, campaign, name, forms, template=data.get("template", ""))
        campaign = _created(request, forms["name_form"].cleaned_data["name"])
        is_saved = _save(request, campaign, name, forms)
        _copy_template(campaign, data.get("template", ""))
    else:
        try:
            is_saved = _save(request, campaign, name, forms)
        except ChangedSince:
            now = Campaign.objects.select_related("account").get(pk=campaign.pk)
            return _page(request, now, name, forms, is_changed=True, seen=fingerprint(_types(name), now))
    if not is_saved:
        messages.error(request, f"{campaign} is no longer a draft. Nothing was changed.")
        return redirect(campaign)
    wanted = data.get("go", "")
    wanted = wanted if wanted in LABELS else neighbours(name)[1]
    if not is_valid:
        # What is valid is saved; the rest stays in the form as it was typed.
        saved = Campaign.objects.select_related("account").get(pk=campaign.pk)
        seen = fingerprint(_types(name), saved)
        return _page(request, saved, name, forms, leave_url=step_url(saved, wanted), seen=seen)
    if turn == "upload":
        back = reverse("campaigns:recipients_step", args=[campaign.pk])
        return redirect(f"{reverse('contacts:upload')}?{urlencode({'next': back})}")
    return redirect(step_url(campaign, wanted))


def _created(request: HttpRequest, name: str) -> Campaign:
    """A new draft with the account that its writer used last."""
    account = _usual_account(request)
    return Campaign.objects.create(
        name=name,
        created_by_id=request.user.pk,
        account=account,
        options=usual_options(account) if account else {},
    )


def _copy_template(campaign: Campaign, template_pk: str) -> None:
    """Copy the text of a template into a new draft, whose lists are saved by now."""
    template = Template.objects.filter(pk=as_id(template_pk) or 0).first()
    if template:
        copy_into(campaign, template)


def _usual_account(request: HttpRequest) -> Account | None:
    """The only active account, or the one that this person's last campaign goes through; None without either."""
    active = list(Account.objects.filter(is_active=True))
    if len(active) == 1:
        return active[0]
    own = Campaign.objects.filter(created_by_id=request.user.pk, account__is_active=True)
    last = own.select_related("account").order_by("-id").first()
    return last.account if last else None


@transaction.atomic
def _save(request: HttpRequest, campaign: Campaign, name: str, forms: Forms) -> bool:
    """Save what is valid; return False if somebody else submitted the draft in the meantime.

    Raises ChangedSince if somebody else saved this step in the meantime; nothing is saved then. A request that does not
    tell what its page showed (``seen``) is not checked.
    """
    drafts = Campaign.objects.select_for_update(of=("self",)).select_related("account")
    draft = drafts.filter(pk=campaign.pk, status=Campaign.Status.DRAFT).first()
    if draft is None:
        return False
    seen = request.POST.get("seen", "")
    if seen and seen != fingerprint(_types(name), draft):
        raise ChangedSince
    for form in forms.values():
        form.save(draft)
    record_edit(draft, request.user)
    return True


def _types(name: str) -> list[type[StepForm]]:
    return list(FORMS[name].values())


def _compared(form: MessageForm) -> dict[str, Any]:
    """What each account would do with the draft as it is in the form; nothing is saved."""
    form.is_valid()
    if "text" in form.errors:
        return {"is_compared": True, "account_checks_refusal": " ".join(str(error) for error in form.errors["text"])}
    draft = form.instance
    account = form.chosen_account()
    # If the chosen account refuses something, the others are asked about exactly the same draft.
    draft.sender, draft.options = form.data.get("sender", "").strip(), form.chosen_options()
    if account:
        draft.account = account
    return {"is_compared": True, **compared(draft)}


def _page(
    request: HttpRequest, campaign: Campaign, name: str, forms: Forms, is_unasked: bool = False, **more: Any
) -> HttpResponse:
    """The page of a step. ``is_unasked``: nobody asked to save it, so no errors are shown."""
    is_bound = any(form.is_bound for form in forms.values())
    if is_unasked:
        for form in forms.values():
            form.forget_errors()
    before, after = neighbours(name)
    steps = steps_of(campaign, name)
    context = {
        **forms,
        "campaign": campaign if campaign.pk else None,
        # A page that is shown again without being saved keeps what its first one showed.
        "seen": request.POST.get("seen") or (fingerprint(_types(name), campaign) if campaign.pk else ""),
        "action": step_url(campaign, name) if campaign.pk else reverse("campaigns:new"),
        "steps": steps,
        "missing": next(step.missing for step in steps if step.is_current),
        "before": before,
        "after": after,
        "has_errors": any(form.has_errors() for form in forms.values()),
        **_CONTEXTS[name](request, campaign, forms),
        **_problem_of(request, campaign, name, is_bound),
        **more,
    }
    return render(request, f"campaigns/step_{name}.html", context, status=422 if is_bound and not is_unasked else 200)


def _recipients_context(request: HttpRequest, campaign: Campaign, forms: Forms) -> dict[str, Any]:
    form = forms["recipients_form"]
    sources = form.sources()
    context: dict[str, Any] = {"template": request.POST.get("template") or request.GET.get("template", "")}
    if sources.chosen:
        context["missing"] = ()
    context |= equation_of(sources.count_reasons, campaign.text)
    if form.is_as_saved():
        context |= _preview_of(campaign)
    return without_skipped(context, campaign.letters)


def _preview_of(campaign: Campaign) -> dict[str, Any]:
    """What the first recipient of a saved draft would read, and how many are skipped because of their letters."""
    return estimate_of(campaign, campaign.text, campaign.account, campaign.options, campaign.letters, {})


def _message_context(request: HttpRequest, campaign: Campaign, forms: Forms) -> dict[str, Any]:
    form = forms["message_form"]
    text, account, options = form["text"].value() or "", form.chosen_account(), form.chosen_options()
    choice = str(forms["letters_form"]["letters"].value() or "")
    context = {
        "labels": (labels := recipients.labels_of(campaign)),
        "literals": form.foreign_fields(),
        "are_literals": form["are_literals"].value(),
        "account": account,
        **equation_of(partial(count_reasons, campaign), text),
        **measured(text, campaign.ordered_lists(), account, options),
        **estimate_of(campaign, text, account, options, choice, request.GET),
        **while_unbound(labels, {row["field"]: row["label"] for row in form.unbound_fields()}),
    }
    return without_skipped(context, choice)


def _when_context(request: HttpRequest, campaign: Campaign, forms: Forms) -> dict[str, Any]:
    shown = equation_of(partial(count_reasons, campaign), campaign.text) | _preview_of(campaign)
    without_skipped(shown, campaign.letters)
    return shown | {"last_sentence": last_of_draft(campaign, shown["equation"]["included"], timezone.now())}


_CONTEXTS: dict[str, Callable[[HttpRequest, Campaign, Forms], dict[str, Any]]] = {
    "recipients": _recipients_context,
    "message": _message_context,
    "when": _when_context,
}


def _problem_of(request: HttpRequest, campaign: Campaign, name: str, is_bound: bool) -> dict[str, str]:
    """Why the draft could not be submitted, to be shown beside the field of this step in which it can be fixed."""
    if is_bound or not campaign.pk:
        return {}
    code, sentence = campaign.reason, campaign.sentence
    if request.GET.get("fix"):
        try:
            count_usable(campaign)
        except Refusal as refusal:
            code, sentence = refusal.code, refusal.sentence
    step, field = PLACES.get(code, (name, ""))
    return {"problem": sentence, "problem_field": field} if code and step == name and field else {}
