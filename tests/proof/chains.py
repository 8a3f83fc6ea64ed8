"""The life of a chain: campaigns as in ``machine``, follow-ups, corrected rests, and the promise about the chain."""

from collections import Counter
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from campaigns import decisions, follow_up
from campaigns.audience import freeze as audience_freeze
from campaigns.chain import root_of
from campaigns.models import Batch, Campaign
from contacts.errors import Refusal
from tests.proof.incidents import Incident, maybe_incident
from tests.proof.machine import TEXT, BatchLife

_choices = st.integers(0, 4)
#: What happens to a chain inside a job.
GROWTH = ("follow_up", "follow_up", "correct", "pause", "begin_drafts")
growth = st.one_of(
    st.builds(Incident, st.just("point"), st.integers(0, 40), st.sampled_from(GROWTH), _choices),
    st.builds(Incident, st.just("free"), st.integers(0, 80), st.sampled_from(GROWTH), _choices),
)


class ChainRules(BatchLife):
    """Follow-ups and corrected rests beside everything that happens to batches. Mixed into the test's machine."""

    def __init__(self) -> None:
        super().__init__()
        self.drafts: list[int] = []
        #: The root of each campaign that was ever made, also of those that a restored database has forgotten.
        self.roots: dict[int, int] = {}

    # -- what happens ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.is_more_to_come)
    @rule(answer=st.sampled_from(("reject", "reject", "row_error")), which=_choices, incident=maybe_incident)
    def files_fail_and_are_followed_up(self, answer: str, which: int, incident: Incident | None) -> None:
        self.provider.behave()
        self.provider.answer = answer
        for campaign_id in self.campaign_ids:
            self.run("create_batches", campaign_id)
        self.run("hand_over", self.account_id)
        self.clock.forward(timedelta(seconds=3))
        self.run("collect", self.account_id, incident)
        self.provider.behave()
        self.grow("follow_up", which)
        self.grow("begin_drafts", which)

    @precondition(lambda self: self.is_more_to_come)
    @rule(passing=st.integers(0, 8), which=_choices, is_begun=st.booleans())
    def a_campaign_is_stopped_in_the_middle(self, passing: int, which: int, is_begun: bool) -> None:
        """It is paused inside a commit, and the files after that one become the rest."""
        for campaign_id in self.campaign_ids:
            self.run("create_batches", campaign_id)
        self.run("hand_over", self.account_id, Incident("commit", passing, "pause", which))
        self.grow("correct", which)
        if is_begun:
            self.grow("begin_drafts", which)

    @rule(which=_choices, is_begun=st.booleans())
    def a_follow_up_is_made(self, which: int, is_begun: bool) -> None:
        self.grow("follow_up", which)
        if is_begun:
            self.grow("begin_drafts", which)

    @rule(which=_choices, is_begun=st.booleans())
    def the_rest_is_corrected(self, which: int, is_begun: bool) -> None:
        self.grow("correct", which)
        if is_begun:
            self.grow("begin_drafts", which)

    @precondition(lambda self: self.drafts)
    @rule(incident=maybe_incident)
    def drafts_are_frozen_and_approved(self, incident: Incident | None) -> None:
        self.grow("begin_drafts", 0)
        self.soon(seconds=0, incident=incident)

    @rule(seconds=st.sampled_from([0, 3, 61]), incident=growth)
    def a_chain_grows_inside_a_job(self, seconds: int, incident: Incident) -> None:
        self.clock.forward(timedelta(seconds=seconds))
        self.sweep(incident)

    @precondition(lambda self: self.copies)
    @rule(which=_choices)
    def an_older_copy_is_restored(self, which: int) -> None:
        BatchLife.an_older_copy_is_restored(self, which=which)
        known = set(Campaign.objects.values_list("pk", flat=True))
        self.campaign_ids = [pk for pk in self.campaign_ids if pk in known]
        self.drafts = [pk for pk in self.drafts if pk in known]
        begun = Campaign.objects.filter(follows__isnull=False).exclude(pk__in=self.campaign_ids)
        for campaign in begun:
            (self.drafts if campaign.status == "draft" else self.campaign_ids).append(campaign.pk)

    def world(self, action: str, choice: int) -> None:
        if action in GROWTH and action != "pause":
            self.grow(action, choice)
        else:
            super().world(action, choice)

    def grow(self, action: str, choice: int) -> None:
        if not hasattr(self, "campaign_ids"):
            return
        if action == "begin_drafts":
            for campaign in Campaign.objects.filter(pk__in=self.drafts, status="draft"):
                self.begin_draft(campaign)
            return
        campaign = Campaign.objects.select_related("account").get(pk=self.campaign_ids[choice % len(self.campaign_ids)])
        try:
            if action == "follow_up":
                draft = follow_up.follow_up(campaign, list(follow_up.OUTCOMES), self.setup.operator, self.clock())
            else:
                if campaign.status == "running":
                    decisions.pause(campaign, self.setup.operator)
                draft = follow_up.correct_the_rest(campaign, self.setup.operator, self.clock())
        except Refusal as refusal:
            self.met[f"refused {action}: {refusal.code}"] += 1
            return
        self.met[action] += 1
        # It copies what the rule about changed texts may have put there.
        Campaign.objects.filter(pk=draft.pk).update(text=TEXT)
        self.drafts.append(draft.pk)

    def begin_draft(self, campaign: Campaign) -> None:
        """Freeze and approve a draft of a follow-up, as people and the job do."""
        try:
            audience_freeze.begin_freeze(campaign, self.setup.operator, self.clock())
            audience_freeze.freeze(campaign.pk, self.clock())
            campaign.refresh_from_db()
            decisions.approve(campaign, self.setup.approver, campaign.approval_hash, self.clock())
        except Refusal as refusal:
            self.met[f"refused to begin: {refusal.code}"] += 1
            return
        self.met["follow-ups begun"] += 1
        self.roots[campaign.pk] = root_of(campaign)
        # A follow-up has no canary of its own.
        self.continued.add(campaign.pk)
        self.drafts.remove(campaign.pk)
        self.campaign_ids.append(campaign.pk)

    # -- what must never happen ------------------------------------------------------------------------------------

    def check(self) -> None:
        super().check()
        texted = Counter(
            (self.roots.get(campaign, campaign), number)
            for take in self.provider.ledger
            for campaign in [int(take.stem.split("-")[0][1:])]
            for number, _ in take.texted
        )
        twice = [key for key, count in texted.items() if count > 1]
        assert not twice, f"texted twice in a chain: {twice} {[take.stem for take in self.provider.ledger]}"

    def count_up(self) -> None:
        self.met["files of follow-ups"] += Batch.objects.filter(campaign__follows__isnull=False).count()
        self.met["reached later"] += sum(Campaign.objects.values_list("reached_later", flat=True))
        super().count_up()
