"""Handing a batch over: claim, stage, gate, commit; and what to do after a crash.

Here, and nowhere else, trouble with a provider becomes rows. Everything is decided from the adapter's guard, the
provider's standing, the stored attempts and the clock.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, Q, QuerySet, When
from rq.timeouts import BaseTimeoutException

from campaigns import journal, patience
from campaigns.audience import is_as_approved
from campaigns.batching import opted_out, recipients_of, supersede, waiting
from campaigns.evidence import BytesDiffer, attempts_of, observations_of, payload_of, plain_attempt
from campaigns.lifecycle import StaleTransition, locked, note, transition
from campaigns.models import Attempt, Batch, Campaign
from campaigns.results import OTHER_BYTES, last_poll, log_stumble, poll, stop_account
from contacts.suppression import OPT_OUT_LOCK
from providers.base import NOT_ARRIVED, GuardKind, Interpretation, Payload, ProviderState, Staged
from providers.connections import connect
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.locks import Lock, account_slot, hold, is_free
from providers.models import Account
from providers.points import reach

#: How long a commit without an answer is looked for before a person is asked, where the adapter allows no repeat.
ASK_A_PERSON_AFTER = timedelta(minutes=15)
#: What was asked at the gate holds for the commit for so long.
STALE = timedelta(seconds=60)
#: Why a campaign is paused of which a journal knows more than the database.
FORGOTTEN = "restored"
UNAPPROVED = "What was approved is not what would be handed over now. Nothing is handed over."
_CLOCKS_DIFFER = timedelta(minutes=2)
_PAUSES = (2, 5, 15, 30, 60, 120)

Clock = Callable[[], datetime]


class LineTrouble(Exception):
    """The connection gave trouble: close it; the next batch gets a fresh one."""


def due(account: Account, now: datetime) -> list[Batch]:
    """The account's batches that are due: those a dead worker left behind, then prepared ones whose campaign runs.

    What may be with the provider already comes first. Campaigns take turns: the first batch of each comes before the
    second of any. While the account is stopped none is begun.
    """
    wanted = Q(status__in=("uploading", "committing"))
    if not account.is_stopped:
        wanted |= Q(status="prepared", campaign__status="running")
    is_begun = Case(When(status="prepared", then=0), default=1)
    rows = (
        Batch.objects.filter(wanted, account=account, due_at__lte=now)
        .select_related("campaign__account")
        .order_by(is_begun.desc(), "number", "campaign_id")
    )
    return [batch for batch in rows[:200] if batch.status == "prepared" or is_free(batch_lock_name(batch.pk))]


def batch_lock_name(batch_id: int) -> str:
    """The lock a batch is held under while something is done with it."""
    return f"batch-{batch_id}"


def campaign_lock_name(campaign_id: int) -> str:
    """The lock of a campaign's freeze, cut and re-cut."""
    return f"campaign-{campaign_id}"


def drain(account_id: int, clock: Clock, until: datetime) -> int:
    """Hand over the account's due batches one after another over one connection until none is due or it is ``until``.

    Returns how many batches were worked on. Does nothing when the account's connection slots are taken.
    """
    worked = 0
    tried: set[int] = set()
    account = Account.objects.get(pk=account_id)
    with account_slot(account) as slot:
        if slot is None:
            return 0
        while clock() < until:
            account.refresh_from_db()
            batches = [batch for batch in due(account, clock()) if batch.pk not in tried]
            if not batches:
                break
            try:
                with Line(account) as line:
                    for batch in batches:
                        if clock() >= until:
                            break
                        tried.add(batch.pk)
                        worked += 1
                        hand_over(batch.pk, line, clock)
            except LineTrouble:
                # What is left is still due: the next job takes it over a fresh connection.
                break
            except BaseTimeoutException:
                raise
            except Exception as error:
                # A mistake of ours with one batch must not keep the others waiting. Nothing is known about it.
                postpone(batch.pk, error, clock())
                break
    return worked


def postpone(batch_id: int, error: Exception, now: datetime) -> None:
    """Come back later to a batch that Baton itself stumbled over; ask a person when that goes on after its commit."""
    log_stumble(batch_id, error)
    Batch.objects.filter(pk=batch_id).update(due_at=now + timedelta(seconds=60))
    batch = Batch.objects.select_related("campaign").get(pk=batch_id)
    if batch.status == "committing" and batch.first_intent_at and now - batch.first_intent_at > ASK_A_PERSON_AFTER:
        sentence = "Baton stumbled over this file again and again and cannot tell whether it arrived; see its log."
        with suppress(StaleTransition):
            transition(batch, "unclear", reason="unreadable", sentence=sentence, **_asked(batch, now))


