"""The files of a campaign, exactly as they would be handed over."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from campaigns.handover.exact_files import first_lines, plan_files
from campaigns.models import Campaign
from contacts.errors import Refusal
from contacts.export_log import record_export


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def files(request: HttpRequest, pk: int) -> HttpResponse:
    """The first file with its beginning and its checksum, and how many others follow."""
    row = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    context: dict[str, Any] = {"campaign": row}
    try:
        if row.account_id is None:
            raise Refusal("no_account", "Choose the account first: each provider has files of its own.")
        planned = plan_files(row)
    except Refusal as refusal:
        return render(request, "campaigns/files.html", context | {"refusal": refusal})
    first = planned.first
    context |= {
        "planned": planned,
        "first": first,
        "size": len(first.payload.body),
        "lines": first_lines(first.payload),
    }
    return render(request, "campaigns/files.html", context)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def first_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The bytes of the first file, for download."""
    row = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    try:
        first = plan_files(row).first if row.account_id else None
    except Refusal as refusal:
        raise Http404(refusal.sentence) from refusal
    if first is None:
        raise Http404("This campaign has no account yet.")
    response = HttpResponse(first.payload.body, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{first.payload.name}"'
    record_export(request, row, "first file", rows=first.rows)
    return response
