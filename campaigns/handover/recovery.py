"""What to do with a commit whose result is not known, after a crash or a broken connection."""

from datetime import datetime, timedelta

from campaigns.handover.commit import commit, retry_fields, stop_account_if_refused
from campaigns.handover.gate import gate, next_attempt, still_committing
from campaigns.handover.restore import RESTORED, journal_contradicts, replay_intents
from campaigns.handover.session import Clock, RemoteSession, SessionBroken
from campaigns.lifecycle import transition
from campaigns.models import Attempt, Batch, Campaign, Recipient
from campaigns.results.evidence import BytesDiffer, attempts_of, observations_of, payload_of, plain_attempt
from campaigns.results.poll import poll
from campaigns.results.schedule import unclear_fields
from providers.base import GuardKind, Interpretation, ProviderState, Staged
from providers.errors import Trouble
from providers.locks import Lock
from providers.points import reach

#: How long a commit without an answer is looked for before a person is asked, where the adapter allows no repeat.
ASK_A_PERSON_AFTER = timedelta(minutes=15)


_CLOCKS_DIFFER = timedelta(minutes=2)


def recover(batch: Batch, lock: Lock, session: RemoteSession, clock: Clock) -> None:
    """A commit whose end is not known: look through a fresh connection, and act only on what is seen."""
    now = clock()
    reach("recover:begin")
    replay_intents(batch, now)
    if batch.status != Batch.Status.COMMITTING:
        return
    try:
        remote = session.fresh()
        # Connecting may take long, and what is seen is not older than this.
        now = clock()
        interpretation = poll(batch, remote, now)
    except BytesDiffer as error:
        transition(
            batch, Batch.Status.UNCLEAR, reason="bytes_differ", sentence=str(error), **unclear_fields(batch, now)
        )
        return
    except Trouble as trouble:
        poll_failed(batch, trouble, now)
        raise SessionBroken from trouble
    if batch.status == Batch.Status.COMMITTING:
        decide_absent(batch, interpretation, lock, session, clock)


def poll_failed(batch: Batch, trouble: Trouble, now: datetime) -> None:
    """The provider cannot even be asked: ask again later, and a person when that has lasted too long."""
    stop_account_if_refused(batch, trouble)
    if batch.first_intent_at and now - batch.first_intent_at > batch.account.adapter.give_up_after:
        transition(
            batch, Batch.Status.UNCLEAR, reason="cannot_poll", sentence=trouble.sentence, **unclear_fields(batch, now)
        )
        return
    Batch.objects.filter(pk=batch.pk).update(**retry_fields(batch, now))


def decide_absent(
    batch: Batch, interpretation: Interpretation, lock: Lock, session: RemoteSession, clock: Clock
) -> None:
    """Nothing proves that a commit arrived. Only a guard that makes a repeat harmless permits another."""
    now = clock()
    adapter = batch.account.adapter
    guard = adapter.guard
    latest = batch.attempts.order_by("-number").first()
    first = batch.first_intent_at or now
    if latest is None:
        raise ValueError(f"{batch.name} is committing without an attempt")
    campaign = Campaign.objects.get(pk=batch.campaign_id)
    if first > now + _CLOCKS_DIFFER:
        # How long ago it was is not known, so no guard can be relied on.
        sentence = "The clock was set back after the commit began, and the provider shows nothing of this file."
        transition(
            batch,
            Batch.Status.UNCLEAR,
            reason="clock_set_back",
            sentence=interpretation.sentence or sentence,
            **unclear_fields(batch, now),
        )
        return
    if interpretation.waits:
        _poll_again(batch, now + timedelta(seconds=5))
        return
    if journal_contradicts(batch):
        shown = interpretation.sentence or "The provider shows nothing of this file."
        sentence = (
            "The database was restored from an older copy, and the journal knows more of this campaign than it, so "
            f"Baton does not hand this file over again by itself. {shown}"
        )
        transition(batch, Batch.Status.UNCLEAR, reason=RESTORED, sentence=sentence, **unclear_fields(batch, now))
        return
    if guard.kind is GuardKind.KEY:
        may_repeat = now - first < min(guard.window, campaign.patience)
        if batch.reason == RESTORED and Recipient.objects.of_batch(batch).opted_out().exists():
            # The intent that the journal knows may have been withdrawn in the database that is gone.
            may_repeat = False
        if may_repeat and campaign.status in (Campaign.Status.RUNNING, Campaign.Status.PAUSED):
            if now < latest.started_at + guard.pause:
                _poll_again(batch, min(latest.started_at + guard.pause, now + timedelta(seconds=5)))
                return
            if campaign.status == Campaign.Status.PAUSED or batch.account.is_stopped:
                _poll_again(batch, now + timedelta(seconds=20))
                return
            payload = payload_of(batch)
            name = adapter.attempt_name(payload, next_attempt(batch))
            attempt = gate(batch, Staged(), name, now, repeated=True)
            if attempt is not None:
                commit(batch, attempt, payload, lock, session, clock)
                return
    elif guard.kind is GuardKind.RENAME and now - first < ASK_A_PERSON_AFTER:
        may_repeat = (
            campaign.status == Campaign.Status.RUNNING
            and now - first < campaign.patience
            and not batch.account.is_stopped
        )
        if may_repeat and _is_still_staged(batch, latest):
            # The very source of the attempt before: whichever rename comes first uses it up.
            attempt = gate(batch, plain_attempt(latest).staged, latest.name, now, repeated=True)
            if attempt is not None:
                commit(batch, attempt, payload_of(batch), lock, session, clock)
                return
        _poll_again(batch, now + guard.pause)
        return
    sentence = interpretation.sentence or "The line broke at the commit, and the provider shows nothing of this file."
    transition(
        batch,
        Batch.Status.UNCLEAR,
        reason=interpretation.reason or "no_evidence",
        sentence=sentence,
        **unclear_fields(batch, now),
    )


def _is_still_staged(batch: Batch, latest: Attempt) -> bool:
    """Whether the looks up to the last one saw the pinned source untouched, unbroken and for the guard's pause."""
    adapter = batch.account.adapter
    payload, attempts = payload_of(batch), attempts_of(batch)
    moments: list[datetime] = []
    for observation in reversed([seen for seen in observations_of(batch) if seen.seen_at > latest.started_at]):
        if adapter.interpret(payload, attempts, [observation]).state is not ProviderState.STAGED:
            break
        moments.append(observation.seen_at)
    return bool(moments) and moments[0] - moments[-1] >= adapter.guard.pause


def _poll_again(batch: Batch, at: datetime) -> None:
    still_committing(batch).update(due_at=at)
