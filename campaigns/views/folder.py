"""The page that lists the files in a provider's folder."""

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from campaigns.results.folder import open_folder
from providers.errors import Trouble
from providers.models import Account

#: Rows of one table. The number above it counts all files.
SHOWN = 500


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(("providers.view_account", "providers.open_folder"), raise_exception=True)
def folder(request: HttpRequest, pk: int) -> HttpResponse:
    """List the account's folder now and show which batch each file belongs to. Nothing there is opened or changed.

    Those who test connections may see the files, and operators, whose files they are.
    Listing logs in at the provider, so it needs a POST. A bookmark or a reload by GET leads to the account.
    """
    account = get_object_or_404(Account, pk=pk)
    if request.method != "POST":
        return redirect(account)
    try:
        found = open_folder(account, timezone.now())
    except Trouble as trouble:
        messages.error(request, trouble.sentence)
        return redirect(account)
    if found is None:
        messages.info(request, f"{account.adapter.label} has no folder to list.")
        return redirect(account)
    groups = [
        ("Ours", "files whose names Baton created, and the provider's reports about them.", found.ours),
        (
            "Leftover uploads of ours",
            "uploaded under a temporary name and never committed, so nobody is texted by them. Baton does not need "
            "them any more; the person who manages the folder may delete them.",
            found.leftovers,
        ),
        (
            "Not ours",
            "created by the provider itself, another program or a person. Baton never changes, moves or deletes them.",
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
