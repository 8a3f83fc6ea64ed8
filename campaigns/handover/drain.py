"""Hand over the due batches of an account over one connection: claim, stage, gate, commit."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import datetime

from django.db import connection, transaction
from rq.timeouts import BaseTimeoutException

from campaigns import timing
from campaigns.audience.approval import is_as_approved
from campaigns.handover import recovery
from campaigns.handover.at_once import AtOnce, Steps
from campaigns.handover.batches import supersede, why_rebuild
from campaigns.handover.commit import commit, retry_fields, stop_account_if_refused
from campaigns.handover.gate import UNAPPROVED, gate, next_attempt
from campaigns.handover.limits import EXPIRED, TOO_LATE, Verdict, verdict_on
from campaigns.handover.restore import hold_back_if_journal_is_ahead, replay_intents
from campaigns.handover.session import RemoteSession, SessionBroken
from campaigns.handover.unresolved import ask_a_person, recover
from campaigns.lifecycle import StaleTransition, batch_lock_name, campaign_lock_name, record_event, transition
from campaigns.models import Batch, Campaign
from campaigns.results.evidence import BytesDiffer, payload_of
from campaigns.results.poll import log_failure
from campaigns.timing import Clock
from providers.errors import Refused, Trouble
from providers.locks import Lock, account_slot, held_among, hold, reuse_connections
from providers.models import Account
from providers.points import reach

#: The reason for a rebuild where ``why_rebuild`` finds none: the gate saw an opt-out that has been lifted since.
OPT_OUT_LIFTED = ("opted_out", "A recipient had opted out, so the batch was rebuilt.")


def due_batches(account: Account, now: datetime) -> list[Batch]:
    """The account's due batches that no worker holds, in the order of ``Batch.objects.due``."""
    rows = list(Batch.objects.due(account, now).select_related("campaign__account")[:200])
    held = held_among(batch_lock_name(batch.pk) for batch in rows if batch.status != Batch.Status.PREPARED)
    return [batch for batch in rows if batch_lock_name(batch.pk) not in held]


@contextmanager
def claim(account: Account, now: datetime, tried: Collection[int]) -> Iterator[tuple[int, Lock | None] | None]:
    """The id of the account's next due batch beyond ``tried``, with its lock (None if another worker holds it).

    None if no batch is left. The lock is released at the end of the block. With PostgreSQL the row is locked until the
    lock is taken, and rows that other workers claim at that moment are skipped, so that workers on several hosts do not
    go for the same batch.
    """
    with ExitStack() as stack:
        with _rolled_back() if connection.features.has_select_for_update_skip_locked else nullcontext():
            due = Batch.objects.due(account, now).exclude(pk__in=tried).only("pk")
            batch = due.select_for_update(skip_locked=True, of=("self",), no_key=True).first()
            lock = stack.enter_context(hold(batch_lock_name(batch.pk))) if batch else None
        yield (batch.pk, lock) if batch else None