class Line:
    """A connection to an account, opened when it is first needed; ``fresh()`` closes it and opens another."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._stack = ExitStack()
        self._remote: Any = None
        #: Campaigns of which the database knows whatever the journals do.
        self.undoubted: set[int] = set()

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *details: Any) -> None:
        self._stack.close()

    def remote(self) -> Any:
        """The open transport. Raises Trouble."""
        if self._remote is None:
            self._remote = self._stack.enter_context(connect(self.account))
        return self._remote

    def fresh(self) -> Any:
        """A transport opened just now: what a recovery looks through. Raises Trouble."""
        self._remote = None
        self._stack.close()
        return self.remote()


def hand_over(batch_id: int, line: Line, clock: Clock) -> None:
    """Take one due batch as far as it goes. Raises LineTrouble when the connection is not to be used again."""
    with hold(batch_lock_name(batch_id)) as lock:
        if lock is None:
            return
        batch = Batch.objects.select_related("campaign__account", "account").get(pk=batch_id)
        if batch.due_at is None or batch.due_at > clock():
            return
        try:
            if batch.status == "committing":
                recover(batch, lock, line, clock)
                return
            if batch.status == "uploading":
                # Its worker died before the gate: nothing was committed.
                transition(batch, "prepared", reason="worker_died", sentence="The worker ended before the commit.")
            if batch.status == "prepared":
                begin(batch, lock, line, clock)
        except StaleTransition:
            return


def begin(batch: Batch, lock: Lock, line: Line, clock: Clock) -> None:
    """Claim, stage, gate and commit a prepared batch."""
    now = clock()
    if batch.campaign.status != "running":
        return
    if remember(batch, now):
        return
    if batch.campaign_id not in line.undoubted:
        if hold_back_forgotten(batch.campaign, batch, now):
            return
        line.undoubted.add(batch.campaign_id)
    if batch.expires_at and now >= batch.expires_at:
        transition(batch, "held", reason="expired", sentence="Its time to be handed over has passed.", due_at=None)
        return
    if opted_out(recipients_of(batch)).exists():
        rebuild_batch(batch, clock)
        return
    reach("claim:begin")
    transition(batch, "uploading")
    reach("claim:end")
    try:
        payload = payload_of(batch)
    except BytesDiffer as error:
        transition(batch, "held", reason="bytes_differ", sentence=str(error), due_at=None)
        return
    adapter = batch.account.adapter
    name = adapter.attempt_name(payload, next_attempt(batch))
    try:
        remote = line.remote()
        reach("stage:begin")
        staged = adapter.stage(remote, payload, name)
    except Trouble as trouble:
        stage_failed(batch, trouble, clock())
        raise LineTrouble from trouble
    reach("stage:end")
    attempt = gate(batch, staged, name, clock())
    if attempt is None:
        if batch.status == "uploading":
            rebuild_batch(batch, clock)
        return
    commit(batch, attempt, payload, lock, line, clock)


def next_attempt(batch: Batch) -> int:
    """A number that no attempt of this batch ever had, as far as the database or a journal knows."""
    stored = batch.attempts.order_by("-number").values_list("number", flat=True).first() or 0
    return max(stored, journal.last_attempt(batch.stem)) + 1


def forgotten_intents(batch: Batch) -> list[dict[str, Any]]:
    """The intents of a batch that a journal knows and the database does not: an older copy of it was restored."""
    # The journal first: what it knows was in the database before.
    journalled = journal.intents(batch.stem)
    known = set(batch.attempts.values_list("number", flat=True))
    return [line for line in journalled if line["attempt"] not in known]


def remember(batch: Batch, now: datetime) -> bool:
    """Store what a journal knows of a prepared or committing batch and the database forgot; say whether there was any.

    The attempts are stored again as such whose end is not known, so that Baton looks before anything else. Where other
    bytes were meant, no evidence can speak for these: a person is asked.
    """
    forgotten = forgotten_intents(batch)
    if not forgotten:
        return False
    started = [datetime.fromisoformat(line["at"]) for line in forgotten]
    sentence = "The journal knows that it may have been handed over before the database was restored."
    with transaction.atomic():
        for line, moment in zip(forgotten, started, strict=True):
            number, name = line["attempt"], line["name"]
            Attempt.objects.create(batch=batch, number=number, name=name, host=batch.account.host, started_at=moment)
        if batch.status == "prepared":
            transition(batch, "uploading", reason=FORGOTTEN)
            transition(
                batch, "committing", reason=FORGOTTEN, sentence=sentence, first_intent_at=min(started), due_at=now
            )
        else:
            note(batch.campaign, FORGOTTEN, sentence, batch=batch)
        if any(line["sha256"] != batch.sha256 for line in forgotten):
            differs = f"{sentence} That file held other people or other texts than this one."
            transition(batch, "unclear", reason=OTHER_BYTES, sentence=differs, **_asked(batch, now))
    return True


def cancel_unless_forgotten(batch: Batch, now: datetime, **fields: Any) -> None:
    """Cancel a batch that no commit of ours has reached; ``fields`` are those of the move.

    Where a journal knows more than the database it may be with the provider: then Baton looks first.
    """
    if not forgotten_intents(batch):
        transition(batch, "cancelled", due_at=None, **fields)
        return
    if batch.status != "prepared":
        transition(batch, "prepared", reason="restored")
    remember(batch, now)


def has_forgotten_files(campaign: Campaign) -> bool:
    """Whether a journal knows files of the campaign that the database does not, or knows with other bytes."""
    journalled = journal.batches_of(campaign.pk)
    stored = dict(campaign.batches.filter(stem__in=list(journalled)).values_list("stem", "sha256"))
    # Other bytes under the same name are forgotten too, also once a person was asked about them.
    return any(sums != {stored.get(stem)} for stem, sums in journalled.items())


def is_contradicted(batch: Batch) -> bool:
    """Whether a journal knows better than the database about a committing batch: an older copy of it was restored.

    A withdrawal is in the database before it is in the journal. Where only the journal has it, other files, made
    without somebody who opted out, may have been handed over since.
    """
    withdrawn = journal.withdrawn(batch.stem)
    state = batch.attempts.filter(number__in=withdrawn).exclude(ending__in=NOT_ARRIVED)
    return state.exists() or has_forgotten_files(batch.campaign)


def hold_back_forgotten(campaign: Campaign, batch: Batch, now: datetime) -> bool:
    """Keep a batch back where a journal knows files of its campaign that the database forgot, and say whether it was.

    Who was in such a file may be in another one now. While the campaign is still being cut its files may yet come.
    """
    if not has_forgotten_files(campaign):
        return False
    if waiting(campaign).exists():
        Batch.objects.filter(pk=batch.pk).update(due_at=now + timedelta(seconds=2))
        return True
    sentence = (
        "The database was restored from an older copy, and the journal knows files of this campaign that it has "
        "forgotten. Whoever was in them may be in another file now, so nothing more is handed over. Ask the provider "
        "who was texted, cancel this campaign, and make a new one for the others."
    )
    transition(campaign, "paused", reason=FORGOTTEN, sentence=sentence)
    return True


def rebuild_batch(batch: Batch, clock: Clock) -> None:
    """Replace a batch that holds somebody who opted out by one that does not; the next drain hands that over."""
    with hold(campaign_lock_name(batch.campaign_id)) as lock:
        now = clock()
        campaign = Campaign.objects.select_related("account").get(pk=batch.campaign_id)
        if not is_as_approved(campaign):
            _pause_unapproved(batch, campaign, now)
            return
        if lock is None:
            if batch.status == "uploading":
                transition(batch, "prepared", reason="opted_out", due_at=now + timedelta(seconds=1))
            else:
                Batch.objects.filter(pk=batch.pk).update(due_at=now + timedelta(seconds=1))
            return
        reach("rebuild:begin")
        supersede(
            batch, clock(), reason="opted_out", sentence="Somebody in it opted out; it was made anew without them."
        )


def stage_failed(batch: Batch, trouble: Trouble, now: datetime) -> None:
    """Before the gate nothing can have been texted: the batch waits, or is held when the batch itself is refused."""
    if isinstance(trouble, Refused) and (trouble.holds or not trouble.account):
        transition(batch, "held", reason=trouble.code, sentence=trouble.sentence, due_at=None)
        _stop_account(batch, trouble)
        return
    transition(batch, "prepared", reason=trouble.code, sentence=trouble.sentence, **wait(batch, now))
    _stop_account(batch, trouble)


def wait(batch: Batch, now: datetime) -> dict[str, Any]:
    """When to try again after the provider could not be reached: later each time."""
    pause = _PAUSES[min(batch.failures, len(_PAUSES) - 1)]
    return {"due_at": now + timedelta(seconds=pause), "failures": min(batch.failures + 1, 100)}


def gate(batch: Batch, staged: Staged, name: str, now: datetime, *, repeated: bool = False) -> Attempt | None:
    """The last check and the intent, in one transaction: return the stored attempt, or None when it may not be made.

    A first gate moves ``uploading`` to ``committing``. A repeated one asks everything again except the suppressions:
    the first intent counts. Where None is returned the batch was moved as the reason asks, except for an opt-out:
    then it is still ``uploading`` and the caller makes it anew.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # Alone and first: every opt-out is committed before this, or waits until the intent is.
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [OPT_OUT_LOCK])
        campaign = locked(batch.campaign_id)
        refusal = _gate_refusal(batch, campaign, now, repeated)
        if refusal is not None:
            if not repeated:
                _turned_back(batch, campaign, *refusal, now)
            return None
        if not repeated and opted_out(recipients_of(batch)).exists():
            return None
        if repeated and not _still_committing(batch).exists():
            raise StaleTransition(batch)
        attempt = Attempt.objects.create(
            batch=batch,
            number=next_attempt(batch),
            name=name,
            host=staged.host or batch.account.host,
            staged_name=staged.name,
            staged_host=staged.host,
            staged_size=staged.size,
            started_at=now,
        )
        if not repeated:
            fields: dict[str, Any] = {"uploaded_at": now} if staged.name else {}
            first = batch.first_intent_at or now
            # Due at once: should this worker die, the next one looks.
            transition(batch, "committing", first_intent_at=first, due_at=now, **fields)
        return attempt


