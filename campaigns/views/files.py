"""The files of a campaign, exactly as they would be handed over."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from campaigns.handover.exact_files import PlannedFile, first_lines, plan_file
from campaigns.models import Campaign
from contacts.errors import Refusal
from contacts.export_log import record_export
from contacts.ids import as_id


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def files(request: HttpRequest, pk: int) -> HttpResponse:
    """One file with its beginning and its checksum, the first unless ``file`` asks for another, and what follows it."""
    row = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    context: dict[str, Any] = {"campaign": row}
    try:
        planned = _planned(request, row)
    except Refusal as refusal:
        return render(request, "campaigns/files.html", context | {"refusal": refusal})
    payload = planned.file.payload
    context |= {"planned": planned, "file": planned.file, "size": len(payload.body), "lines": first_lines(payload)}
    return render(request, "campaigns/files.html", context)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def exact_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The bytes of the file that ``files`` shows, for download."""
    row = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    try:
        planned = _planned(request, row)
    except Refusal as refusal:
        raise Http404(refusal.sentence) from refusal
    response = HttpResponse(planned.file.payload.body, content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{planned.file.payload.name}"'
    record_export(request, row, f"file {planned.number}", rows=planned.file.rows)
    return response


def _planned(request: HttpRequest, campaign: Campaign) -> PlannedFile:
    """The file that the address asks for. Raises Refusal."""
    if campaign.account_id is None:
        raise Refusal("no_account", "Choose the account first: each provider has files of its own.")
    return plan_file(campaign, as_id(request.GET.get("file")) or 1)
