"""The notices of the person who is logged in, and which of them they want."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from campaigns import timing
from campaigns.forms.notices import NoticeChoiceForm
from campaigns.models import Notice
from contacts.ids import as_id

NOTICES_A_PAGE = 50


@require_GET
def notices(request: HttpRequest) -> HttpResponse:
    rows = _own(request)
    late = rows.filter(mailed_at=None, created_at__lt=timezone.now() - timing.MAIL_IS_LATE_AFTER)
    context = {
        "page": Paginator(rows, NOTICES_A_PAGE).get_page(request.GET.get("page")),
        "unread": rows.filter(read_at=None).count(),
        "late": late.count(),
    }
    return render(request, "campaigns/notices.html", context)


@require_GET
def notice_open(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark one notice as read and redirect to its page."""
    notice = get_object_or_404(_own(request), pk=pk)
    _mark_read(_own(request).filter(pk=pk))
    return redirect(notice.path)


@require_POST
def notice_read(request: HttpRequest, pk: int) -> HttpResponse:
    get_object_or_404(_own(request), pk=pk)
    _mark_read(_own(request).filter(pk=pk))
    return redirect("campaigns:notices")


@require_POST
def notices_read(request: HttpRequest) -> HttpResponse:
    """Mark all notices as read that the page showed; ``up_to`` is the newest of them."""
    up_to = as_id(request.POST.get("up_to"))
    if up_to is not None:
        _mark_read(_own(request).filter(pk__lte=up_to))
    return redirect("campaigns:notices")


def notice_choice(request: HttpRequest) -> HttpResponse:
    # A form without any tick is an answer too.
    sent = request.POST if request.method == "POST" else None
    form = NoticeChoiceForm(sent, user=request.user)  # type: ignore[arg-type]
    if form.is_valid():
        form.save()
        messages.success(request, "Saved. It applies to new notices.")
        return redirect("campaigns:notices")
    context = {"form": form, "sends_email": bool(settings.EMAIL_URL)}
    return render(request, "campaigns/notice_choice.html", context)


def _own(request: HttpRequest) -> QuerySet[Notice]:
    return Notice.objects.filter(user=request.user.pk)


def _mark_read(rows: QuerySet[Notice]) -> None:
    rows.filter(read_at=None).update(read_at=timezone.now())
