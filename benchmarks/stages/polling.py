"""Poll a campaign of which the provider refused one person in a hundred, and settle it, against a save for each.

Measured once: each round needs a campaign that was handed over to the sandbox.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

from django.db import transaction
from django.utils import timezone

from benchmarks import campaigns
from benchmarks.bench import Baseline, Bench
from benchmarks.people import msisdn
from benchmarks.results import Result
from campaigns.handover.batches import create_batches
from campaigns.handover.drain import drain
from campaigns.models import Batch, Campaign, Recipient, RecipientOutcome
from campaigns.results.poll import collect
from providers.models import Account
from providers.sandbox.server import Sandbox

UNSETTLED = (Batch.Status.HANDED_OVER, Batch.Status.PROCESSING)
#: What numbers end in that the sandbox refuses in any case.
ALWAYS_REFUSED = ("99901", "99902", "99903")
#: The credit of the sandbox's account, in parts.
CREDIT = 10**9


def hand_over(account: Account, rows: int) -> Campaign:
    """A campaign whose files were all handed over."""
    campaign = campaigns.approved(account, campaigns.list_of(rows))
    create_batches(campaign.pk, timezone.now())
    while campaign.batches.filter(status=Batch.Status.PREPARED).exists():
        drain(account.pk, timezone.now, timezone.now() + timedelta(minutes=10))
    return campaign


def wait_for(sandbox: Sandbox) -> None:
    """Wait until the sandbox has processed every file: its folder is empty, and the last scan has ended."""
    while any((sandbox.home() / "Send_SMS").iterdir()):
        time.sleep(0.5)
    time.sleep(2)


def later() -> datetime:
    """A clock by which every poll is due."""
    return timezone.now() + timedelta(minutes=2)


def measure(bench: Bench) -> Iterator[Result]:
    with Sandbox(bench.folder / "sandbox", credit=CREDIT) as sandbox:
        account = campaigns.connect("smsportal", sandbox.providers["smsportal"])
        rounds = count()

        def product(rows: int) -> float:
            # Each round other people: those of the round before are opted out of Baton as well now.
            asked_to_stop = range(next(rounds), rows, 100)
            sandbox.opt_out(*map(msisdn, asked_to_stop))
            campaign = hand_over(account, rows)
            wait_for(sandbox)
            with bench.watch() as watch:
                while campaign.batches.filter(status__in=UNSETTLED).exists():
                    collect(account.pk, later, later() + timedelta(minutes=10))
            outcomes = RecipientOutcome.objects.filter(batch__campaign=campaign)
            refused = set(outcomes.values_list("recipient__msisdn", flat=True))
            others = refused.difference(map(msisdn, asked_to_stop))
            assert len(refused) - len(others) == len(asked_to_stop), len(refused)
            assert all(number.endswith(ALWAYS_REFUSED) for number in others), others
            return watch.seconds

        def naive(rows: int) -> float:
            campaign = Campaign.objects.latest("pk")
            numbers = list(campaign.recipients.included().values_list("msisdn", flat=True)[:rows])
            with bench.watch() as watch, transaction.atomic():
                for number in numbers:
                    person = Recipient.objects.get(campaign=campaign, msisdn=number, excluded_reason="")
                    person.save()
            return watch.seconds

        def floor(rows: int) -> float:
            with bench.watch() as watch:
                for path in (sandbox.home() / "Processed").iterdir():
                    path.read_bytes()
            return watch.seconds

        baseline = Baseline("get() and save() each", naive)
        yield from bench.compare("poll and settle", product, baseline, floor=floor, rounds=1)
