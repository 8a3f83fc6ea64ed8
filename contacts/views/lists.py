"""The pages of contact lists and their contacts."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from contacts import browsing, deleting, phones
from contacts.errors import Refusal
from contacts.fields import FIELD_NAMES
from contacts.forms import ON_LIST_ALREADY, ContactForm, ContactListForm
from contacts.models import Contact, ContactList, Import, Suppression
from contacts.tables import ContactListTable, zoned

SHOWN_IMPORTS = 3


@require_GET
@permission_required("contacts.view_contactlist", raise_exception=True)
def lists(request: HttpRequest) -> HttpResponse:
    table = ContactListTable(ContactList.objects.all(), order_by="name")
    RequestConfig(request, paginate={"per_page": 25, "silent": True}).configure(table)
    return render(request, "contacts/lists.html", {"table": table, "unfinished": unfinished(list__isnull=False)})


def unfinished(**conditions: Any) -> list[Import]:
    """Today's imports that still run or wait for a decision, newest first: people who left one find it again."""
    today = timezone.now() - timedelta(days=1)
    found = Import.objects.unfinished().filter(created_at__gte=today, **conditions)
    return list(found.select_related("list")[:SHOWN_IMPORTS])


@permission_required("contacts.add_contactlist", raise_exception=True)
def list_new(request: HttpRequest) -> HttpResponse:
    return _edit_list(request, ContactList())


@permission_required("contacts.change_contactlist", raise_exception=True)
def list_edit(request: HttpRequest, pk: int) -> HttpResponse:
    return _edit_list(request, get_object_or_404(ContactList, pk=pk))


def _edit_list(request: HttpRequest, row: ContactList) -> HttpResponse:
    title = row.name or "New list"
    form = ContactListForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f"{saved} was saved.")
        return redirect(saved)
    context = {"form": form, "title": title, "back": row.get_absolute_url() if row.pk else ""}
    return render(request, "contacts/list_form.html", context, status=422 if form.errors else 200)


@permission_required("contacts.delete_contactlist", raise_exception=True)
def list_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for confirmation, saying what goes and what stays; then delete the list."""
    row = get_object_or_404(ContactList, pk=pk)
    contacts = browsing.count(row.contacts.all(), Q(), float("inf")).number
    try:
        if request.method != "POST":
            deleting.refuse_deletion(row)
            context = {
                "list": row,
                "contacts": contacts,
                "imports": row.imports.count(),
                "segments": row.segments.count(),
            }
            return render(request, "contacts/list_delete.html", context)
        deleting.delete_list(row)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect(row)
    plural = "" if contacts == 1 else "s"
    messages.success(request, f"{row} and its {contacts:,} contact{plural} were deleted. Opt-outs were kept.")
    return redirect("contacts:lists")


@permission_required("contacts.add_contact", raise_exception=True)
def contact_new(request: HttpRequest, pk: int) -> HttpResponse:
    return _edit_contact(request, Contact(list=get_object_or_404(ContactList, pk=pk)))


@permission_required("contacts.view_contact", raise_exception=True)
def contact(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Contact.objects.select_related("list"), pk=pk)
    if request.user.has_perm("contacts.change_contact"):
        return _edit_contact(request, row)
    facts = [(row.list.label(field), getattr(row, field)) for field in FIELD_NAMES]
    facts = [(label, value) for label, value in facts if value]
    facts.append(("Updated", zoned(row.updated_at)))
    return render(request, "contacts/contact_read.html", {"contact": row, "facts": facts, "opt_out": _opt_out(row)})


def _edit_contact(request: HttpRequest, row: Contact) -> HttpResponse:
    number = phones.formatted(row.msisdn) if row.pk else ""
    form = ContactForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid() and _is_saved(form):
        messages.success(request, f"{phones.formatted(row.msisdn)} was saved.")
        return redirect(row.list)
    context = {"form": form, "contact": row, "number": number, "opt_out": _opt_out(row)}
    return render(request, "contacts/contact.html", context, status=422 if form.errors else 200)


def _is_saved(form: ContactForm) -> bool:
    """Save the contact; return whether that worked. Another user may have just added the same number."""
    try:
        with transaction.atomic():
            form.save()
    except IntegrityError:
        form.add_error("phone", ON_LIST_ALREADY)
        return False
    return True


def _opt_out(row: Contact) -> Suppression | None:
    return Suppression.objects.active().filter(msisdn=row.msisdn).first() if row.pk else None


@permission_required("contacts.delete_contact", raise_exception=True)
def contact_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for confirmation, saying what stays; then delete the contact from its list."""
    row = get_object_or_404(Contact.objects.select_related("list"), pk=pk)
    if request.method != "POST":
        return render(request, "contacts/contact_delete.html", {"contact": row, "opt_out": _opt_out(row)})
    row.delete()
    number = phones.formatted(row.msisdn)
    messages.success(request, f"{number} was deleted from {row.list}. An opt-out of this number is kept.")
    return redirect(row.list)
