"""The page of what lies in a provider's folder."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from campaigns.results.folder import open_folder
from providers.errors import Trouble
from providers.models import Account
from providers.views.accounts import may_view

#: Rows of one table; the number above it counts all.
SHOWN = 500


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required("providers.view_account", raise_exception=True)
def folder(request: HttpRequest, pk: int) -> HttpResponse:
    """Look at the account's folder now and show whose each file is. Nothing there is opened or changed.

    A look logs in at the provider, so it is asked for by POST; a bookmark or a reload by GET leads to the account.
    """
    account = get_object_or_404(Account, pk=pk)
    if not may_view(request.user):
        raise PermissionDenied
    if request.method != "POST":
        return redirect(account)
    try:
        found = open_folder(account, timezone.now())
    except Trouble as trouble:
        messages.error(request, trouble.sentence)
        return redirect(account)
    if found is None:
        messages.info(request, f"{account.adapter.label} keeps no folder: there is nothing to look at.")
        return redirect(account)
    groups = [
        ("Ours", "files that bear a name of ours, the provider's reports about them too.", found.ours),
        (
            "Leftover uploads of ours",
            "uploaded under a waiting name and never committed, so nobody is texted by them. Baton does not need them "
            "any more; whoever looks after the folder may delete them.",
            found.leftovers,
        ),
        (
            "Not ours",
            "made by the provider itself, another program or a person. Baton never changes, moves or deletes them.",
            found.foreign,
        ),
    ]
    context = {
        "account": account,
        "found": found,
        "silent": ", ".join(found.silent_hosts),
        "groups": [(title, words, rows[:SHOWN], len(rows)) for title, words, rows in groups],
        "shown": SHOWN,
    }
    return render(request, "campaigns/folder.html", context)
