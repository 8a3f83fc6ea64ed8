"""Bulk actions: confirming what is to be done to all contacts that match a filter, and watching it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from contacts import browsing, bulk, jobs, queues, segments
from contacts.errors import Refusal
from contacts.forms import BulkActionForm
from contacts.models import BulkAction, ContactList
from contacts.timing import REFRESH_SECONDS, STOP_POLLING
from contacts.views.browse import chosen_by

#: Of each kind: the question and the button of the confirmation, and the words for changed and already.
QUESTIONS: dict[str, str] = {
    BulkAction.Kind.DELETE: "Delete {people} from {list}",
    BulkAction.Kind.OPT_OUT: "Opt out {people}",
    BulkAction.Kind.COPY: "Copy {people} to another list",
    BulkAction.Kind.MOVE: "Move {people} to another list",
}
RESULTS: dict[str, tuple[str, str]] = {
    BulkAction.Kind.DELETE: ("Deleted", ""),
    BulkAction.Kind.OPT_OUT: ("Opted out", "Were opted out already"),
    BulkAction.Kind.COPY: ("Copied", "Were on the other list already, and stay there as they are"),
    BulkAction.Kind.MOVE: ("Moved", "Were on the other list already; deleted from this one"),
}
PERMISSIONS = {
    BulkAction.Kind.DELETE: ("contacts.delete_contact",),
    BulkAction.Kind.OPT_OUT: ("contacts.add_suppression",),
    BulkAction.Kind.COPY: ("contacts.add_contact",),
    BulkAction.Kind.MOVE: ("contacts.add_contact", "contacts.delete_contact"),
}


@permission_required("contacts.view_contactlist", raise_exception=True)
def bulk_new(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """Ask for confirmation, naming the number of contacts that match the query string's filter; then begin."""
    if kind not in BulkAction.Kind.values:
        raise Http404("There is no such action.")
    if not request.user.has_perms(PERMISSIONS[BulkAction.Kind(kind)]):
        raise PermissionDenied
    row = get_object_or_404(ContactList, pk=pk)
    chosen = chosen_by(request, row)
    if not chosen.form.is_valid() or chosen.words:
        messages.error(request, "Choose contacts with the filter, without a search.")
        return redirect(row)
    matched = browsing.count(chosen.contacts, chosen.query, float("inf")).number
    form = BulkActionForm(
        request.POST if request.method == "POST" else None, kind=kind, contact_list=row, initial={"matched": matched}
    )
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["matched"] != matched:
            form.add_error(None, f"The number of contacts that match has changed to {matched:,}. Confirm again.")
        elif action := _begun(request, form, row, kind, chosen.conditions, matched):
            return redirect(action)
    people = f"{matched:,} contact{'' if matched == 1 else 's'}"
    button = QUESTIONS[kind].format(people=people, list=row)
    context = {
        "form": form,
        "list": row,
        "kind": kind,
        "matched": matched,
        "question": f"{button}?",
        "button": button,
        "conditions": segments.in_words(chosen.conditions, row),
        "back": f"{row.get_absolute_url()}?{request.GET.urlencode()}",
    }
    return render(request, "contacts/bulk_new.html", context, status=422 if form.errors else 200)


def _begun(
    request: HttpRequest,
    form: BulkActionForm,
    row: ContactList,
    kind: str,
    conditions: list[dict[str, str]],
    matched: int,
) -> BulkAction | None:
    """Begin the action, and finish a small one; None, with an error in the form, if it is refused."""
    clean = form.cleaned_data
    try:
        action = bulk.begin(
            row, kind, conditions, matched, request.user, timezone.now(), clean.get("target"), clean.get("note", "")
        )
    except Refusal as refusal:
        form.add_error("target" if "target" in form.fields else None, refusal.sentence)
        return None
    if matched <= bulk.AT_ONCE:
        bulk.run(action.pk)
    else:
        queues.enqueue_once(jobs.run_bulk_action, action.pk)
    return action


@require_GET
@permission_required("contacts.view_contactlist", raise_exception=True)
def bulk_action(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "contacts/bulk_action.html", _progress(pk))


@require_GET
@permission_required("contacts.view_contactlist", raise_exception=True)
def bulk_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that refreshes."""
    context = _progress(pk)
    is_done = context["action"].status == BulkAction.Status.DONE
    return render(request, "contacts/_bulk_action.html", context, status=STOP_POLLING if is_done else 200)


def _progress(pk: int) -> dict[str, Any]:
    action = get_object_or_404(BulkAction.objects.select_related("list", "target", "created_by"), pk=pk)
    changed, already = RESULTS[action.kind]
    results = [(changed, action.changed), *([(already, action.already)] if already else [])]
    return {
        "action": action,
        "results": results,
        "conditions": segments.in_words(action.conditions, action.list),
        "refresh_seconds": REFRESH_SECONDS,
    }