@contextmanager
def _rolled_back() -> Iterator[None]:
    """A transaction that changes nothing. A commit would wait for the disk, because a locked row is written."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def drain(account_id: int, clock: Clock, until: datetime) -> int:
    """Hand over the account's due batches over one connection, until none is due or it is ``until``.

    Each is claimed and passes the gate in its turn; where the connection has channels, several files are transmitted
    at once. Returns how many batches were worked on. Does nothing if all connection slots of the account are taken.
    """
    account = Account.objects.get(pk=account_id)
    with account_slot(account) as slot:
        if slot is None:
            return 0
        waiting = Batch.objects.due(account, clock()).count()
        with reuse_connections(), RemoteSession(account) as session, AtOnce(session, waiting) as under_way:
            try:
                worked = start_due(account, session, under_way, clock, until)
            except BaseTimeoutException:
                raise
            except Exception:
                # The database or a lock failed. The connection must not be closed while files are transmitted over it.
                under_way.finish()
                raise
        # If one broke the connection, the remaining batches are still due: the next job opens a fresh connection.
        for _, error in under_way.errors:
            # This batch could not even be postponed. The job fails, and the sweep enqueues it again.
            raise error
    return worked


def start_due(account: Account, session: RemoteSession, under_way: AtOnce, clock: Clock, until: datetime) -> int:
    """Claim each due batch and start its hand-over. Returns how many were started, once all of them have ended."""
    tried: set[int] = set()
    started = 0
    while under_way.has_room() and clock() < until:
        account.refresh_from_db()
        with ExitStack() as held:
            claimed = held.enter_context(claim(account, clock(), tried))
            if claimed:
                batch_id, lock = claimed
                tried.add(batch_id)
                if lock:
                    started += 1
                    under_way.start(batch_id, work_on(batch_id, lock, held.pop_all(), session, clock))
                continue
        if not under_way.finish():
            break
        # What has ended meanwhile may have been replaced by batches that are due now.
    under_way.finish()
    return started


def work_on(batch_id: int, lock: Lock, held: ExitStack, session: RemoteSession, clock: Clock) -> Steps:
    """Hand over a claimed batch; ``held`` releases its lock at the end. Raises SessionBroken as ``hand_over`` does."""
    with held:
        try:
            yield from hand_over(batch_id, lock, session, clock)
        except (SessionBroken, BaseTimeoutException):
            raise
        except Exception as error:
            # An error of our own with one batch must not hold up the others. What became of it is not known.
            postpone(batch_id, error, clock())
            raise SessionBroken from error


def postpone(batch_id: int, error: Exception, now: datetime) -> None:
    """Put off a batch after an error of Baton's own; ask a person if that continues after its commit."""
    log_failure(batch_id, error)
    Batch.objects.filter(pk=batch_id).update(due_at=now + timing.RETRY_AFTER_OWN_ERROR)
    batch = Batch.objects.select_related("campaign").get(pk=batch_id)
    if decision := recovery.decide_after_own_error(batch.status, batch.first_intent_at, now):
        with suppress(StaleTransition):
            ask_a_person(batch, decision, now)


def hand_over(batch_id: int, lock: Lock, session: RemoteSession, clock: Clock) -> Steps:
    """Take one due batch as far as it goes; ``lock`` is its lock.

    Raises SessionBroken if the connection must not be used again.
    """
    batch = Batch.objects.select_related("campaign__account", "account").get(pk=batch_id)
    if batch.due_at is None or batch.due_at > clock():
        return
    try:
        if batch.status == Batch.Status.COMMITTING:
            # It polls through a fresh connection, which replaces the present one.
            yield None
            recover(batch, lock, session, clock)
            return
        if batch.status == Batch.Status.UPLOADING:
            # Its worker died before the gate, so nothing was committed.
            transition(
                batch, Batch.Status.PREPARED, reason="worker_died", sentence="The worker ended before the commit."
            )
        if batch.status == Batch.Status.PREPARED:
            yield from begin(batch, lock, session, clock)
    except StaleTransition:
        return


