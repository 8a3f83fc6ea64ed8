"""The pages of replies: what people sent back, the upload of a provider's export, and an account's secret address."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from campaigns.forms.replies import ReplyUploadForm
from campaigns.models import Reply
from campaigns.results import replies as operations
from campaigns.results import reply_export
from contacts import phones
from contacts.ids import as_id
from contacts.sheets import SheetError
from contacts.views.uploads import on_disk
from providers import vault
from providers.models import Account

PAGE = 50
FILTERS = (("to_read", "To read"), ("opted_out", "Opted out"), ("all", "All"))


@require_GET
@permission_required("campaigns.view_reply", raise_exception=True)
def replies(request: HttpRequest) -> HttpResponse:
    """The replies, newest first. ``?show=``: one of FILTERS. ``?before=``: those older than this one."""
    shown = request.GET.get("show", "to_read")
    if shown not in dict(FILTERS):
        shown = "to_read"
    rows = _older(_filtered(shown), request.GET.get("before", ""))
    page = list(rows.select_related("account", "acted_by")[: PAGE + 1])
    context = {
        "rows": page[:PAGE],
        "older": page[PAGE - 1].pk if len(page) > PAGE else None,
        "is_first": not request.GET.get("before"),
        "shown": shown,
        "filters": FILTERS,
        "to_read": Reply.objects.filter(action=Reply.Action.TO_READ).count(),
        "is_empty": not page and not Reply.objects.exists(),
        "words": ", ".join(settings.OPT_OUT_WORDS),
        "path": request.get_full_path(),
    }
    return render(request, "campaigns/replies.html", context)


def _filtered(shown: str) -> QuerySet[Reply]:
    rows = Reply.objects.order_by("-id")
    return rows if shown == "all" else rows.filter(action=shown)


def _older(rows: QuerySet[Reply], before: str) -> QuerySet[Reply]:
    newest = as_id(before)
    return rows if newest is None else rows.filter(pk__lt=newest)


@require_POST
@permission_required(("campaigns.change_reply", "contacts.add_suppression"), raise_exception=True)
def reply_opt_out(request: HttpRequest, pk: int) -> HttpResponse:
    reply = get_object_or_404(Reply.objects.select_related("account"), pk=pk)
    if not reply.msisdn or reply.erased_at:
        messages.error(request, "This sender’s phone number is not known, so there is nothing to opt out.")
    elif operations.opt_out(reply, request.user, timezone.now()):
        messages.success(request, f"{phones.formatted(reply.msisdn)} is opted out. No campaign will text it.")
    else:
        messages.info(request, f"{phones.formatted(reply.msisdn)} was already opted out.")
    return _back(request)


@require_POST
@permission_required("campaigns.change_reply", raise_exception=True)
def reply_read(request: HttpRequest, pk: int) -> HttpResponse:
    operations.mark_read(get_object_or_404(Reply, pk=pk), request.user, timezone.now())
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    path = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(path, {request.get_host()}, require_https=request.is_secure())
    return redirect(path if is_ours else reverse("campaigns:replies"))


@require_http_methods(["GET", "POST"])
@permission_required(("campaigns.add_reply", "contacts.add_suppression"), raise_exception=True)
def reply_upload(request: HttpRequest) -> HttpResponse:
    """Record the replies of a provider's export, each once, also if they were pushed with the same id."""
    form = ReplyUploadForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        file: UploadedFile = form.cleaned_data["file"]
        account = form.cleaned_data["account"]
        try:
            with on_disk(file) as path:
                result = reply_export.record(account, path, file.name or "", timezone.now(), request.user)
        except SheetError as error:
            form.add_error("file", forms.ValidationError(error.sentence, code=error.code))
        else:
            context = {"result": result, "account": account, "name": file.name}
            return render(request, "campaigns/reply_upload_result.html", context)
    return render(request, "campaigns/reply_upload.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@permission_required("campaigns.change_replyaddress", raise_exception=True)
def reply_address(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an account's address to administrators; a POST makes a new one."""
    account = get_object_or_404(Account, pk=pk)
    if request.method == "POST":
        had_one = hasattr(account, "reply_address")
        operations.new_address(account, request.user, timezone.now())
        if had_one:
            messages.success(request, "The address is new. Enter it at the provider: the earlier one no longer works.")
        return redirect("campaigns:reply_address", pk)
    found = getattr(account, "reply_address", None)
    url = ""
    if found is not None:
        try:
            path = reverse("campaigns:reply_push", args=[operations.token_of(found)])
            url = request.build_absolute_uri(path)
        except vault.VaultError:
            messages.error(request, "The address was encrypted with a key that is gone. Make a new one.")
    context = {
        "account": account,
        "address": found,
        "url": url,
        "setup": account.adapter.reply_setup,
        "latest": Reply.objects.filter(account=account).order_by("-id").first(),
    }
    return render(request, "campaigns/reply_address.html", context)
