"""``manage.py balance``: the books of one campaign or all, every recipient counted anew."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.models import Campaign
from campaigns.results import balance


class Command(BaseCommand):
    help = "Print the balance of campaigns, counting every recipient anew. Exit 1 when the books of one do not balance."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", nargs="?", help="id or name; all campaigns without it")
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        campaigns = Campaign.objects.order_by("id")
        if options["campaign"]:
            campaigns = find(options["campaign"])
        books = [(campaign, balance.audit(campaign)) for campaign in campaigns]
        if options["json"]:
            self.stdout.write(json.dumps({"campaigns": [row(*pair) for pair in books]}))
        else:
            for campaign, found in books:
                self.stdout.write(sheet(campaign, found))
        if any(found.mismatch for _, found in books):
            raise CommandError("The books do not balance.")


def find(name: str) -> Any:
    """The campaign whose id or name is ``name``. Raises CommandError."""
    found = Campaign.objects.filter(name=name)
    if not found and name.isdigit():
        found = Campaign.objects.filter(pk=int(name))
    if len(found) != 1:
        said = "There is no campaign" if not found else "There is more than one campaign"
        raise CommandError(f"{said} {name}.")
    return found


def row(campaign: Campaign, found: balance.Balance) -> dict[str, Any]:
    """One campaign as scripts read it."""
    return {
        "id": campaign.pk,
        "name": campaign.name,
        "status": campaign.status,
        "selected": found.selected,
        "excluded": found.excluded,
        "waiting": found.waiting,
        "batched": found.batched,
        "cancelled": found.cancelled,
        "outcomes": found.outcomes,
        "balanced": found.balanced,
    }


def sheet(campaign: Campaign, found: balance.Balance) -> str:
    """One campaign's books as people read them."""
    excluded = ", ".join(f"{count:,} {reason}" for reason, count in sorted(found.excluded.items())) or "nobody"
    outcomes = " + ".join(f"{count:,} {outcome}" for outcome, count in found.outcomes.items())
    result = found.mismatch or "the books balance"
    return (
        f"{campaign.name} ({campaign.get_status_display()}): {result}\n"
        f"  {found.selected:,} selected = {found.excluded_total:,} excluded ({excluded}) + {found.waiting:,} waiting"
        f" + {found.batched:,} batched + {found.cancelled:,} cancelled before batching\n"
        f"  {found.batched:,} batched = {outcomes}"
    )