def begin(batch: Batch, lock: Lock, session: RemoteSession, clock: Clock) -> Steps:
    """Claim, stage, gate and commit a prepared batch."""
    now = clock()
    if batch.campaign.status != Campaign.Status.RUNNING:
        return
    if replay_intents(batch, now):
        return
    if batch.campaign_id not in session.verified_campaigns:
        if hold_back_if_journal_is_ahead(batch.campaign, batch, now):
            return
        session.verified_campaigns.add(batch.campaign_id)
    verdict = verdict_on(batch, batch.campaign, now)
    if verdict.code:
        put_off(batch, verdict)
        return
    if verdict.expires_at and now >= verdict.expires_at:
        transition(batch, Batch.Status.HELD, reason=EXPIRED, sentence=TOO_LATE, due_at=None)
        return
    if why_rebuild(batch.campaign, batch):
        rebuild_batch(batch, clock)
        return
    reach("claim:begin")
    transition(batch, Batch.Status.UPLOADING)
    reach("claim:end")
    try:
        payload = payload_of(batch)
    except BytesDiffer as error:
        transition(batch, Batch.Status.HELD, reason=error.code, sentence=error.sentence, due_at=None)
        return
    adapter = batch.account.adapter
    name = adapter.attempt_name(payload, next_attempt(batch))
    try:
        session.remote()
        reach("stage:begin")
        staged = yield lambda remote: adapter.stage(remote, payload, name)
    except Trouble as trouble:
        stage_failed(batch, trouble, clock())
        raise SessionBroken from trouble
    reach("stage:end")
    attempt = gate(batch, staged, name, clock())
    if attempt is None:
        if batch.status == Batch.Status.UPLOADING:
            rebuild_batch(batch, clock)
        return
    yield from commit(batch, attempt, payload, lock, session, clock)


def put_off(batch: Batch, verdict: Verdict) -> None:
    """Let a prepared batch wait for its allowed hours or its pace, or hold it for a person."""
    if verdict.due_at is None:
        transition(batch, Batch.Status.HELD, reason=verdict.code, sentence=verdict.sentence, **verdict.fields)
        return
    with transaction.atomic():
        waiting = Batch.objects.filter(pk=batch.pk, status=Batch.Status.PREPARED)
        changed = waiting.update(reason=verdict.code, sentence=verdict.sentence, **verdict.fields)
        # It may be put off many times until then, but is in the history once.
        if changed and batch.reason != verdict.code:
            record_event(batch.campaign, verdict.code, verdict.sentence, batch=batch)


def rebuild_batch(batch: Batch, clock: Clock) -> None:
    """Replace a batch with a recipient who left (``why_rebuild``) by one without them; the next drain hands it over."""
    with hold(campaign_lock_name(batch.campaign_id)) as lock:
        now = clock()
        campaign = Campaign.objects.select_related("account").get(pk=batch.campaign_id)
        if not is_as_approved(campaign):
            _pause_unapproved(batch, campaign, now)
            return
        reason, sentence = why_rebuild(campaign, batch) or OPT_OUT_LIFTED
        if lock is None:
            if batch.status == Batch.Status.UPLOADING:
                transition(
                    batch, Batch.Status.PREPARED, reason=reason, due_at=now + timing.RETRY_WHILE_CAMPAIGN_IS_LOCKED
                )
            else:
                Batch.objects.filter(pk=batch.pk).update(due_at=now + timing.RETRY_WHILE_CAMPAIGN_IS_LOCKED)
            return
        reach("rebuild:begin")
        supersede(batch, clock(), reason=reason, sentence=sentence)


def stage_failed(batch: Batch, trouble: Trouble, now: datetime) -> None:
    """Before the gate nothing can have been texted: the batch waits, or is held if the batch itself is refused."""
    if isinstance(trouble, Refused) and (trouble.holds or not trouble.account):
        transition(batch, Batch.Status.HELD, reason=trouble.code, sentence=trouble.sentence, due_at=None)
        stop_account_if_refused(batch, trouble)
        return
    transition(batch, Batch.Status.PREPARED, reason=trouble.code, sentence=trouble.sentence, **retry_fields(batch, now))
    stop_account_if_refused(batch, trouble)


def _pause_unapproved(batch: Batch, campaign: Campaign, now: datetime) -> None:
    """Pause the campaign: the batch would be rebuilt from a campaign that is no longer what was approved."""
    if batch.status == Batch.Status.UPLOADING:
        transition(batch, Batch.Status.PREPARED, reason="approval_differs", sentence=UNAPPROVED, due_at=now)
    if campaign.status == Campaign.Status.RUNNING:
        transition(campaign, Campaign.Status.PAUSED, reason="approval_differs", sentence=UNAPPROVED)
