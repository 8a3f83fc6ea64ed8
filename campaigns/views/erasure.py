"""Personal data: what is erased after which time, erasing a person on request, and a person's own data."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from campaigns import jobs
from campaigns.forms.erasure import ErasureForm
from campaigns.models import Erasure, Purge
from campaigns.privacy import erasing, person_export, purging
from campaigns.statuses import RetentionKind
from campaigns.views.search import msisdn_of
from contacts import queues, suppression
from contacts.errors import Refusal
from contacts.export_log import record_export
from contacts.models import Contact, Suppression
from contacts.phones import PhoneError
from contacts.timing import REFRESH_SECONDS, STOP_POLLING

#: Erasures that are listed.
MOST = 100


@require_GET
@permission_required("campaigns.add_erasure", raise_exception=True)
def privacy(request: HttpRequest) -> HttpResponse:
    """How long each kind of personal data is kept, the last run that erased, and the people who were erased."""
    kept = [
        (kind.label, f"RETENTION_{kind.upper()}_DAYS", settings.RETENTION_DAYS[kind], purging.RECOMMENDED_DAYS[kind])
        for kind in RetentionKind
    ]
    last = Purge.objects.exclude(ended_at=None).first()
    report = [one | {"label": RetentionKind(one["kind"]).label} for one in last.report] if last else []
    erasures = Erasure.objects.select_related("created_by")[:MOST]
    return render(
        request, "campaigns/privacy.html", {"kept": kept, "last": last, "report": report, "erasures": erasures}
    )


@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("campaigns.add_erasure", raise_exception=True)
def erase(request: HttpRequest) -> HttpResponse:
    """Erase the person with the number ``?number=``, after a page that says what it means."""
    try:
        msisdn = msisdn_of(request.GET.get("number", "").strip())
    except PhoneError as error:
        messages.error(request, error.sentence)
        return redirect("campaigns:search")
    form = ErasureForm(request.POST or None, is_opted_out=suppression.is_suppressed(msisdn))
    if request.method == "POST" and form.is_valid():
        try:
            asked = _request(request, msisdn, form.cleaned_data)
        except Refusal as refusal:
            messages.error(request, refusal.sentence)
        else:
            queues.enqueue_once(jobs.erase_person, asked.pk)
            return redirect("campaigns:erasure", asked.pk)
    context = {
        "form": form,
        "msisdn": msisdn,
        "blockers": erasing.blockers(msisdn, timezone.now()),
        "page": f"{reverse('campaigns:search')}?{urlencode({'number': msisdn})}",
    }
    return render(request, "campaigns/erase.html", context, status=422 if form.errors else 200)


def _request(request: HttpRequest, msisdn: str, clean: dict[str, Any]) -> Erasure:
    asked = erasing.request_erasure(msisdn, clean["note"], request.user, timezone.now())
    if clean.get("opt_out"):
        suppression.suppress([msisdn], Suppression.Source.MANUAL, "Asked to be erased", request.user)
    return asked


@require_GET
@permission_required("campaigns.add_erasure", raise_exception=True)
def erasure(request: HttpRequest, pk: int) -> HttpResponse:
    """The report of an erasure."""
    return render(request, "campaigns/erasure.html", _state(pk))


@require_GET
@permission_required("campaigns.add_erasure", raise_exception=True)
def erasure_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that refreshes itself; 286 stops polling."""
    context = _state(pk)
    status = 200 if context["erasure"].status == Erasure.Status.RUNNING else STOP_POLLING
    return render(request, "campaigns/_erasure.html", context, status=status)


def _state(pk: int) -> dict[str, Any]:
    row = get_object_or_404(Erasure.objects.select_related("created_by"), pk=pk)
    return {"erasure": row, "refresh_seconds": REFRESH_SECONDS}


@require_POST
@permission_required("campaigns.add_erasure", raise_exception=True)
def erasure_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Start an erasure again that was blocked."""
    row = get_object_or_404(Erasure, pk=pk)
    if erasing.try_again(row):
        queues.enqueue_once(jobs.erase_person, pk)
    return redirect("campaigns:erasure", pk)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def person(request: HttpRequest) -> HttpResponse:
    """Everything about the number ``?number=``, to hand to the person who asks for it."""
    try:
        msisdn = msisdn_of(request.GET.get("number", "").strip())
    except PhoneError as error:
        messages.error(request, error.sentence)
        return redirect("campaigns:search")
    data = person_export.export_of(msisdn, timezone.now())
    record_export(request, Contact, "person", {"number": msisdn}, rows=person_export.count(data))
    response = JsonResponse(data, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="{msisdn}.json"'
    return response
