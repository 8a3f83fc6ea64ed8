"""Ends sessions that are idle or old, and shows times in the time zone that each person chose."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from allauth.account.signals import authentication_step_completed
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import UpdateError
from django.db import DatabaseError
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh

from contacts.outages import outage_of
from people.models import Profile

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]

#: Keys of the session: seconds since 1970 of the login and of the last thing the person did.
BEGAN, SEEN = "began_at", "seen_at"
#: The key of the session for the name of the person's time zone, so that no request has to look it up.
TIME_ZONE = "time_zone"
#: The seconds for which the last action is not written again, because each write is a transaction.
WRITE_EVERY = 60
#: The header with which static/app.js marks requests that the page makes by itself, such as refreshing a progress bar.
AUTOMATIC = "X-Automatic"


@receiver(user_logged_in)
def begin(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Note in the new session when it began, and the person's time zone."""
    request.session[BEGAN] = request.session[SEEN] = timezone.now().timestamp()
    zones = Profile.objects.filter(user=user).values_list("time_zone", flat=True)
    request.session[TIME_ZONE] = zones.first() or ""


@receiver(authentication_step_completed)
def renew(request: HttpRequest, **kwargs: Any) -> None:
    """Give the session another key when its password or code was asked for again, as a login does.

    Somebody who saw the earlier key cannot use the confirmation.
    """
    if kwargs.get("reauthenticated"):
        request.session.cycle_key()


def end_old_sessions(get_response: GetResponse) -> GetResponse:
    """Middleware: log people out after SESSION_IDLE without activity, and SESSION_LASTS after the login."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            _end_or_note(request, timezone.now())
        response = get_response(request)
        if request.headers.get("HX-Request") and _leads_to_login(response):
            # The login page would become a part of the page; loading the page again leads to it, and back.
            return HttpResponseClientRefresh()
        return response

    return middleware


def _leads_to_login(response: HttpResponseBase) -> bool:
    return response.headers.get("Location", "").startswith(f"{resolve_url(settings.LOGIN_URL)}?")


def _end_or_note(request: HttpRequest, now: datetime) -> None:
    at = now.timestamp()
    began, seen = (request.session.setdefault(key, at) for key in (BEGAN, SEEN))
    if at - began >= settings.SESSION_LASTS.total_seconds():
        logout(request)
        messages.info(request, "Your session has ended. Log in again.")
    elif at - seen >= settings.SESSION_IDLE.total_seconds():
        logout(request)
        minutes = int(settings.SESSION_IDLE.total_seconds() // 60)
        messages.info(request, f"You were logged out after {minutes} minutes without activity.")
    elif at - seen >= WRITE_EVERY and AUTOMATIC not in request.headers:
        request.session[SEEN] = at
        _save(request)


def _save(request: HttpRequest) -> None:
    """Store the session now. On a full disk, pages can still be read: only the last action is not noted."""
    try:
        request.session.save()
    except (UpdateError, DatabaseError) as error:
        if not outage_of(error):
            # It was ended in another window. Django's middleware, which saves it again, tells the person.
            return
        logger.warning("The last action of a session could not be stored.")
    request.session.modified = False


def use_own_time_zone(get_response: GetResponse) -> GetResponse:
    """Middleware: times are shown and entered in the person's own time zone, else in TIME_ZONE."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_zone_of(request)):
            return get_response(request)

    return middleware


def _zone_of(request: HttpRequest) -> ZoneInfo | None:
    """The time zone of this session; None, where nobody chose one or this machine does not know it, is TIME_ZONE."""
    name = request.session.get(TIME_ZONE)
    try:
        return ZoneInfo(name) if name else None
    except ZoneInfoNotFoundError:
        return None
