"""Batches with a commit whose result is not known: poll the provider, and carry out what ``recovery`` decides."""

from datetime import datetime

from campaigns.handover import recovery
from campaigns.handover.at_once import run_alone
from campaigns.handover.commit import commit, retry_fields, stop_account_if_refused
from campaigns.handover.gate import gate, next_attempt, still_committing
from campaigns.handover.recovery import AskAPerson, Decision, PollAgain, RepeatUpload, Situation
from campaigns.handover.restore import has_opt_outs_since_restore, journal_contradicts, replay_intents
from campaigns.handover.session import RemoteSession, SessionBroken
from campaigns.lifecycle import transition
from campaigns.models import Attempt, Batch, Campaign
from campaigns.results.evidence import BytesDiffer, attempts_of, observations_of, payload_of, plain_attempt
from campaigns.results.poll import poll
from campaigns.results.schedule import unclear_fields
from campaigns.timing import Clock
from providers.base import Ending, Interpretation, ProviderState, Staged
from providers.errors import Trouble
from providers.limits import GuardKind
from providers.locks import Lock
from providers.points import reach


def recover(batch: Batch, lock: Lock, session: RemoteSession, clock: Clock) -> None:
    """Poll through a fresh connection about a commit without a result, and act only on what is seen."""
    now = clock()
    reach("recover:begin")
    replay_intents(batch, now)
    if batch.status != Batch.Status.COMMITTING:
        return
    try:
        remote = session.fresh()
        # Connecting may take long, and nothing that is seen is older than this.
        now = clock()
        interpretation = poll(batch, remote, now)
    except BytesDiffer as error:
        ask_a_person(batch, AskAPerson(error.code, error.sentence), now)
        return
    except Trouble as trouble:
        poll_failed(batch, trouble, now)
        raise SessionBroken from trouble
    if batch.status != Batch.Status.COMMITTING:
        return
    now = clock()
    latest = batch.attempts.order_by("-number").first()
    if latest is None:
        raise ValueError(f"{batch.name} is committing without an attempt")
    decision = recovery.decide(situation_of(batch, latest, interpretation, now))
    carry_out(decision, batch, latest, now, lock, session, clock)


def poll_failed(batch: Batch, trouble: Trouble, now: datetime) -> None:
    """The provider cannot even be polled: try again later, and ask a person once that has lasted too long."""
    stop_account_if_refused(batch, trouble)
    give_up_after = batch.account.adapter.give_up_after
    decision = recovery.decide_after_failed_poll(trouble, batch.first_intent_at, now, give_up_after)
    if isinstance(decision, AskAPerson):
        ask_a_person(batch, decision, now)
    else:
        Batch.objects.filter(pk=batch.pk).update(**retry_fields(batch, now))


def situation_of(batch: Batch, latest: Attempt, interpretation: Interpretation, now: datetime) -> Situation:
    """What the decision about a committing batch depends on; ``latest`` is its latest attempt."""
    campaign = Campaign.objects.get(pk=batch.campaign_id)
    guard = batch.account.adapter.guard
    return Situation(
        guard=guard,
        interpretation=interpretation,
        now=now,
        first_intent_at=batch.first_intent_at or now,
        latest_attempt_at=latest.started_at,
        campaign_status=campaign.status,
        patience=campaign.patience,
        is_account_stopped=batch.account.is_stopped,
        is_contradicted=journal_contradicts(batch),
        has_opt_outs_since_restore=has_opt_outs_since_restore(batch),
        dropped_uploads=batch.attempts.filter(ending=Ending.DONE).count() if interpretation.dropped else 0,
        is_still_staged=guard.kind is GuardKind.RENAME and _is_still_staged(batch, latest),
    )


def carry_out(
    decision: Decision,
    batch: Batch,
    latest: Attempt,
    now: datetime,
    lock: Lock,
    session: RemoteSession,
    clock: Clock,
) -> None:
    """Do what was decided at ``now``. A repeat passes the gate again; if that refuses, do ``otherwise``."""
    if isinstance(decision, PollAgain):
        still_committing(batch).update(due_at=decision.at)
    elif isinstance(decision, AskAPerson):
        ask_a_person(batch, decision, now)
    else:
        payload = payload_of(batch)
        if isinstance(decision, RepeatUpload):
            staged, name = Staged(), batch.account.adapter.attempt_name(payload, next_attempt(batch))
        else:
            # The same source as in the attempt before: whichever rename comes first consumes it.
            staged, name = plain_attempt(latest).staged, latest.name
        attempt = gate(batch, staged, name, now, repeated=True)
        if attempt is None:
            carry_out(decision.otherwise, batch, latest, now, lock, session, clock)
        else:
            run_alone(commit(batch, attempt, payload, lock, session, clock), session)


def ask_a_person(batch: Batch, decision: AskAPerson, now: datetime) -> None:
    """Move the batch to unclear. Polling continues, and evidence may still decide it."""
    transition(
        batch,
        Batch.Status.UNCLEAR,
        reason=decision.reason,
        sentence=decision.sentence,
        **unclear_fields(batch, now),
    )


def _is_still_staged(batch: Batch, latest: Attempt) -> bool:
    """Whether the polls up to the last one saw the pinned source untouched, unbroken and for the guard's pause."""
    adapter = batch.account.adapter
    payload, attempts = payload_of(batch), attempts_of(batch)
    moments: list[datetime] = []
    for observation in reversed(observations_of(batch, after=latest.started_at)):
        if adapter.interpret(payload, attempts, [observation]).state is not ProviderState.STAGED:
            break
        moments.append(observation.seen_at)
    return bool(moments) and moments[0] - moments[-1] >= adapter.guard.pause
