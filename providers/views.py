"""The Accounts screens."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from providers import checking, registry
from providers.base import BaseAdapter, GuardKind
from providers.errors import Trouble
from providers.forms import account_form
from providers.models import Account
from providers.transports.sftp import fingerprint

_GUARDS = {
    GuardKind.KEY: "The provider drops a repeated file",
    GuardKind.RENAME: "A file can be handed over only once",
    GuardKind.NONE: "None; a person decides after a broken line",
}


@require_GET
@permission_required("providers.view_account", raise_exception=True)
def accounts(request: HttpRequest) -> HttpResponse:
    heard = Account.objects.annotate(heard_at=Max("batches__looked_at"))
    rows = [(account, checking.health(account, is_heard=account.heard_at is not None)) for account in heard]
    stopped = sum(account.is_stopped for account, _ in rows)
    return render(
        request,
        "providers/accounts.html",
        {"rows": rows, "stopped": stopped, "capabilities": [_capability(found()) for found in _adapters()]},
    )


@require_http_methods(["GET", "POST"])
@permission_required("providers.add_account", raise_exception=True)
def account_add(request: HttpRequest) -> HttpResponse:
    adapters = _adapters()
    slug = request.GET.get("provider", adapters[0].slug if len(adapters) == 1 else "")
    if not slug:
        return render(request, "providers/choose_provider.html", {"adapters": adapters})
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
    """Test the connection; an unconfirmed server key comes first."""
    found = get_object_or_404(Account, pk=pk)
    if not _may_test(request.user):
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
    """Show the fingerprint of the key the server has now; a POST confirms exactly the one that was shown."""
    found = get_object_or_404(Account, pk=pk)
    if not checking.pins_host_key(found):
        raise Http404("This provider has no server key.")
    try:
        host_key = checking.fetch_host_key(found)
    except Trouble as trouble:
        messages.error(request, trouble.sentence)
        return redirect(found)
    if request.method == "POST":
        if request.POST.get("fingerprint") == fingerprint(host_key):
            checking.confirm_host_key(found, host_key)
            _test(request, found)
            return redirect(found)
        messages.error(request, "The server shows another key than a moment ago. Nothing was confirmed.")
    return render(
        request,
        "providers/host_key.html",
        {
            "account": found,
            "seen": fingerprint(host_key),
            "kind": host_key.partition(" ")[0],
            "confirmed": fingerprint(found.host_key),
            "is_changed": bool(found.host_key) and found.host_key != host_key,
            "is_same": found.host_key == host_key,
        },
    )


def _edit(request: HttpRequest, found: Account) -> HttpResponse:
    may_change = request.user.has_perm("providers.change_account")
    form = account_form(found, request.POST if request.method == "POST" else None) if may_change else None
    if form and form.is_valid():
        is_new = found.pk is None
        found.name, found.is_active = form.cleaned_data["name"], form.cleaned_data["is_active"]
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
            "health": checking.health(found, is_heard=_is_heard(found)),
            "fingerprint": fingerprint(found.host_key),
            "pins_host_key": checking.pins_host_key(found),
            "key_changed": any(check["code"] == "host_key_changed" for check in found.check_result)
            or found.stopped_code == "host_key_changed",
            "may_test": _may_test(request.user),
        },
    )


def _test(request: HttpRequest, found: Account) -> None:
    was_stopped = found.is_stopped
    checks = checking.test_connection(found)
    failed = next((check for check in checks if not check.passed), None)
    if failed:
        messages.error(request, failed.sentence if failed.passed is None else "The test failed; its lines say why.")
    elif was_stopped:
        messages.success(request, f"The test passed, and {found.name} works again.")
    else:
        messages.success(request, "The test passed.")


def _is_heard(found: Account) -> bool:
    return Account.objects.filter(pk=found.pk, batches__looked_at__isnull=False).exists()


def _may_test(user: AbstractBaseUser | AnonymousUser) -> bool:
    if not isinstance(user, PermissionsMixin):
        return False
    return user.has_perm("providers.change_account") or user.has_perm("campaigns.approve_campaign")


def _adapters() -> list[type[BaseAdapter]]:
    return list(registry.all_adapters().values())


def _capability(adapter: BaseAdapter) -> dict[str, object]:
    return {
        "label": adapter.label,
        "rows": adapter.limits.rows,
        "megabytes": adapter.limits.bytes // 1_000_000,
        "alphabet": "GSM only" if adapter.limits.alphabet == "gsm" else "GSM and Unicode",
        "guard": _GUARDS[adapter.guard.kind],
        "starts_later": adapter.starts_later,
        "accepted_means": adapter.accepted_means,
        "connections": adapter.limits.connections,
        "silence": _duration(adapter.give_up_after),
    }


def _duration(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
