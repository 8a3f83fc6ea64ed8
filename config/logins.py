"""Records logins, logouts and failed logins in the audit trail."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Q
from django.dispatch import receiver

from audit.models import AuditEntry
from contacts.audit_log import record

Action = AuditEntry.Action


@receiver(user_logged_in)
def record_login(user: User, **kwargs: Any) -> None:
    record(user, Action.LOGIN, {}, user=user)


@receiver(user_logged_out)
def record_logout(user: User | None, **kwargs: Any) -> None:
    if user is not None:
        record(user, Action.LOGOUT, {}, user=user)


@receiver(user_login_failed)
def record_failed_login(credentials: dict[str, Any], **kwargs: Any) -> None:
    """Record whose password was wrong. What names nobody is not stored: it may be a password in the wrong field.

    How many there can be is limited by ACCOUNT_RATE_LIMITS: beyond it, nothing is tried.
    """
    name = str(credentials.get("username") or credentials.get("email") or credentials.get("login") or "")
    user = User.objects.filter(Q(username__iexact=name) | Q(email__iexact=name)).first() if name else None
    reason = "wrong password" if user and user.is_active else "inactive" if user else "unknown name"
    record(user or User, Action.LOGIN_FAILED, {"reason": ("", reason)}, name="" if user else "unknown name")


@receiver(authentication_failed)
def record_failed_code(user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    record(user, Action.LOGIN_FAILED, {"reason": ("", f"wrong code ({authenticator.get_type_display()})")})
