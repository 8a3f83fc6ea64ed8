"""The sandbox page: the state of the sandbox providers, and the faults that can be switched on for them."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_POST

from providers import rehearsal

#: The values of the buttons, and how often the fault is to occur; None means until it is switched off.
TIMES = {"1": 1, "5": 5, "": None}


@require_GET
@permission_required("providers.view_account", raise_exception=True)
def sandbox(request: HttpRequest) -> HttpResponse:
    """The sandbox providers, and every fault of one of them (``?provider=``)."""
    url = _sandbox_url()
    context: dict[str, Any] = {"may_rehearse": _may_switch_faults(request.user)}
    try:
        seen = rehearsal.poll(url)
    except rehearsal.SandboxTrouble as trouble:
        return render(request, "providers/sandbox.html", context | {"trouble": str(trouble)})
    asked = request.GET.get("provider", "")
    chosen = next((provider for provider in seen.providers if provider.slug == asked), None)
    context |= {"seen": seen, "chosen": chosen or next(iter(seen.providers), None)}
    return render(request, "providers/sandbox.html", context)


@require_POST
@permission_required("providers.view_account", raise_exception=True)
def fault(request: HttpRequest) -> HttpResponse:
    """Switch on the fault ``name``, for as many uses as ``times`` says."""
    url, name = _sandbox_url(), request.POST.get("name", "")
    if not _may_switch_faults(request.user):
        raise PermissionDenied
    try:
        rehearsal.switch_on(url, name, TIMES.get(request.POST.get("times", "1"), 1))
    except rehearsal.SandboxTrouble as trouble:
        messages.error(request, str(trouble))
    return _back_to_sandbox(name)


@require_POST
@permission_required("providers.view_account", raise_exception=True)
def clear(request: HttpRequest) -> HttpResponse:
    """Switch off the fault ``name``, or all faults if there is no name."""
    url, name = _sandbox_url(), request.POST.get("name", "")
    if not _may_switch_faults(request.user):
        raise PermissionDenied
    try:
        rehearsal.switch_off(url, name)
    except rehearsal.SandboxTrouble as trouble:
        messages.error(request, str(trouble))
    else:
        if not name:
            messages.success(request, "All faults are off.")
    return _back_to_sandbox(name or request.POST.get("provider", ""))


def _back_to_sandbox(name: str) -> HttpResponse:
    where = reverse("providers:sandbox")
    if not name:
        return redirect(where)
    anchor = f"#{slugify(name.replace(':', '-'))}" if ":" in name else ""
    return redirect(f"{where}?{urlencode({'provider': name.partition(':')[0]})}{anchor}")


def _sandbox_url() -> str:
    if not settings.SANDBOX_URL:
        raise Http404("This installation has no sandbox.")
    return settings.SANDBOX_URL


def _may_switch_faults(user: AbstractBaseUser | AnonymousUser) -> bool:
    return isinstance(user, PermissionsMixin) and user.has_perm("providers.switch_sandbox_faults")