def _gate_refusal(batch: Batch, campaign: Campaign, now: datetime, repeated: bool) -> tuple[str, str] | None:
    if campaign.status != "running":
        return "not_running", f"The campaign is {campaign.get_status_display().lower()}."
    # The first intent of what is repeated counts here too.
    if not repeated and (too_late := patience.lost(campaign, now)):
        return "no_progress", too_late
    if not is_as_approved(campaign):
        return "approval_differs", UNAPPROVED
    if batch.expires_at and now >= batch.expires_at:
        return "expired", "Its time to be handed over has passed."
    try:
        payload_of(batch)
    except BytesDiffer as error:
        return "bytes_differ", str(error)
    return None


def _turned_back(batch: Batch, campaign: Campaign, code: str, sentence: str, now: datetime) -> None:
    if campaign.status == "cancelled":
        transition(batch, "cancelled", reason="campaign_cancelled", sentence=sentence, due_at=None)
    elif code in ("expired", "bytes_differ"):
        transition(batch, "held", reason=code, sentence=sentence, due_at=None)
    else:
        transition(batch, "prepared", reason=code, sentence=sentence, due_at=now)
        if code in ("approval_differs", "no_progress"):
            transition(campaign, "paused", reason=code, sentence=sentence)


def _pause_unapproved(batch: Batch, campaign: Campaign, now: datetime) -> None:
    """A batch is made anew from the campaign as it stands, which is not what was approved."""
    if batch.status == "uploading":
        transition(batch, "prepared", reason="approval_differs", sentence=UNAPPROVED, due_at=now)
    if campaign.status == "running":
        transition(campaign, "paused", reason="approval_differs", sentence=UNAPPROVED)


