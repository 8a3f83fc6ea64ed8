"""What administrators do with people: invite, give a role, deactivate, make a link, reset the second step.

Nobody makes a superuser here: that is done with ``manage.py createsuperuser`` or the first administrator's link. Nobody
sets another person's password either: a link leads to a page where the person chooses it.
"""

import logging
import smtplib
from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.core.mail import EmailMessage
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from audit.models import AuditEntry
from contacts.audit_log import record
from contacts.errors import Refusal
from people.models import Profile
from people.roles import may_manage

logger = logging.getLogger(__name__)


def invite(actor: User, person: Mapping[str, str], role: Group) -> User:
    """Add a person, who has no password until they use the link of ``password_link``. Raises PermissionDenied.

    ``person`` has username, first_name, last_name and email.
    """
    if not actor.has_perm("auth.add_user"):
        raise PermissionDenied
    with transaction.atomic():
        user = User(**person)
        user.set_unusable_password()
        user.save()
        user.groups.set([role])
    return user


def change(actor: User, user: User, role: Group | None) -> None:
    """Save the names and the address that were set on ``user``, and give this role in place of any other.

    Without a role, the groups stay. Another address is reported to the earlier one. Raises PermissionDenied if
    ``actor`` may not manage this person, and Refusal if it is their own role.
    """
    _check(actor, user)
    before = User.objects.values_list("email", flat=True).get(pk=user.pk)
    with transaction.atomic():
        # Without the fields that may have changed elsewhere since the form was shown.
        user.save(update_fields=["first_name", "last_name", "email", "username"])
        if role and {group.pk for group in user.groups.all()} != {role.pk}:
            if user == actor:
                raise Refusal("own_role", "Another administrator changes your role.")
            user.groups.set([role])
    report_address(user, before)


def report_address(user: User, before: str) -> None:
    """Tell the address ``before`` that the person now has another one, where Baton sends email.

    The email names the address and the browser of the request that is being answered.
    """
    if before and before != user.email:
        told = {"from_email": before, "to_email": user.email or "none"}
        get_adapter().send_notification_mail("account/email/email_changed", user, told, email=before)


def set_access(actor: User, user: User, is_active: bool) -> None:
    """Let a person log in, or end their sessions and password links and keep them from logging in.

    Raises PermissionDenied and Refusal.
    """
    _check(actor, user)
    if user == actor:
        raise Refusal("own_access", "You cannot deactivate yourself. Another administrator does that.")
    user.is_active = is_active
    with transaction.atomic():
        user.save(update_fields=["is_active"])
        if not is_active:
            Profile.objects.update_or_create(user=user, defaults={"deactivated_at": timezone.now()})


def password_link(request: HttpRequest, user: User) -> str:
    """Return the address at which ``user`` chooses a password. It works once, for PASSWORD_RESET_TIMEOUT seconds.

    Until then an earlier password still works. A password that is set, a login, another email address and being
    deactivated end the link. Raises PermissionDenied, and Refusal for a deactivated person.
    """
    _check(request.user, user)
    if not user.is_active:
        raise Refusal("deactivated", f"{user} is deactivated. Activate them first.")
    _record(user, "password link", "created")
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    return str(get_adapter(request).get_reset_password_from_key_url(key))


def mail_link(user: User, link: str, is_invitation: bool) -> str:
    """Send the link to the person's address, where mail is set up; returns a sentence that says whether it was sent."""
    if not settings.EMAIL_URL:
        return "This installation sends no email, so give the link to the person yourself."
    if not user.email:
        return "The person has no email address, so give them the link yourself."
    subject = "Your Baton login" if is_invitation else "Choose a new password for Baton"
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    context = {"user": user, "link": link, "is_invitation": is_invitation, "hours": hours}
    try:
        EmailMessage(subject, render_to_string("people/link_mail.txt", context), to=[user.email]).send()
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("The link for user %s could not be mailed: %s", user.pk, type(error).__name__)
        return f"It could not be sent to {user.email}, so give the link to the person yourself."
    return f"It was also sent to {user.email}."


def reset_second_step(actor: User, user: User) -> int:
    """Delete a person's authenticator app, passkeys and recovery codes; returns how many there were.

    For somebody who lost their phone. Raises PermissionDenied, and Refusal for one's own: that needs a code.
    """
    _check(actor, user)
    if user == actor:
        raise Refusal("own_second_step", "Switch your own two-step login off on its page, which asks for a code.")
    with transaction.atomic():
        count, _ = Authenticator.objects.filter(user=user).delete()
        if count:
            _record(user, "two-step login", "reset")
    return count


def _check(actor: Any, user: User) -> None:
    if not may_manage(actor, user):
        raise PermissionDenied


def _record(user: User, what: str, value: str) -> None:
    """Write an entry of the audit trail; the person who acts and their address come from the request."""
    record(user, AuditEntry.Action.UPDATE, {what: ("", value)})
