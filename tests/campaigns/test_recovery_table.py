"""The decisions about a commit that failed or has no result: one row for each rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.handover.recovery import (
    CLOCK_SET_BACK,
    CONTRADICTED,
    MOST_DROPPED_UPLOADS,
    NO_EVIDENCE,
    NOTHING_SHOWN,
    OWN_ERROR,
    AskAPerson,
    Decision,
    Hold,
    PollAgain,
    PrepareAgain,
    RepeatRename,
    RepeatUpload,
    RetryLater,
    Situation,
    decide,
    decide_after_failed_poll,
    decide_after_own_error,
    decide_after_refusal,
)
from campaigns.statuses import BatchStatus
from providers.base import Interpretation, ProviderState
from providers.errors import Refused, Unreachable
from providers.limits import Guard

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
WINDOW, PAUSE = timedelta(hours=24), timedelta(seconds=60)
KEY, RENAME, NONE = Guard.key(WINDOW, PAUSE), Guard.rename(), Guard.none()
PATIENCE = timedelta(minutes=30)

ABSENT = Interpretation(ProviderState.ABSENT)
UNKNOWN = Interpretation(ProviderState.UNKNOWN, "no_answer", "No server answered.")
GIVE_UP = AskAPerson("no_evidence", NO_EVIDENCE)


def ago(**by: float) -> datetime:
    return NOW - timedelta(**by)


def in_(**by: float) -> datetime:
    return NOW + timedelta(**by)


def situation(guard: Guard, **changes: object) -> Situation:
    """Five minutes after the only attempt of a running campaign, with no sign of it at the provider."""
    usual = Situation(
        guard=guard,
        interpretation=ABSENT,
        now=NOW,
        first_intent_at=ago(minutes=5),
        latest_attempt_at=ago(minutes=5),
        campaign_status="running",
        patience=PATIENCE,
        is_account_stopped=False,
        is_contradicted=False,
        has_opt_outs_since_restore=False,
        dropped_uploads=0,
        is_still_staged=guard is RENAME,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


UPLOAD = RepeatUpload(otherwise=GIVE_UP)
IN_A_MINUTE = PollAgain(in_(seconds=60))
IN_FIVE_SECONDS = PollAgain(in_(seconds=5))
IN_TWENTY_SECONDS = PollAgain(in_(seconds=20))
RENAME_AGAIN = RepeatRename(otherwise=IN_A_MINUTE)
SET_BACK = AskAPerson("clock_set_back", CLOCK_SET_BACK)
RESTORED = AskAPerson("restored", f"{CONTRADICTED} {NOTHING_SHOWN}")

AT_THE_EDGE = {"first_intent_at": NOW - timedelta(minutes=15), "latest_attempt_at": NOW - timedelta(minutes=15)}
WAITS = replace(ABSENT, waits=True)

ROWS: dict[str, tuple[Situation, Decision]] = {
    # The clock was set back: no guard can be relied on, and nothing else is considered.
    "key, clock set back": (situation(KEY, first_intent_at=in_(minutes=2, seconds=1)), SET_BACK),
    "rename, clock set back": (situation(RENAME, first_intent_at=in_(hours=48)), SET_BACK),
    "none, clock set back": (situation(NONE, first_intent_at=in_(hours=48)), SET_BACK),
    "clock set back, before waiting": (situation(KEY, first_intent_at=in_(hours=1), interpretation=WAITS), SET_BACK),
    "clock set back, the provider's own words": (
        situation(KEY, first_intent_at=in_(hours=1), interpretation=UNKNOWN),
        AskAPerson("clock_set_back", "No server answered."),
    ),
    "two hosts' clocks may differ by two minutes": (
        situation(KEY, first_intent_at=in_(minutes=2), latest_attempt_at=ago(minutes=5)),
        UPLOAD,
    ),
    # The provider's report has yet to come.
    "key, waits": (situation(KEY, interpretation=WAITS), IN_FIVE_SECONDS),
    "rename, waits": (situation(RENAME, interpretation=WAITS), IN_FIVE_SECONDS),
    "none, waits": (situation(NONE, interpretation=WAITS), IN_FIVE_SECONDS),
    "waits, before the journal": (situation(KEY, interpretation=WAITS, is_contradicted=True), IN_FIVE_SECONDS),
    "waits, also after the guard's window": (
        situation(KEY, interpretation=WAITS, first_intent_at=ago(hours=30)),
        IN_FIVE_SECONDS,
    ),
    # The journal knows more than the restored database.
    "key, contradicted": (situation(KEY, is_contradicted=True), RESTORED),
    "rename, contradicted": (situation(RENAME, is_contradicted=True), RESTORED),
    "none, contradicted": (situation(NONE, is_contradicted=True), RESTORED),
    "contradicted, the provider's own words": (
        situation(KEY, is_contradicted=True, interpretation=UNKNOWN),
        AskAPerson("restored", f"{CONTRADICTED} No server answered."),
    ),
    # A key that the provider remembers.
    "key": (situation(KEY), UPLOAD),
    "key, the staged source does not matter": (situation(KEY, is_still_staged=True), UPLOAD),
    "key, just within patience": (situation(KEY, first_intent_at=ago(minutes=29, seconds=59)), UPLOAD),
    "key, patience is over": (situation(KEY, first_intent_at=NOW - PATIENCE), GIVE_UP),
    "key, just within the window": (
        situation(KEY, first_intent_at=ago(hours=23, minutes=59), patience=timedelta(days=3)),
        UPLOAD,
    ),
    "key, the window is over": (situation(KEY, first_intent_at=NOW - WINDOW, patience=timedelta(days=3)), GIVE_UP),
    "key, the window is shorter than patience": (
        situation(Guard.key(timedelta(minutes=4), PAUSE)),
        GIVE_UP,
    ),
    "key, the provider's own words": (
        situation(KEY, first_intent_at=NOW - PATIENCE, interpretation=UNKNOWN),
        AskAPerson("no_answer", "No server answered."),
    ),
    "key, a repeat that the gate refuses keeps the provider's own words": (
        situation(KEY, interpretation=UNKNOWN),
        RepeatUpload(otherwise=AskAPerson("no_answer", "No server answered.")),
    ),
    "key, pause of the guard": (situation(KEY, latest_attempt_at=ago(seconds=59)), PollAgain(in_(seconds=1))),
    "key, much of the pause left": (situation(KEY, latest_attempt_at=ago(seconds=10)), IN_FIVE_SECONDS),
    "key, pause just over": (situation(KEY, latest_attempt_at=ago(seconds=60)), UPLOAD),
    "key, pause while paused": (
        situation(KEY, latest_attempt_at=ago(seconds=10), campaign_status="paused"),
        IN_FIVE_SECONDS,
    ),
    "key, paused": (situation(KEY, campaign_status="paused"), IN_TWENTY_SECONDS),
    "key, account stopped": (situation(KEY, is_account_stopped=True), IN_TWENTY_SECONDS),
    "key, paused for too long": (
        situation(KEY, campaign_status="paused", first_intent_at=NOW - PATIENCE),
        GIVE_UP,
    ),
    "key, cancelled": (situation(KEY, campaign_status="cancelled"), GIVE_UP),
    "key, closed": (situation(KEY, campaign_status="closed"), GIVE_UP),
    "key, opted out since the restore": (situation(KEY, has_opt_outs_since_restore=True), GIVE_UP),
    "key, opted out since the restore, paused": (
        situation(KEY, has_opt_outs_since_restore=True, campaign_status="paused"),
        GIVE_UP,
    ),
    "key, a whole upload was dropped unread": (situation(KEY, dropped_uploads=MOST_DROPPED_UPLOADS - 1), UPLOAD),
    "key, whole uploads were dropped unread too often": (
        situation(KEY, dropped_uploads=MOST_DROPPED_UPLOADS, interpretation=UNKNOWN),
        AskAPerson("no_answer", "No server answered. This happened 3 times."),
    ),
    "key, dropped too often, before the pause is over": (
        situation(KEY, dropped_uploads=MOST_DROPPED_UPLOADS, latest_attempt_at=NOW, interpretation=UNKNOWN),
        AskAPerson("no_answer", "No server answered. This happened 3 times."),
    ),
    # A rename of a pinned source.
    "rename, source untouched": (situation(RENAME), RENAME_AGAIN),
    "rename, opt-outs are the first intent's": (
        situation(RENAME, has_opt_outs_since_restore=True),
        RENAME_AGAIN,
    ),
    "rename, the pause is in the polls": (situation(RENAME, latest_attempt_at=ago(seconds=1)), RENAME_AGAIN),
    "rename, source not seen": (situation(RENAME, is_still_staged=False), IN_A_MINUTE),
    "rename, paused": (situation(RENAME, campaign_status="paused", is_still_staged=True), IN_A_MINUTE),
    "rename, cancelled": (situation(RENAME, campaign_status="cancelled", is_still_staged=True), IN_A_MINUTE),
    "rename, account stopped": (situation(RENAME, is_account_stopped=True, is_still_staged=True), IN_A_MINUTE),
    "rename, patience is over": (
        situation(RENAME, patience=timedelta(minutes=5), is_still_staged=True),
        IN_A_MINUTE,
    ),
    "rename, almost 15 minutes": (situation(RENAME, first_intent_at=ago(minutes=14, seconds=59)), RENAME_AGAIN),
    "rename, 15 minutes": (situation(RENAME, is_still_staged=True, **AT_THE_EDGE), GIVE_UP),
    "rename, 15 minutes, the provider's own words": (
        situation(RENAME, interpretation=UNKNOWN, **AT_THE_EDGE),
        AskAPerson("no_answer", "No server answered."),
    ),
    # No guard: absence of evidence is always unclear.
    "none": (situation(NONE), GIVE_UP),
    "none, at once": (situation(NONE, first_intent_at=NOW, latest_attempt_at=NOW), GIVE_UP),
    "none, source untouched": (situation(NONE, is_still_staged=True), GIVE_UP),
    "none, paused": (situation(NONE, campaign_status="paused"), GIVE_UP),
    "none, the provider's own words": (
        situation(NONE, interpretation=UNKNOWN),
        AskAPerson("no_answer", "No server answered."),
    ),
}


@pytest.mark.parametrize(("facts", "decision"), ROWS.values(), ids=ROWS.keys())
def test_it_decides(facts: Situation, decision: Decision) -> None:
    assert decide(facts) == decision


@pytest.mark.parametrize("status", ["draft", "freezing", "frozen", "approved", "held", "closed", "cancelled"])
@pytest.mark.parametrize("guard", [KEY, RENAME, NONE], ids=["key", "rename", "none"])
def test_nothing_is_repeated_unless_the_campaign_runs(guard: Guard, status: str) -> None:
    assert not isinstance(decide(situation(guard, campaign_status=status)), RepeatUpload | RepeatRename)


GIVE_UP_AFTER = timedelta(hours=2)
NO_LINE = Unreachable("no_line", "There is no line.")
NO_LOGIN = Refused("login_refused", "The login was refused.", account=True)

FAILED_POLLS: dict[str, tuple[datetime | None, Decision | RetryLater]] = {
    "no intent": (None, RetryLater()),
    "at once": (NOW, RetryLater()),
    "just within the time": (NOW - GIVE_UP_AFTER, RetryLater()),
    "for too long": (NOW - GIVE_UP_AFTER - timedelta(seconds=1), AskAPerson("cannot_poll", "There is no line.")),
    "clock set back": (in_(hours=48), RetryLater()),
}


@pytest.mark.parametrize(("first_intent_at", "decision"), FAILED_POLLS.values(), ids=FAILED_POLLS.keys())
def test_it_decides_after_a_failed_poll(first_intent_at: datetime | None, decision: Decision | RetryLater) -> None:
    assert decide_after_failed_poll(NO_LINE, first_intent_at, NOW, GIVE_UP_AFTER) == decision


ASK_ABOUT_OWN_ERROR = AskAPerson("unreadable", OWN_ERROR)

OWN_ERRORS: dict[str, tuple[BatchStatus, datetime | None, AskAPerson | None]] = {
    "committing, at once": (BatchStatus.COMMITTING, NOW, None),
    "committing, 15 minutes": (BatchStatus.COMMITTING, ago(minutes=15), None),
    "committing, longer": (BatchStatus.COMMITTING, ago(minutes=15, seconds=1), ASK_ABOUT_OWN_ERROR),
    "committing, clock set back": (BatchStatus.COMMITTING, in_(hours=48), None),
    "committing, no intent": (BatchStatus.COMMITTING, None, None),
    "prepared again": (BatchStatus.PREPARED, ago(hours=1), None),
    "uploading": (BatchStatus.UPLOADING, ago(hours=1), None),
    "handed over": (BatchStatus.HANDED_OVER, ago(hours=1), None),
}


@pytest.mark.parametrize(("status", "first_intent_at", "decision"), OWN_ERRORS.values(), ids=OWN_ERRORS.keys())
def test_it_decides_after_an_own_error(
    status: BatchStatus, first_intent_at: datetime | None, decision: AskAPerson | None
) -> None:
    assert decide_after_own_error(status, first_intent_at, NOW) == decision


AfterRefusal = RetryLater | AskAPerson | PrepareAgain | Hold

REFUSALS: dict[str, tuple[Refused | Unreachable, bool, AfterRefusal]] = {
    "unreachable": (NO_LINE, True, PrepareAgain("no_line", "There is no line.")),
    "unreachable, another attempt may have arrived": (NO_LINE, False, RetryLater()),
    "account refused": (NO_LOGIN, True, PrepareAgain("login_refused", "The login was refused.")),
    "account refused, another attempt may have arrived": (
        NO_LOGIN,
        False,
        AskAPerson("login_refused", "The login was refused."),
    ),
    "account refused, the batch is held": (
        Refused("no_credit", "No credit.", account=True, holds=True),
        True,
        Hold("no_credit", "No credit."),
    ),
    "account refused, the batch is held, another attempt may have arrived": (
        Refused("no_credit", "No credit.", account=True, holds=True),
        False,
        AskAPerson("no_credit", "No credit."),
    ),
    "batch refused": (Refused("bad_file", "Bad file."), True, Hold("bad_file", "Bad file.")),
    "batch refused, another attempt may have arrived": (
        Refused("bad_file", "Bad file."),
        False,
        AskAPerson("bad_file", "Bad file."),
    ),
}


@pytest.mark.parametrize(("trouble", "is_alone", "decision"), REFUSALS.values(), ids=REFUSALS.keys())
def test_it_decides_after_a_refusal(trouble: Refused | Unreachable, is_alone: bool, decision: AfterRefusal) -> None:
    assert decide_after_refusal(trouble, is_alone) == decision
