"""What people read while the database or Redis does not answer, or a disk is full."""

import logging
import sys
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.views import defaults

from contacts.outages import Outage, outage_of

logger = logging.getLogger(__name__)

#: The seconds after which a page that changes nothing loads itself again.
LOAD_AGAIN_AFTER = 15


class Words(NamedTuple):
    """``title`` says what is wrong, ``stopped`` what does not work, ``safe`` what is safe, ``remedy`` what to do."""

    title: str
    stopped: str
    safe: str
    remedy: str


AFTERWARDS = (
    "Afterwards, imports, campaigns and results continue by themselves, and nobody is texted twice. A campaign that "
    "stood still for too long asks a person first."
)
WORDS = {
    Outage.DATABASE: Words(
        "The database does not answer",
        "No page works until it answers. No new file is handed over and no results are collected.",
        f"Everything stored is safe. {AFTERWARDS}",
        "If it lasts longer than a few minutes, tell your administrator to start the database.",
    ),
    Outage.REDIS: Words(
        "Redis does not answer",
        "Nobody can log in or confirm a password. Imports, campaigns and results wait.",
        f"Everything stored is safe, and most pages can be read. {AFTERWARDS}",
        "If it lasts longer than a few minutes, tell your administrator to start Redis.",
    ),
    Outage.DISK: Words(
        "The disk is full",
        "Nothing can be uploaded, imported or changed, nobody can log in, and nothing is handed over.",
        f"Everything stored is safe, and most pages can be read. {AFTERWARDS}",
        "Tell your administrator to make room on the disk.",
    ),
}
#: The start could not check whether this host belongs to the installation (config.startup).
STORAGE = Words(
    "The shared storage does not answer",
    "No page works until it answers. No new file is handed over and no results are collected.",
    f"Everything stored is safe. {AFTERWARDS}",
    "If it lasts longer than a few minutes, tell your administrator to mount the folder of journals and files again.",
)
#: For a request that was to change something: how far it got is not known.
NOT_DONE = (
    "What you just did was not finished. When Baton works again, check what was stored and do the rest again. "
    "An opt-out may be entered twice without harm."
)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer a request that failed: an outage with 503 and its explanation, an error of Baton's own with 500."""
    outage = outage_of(sys.exc_info()[1])
    return explain(request, WORDS[outage]) if outage else defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer a request that was refused. Django takes a session that cannot be stored for one that was ended."""
    outage = outage_of(exception)
    return explain(request, WORDS[outage]) if outage else defaults.bad_request(request, exception)


def explain(request: HttpRequest, words: Words) -> HttpResponse:
    """The page that explains an outage; one line of text for htmx and for a script that uploads a file.

    It needs neither the database nor Redis.
    """
    changes = request.method not in ("GET", "HEAD")
    # Not the path, which may hold a secret.
    logger.warning("%s: %s", words.title, request.resolver_match.view_name if request.resolver_match else "no view")
    if request.headers.get("HX-Request") or request.headers.get("Accept") == "application/json":
        line = f"{words.title}. {NOT_DONE if changes else 'This page updates by itself once that is over.'}"
        response = HttpResponse(line, status=503, content_type="text/plain; charset=utf-8")
    else:
        context = {"words": words, "not_done": NOT_DONE if changes else ""}
        response = HttpResponse(render_to_string("503.html", context), status=503)
        if not changes:
            response.headers["Refresh"] = str(LOAD_AGAIN_AFTER)
    response.headers["Retry-After"] = str(LOAD_AGAIN_AFTER)
    # The line above is enough: Django would log a traceback for each request.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
