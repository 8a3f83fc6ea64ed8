"""Keep what a user chose and wrote about unclear files after a refusal and during the password confirmation."""

from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse

from campaigns.forms.decisions import DecideForm

_KEY = "decide_kept"
#: Characters of a reason that are kept. The form accepts fewer.
_LONGEST_REASON = 2_000


def keep(request: HttpRequest, page: str, refused: str = "", batches: list[str] | None = None) -> None:
    """Keep what was posted for the page with the path ``page``, and the sentence why it was refused.

    ``batches`` are the chosen ones if they differ from those posted. An uploaded file is never kept.
    """
    request.session[_KEY] = {
        "page": page,
        "refused": refused,
        "batches": request.POST.getlist("batches") if batches is None else batches,
        "decision": request.POST.get("decision", "")[:20],
        "why": request.POST.get("why", "")[:_LONGEST_REASON],
    }


def discard(request: HttpRequest) -> None:
    """Discard what was kept, because it was decided."""
    request.session.pop(_KEY, None)


def take(request: HttpRequest, page: str) -> dict[str, Any]:
    """Return what was kept for ``page``, once; nothing that belongs to another page."""
    nothing: dict[str, Any] = {"page": page, "refused": "", "batches": [], "decision": "", "why": ""}
    if request.session.get(_KEY, nothing)["page"] != page:
        return nothing
    return request.session.pop(_KEY, nothing)


def must_confirm(request: HttpRequest) -> bool:
    """Whether a decision made now would first ask for the password."""
    try:
        reauthentication_required(_nothing)(request)
    except ReauthenticationRequired:
        return True
    return False


def confirm_url(request: HttpRequest, page: str) -> str:
    """The URL that asks for the password and returns to the decision on ``page``.

    The fragment also distinguishes it from the path of a decision that was posted earlier and waits for the password.
    Returning here must not make that decision.
    """
    back = f"{page}#decide"
    methods = get_adapter().get_reauthentication_methods(request.user)
    return f"{methods[0]['url']}?{urlencode({'next': back})}" if must_confirm(request) and methods else back


def await_password(form: DecideForm) -> None:
    """Disable the log field until the password is confirmed: a file chosen before would be lost."""
    form.fields["log"].widget.attrs["disabled"] = True
    form.fields[
        "log"
    ].help_text = "Confirm your password first, then choose it here. Only if part of the file was texted."


def _nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()
