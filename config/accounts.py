"""Who may come in: people are added by an administrator, nobody signs up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

WRONG = "This name and this password do not belong together. Check both; capital letters count in the password."


class ClosedSignup(DefaultAccountAdapter):
    """allauth with its sign-up closed, and with Baton's own words for what goes wrong at the door."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
        "incorrect_password": "This is not your password.",
        "too_many_login_attempts": "Too many wrong attempts. Wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
