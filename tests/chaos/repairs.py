"""Repairs in a chaos run: files are rejected and followed up, campaigns paused, resumed, or their rest corrected."""

import random
from collections import Counter
from contextlib import suppress

from django.db.models import Q
from django.utils import timezone

from campaigns import decisions, follow_up
from campaigns.handover import canary
from campaigns.lifecycle import OPEN
from campaigns.models import Batch, Campaign, Recipient
from contacts.errors import Refusal
from tests.chaos.arena import Arena
from tests.chaos.people import TEXT, People, approve, begin_freeze

#: The text of a corrected rest.
CORRECTED = f"{TEXT}. Sorry for the late news"
#: What makes a provider reject its next file.
REJECTIONS = ("smsportal:insufficient-credits", "gatewayapi:reject:insufficient-credit", "gatewayapi:reject:sender")


class Repairs:
    """``drafts``: the follow-ups that are being frozen and approved. ``spared``: campaigns that are left alone."""

    def __init__(self, arena: Arena, people: People, counted: Counter[str]) -> None:
        self.arena = arena
        self.people = people
        self.counted = counted
        self.drafts: list[int] = []
        self.spared: set[int] = set()

    def happen(self) -> str:
        """Let one thing happen; return what, or ``""`` if nothing could."""
        choices = {self.reject: 4, self.follow_up: 5, self.pause: 3, self.resume: 3, self.correct: 3, self.release: 3}
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

    def release_all(self) -> None:
        """At the end, let those follow who wait for a person: whatever became of the first recipients, it is known."""
        for campaign in self._behind_a_canary():
            is_known = not campaign.batches.filter(status__in=OPEN).exists()
            if campaign.canary_waits_for == "person" or (is_known and not canary.may_continue(campaign)):
                self._release(campaign)

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
        """Stop a campaign in the middle, and correct its rest: another text, and at any time from now on."""
        campaign = self._any("running", "paused")
        if campaign is None:
            return ""
        if campaign.status == "running":
            decisions.pause(campaign, self.people.operator)
        draft = follow_up.correct_the_rest(campaign, self.people.operator, timezone.now())
        Campaign.objects.filter(pk=draft.pk).update(text=CORRECTED, window={})
        self._begin(draft)
        return "repair: rest corrected"

    def release(self) -> str:
        """Let the others of a campaign follow its first recipients, as a person does who has looked at the result."""
        waiting = [one for one in self._behind_a_canary() if one.canary_waits_for == "person"]
        if not waiting:
            return ""
        self._release(random.choice(waiting))
        return "repair: canary continued"

    def _release(self, campaign: Campaign) -> None:
        with suppress(Refusal):
            decisions.release_canary(campaign, self.people.operator, timezone.now())

    def _behind_a_canary(self) -> list[Campaign]:
        """The running campaigns whose others wait for the first recipients."""
        held_back = Campaign.objects.filter(status="running", canary__isnull=False, canary_released_at=None)
        return [campaign for campaign in held_back if canary.others_wait(campaign)]

    def _any(self, *statuses: str) -> Campaign | None:
        """A campaign with something left to hand over."""
        files = Batch.objects.filter(status__in=("prepared", "uploading"))
        left = Q(pk__in=files.values("campaign")) | Q(pk__in=Recipient.objects.waiting().values("campaign"))
        chosen = Campaign.objects.select_related("account").filter(left, status__in=statuses)
        return chosen.exclude(pk__in=self.spared).order_by("?").first()

    def _begin(self, draft: Campaign) -> None:
        self.drafts.append(draft.pk)
