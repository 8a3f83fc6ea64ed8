"""Login: administrators add people, sign-up is closed, two-step login can be required."""

import logging
import smtplib
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.mfa.utils import is_mfa_enabled
from auditlog.middleware import AuditlogMiddleware
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.urls import reverse

from people.roles import has_one_of
from providers import vault

GetResponse = Callable[[HttpRequest], HttpResponseBase]

logger = logging.getLogger(__name__)

WRONG = "Incorrect username or password."

#: The views that a session without the second step may use, by name.
OPEN = {
    *("account_login", "account_logout", "first_administrator"),
    *("healthz", "health_live", "health_ready", "metrics"),
}
#: Where a person with a device passes the second step.
WITH_DEVICE = {"mfa_authenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"}
#: Where a person without one sets it up, which asks for the password first.
WITHOUT_DEVICE = {"account_reauthenticate", "mfa_activate_totp", "mfa_add_webauthn"}


class ClosedSignup(DefaultAccountAdapter):
    """allauth with its sign-up closed, and with Baton's own error messages."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
        "incorrect_password": "Incorrect password.",
        "too_many_login_attempts": (
            "Too many failed attempts. Wait a minute, then try again. The wait grows with every further failure."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Whether a password has to be entered again. For Baton's own decisions, a login counts like a password.

        allauth's own pages, such as those of the second step, still ask after a login.
        """
        if not app and self.request and logged_in_lately(self.request):
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send one of allauth's emails. Where the mail server fails, the page says so and what was done stays done."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("An email about a login could not be sent: %s", type(error).__name__)
            if self.request:
                messages.warning(self.request, "The mail server does not answer, so no email was sent.")

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that TRUSTED_PROXIES proxies report, else that of the connection.

        A header with fewer addresses, or with something else, did not come through these proxies.
        """
        try:
            return super().get_client_ip(request)
        except (ImproperlyConfigured, PermissionDenied):
            return request.META.get("REMOTE_ADDR") or "unknown"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Failed logins count per user name and address, so a stranger cannot lock an account."""
        return f"{super()._get_login_attempts_cache_key(request, **credentials)}:{ratelimit.get_ip(request)}"


def logged_in_lately(request: HttpRequest) -> bool:
    """Whether this session's last login or password is younger than ACCOUNT_REAUTHENTICATION_TIMEOUT."""
    records = get_authentication_records(request, request.user)
    return bool(records) and time.time() - records[-1]["at"] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


class AuditMiddleware(AuditlogMiddleware):
    """Records the address that the limits count, not whatever a client writes into X-Forwarded-For."""

    def get_extra_data(self, request: HttpRequest) -> dict[str, Any]:
        data: dict[str, Any] = super().get_extra_data(request)
        # A login names its person itself: nobody is logged in when its request begins.
        return {**data, "actor_name": data["actor"].get_username()} if data["actor"] else data

    @staticmethod
    def _get_remote_addr(request: HttpRequest) -> str | None:
        try:
            return str(ip_address(get_adapter().get_client_ip(request)))
        except ValueError:
            return None


def require_second_step(get_response: GetResponse) -> GetResponse:
    """Middleware: under ``MFA_REQUIRED``, nobody works in a session that has not passed the second step.

    Under ``MFA_REQUIRED_ROLES`` nobody with one of these roles does.

    A device alone is not enough: the session may be older than the device, or come from a login that asked for none.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    middleware.process_view = _ask_for_second_step  # type: ignore[attr-defined]
    return middleware


def _ask_for_second_step(
    request: HttpRequest, view: Callable[..., HttpResponseBase], args: Any, kwargs: Any
) -> HttpResponseBase | None:
    # In this order: the first needs only the session, the second may need a query.
    if has_passed(request) or not needs_second_step(request.user):
        return None
    has_device = is_mfa_enabled(request.user)
    match = request.resolver_match
    if match and match.view_name in OPEN | (WITH_DEVICE if has_device else WITHOUT_DEVICE):
        return None
    if not has_device:
        messages.info(request, "Two-step login is required. Set it up first.")
        return redirect("mfa_activate_totp")
    messages.info(request, "Two-step login is required. Confirm that it is you.")
    back = request.get_full_path() if request.method == "GET" else resolve_url(settings.LOGIN_REDIRECT_URL)
    has_app = is_mfa_enabled(request.user, [Authenticator.Type.TOTP])
    page = reverse("mfa_reauthenticate" if has_app else "mfa_reauthenticate_webauthn")
    return redirect(f"{page}?{urlencode({'next': back})}")


def needs_second_step(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the installation requires the second step of this person. Nobody who is not logged in needs it."""
    if not isinstance(user, User):
        return False
    return settings.MFA_REQUIRED or has_one_of(user, settings.MFA_REQUIRED_ROLES)


def has_passed(request: HttpRequest) -> bool:
    """Whether this session has passed the second step, with a code of an app, a passkey or a recovery code."""
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)


@receiver(authenticator_added)
def record_first_code(request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    """Setting up a device also completes the second step for this session: its code proves the same as the next one."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)


class SecondStep(DefaultMFAAdapter):
    """Secrets of second steps are stored as account secrets are: encrypted with keys of their own."""

    def encrypt(self, text: str) -> str:
        return vault.encrypt({"second_step": text})

    def decrypt(self, encrypted_text: str) -> str:
        return str(vault.decrypt(encrypted_text)["second_step"])
