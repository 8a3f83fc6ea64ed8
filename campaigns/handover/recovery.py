"""What to do after a commit that failed or has no result: pure decisions, without database, network or clock.

Positive evidence has been settled before. Here nothing proves that the commit arrived, and the absence of evidence
never permits another commit, except where the provider's guard makes a repeat harmless.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns import timing
from campaigns.statuses import CampaignStatus
from providers.base import Guard, GuardKind, Interpretation

#: The reason of batches and campaigns about which a journal knows more than the restored database.
RESTORED = "restored"

CLOCK_SET_BACK = "The clock was set back after the commit began, and the provider shows nothing about this file."
CONTRADICTED = (
    "The database was restored from an older copy, and the journal knows more about this campaign, so "
    "Baton does not hand this file over again by itself."
)
NOTHING_SHOWN = "The provider shows nothing about this file."
NO_EVIDENCE = "The connection broke at the commit, and the provider shows nothing about this file."


@dataclass(frozen=True)
class Situation:
    """Everything the decision depends on. Times are in UTC.

    ``first_intent_at`` is when the batch was first allowed through the gate, ``latest_attempt_at`` when its latest
    attempt began. ``is_contradicted`` is whether a journal shows that the database is an older copy;
    ``has_opt_outs_since_restore`` is whether an intent that only the journal knows includes somebody who has opted
    out; ``is_still_staged``, which only a rename depends on, is whether every poll since the latest attempt, over the
    guard's pause, saw its pinned source untouched.
    """

    guard: Guard
    interpretation: Interpretation
    now: datetime
    first_intent_at: datetime
    latest_attempt_at: datetime
    campaign_status: str
    patience: timedelta
    is_account_stopped: bool
    is_contradicted: bool
    has_opt_outs_since_restore: bool
    is_still_staged: bool

    @property
    def age(self) -> timedelta:
        """How long ago the first intent was."""
        return self.now - self.first_intent_at


@dataclass(frozen=True)
class PollAgain:
    """Keep the batch committing and poll again at ``at``."""

    at: datetime


@dataclass(frozen=True)
class AskAPerson:
    """Move the batch to unclear, with this reason."""

    reason: str
    sentence: str


@dataclass(frozen=True)
class RepeatUpload:
    """Pass the gate again and commit the same bytes under a new attempt's name; the provider drops a duplicate.

    ``otherwise`` is what to do if the gate refuses.
    """

    otherwise: AskAPerson


@dataclass(frozen=True)
class RepeatRename:
    """Pass the gate again and rename the pinned source of the latest attempt; only one such rename can succeed.

    ``otherwise`` is what to do if the gate refuses.
    """

    otherwise: PollAgain


Decision = PollAgain | AskAPerson | RepeatUpload | RepeatRename


def decide(situation: Situation) -> Decision:
    """Decide what to do about a commit that nothing proves to have arrived."""
    shown = situation.interpretation.sentence
    if situation.first_intent_at > situation.now + timing.CLOCKS_DIFFER:
        # How long ago the intent was is not known, so no guard can be relied on.
        return AskAPerson("clock_set_back", shown or CLOCK_SET_BACK)
    if situation.interpretation.waits:
        return PollAgain(situation.now + timing.RECOVERY_POLL_PAUSE)
    if situation.is_contradicted:
        return AskAPerson(RESTORED, f"{CONTRADICTED} {shown or NOTHING_SHOWN}")
    give_up = AskAPerson(situation.interpretation.reason or "no_evidence", shown or NO_EVIDENCE)
    if situation.guard.kind is GuardKind.KEY:
        return _decide_with_key(situation, give_up)
    if situation.guard.kind is GuardKind.RENAME:
        return _decide_with_rename(situation, give_up)
    return give_up


def _decide_with_key(situation: Situation, give_up: AskAPerson) -> Decision:
    """The provider drops a repeated key within the guard's window, so the upload may be repeated."""
    now, pause = situation.now, situation.guard.pause
    if situation.age >= min(situation.guard.window, situation.patience):
        return give_up
    if situation.has_opt_outs_since_restore:
        # The journalled intent may have been withdrawn in the database that was lost.
        return give_up
    if situation.campaign_status not in (CampaignStatus.RUNNING, CampaignStatus.PAUSED):
        return give_up
    if now < situation.latest_attempt_at + pause:
        return PollAgain(min(situation.latest_attempt_at + pause, now + timing.RECOVERY_POLL_PAUSE))
    if situation.campaign_status == CampaignStatus.PAUSED or situation.is_account_stopped:
        return PollAgain(now + timing.RECOVERY_POLL_PAUSE_WHILE_STOPPED)
    return RepeatUpload(otherwise=give_up)


def _decide_with_rename(situation: Situation, give_up: AskAPerson) -> Decision:
    """A rename consumes its source, so it may be repeated while the source is seen untouched."""
    if situation.age >= timing.ASK_A_PERSON_AFTER:
        return give_up
    poll_again = PollAgain(situation.now + situation.guard.pause)
    may_repeat = (
        situation.campaign_status == CampaignStatus.RUNNING
        and situation.age < situation.patience
        and not situation.is_account_stopped
    )
    if may_repeat and situation.is_still_staged:
        return RepeatRename(otherwise=poll_again)
    return poll_again
