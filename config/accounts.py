"""Who may come in: people are added by an administrator, nobody signs up, and a second step can be asked of all."""

from collections.abc import Callable

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from providers import vault

GetResponse = Callable[[HttpRequest], HttpResponseBase]

WRONG = "Incorrect username or password."


class ClosedSignup(DefaultAccountAdapter):
    """allauth with its sign-up closed, and with Baton's own words for what goes wrong at the door."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
        "incorrect_password": "Incorrect password.",
        "too_many_login_attempts": "Too many failed attempts. Wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


def require_second_step(get_response: GetResponse) -> GetResponse:
    """Middleware: under ``MFA_REQUIRED`` everyone who has no second step is led to setting one up, and nowhere else."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        is_asked = settings.MFA_REQUIRED and not request.path.startswith("/login/")
        if is_asked and request.user.is_authenticated and not is_mfa_enabled(request.user):
            messages.info(request, "Two-step login is required. Set it up to continue.")
            return redirect("mfa_activate_totp")
        return get_response(request)

    return middleware


class SecondStep(DefaultMFAAdapter):
    """Secrets of second steps are stored as account secrets are: encrypted with keys of their own."""

    def encrypt(self, text: str) -> str:
        return vault.encrypt({"second_step": text})

    def decrypt(self, encrypted_text: str) -> str:
        return str(vault.decrypt(encrypted_text)["second_step"])
