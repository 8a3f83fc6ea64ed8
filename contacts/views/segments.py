"""Segments: saving a filter under a name, changing and deleting it."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from contacts import deleting, segments
from contacts.errors import Refusal
from contacts.models import ContactList, Segment
from contacts.segment_forms import SEGMENT_EXISTS, FilterForm, SegmentForm


@permission_required("contacts.add_segment", raise_exception=True)
def segment_new(request: HttpRequest, pk: int) -> HttpResponse:
    """Save the filter in the query string as a segment."""
    contact_list = get_object_or_404(ContactList, pk=pk)
    return _edit(request, Segment(list=contact_list, created_by=request.user))  # type: ignore[misc]


@permission_required("contacts.change_segment", raise_exception=True)
def segment_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename a segment; with a filter in the query string, that replaces its conditions."""
    return _edit(request, get_object_or_404(Segment.objects.select_related("list"), pk=pk))


def _edit(request: HttpRequest, row: Segment) -> HttpResponse:
    wanted = FilterForm(request.GET, contact_list=row.list).conditions
    conditions = wanted or row.conditions
    form = SegmentForm(request.POST or None, instance=row)
    if not conditions:
        messages.error(request, "Choose at least one condition, then save the filter as a segment.")
        return redirect(row.list)
    if request.method == "POST" and form.is_valid():
        row.conditions = conditions
        if _is_saved(form):
            messages.success(request, f"The segment {row.name} was saved.")
            return redirect("contacts:segment", pk=row.pk)
    context = {
        "form": form,
        "segment": row,
        "conditions": segments.in_words(conditions, row.list),
        "before": segments.in_words(row.conditions, row.list) if row.pk and wanted != row.conditions and wanted else [],
    }
    return render(request, "contacts/segment_form.html", context, status=422 if form.errors else 200)


def _is_saved(form: SegmentForm) -> bool:
    """Save the segment; return whether that worked. Another user may have just taken the name."""
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError:
        form.add_error("name", SEGMENT_EXISTS)
        return False
    return True


@require_POST
@permission_required("contacts.delete_segment", raise_exception=True)
def segment_delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Segment.objects.select_related("list"), pk=pk)
    try:
        deleting.delete_segment(row)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect("contacts:segment", pk=pk)
    messages.success(request, f"The segment {row.name} was deleted. Its contacts stay on {row.list}.")
    return redirect(row.list)