def commit(batch: Batch, attempt: Attempt, payload: Payload, lock: Lock, line: Line, clock: Clock) -> None:
    """The point of no return, once: the intent is stored and journalled, and this process still holds the batch."""
    reach("intent:stored")
    try:
        _journal_intent(batch, attempt)
        reach("intent:journalled")
        remote = line.remote()
        reach("commit:begin")
        if not lock.still_held():
            raise LineTrouble("The lock was lost before the commit; whoever holds it now looks first.")
        if clock() - attempt.started_at > STALE:
            # What was allowed at the gate may not be now. Nothing was committed, so all of it is asked again.
            raise Unreachable("woke_late", "The worker was stopped between the last check and the commit.")
        receipt = batch.account.adapter.commit(remote, payload, plain_attempt(attempt))
    except Refused as trouble:
        commit_refused(batch, attempt, trouble, clock())
        raise LineTrouble from trouble
    except Unreachable as trouble:
        commit_unreachable(batch, attempt, trouble, clock())
        raise LineTrouble from trouble
    except Unclear as trouble:
        now = clock()
        _end(attempt, "unclear", now, trouble)
        _still_committing(batch).update(due_at=now + timedelta(seconds=2), reason=trouble.code)
        note(batch.campaign, trouble.code, trouble.sentence, batch=batch)
        raise LineTrouble from trouble
    reach("commit:end")
    now = clock()
    others = Batch.objects.filter(account=batch.account, provider_ref=receipt.provider_ref).exclude(pk=batch.pk)
    if receipt.provider_ref and others.exists():
        sentence = f"The provider answered with the reference {receipt.provider_ref}, which another file has already."
        with transaction.atomic():
            _end(attempt, "done", now, provider_ref=receipt.provider_ref, receipt=receipt.raw)
            transition(batch, "unclear", reason="reference_taken", sentence=sentence, **_asked(batch, now))
        return
    try:
        with transaction.atomic():
            _end(attempt, "done", now, provider_ref=receipt.provider_ref, receipt=receipt.raw)
            transition(
                batch,
                "handed_over",
                handed_over_at=now,
                due_at=None,
                failures=0,
                provider_ref=receipt.provider_ref,
                poll_at=now + timedelta(seconds=2),
            )
    except StaleTransition:
        # Whoever took over goes on from what was answered here.
        _end(attempt, "done", now, provider_ref=receipt.provider_ref, receipt=receipt.raw)
        raise
    reach("receipt:stored")


