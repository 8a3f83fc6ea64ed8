"""Campaigns on a running demo, frozen and approved as people would: ``python -m tests.chaos.demo_people COUNT``.

Without COUNT it approves. Instead of COUNT, ``opt-out`` has people opt out before that, ``batches`` prints the statuses
of the batches, and ``intents`` prints when people who opted out were first meant to be texted.
"""

import json
import sys

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db.models import Count  # noqa: E402
from django.utils import timezone  # noqa: E402

from campaigns import decisions, jobs  # noqa: E402
from campaigns.audience import freeze as audience_freeze  # noqa: E402
from campaigns.models import Batch, Campaign, CampaignList, Recipient  # noqa: E402
from contacts import queues, suppression  # noqa: E402
from contacts.models import Contact, ContactList, Suppression  # noqa: E402
from providers.models import Account  # noqa: E402


def main(count: int) -> None:
    """Begin a campaign for ``count`` new people through every account; workers do the freezing."""
    operator = User.objects.get(username="operator")
    people = ContactList.objects.count() * 10_000_000
    for position, account in enumerate(Account.objects.order_by("provider")):
        chosen = ContactList.objects.create(name=f"Crowd {people + position}", country="ZA")
        first = 27_100_000_000 + people + position * count
        Contact.objects.bulk_create(
            (Contact(list=chosen, msisdn=str(first + n), phone="x", value1=f"Person {n}") for n in range(count)),
            batch_size=5000,
        )
        fields = account.adapter.OptionsForm.base_fields
        options = account.adapter.OptionsForm({name: field.initial for name, field in fields.items()})
        assert options.is_valid(), options.errors
        campaign = Campaign.objects.create(
            name=f"{account.provider} {chosen}",
            account=account,
            text="Hi @@value1@@, 20 % off ends Sunday.",
            options=options.cleaned_data,
            created_by=operator,
        )
        CampaignList.objects.create(campaign=campaign, contact_list=chosen, position=1)
        campaign.editors.add(operator)
        audience_freeze.begin_freeze(campaign, operator, timezone.now())
        queues.enqueue_once(jobs.freeze, campaign.pk)


def opt_out() -> None:
    """A few people of every unfinished crowd opt out; print ``{number: when that was committed at the latest}``."""
    going = Campaign.objects.filter(name__contains="Crowd", status__in=("frozen", "approved", "running"))
    numbers = [
        msisdn
        for campaign in going
        for msisdn in campaign.recipients.filter(excluded_reason="").order_by("?").values_list("msisdn", flat=True)[:3]
    ]
    suppression.suppress(numbers, "manual", "Asked on the telephone")
    print(json.dumps(dict.fromkeys(numbers, timezone.now().isoformat())), flush=True)


def approve() -> None:
    """Approve every campaign that waits for approval."""
    approver = User.objects.get(username="approver")
    for campaign in Campaign.objects.filter(status="frozen"):
        decisions.approve(campaign, approver, campaign.approval_hash, timezone.now())
        queues.enqueue_once(jobs.create_batches, campaign.pk)


def batches() -> None:
    """Print ``{campaign id: {status: how many batches}}`` as JSON."""
    found: dict[int, dict[str, int]] = {}
    for row in Batch.objects.values("campaign_id", "status").annotate(count=Count("pk")).order_by("campaign_id"):
        found.setdefault(row["campaign_id"], {})[row["status"]] = row["count"]
    print(json.dumps(found))


def intents() -> None:
    """Print ``{number: when its batch was first meant to be handed over}`` of those who opted out, as JSON."""
    found: dict[str, str] = {}
    gone = Recipient.objects.filter(msisdn__in=Suppression.objects.active().values("msisdn"), excluded_reason="")
    for batch in Batch.objects.exclude(status="superseded"):
        if batch.first_intent_at:
            those = gone.filter(campaign=batch.campaign_id, batch_number=batch.number)
            found |= dict.fromkeys(those.values_list("msisdn", flat=True), batch.first_intent_at.isoformat())
    print(json.dumps(found))


if __name__ == "__main__":
    if sys.argv[1:] == ["batches"]:
        batches()
    elif sys.argv[1:] == ["intents"]:
        intents()
    elif sys.argv[1:] == ["opt-out"]:
        opt_out()
        approve()
    elif sys.argv[1:]:
        main(int(sys.argv[1]))
    else:
        approve()
