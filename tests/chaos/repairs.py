"""Repairs in a chaos run: files are rejected and followed up, campaigns paused, resumed, or their rest corrected."""

import random
from collections import Counter
from contextlib import suppress

from django.utils import timezone

from campaigns import decisions, follow_up
from campaigns.models import Batch, Campaign
from contacts.errors import Refusal
from tests.chaos.arena import Arena
from tests.chaos.people import People, approve, begin_freeze

#: What makes a provider reject its next file.
REJECTIONS = ("smsportal:insufficient-credits", "gatewayapi:reject:insufficient-credit", "gatewayapi:reject:sender")


class Repairs:
    """``drafts``: the follow-ups that are being frozen and approved."""

    def __init__(self, arena: Arena, people: People, counted: Counter[str]) -> None:
        self.arena = arena
        self.people = people
        self.counted = counted
        self.drafts: list[int] = []

    def happen(self) -> str:
        """Let one thing happen; return what, or ``""`` if nothing could."""
        choices = {self.reject: 4, self.follow_up: 5, self.pause: 3, self.resume: 3, self.correct: 3}
        [chosen] = random.choices(list(choices), list(choices.values()))
        try:
            return chosen()
        except Refusal:
            return ""

    def turn(self) -> None:
        """Freeze and approve the drafts, as people would."""
        for pk in list(self.drafts):
            draft = Campaign.objects.select_related("account").filter(pk=pk).first()
            if draft is None or draft.status not in ("draft", "freezing", "frozen"):
                # A restored database may have forgotten it.
                self.drafts.remove(pk)
            elif draft.status == "frozen":
                approve(draft, self.people)
            elif draft.status == "draft":
                try:
                    begin_freeze(draft, self.people)
                except Refusal:
                    # Another follow-up of its chain is active, or everybody opted out.
                    self.drafts.remove(pk)

    def resume_all(self) -> None:
        """Resume what people paused."""
        for campaign in Campaign.objects.filter(status="paused", reason="paused"):
            with suppress(Refusal):
                decisions.resume(campaign, self.people.operator, timezone.now())

    def follow_up_all(self) -> None:
        """At the end, text again everybody who got no text and can be texted."""
        failed = Batch.objects.filter(status__in=("rejected", "cancelled")).values("campaign")
        for campaign in Campaign.objects.filter(pk__in=failed):
            with suppress(Refusal):
                outcomes = list(follow_up.OUTCOMES)
                self._begin(follow_up.follow_up(campaign, outcomes, self.people.operator, timezone.now()))
                self.counted["repair: followed up at the end"] += 1

    def reject(self) -> str:
        self.arena.gateways.fault(random.choice(REJECTIONS))
        return "repair: a file is rejected"

    def follow_up(self) -> str:
        """Text again those of a campaign who got no text, whatever its state."""
        failed = Batch.objects.filter(status__in=("rejected", "cancelled")).order_by("?").first()
        if failed is None:
            return ""
        outcomes = list(follow_up.OUTCOMES)
        self._begin(follow_up.follow_up(failed.campaign, outcomes, self.people.operator, timezone.now()))
        return "repair: followed up"

    def pause(self) -> str:
        campaign = self._any("running")
        if campaign is None:
            return ""
        decisions.pause(campaign, self.people.operator)
        return "repair: paused"

    def resume(self) -> str:
        campaign = Campaign.objects.filter(status="paused", reason="paused").order_by("?").first()
        if campaign is None:
            return ""
        decisions.resume(campaign, self.people.operator, timezone.now())
        return "repair: resumed"

    def correct(self) -> str:
        """Stop a campaign in the middle, and correct its rest."""
        campaign = self._any("running", "paused")
        if campaign is None:
            return ""
        if campaign.status == "running":
            decisions.pause(campaign, self.people.operator)
        self._begin(follow_up.correct_the_rest(campaign, self.people.operator, timezone.now()))
        return "repair: rest corrected"

    def _any(self, *statuses: str) -> Campaign | None:
        """A campaign with something left to hand over."""
        waiting = Batch.objects.filter(status__in=("prepared", "uploading"), campaign__status__in=statuses)
        batch = waiting.select_related("campaign").order_by("?").first()
        return batch.campaign if batch else None

    def _begin(self, draft: Campaign) -> None:
        self.drafts.append(draft.pk)
