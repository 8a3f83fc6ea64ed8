"""The People screen of administrators, and everybody's own profile."""

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods
from django_tables2 import RequestConfig

from contacts.errors import Refusal
from people import operations
from people.forms import PersonForm, ProfileForm
from people.roles import may_manage
from people.sessions import TIME_ZONE
from people.tables import PeopleTable, role_words, state_of

PEOPLE_A_PAGE = 50


@require_GET
@permission_required("auth.view_user", raise_exception=True)
def people(request: HttpRequest) -> HttpResponse:
    devices = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type=Authenticator.Type.RECOVERY_CODES)
    rows = User.objects.annotate(has_second_step=Exists(devices)).prefetch_related("groups")
    table = PeopleTable(rows, order_by="username")
    RequestConfig(request, paginate={"per_page": PEOPLE_A_PAGE}).configure(table)
    counts = {"active": rows.filter(is_active=True).count(), "inactive": rows.filter(is_active=False).count()}
    return render(request, "people/people.html", {"table": table, **counts})


@require_http_methods(["GET", "POST"])
@permission_required("auth.add_user", raise_exception=True)
@reauthentication_required(allow_get=True)
def invite(request: HttpRequest) -> HttpResponse:
    """Add a person and show the link once at which they choose their password."""
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        role = form.cleaned_data.pop("role")
        user = operations.invite(_actor(request), form.cleaned_data, role)
        return _show_link(request, user)
    return render(request, "people/invite.html", {"form": form})


@require_http_methods(["GET", "POST"])
@permission_required("auth.view_user", raise_exception=True)
@reauthentication_required(allow_get=True)
def person(request: HttpRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    is_managed = may_manage(request.user, user)
    form = PersonForm(request.POST or None, instance=user, editor=_actor(request)) if is_managed else None
    if request.method == "POST":
        if form is None:
            raise PermissionDenied
        if form.is_valid():
            operations.change(_actor(request), user, form.cleaned_data["role"])
            messages.success(request, "Saved.")
            return redirect("people:list")
    context = {
        # The form may have set something on ``user`` that was not saved.
        "person": User.objects.get(pk=pk),
        "form": form,
        "state": state_of(user),
        "role": role_words(user),
        "is_self": user == request.user,
        "has_second_step": is_mfa_enabled(user),
    }
    return render(request, "people/person.html", context)


def link(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a new link once. After confirming the password, the browser returns here with its POST, or with a GET."""
    return _link(request, pk) if request.method == "POST" else redirect("people:person", pk)


@permission_required("auth.change_user", raise_exception=True)
@reauthentication_required
def _link(request: HttpRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    try:
        return _show_link(request, user)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect("people:person", pk)


def access(request: HttpRequest, pk: int) -> HttpResponse:
    """Activate or deactivate a person: ``is_active`` is "on" or nothing. See ``link`` for the GET."""
    return _access(request, pk) if request.method == "POST" else redirect("people:person", pk)


@permission_required("auth.change_user", raise_exception=True)
@reauthentication_required
def _access(request: HttpRequest, pk: int) -> HttpResponse:
    user, is_active = get_object_or_404(User, pk=pk), request.POST.get("is_active") == "on"
    try:
        operations.set_access(_actor(request), user, is_active)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        done = "can log in again" if is_active else "is logged out and can no longer log in"
        messages.success(request, f"{user} {done}.")
    return redirect("people:person", pk)


def second_step(request: HttpRequest, pk: int) -> HttpResponse:
    """Reset a person's two-step login. See ``link`` for the GET."""
    return _second_step(request, pk) if request.method == "POST" else redirect("people:person", pk)


@permission_required("auth.change_user", raise_exception=True)
@reauthentication_required
def _second_step(request: HttpRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    try:
        operations.reset_second_step(_actor(request), user)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"Two-step login of {user} is off. They can set it up again.")
    return redirect("people:person", pk)


@require_http_methods(["GET", "POST"])
@reauthentication_required(allow_get=True)
def profile(request: HttpRequest) -> HttpResponse:
    user = _actor(request)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        operations.report_address(form.save(), before=user.email)
        request.session[TIME_ZONE] = form.cleaned_data["time_zone"]
        messages.success(request, "Saved.")
        return redirect("people:profile")
    context = {"form": form, "role": role_words(user), "has_second_step": is_mfa_enabled(user)}
    return render(request, "people/profile.html", {**context, "sends_email": bool(settings.EMAIL_URL)})


def _show_link(request: HttpRequest, user: User) -> HttpResponse:
    is_invitation = not user.has_usable_password()
    address = operations.password_link(request, user)
    context = {
        "person": user,
        "link": address,
        "is_invitation": is_invitation,
        "mailed": operations.mail_link(user, address, is_invitation),
        "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
    }
    return render(request, "people/link.html", context)


def _actor(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
