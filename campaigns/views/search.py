"""One number, one page: everything that was ever done about it, and opting it out."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from campaigns.models import Erasure
from campaigns.views.timeline import is_known, timeline_of
from contacts import suppression
from contacts.forms import DatedOptOutForm
from contacts.ids import as_id
from contacts.models import Suppression
from contacts.phones import TYPED, PhoneError, formatted, parse
from contacts.pseudonyms import pseudonym


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def search(request: HttpRequest) -> HttpResponse:
    """The page of the number ``?number=``, in any notation; also of one that nobody knows, so that it can opt out."""
    typed = request.GET.get("number", "").strip()
    if not typed:
        return render(request, "campaigns/search.html", {})
    try:
        msisdn = msisdn_of(typed)
    except PhoneError as error:
        return render(request, "campaigns/search.html", {"typed": typed, "error": error.sentence})
    timeline = timeline_of(msisdn, _before(request))
    context = {
        "typed": typed,
        "msisdn": msisdn,
        "contacts": timeline.contacts,
        "erasure": Erasure.objects.filter(msisdn__in=(msisdn, pseudonym(msisdn))).first(),
        "opt_out": Suppression.objects.active().filter(msisdn=msisdn).first(),
        "timeline": timeline,
        "older": f"?{urlencode({'number': msisdn, 'before': timeline.older})}" if timeline.older else "",
        "newest": f"?{urlencode({'number': msisdn})}",
        "now": timezone.now(),
    }
    return render(request, "campaigns/search.html", context)


def msisdn_of(typed: str) -> str:
    """The digits of a number as typed. Digits that are no number are accepted if there is anything about them."""
    try:
        return parse(typed, settings.DEFAULT_COUNTRY, TYPED)
    except PhoneError:
        digits = "".join(filter(str.isdecimal, typed))
        if digits.isascii() and 6 <= len(digits) <= 15 and is_known(digits):
            return digits
        raise


def _before(request: HttpRequest) -> int:
    return as_id(request.GET.get("before")) or 0


@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.add_suppression", raise_exception=True)
def opt_out(request: HttpRequest) -> HttpResponse:
    """Opt out the number ``?number=``, with the day and the proof."""
    try:
        msisdn = msisdn_of(request.GET.get("number", "").strip())
    except PhoneError as error:
        messages.error(request, error.sentence)
        return redirect("campaigns:search")
    page = f"{reverse('campaigns:search')}?{urlencode({'number': msisdn})}"
    form = DatedOptOutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        _opt_out(request, msisdn, form.cleaned_data)
        return redirect(page)
    context = {"form": form, "msisdn": msisdn, "page": page}
    return render(request, "campaigns/opt_out.html", context, status=422 if form.errors else 200)


def _opt_out(request: HttpRequest, msisdn: str, clean: dict[str, Any]) -> None:
    added, _ = suppression.suppress(
        [msisdn], Suppression.Source.MANUAL, clean["note"], request.user, clean["opted_out_on"]
    )
    if added:
        messages.success(request, f"{formatted(msisdn)} is opted out. No campaign will text it.")
    else:
        messages.info(request, f"{formatted(msisdn)} was already opted out.")
