"""What to do after a commit that failed or has no result: pure decisions, without database, network or clock.

Positive evidence has been settled before. Here nothing proves that the commit arrived, and the absence of evidence
never permits another commit, except where the provider's guard makes a repeat harmless.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns import timing
from campaigns.statuses import RESTORED, BatchStatus, CampaignStatus
from providers.base import Interpretation
from providers.errors import Refused, Trouble, Unreachable
from providers.limits import Guard, GuardKind

#: How often a provider may drop a whole upload unread before a person is asked: bad timing alone does not do that.
MOST_DROPPED_UPLOADS = 3
CLOCK_SET_BACK = "The clock was set back after the commit began, and the provider shows nothing about this file."
CONTRADICTED = (
    "The database was restored from an older copy, and the journal knows more about this campaign, so "
    "Baton does not hand this file over again by itself."
)
NOTHING_SHOWN = "The provider shows nothing about this file."
NO_EVIDENCE = "The connection broke at the commit, and the provider shows nothing about this file."
OWN_ERROR = "An error in Baton keeps it from finding out whether this file arrived. See the log."


@dataclass(frozen=True)
class Situation:
    """Everything the decision depends on. Times are in UTC.

    ``first_intent_at`` is when the batch was first allowed through the gate, ``latest_attempt_at`` when its latest
    attempt began. ``is_contradicted`` is whether a journal shows that the database is an older copy;
    ``has_opt_outs_since_restore`` is whether an intent that only the journal knows includes somebody who has opted
    out. ``dropped_uploads`` is how many uploads ended well, if the provider dropped every attempt unread, else 0.
    ``is_still_staged``, which only a rename depends on, is whether every poll since the latest attempt, over the
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
    dropped_uploads: int
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


@dataclass(frozen=True)
class RetryLater:
    """Leave the batch as it is, and try again after the pause that grows with each failure."""


@dataclass(frozen=True)
class PrepareAgain:
    """Withdraw the intent and move the batch back to prepared, for this reason; it passes the gate again later."""

    reason: str
    sentence: str


@dataclass(frozen=True)
class Hold:
    """Withdraw the intent and hold the batch, for this reason: a person releases or cancels it."""

    reason: str
    sentence: str


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
    if situation.dropped_uploads >= MOST_DROPPED_UPLOADS:
        return AskAPerson(give_up.reason, f"{give_up.sentence} This happened {situation.dropped_uploads} times.")
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


def decide_after_failed_poll(
    trouble: Trouble, first_intent_at: datetime | None, now: datetime, give_up_after: timedelta
) -> RetryLater | AskAPerson:
    """Decide what to do about a committing batch whose poll failed with ``trouble``.

    ``give_up_after`` is the adapter's: how long after the first intent a person is asked.
    """
    if first_intent_at and now - first_intent_at > give_up_after:
        return AskAPerson("cannot_poll", trouble.sentence)
    return RetryLater()


def decide_after_own_error(batch_status: str, first_intent_at: datetime | None, now: datetime) -> AskAPerson | None:
    """Decide whether to ask a person about a batch after an error of Baton's own; None if it only waits for a retry."""
    is_committing = batch_status == BatchStatus.COMMITTING
    if is_committing and first_intent_at and now - first_intent_at > timing.ASK_A_PERSON_AFTER:
        return AskAPerson("unreadable", OWN_ERROR)
    return None


def decide_after_refusal(
    trouble: Refused | Unreachable, is_alone: bool
) -> RetryLater | AskAPerson | PrepareAgain | Hold:
    """Decide what to do about a batch after a commit of which nothing arrived.

    ``is_alone`` is whether every other attempt is known not to have arrived either. If not, the refusal says nothing
    about the batch as a whole.
    """
    if isinstance(trouble, Unreachable):
        return PrepareAgain(trouble.code, trouble.sentence) if is_alone else RetryLater()
    if not is_alone:
        return AskAPerson(trouble.code, trouble.sentence)
    if trouble.account and not trouble.holds:
        # The account is stopped, and the batch waits until a connection test passes.
        return PrepareAgain(trouble.code, trouble.sentence)
    return Hold(trouble.code, trouble.sentence)