def _journal_intent(batch: Batch, attempt: Attempt) -> None:
    try:
        # The time of the gate: what happened after it, an opt-out too, came after the intent.
        journal.intend(batch, attempt.number, attempt.name, attempt.started_at)
    except OSError as error:
        sentence = f"Baton could not write its intent journal ({error.strerror}), so nothing was handed over."
        raise Unreachable("journal_not_written", sentence) from error


def _withdraw(batch: Batch, attempt: Attempt, now: datetime) -> None:
    # Where nothing can be written the database still knows; the journal then makes Baton look once more, at most.
    with suppress(OSError):
        journal.withdraw(batch, attempt.number, now)


def commit_refused(batch: Batch, attempt: Attempt, trouble: Refused, now: datetime) -> None:
    """The provider said no to a commit: that counts only when no earlier attempt may have arrived."""
    with transaction.atomic():
        alone = arrived_for_sure_not(batch, attempt)
        _end(attempt, "refused", now, trouble)
        if not alone:
            transition(batch, "unclear", reason=trouble.code, sentence=trouble.sentence, **_asked(batch, now))
        elif trouble.account and not trouble.holds:
            fields = wait(batch, now) | {"first_intent_at": None}
            transition(batch, "prepared", reason=trouble.code, sentence=trouble.sentence, **fields)
        else:
            transition(batch, "held", reason=trouble.code, sentence=trouble.sentence, due_at=None, first_intent_at=None)
    reach("refusal:stored")
    if alone:
        _withdraw(batch, attempt, now)
    _stop_account(batch, trouble)


def commit_unreachable(batch: Batch, attempt: Attempt, trouble: Unreachable, now: datetime) -> None:
    """Nothing of this attempt arrived: withdraw the intent, unless an earlier attempt may have arrived."""
    with transaction.atomic():
        alone = arrived_for_sure_not(batch, attempt)
        _end(attempt, "unreachable", now, trouble)
        if alone:
            fields = wait(batch, now) | {"first_intent_at": None}
            transition(batch, "prepared", reason=trouble.code, sentence=trouble.sentence, **fields)
        else:
            _still_committing(batch).update(**wait(batch, now))
    reach("refusal:stored")
    if alone:
        _withdraw(batch, attempt, now)


def arrived_for_sure_not(batch: Batch, attempt: Attempt) -> bool:
    """Whether every other attempt is known not to have arrived; to be asked inside a transaction.

    Later ones too: whoever sleeps in a commit may wake when another worker has taken over.
    """
    # As each gate does: none stores another attempt before this transaction ends.
    locked(batch.campaign_id)
    others = batch.attempts.exclude(pk=attempt.pk)
    return not others.exclude(ending__in=NOT_ARRIVED).exists()


