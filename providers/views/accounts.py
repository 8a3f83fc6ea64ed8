"""The Accounts screens."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from providers import capabilities, checking, registry
from providers.base import BaseAdapter
from providers.errors import Trouble
from providers.forms import OWN_FIELDS, account_form
from providers.models import Account
from providers.transports import sftp
from providers.transports.ftp import FtpTransport


@require_GET
@permission_required("providers.view_account", raise_exception=True)
def accounts(request: HttpRequest) -> HttpResponse:
    rows = [(account, checking.health(account), line_of(account)) for account in Account.objects.all()]
    stopped = sum(account.is_stopped for account, _, _ in rows)
    return render(
        request,
        "providers/accounts.html",
        {"rows": rows, "stopped": stopped, "capabilities": capabilities.table(_adapters())},
    )


@require_http_methods(["GET", "POST"])
@permission_required("providers.add_account", raise_exception=True)
def account_add(request: HttpRequest) -> HttpResponse:
    adapters = _adapters()
    slug = request.GET.get("provider", adapters[0].slug if len(adapters) == 1 else "")
    if not slug:
        offered = [(adapter, capabilities.summary(adapter)) for adapter in adapters]
        return render(request, "providers/choose_provider.html", {"offered": offered})
    if slug not in registry.all_adapters():
        raise Http404("There is no such provider.")
    return _edit(request, Account(provider=slug))


@require_http_methods(["GET", "POST"])
@permission_required("providers.view_account", raise_exception=True)
def account(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Account, pk=pk)
    if request.method == "POST" and not request.user.has_perm("providers.change_account"):
        raise PermissionDenied
    return _edit(request, found)


@require_POST
@permission_required("providers.view_account", raise_exception=True)
def account_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Test the connection; if the server's key is not confirmed, ask for that first."""
    found = get_object_or_404(Account, pk=pk)
    if not may_test(request.user):
        raise PermissionDenied
    if checking.needs_host_key(found):
        if request.user.has_perm("providers.change_account"):
            return redirect("providers:account_host_key", pk=pk)
        messages.warning(request, "The server's key is not confirmed yet. Ask an administrator to confirm it.")
        return redirect(found)
    _test(request, found)
    return redirect(found)


@require_http_methods(["GET", "POST"])
@permission_required("providers.change_account", raise_exception=True)
def account_host_key(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the fingerprint of the server's present key; a POST confirms exactly the key that was shown."""
    found = get_object_or_404(Account, pk=pk)
    if not checking.pins_host_key(found):
        raise Http404("This provider has no server key.")
    try:
        host_key = checking.fetch_host_key(found)
    except Trouble as trouble:
        messages.error(request, trouble.sentence)
        return redirect(found)
    if request.method == "POST":
        if request.POST.get("fingerprint") == _fingerprint(host_key):
            checking.confirm_host_key(found, host_key)
            _test(request, found)
            return redirect(found)
        messages.error(request, "The server's key is not the one that was shown a moment ago. Nothing was confirmed.")
    return render(
        request,
        "providers/host_key.html",
        {
            "account": found,
            "seen": _fingerprint(host_key),
            "kind": host_key.partition(" ")[0],
            "confirmed": _fingerprint(found.host_key),
            "is_changed": bool(found.host_key) and found.host_key != host_key,
            "is_same": found.host_key == host_key,
        },
    )


def _edit(request: HttpRequest, found: Account) -> HttpResponse:
    may_change = request.user.has_perm("providers.change_account")
    form = account_form(found, request.POST if request.method == "POST" else None) if may_change else None
    if form and form.is_valid():
        is_new = found.pk is None
        for name in OWN_FIELDS:
            setattr(found, name, form.cleaned_data[name])
        found.save_settings(form.cleaned_data)
        if is_new:
            messages.success(request, f"{found.name} is saved. Test the connection next.")
        else:
            messages.success(request, f"{found.name} is saved.")
        return redirect(found)
    return render(
        request,
        "providers/account.html",
        {
            "account": found,
            "adapter": found.adapter,
            "form": form,
            "health": checking.health(found),
            "fingerprint": _fingerprint(found.host_key),
            "pins_host_key": checking.pins_host_key(found),
            "line": line_of(found) if found.pk else "",
            "key_changed": any(check["code"] == "host_key_changed" for check in found.check_result)
            or found.stopped_code == "host_key_changed",
            "may_test": may_test(request.user),
        },
    )


def _test(request: HttpRequest, found: Account) -> None:
    was_stopped = found.is_stopped
    checks = checking.test_connection(found)
    untried = [check for check in checks if check.passed is None]
    warned = [check for check in checks if check.is_warning]
    if any(check.passed is False for check in checks):
        messages.error(request, "Test failed. See the details below.")
    elif untried and len(untried) == len(checks):
        messages.warning(request, untried[0].sentence)
    elif warned:
        messages.warning(request, f"The test passed with a warning: {warned[0].sentence}")
    elif was_stopped:
        note = next((f" {check.sentence}" for check in untried if check.code == "credits"), "")
        messages.success(request, f"The test passed, and {found.name} works again.{note}")
    elif untried:
        messages.success(
            request, "Everything that could be tested passed. The results below say what could not be tested."
        )
    else:
        messages.success(request, "The test passed.")


def line_of(account: Account) -> str:
    """Return ``encrypted`` or ``not encrypted`` for the account's connection; ``""`` if the settings do not say."""
    address = account.host.lower()
    if checking.pins_host_key(account) or account.settings.get("use_tls") or address.startswith("https://"):
        return "encrypted"
    transport = account.adapter.transport_for(account.settings)
    is_ftp = isinstance(transport, type) and issubclass(transport, FtpTransport)
    if is_ftp or address.startswith("http://"):
        return "not encrypted"
    return ""


def may_test(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the user may test connections: administrators and approvers may."""
    return isinstance(user, PermissionsMixin) and user.has_perm("providers.test_account")


def _adapters() -> list[type[BaseAdapter]]:
    return list(registry.all_adapters().values())


def _fingerprint(host_key: str) -> str:
    try:
        return sftp.fingerprint(host_key)
    except ValueError:
        return "cannot be read"
