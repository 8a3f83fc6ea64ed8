"""The People screen of administrators, and everybody's own profile."""

from collections.abc import Callable
from functools import wraps

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


def _action(
    operation: Callable[[HttpRequest, User], HttpResponse | None],
) -> Callable[[HttpRequest, int], HttpResponse]:
    """The view that performs ``operation`` on a person and shows its answer, or without one the person's page.

    After confirming the password, the browser returns here with its POST, or with a GET, which only shows that page.
    """

    @permission_required("auth.change_user", raise_exception=True)
    @reauthentication_required
    def perform(request: HttpRequest, pk: int) -> HttpResponse:
        user = get_object_or_404(User, pk=pk)
        answer = None
        try:
            answer = operation(request, user)
        except Refusal as refusal:
            messages.error(request, refusal.sentence)
        return answer or redirect("people:person", pk)

    @wraps(operation)
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        return perform(request, pk) if request.method == "POST" else redirect("people:person", pk)

    return view


@_action
def link(request: HttpRequest, user: User) -> HttpResponse:
    """Show a new link once."""
    return _show_link(request, user)


@_action
def access(request: HttpRequest, user: User) -> None:
    """Activate or deactivate a person: ``is_active`` is "on" or nothing."""
    is_active = request.POST.get("is_active") == "on"
    operations.set_access(_actor(request), user, is_active)
    done = "can log in again" if is_active else "is logged out and can no longer log in"
    messages.success(request, f"{user} {done}.")


@_action
def second_step(request: HttpRequest, user: User) -> None:
    """Reset a person's two-step login."""
    operations.reset_second_step(_actor(request), user)
    messages.success(request, f"Two-step login of {user} is off. They can set it up again.")


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
