"""The campaigns of a chaos run: made for its plans, frozen, approved, and brought to their start."""

import random
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from campaigns.models import Batch, Campaign
from providers.models import Account
from tests.chaos.arms import Arms
from tests.chaos.gateways import ACCOUNTS
from tests.chaos.people import People, approve, begin_freeze, make_campaign
from tests.chaos.plans import Plan, Plans
from tests.chaos.repairs import Repairs
from tests.chaos.staggered import STAGGERS, stagger
from tests.chaos.worker import ROWS

#: Batches of a campaign.
SIZE = 4
#: The number of batches that may wait for hand-over at once, and that may be unfinished at once.
BACKLOG, IN_FLIGHT = 36, 400
#: The statuses of a campaign that people, or its freeze, have yet to bring to its start.
_NOT_BEGUN = ("draft", "freezing", "frozen", "approved")
OPEN = ("prepared", "uploading", "committing", "handed_over", "processing")


@dataclass
class Forming:
    """A campaign that is being frozen, and the plans of its batches."""

    campaign: Campaign
    plans: list[Plan]


class Campaigns:
    """Begins campaigns for the plans in ``queue`` while ``may_begin`` is set; ``started`` counts their batches.

    ``accounts`` are by provider and name.
    """

    def __init__(
        self,
        accounts: Mapping[tuple[str, str], Account],
        people: People,
        arms: Arms,
        plans: Plans,
        repairs: Repairs,
        counted: Counter[str],
    ) -> None:
        self.accounts = accounts
        self.people = people
        self.arms = arms
        self.plans = plans
        self.repairs = repairs
        self.counted = counted
        self.queue: deque[Plan] = deque()
        self.staggers: list[str] = []
        self.forming: list[Forming] = []
        self.started = 0
        self.may_begin = True

    def begin(self) -> None:
        """Begin campaigns while there are plans, and while the limit is not reached."""
        while self.queue and self.may_begin:
            waiting = batches_in("prepared", "uploading").exclude(is_for_tomorrow()).count() + sum(
                len(each.plans) for each in self.forming
            )
            if waiting >= BACKLOG or batches_in(*OPEN).exclude(is_for_tomorrow()).count() >= IN_FLIGHT:
                return
            chosen = self._chosen()
            account = self.accounts[chosen[0].provider, random.choice(ACCOUNTS)]
            kind = self._stagger_of(chosen)
            fields = stagger(kind, timezone.now(), ROWS) if kind else {}
            if kind:
                self.counted[f"staggered: {kind}"] += 1
            campaign = make_campaign(account, f"chaos {self.started}", len(chosen), self.people, **fields)
            if any(plan.is_rare or plan.stagger for plan in chosen):
                self.repairs.spared.add(campaign.pk)
            self.started += len(chosen)
            for number, plan in enumerate(chosen, start=1):
                self.plans.phase_of[f"{campaign.pk}-{number}"] = plan.phase
                if plan.arms:
                    self.arms.set(f"{campaign.pk}-{0 if plan.is_of_campaign else number}", plan.arms)
            self.forming.append(Forming(campaign, chosen))

    def _stagger_of(self, chosen: list[Plan]) -> str:
        """How a campaign with these plans is handed over in portions; "" for most."""
        if chosen[0].stagger:
            return chosen[0].stagger
        # The points of a first kill must be reached, and a fault at the creation of batches expects that all are made.
        if any(plan.alone or plan.is_of_campaign or plan.phase in ("rehearsal", "single") for plan in chosen):
            return ""
        if any(plan.is_rare for plan in chosen):
            return ""
        if not self.staggers:
            # Each in turn, so that a run with few campaigns tries all of them.
            self.staggers = random.sample(("", *STAGGERS), k=len(STAGGERS) + 1)
        return self.staggers.pop()

    def _chosen(self) -> list[Plan]:
        """The plans that share a campaign: of one provider, and at most one about the campaign itself."""
        first = self.queue.popleft()
        chosen = [first]
        for plan in list(self.queue):
            if len(chosen) == SIZE or first.alone:
                break
            is_second = plan.is_of_campaign and any(each.is_of_campaign for each in chosen)
            is_alike = (plan.provider, plan.stagger) == (first.provider, first.stagger)
            if is_alike and not plan.alone and not is_second:
                self.queue.remove(plan)
                chosen.append(plan)
        return chosen

    def form(self) -> None:
        """Approve what has been frozen: at times with two clicks at once."""
        for each in list(self.forming):
            each.campaign.refresh_from_db()
            if each.campaign.status == "frozen":
                clicks = 2 if each.plans[0].phase == "random" and random.random() < 0.3 else 1
                self.counted["double approval"] += clicks - 1
                approve(each.campaign, self.people, clicks)
                each.campaign.refresh_from_db()
            if each.campaign.status not in _NOT_BEGUN:
                self.forming.remove(each)
            elif each.campaign.status == "draft" and each.campaign.problems:
                raise SystemExit(f"A campaign could not be frozen: {each.campaign.sentence} {each.campaign.problems}")
            elif each.campaign.status == "draft":
                # The database went away during the freeze: the operator sees that, and freezes it once more.
                self.counted["frozen once more"] += 1
                begin_freeze(each.campaign, self.people)

    def begin_again(self) -> None:
        """Campaigns that had not begun when the copy was made are frozen and approved again, as people would."""
        forming = {each.campaign.pk for each in self.forming}
        for campaign in Campaign.objects.filter(status__in=_NOT_BEGUN).exclude(pk__in=forming):
            if campaign.follows_id is None:
                self.forming.append(Forming(campaign, [Plan(campaign.account.provider)]))
            elif campaign.pk not in self.repairs.drafts:
                self.repairs.drafts.append(campaign.pk)


def batches_in(*statuses: str) -> QuerySet[Batch]:
    """The batches of all campaigns that have one of these statuses."""
    return Batch.objects.filter(status__in=statuses)


def is_for_tomorrow() -> Q:
    """The batches whose allowed hours do not come again during this run."""
    return Q(status="prepared", reason="window_closed", due_at__gt=timezone.now() + timedelta(minutes=5))