def recover(batch: Batch, lock: Lock, line: Line, clock: Clock) -> None:
    """A commit whose end is not known: look through a fresh connection, and act only on what is seen."""
    now = clock()
    reach("recover:begin")
    remember(batch, now)
    if batch.status != "committing":
        return
    try:
        remote = line.fresh()
        # Connecting may take long, and what is seen is not older than this.
        now = clock()
        interpretation = poll(batch, remote, now)
    except BytesDiffer as error:
        transition(batch, "unclear", reason="bytes_differ", sentence=str(error), **_asked(batch, now))
        return
    except Trouble as trouble:
        poll_failed(batch, trouble, now)
        raise LineTrouble from trouble
    if batch.status == "committing":
        decide_absent(batch, interpretation, lock, line, clock)


def poll_failed(batch: Batch, trouble: Trouble, now: datetime) -> None:
    """The provider cannot even be asked: ask again later, and a person when that has lasted too long."""
    _stop_account(batch, trouble)
    if batch.first_intent_at and now - batch.first_intent_at > batch.account.adapter.give_up_after:
        transition(batch, "unclear", reason="cannot_poll", sentence=trouble.sentence, **_asked(batch, now))
        return
    Batch.objects.filter(pk=batch.pk).update(**wait(batch, now))


def decide_absent(batch: Batch, interpretation: Interpretation, lock: Lock, line: Line, clock: Clock) -> None:
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
            "unclear",
            reason="clock_set_back",
            sentence=interpretation.sentence or sentence,
            **_asked(batch, now),
        )
        return
    if interpretation.waits:
        _poll_again(batch, now + timedelta(seconds=5))
        return
    if is_contradicted(batch):
        shown = interpretation.sentence or "The provider shows nothing of this file."
        sentence = (
            "The database was restored from an older copy, and the journal knows more of this campaign than it, so "
            f"Baton does not hand this file over again by itself. {shown}"
        )
        transition(batch, "unclear", reason=FORGOTTEN, sentence=sentence, **_asked(batch, now))
        return
    if guard.kind is GuardKind.KEY:
        may_repeat = now - first < min(guard.window, campaign.patience)
        if batch.reason == FORGOTTEN and opted_out(recipients_of(batch)).exists():
            # The intent that the journal knows may have been withdrawn in the database that is gone.
            may_repeat = False
        if may_repeat and campaign.status in ("running", "paused"):
            if now < latest.started_at + guard.pause:
                _poll_again(batch, min(latest.started_at + guard.pause, now + timedelta(seconds=5)))
                return
            if campaign.status == "paused" or batch.account.is_stopped:
                _poll_again(batch, now + timedelta(seconds=20))
                return
            payload = payload_of(batch)
            name = adapter.attempt_name(payload, next_attempt(batch))
            attempt = gate(batch, Staged(), name, now, repeated=True)
            if attempt is not None:
                commit(batch, attempt, payload, lock, line, clock)
                return
    elif guard.kind is GuardKind.RENAME and now - first < ASK_A_PERSON_AFTER:
        may_repeat = campaign.status == "running" and now - first < campaign.patience and not batch.account.is_stopped
        if may_repeat and _is_still_staged(batch, latest):
            # The very source of the attempt before: whichever rename comes first uses it up.
            attempt = gate(batch, plain_attempt(latest).staged, latest.name, now, repeated=True)
            if attempt is not None:
                commit(batch, attempt, payload_of(batch), lock, line, clock)
                return
        _poll_again(batch, now + guard.pause)
        return
    sentence = interpretation.sentence or "The line broke at the commit, and the provider shows nothing of this file."
    transition(batch, "unclear", reason=interpretation.reason or "no_evidence", sentence=sentence, **_asked(batch, now))


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


def _stop_account(batch: Batch, trouble: Trouble) -> None:
    if trouble.account:
        stop_account(batch, trouble.code, trouble.sentence)


def _asked(batch: Batch, now: datetime) -> dict[str, Any]:
    """What a batch gets that waits for a person: Baton goes on looking, and evidence may still decide."""
    return {"due_at": None, "poll_at": now + timedelta(seconds=10), "poll_until": last_poll(batch, now)}


def _poll_again(batch: Batch, at: datetime) -> None:
    _still_committing(batch).update(due_at=at)


def _still_committing(batch: Batch) -> QuerySet[Batch]:
    """The batch, unless somebody else has taken it further meanwhile."""
    return Batch.objects.filter(pk=batch.pk, status="committing")


def _end(attempt: Attempt, ending: str, now: datetime, trouble: Trouble | None = None, **fields: Any) -> None:
    if trouble:
        fields |= {"code": trouble.code, "sentence": trouble.sentence, "receipt": trouble.reply}
    Attempt.objects.filter(pk=attempt.pk).update(ending=ending, ended_at=now, **fields)
