"""The life of a campaign's batches as a state machine: jobs, people, a provider with faults, a clock, and kill -9.

One rule is one thing that happens; a job may be given an *incident*: what happens at one point inside it. After each
rule, and once everything has come to rest, the promise is checked against the provider's ledger and the database.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.db import connection, transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from campaigns import decisions, jobs
from campaigns.audience.approval import approval_hash, audience_digest
from campaigns.handover import drain, restore
from campaigns.models import Attempt, Batch, Campaign, Event, Evidence, Recipient, RecipientOutcome
from campaigns.results import balance, evidence
from campaigns.results.uploaded_log import UploadedLog
from contacts import suppression
from contacts.errors import Refusal
from contacts.models import Consent, Suppression
from providers.limits import GuardKind
from providers.models import Account
from tests.proof.incidents import CUTS, TROUBLES, Died, Incident, incidents, maybe_incident
from tests.proof.incidents import choices as _choices
from tests.proof.incidents import trouble as _trouble
from tests.proof.provider import Provider, Take, answering

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
TEXT = "Hi @@value1|friend@@, 20 % off ends Sunday."
FIRST_NUMBER = 27825550100
FINISHED = ("accepted", "rejected", "superseded", "cancelled")
#: What holds back part of a campaign; all numbers of these people are in Johannesburg, where START is 10:00.
_HOURS = {
    "hours": {str(day): ["08:00", "10:20"] for day in range(7)}, "zone": "recipient", "fallback": "UTC",
    "outside": "wait",
}  # fmt: skip
STAGGERS: dict[str, dict[str, Any]] = {
    "": {},
    "window": {"window": _HOURS},
    "skip": {"window": _HOURS | {"outside": "skip"}},
    "pace": {"pace": 2},
    "canary": {"canary": 2},
    "acceptance": {"canary": 1, "canary_waits_for": "acceptance"},
    "all": {"window": _HOURS, "pace": 3, "canary": 1},
}
#: How the provider behaves.
BEHAVIOURS = (
    *("good", "slow", "slow", "hiding", "hiding", "stale", "down", "early", "begin", "work"),
    *("accept", "reject", "row_error", "opted_out"),
)
#: What an older copy of the database would lack.
COPIED = (Account, Campaign, Recipient, Batch, Attempt, Event, Evidence, RecipientOutcome, Suppression, Consent)


# -- what every example starts from --------------------------------------------------------------------------------


@dataclass
class Setup:
    """Made once for all examples: people, and per guard two campaigns, one approved and one only frozen."""

    operator: User
    approver: User
    campaigns: Mapping[GuardKind, tuple[int, int]]
    #: Empties the folders of files and journals.
    wipe: Callable[[], None]


class Clock:
    """The machine's own clock. Each reading is a millisecond later, so that no two things happen at once."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def forward(self, by: timedelta) -> None:
        self.moment += by


@dataclass
class Gate:
    """One passage through the gate, as the machine observed it."""

    number: int
    at: datetime
    is_repeated: bool


@dataclass
class Copy:
    """A copy of the database: the rows of each table, and what the machine knew at that time."""

    rows: dict[str, list[tuple[Any, ...]]]
    sequences: list[tuple[Any, ...]]
    changed_texts: set[int]


@dataclass
class Figures:
    """What the examples covered, so that a run can show that it tested something."""

    examples: int = 0
    met: Counter[str] = field(default_factory=Counter)


class BatchLife(RuleBasedStateMachine):
    """Drives the real jobs and decisions. ``setup``, ``clock`` and ``figures`` are set by the test."""

    setup: ClassVar[Setup]
    clock: ClassVar[Clock]
    figures: ClassVar[Figures]
    guards: ClassVar[tuple[GuardKind, ...]] = tuple(GuardKind)
    #: Optional features: with all of them some examples would be too short.
    changes_texts: ClassVar[bool] = True
    restores: ClassVar[bool] = True
    decides_late: ClassVar[bool] = True
    #: The machine that is running: the test's listeners call it.
    current: ClassVar["BatchLife | None"] = None

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False
        self.is_dead = False
        self.is_listening = False
        self.incident: Incident | None = None
        self.passings = 0
        self.gates: dict[str, list[Gate]] = {}
        self.intents: dict[str, set[str]] = {}
        self.opted_out_at: dict[str, datetime] = {}
        self.changed_texts: set[int] = set()
        self.copies: list[Copy] = []
        self.restored = False
        self.stagger = ""
        self.continued: set[int] = set()
        self.takes_checked = 0
        self.asked = 0
        self.is_more_to_come = True
        self.written = 1
        self.enqueued: list[tuple[str, int]] = []
        self.stumbles: list[Exception] = []
        self.met: Counter[str] = Counter()
        self.provider = Provider(keeps_keys=False)
        self.clock.moment = START
        self.example = transaction.atomic()
        self.example.__enter__()
        self.depth = len(connection.savepoint_ids)
        BatchLife.current = self

    # -- the beginning ---------------------------------------------------------------------------------------------

    @initialize(
        choice=st.integers(0, 5),
        both=st.booleans(),
        behaviour=st.sampled_from(BEHAVIOURS),
        copied=st.booleans(),
        stagger=st.sampled_from(["", "", "", *STAGGERS]),
    )
    def begin(self, choice: int, both: bool, behaviour: str, copied: bool, stagger: str = "") -> None:
        guard = self.guards[choice % len(self.guards)]
        self.provider = Provider(keeps_keys=guard is GuardKind.KEY)
        self.provider_changes(behaviour)
        answering[guard] = self.provider
        first, second = self.setup.campaigns[guard]
        self.campaign_ids = [first, second] if both else [first]
        self.account_id = Campaign.objects.values_list("account_id", flat=True).get(pk=first)
        for campaign in Campaign.objects.filter(pk__in=self.campaign_ids):
            if stagger:
                for name, value in STAGGERS[stagger].items():
                    setattr(campaign, name, value)
                campaign.approval_hash = approval_hash(campaign)
                campaign.save()
            decisions.approve(campaign, self.setup.approver, campaign.approval_hash, self.clock())
        self.stagger = stagger
        self.met[f"guard {guard}"] += 1
        self.met[f"stagger {stagger}"] += 1
        if copied and self.restores:
            self.the_database_is_copied()

    # -- jobs ------------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0, 1, 3, 10, 30, 61]), incident=maybe_incident)
    def soon(self, seconds: int, incident: Incident | None) -> None:
        """A little later the sweep runs and the workers run the jobs that it enqueues."""
        self.clock.forward(timedelta(seconds=seconds))
        self.sweep(incident)

    @rule(minutes=st.sampled_from([2, 5, 12, 20, 31, 45, 130, 1500, 4500]), incident=maybe_incident)
    def later(self, minutes: int, incident: Incident | None) -> None:
        """Much later the sweep runs."""
        self.clock.forward(timedelta(minutes=minutes))
        self.sweep(incident)

    @rule(seconds=st.sampled_from([0, 3, 61]), incident=incidents)
    def soon_with_incident(self, seconds: int, incident: Incident) -> None:
        self.clock.forward(timedelta(seconds=seconds))
        self.sweep(incident)

    @rule(incident=incidents)
    def hand_over_with_incident(self, incident: Incident) -> None:
        self.run("hand_over", self.account_id, incident)

    @precondition(lambda self: self.is_more_to_come)
    @rule(passing=st.integers(0, 5), action=st.sampled_from(CUTS), is_hidden=st.booleans())
    def a_commit_is_cut_short(self, passing: int, action: str, is_hidden: bool) -> None:
        """What precedes every repeat: no answer to a commit, and perhaps a listing that does not show it either."""
        if is_hidden:
            self.provider.shown = self.provider.listing()
        for campaign_id in self.campaign_ids:
            self.run("create_batches", campaign_id)
        self.run("hand_over", self.account_id, Incident("commit", passing, action, 0))

    @precondition(lambda self: self.is_more_to_come and self.provider.keeps_keys)
    @rule(action=st.sampled_from(("die", "unclear")), incident=maybe_incident)
    def a_file_that_arrived_is_repeated(self, action: str, incident: Incident | None) -> None:
        """A commit whose answer is lost, and no listing shows its file: the provider must drop the repeat."""
        self.a_commit_is_cut_short(passing=2, action=action, is_hidden=True)
        self.soon(seconds=3, incident=None)
        self.soon(seconds=61, incident=incident)

    @precondition(lambda self: self.is_more_to_come and self.provider.keeps_keys)
    @rule(incident=maybe_incident)
    def files_are_read_early(self, incident: Incident | None) -> None:
        """Uploads end well, and the provider drops what it had read of them; an incident may strike at the poll."""
        self.provider.reads_early = True
        for campaign_id in self.campaign_ids:
            self.run("create_batches", campaign_id)
        self.run("hand_over", self.account_id)
        self.provider.reads_early = False
        self.clock.forward(timedelta(seconds=3))
        self.run("collect", self.account_id, incident)

    @rule(incident=incidents)
    def collect_with_incident(self, incident: Incident) -> None:
        self.clock.forward(timedelta(seconds=3))
        self.run("collect", self.account_id, incident)

    def sweep(self, incident: Incident | None = None) -> None:
        """The sweep and every job it enqueues; an incident may end any of them without ending another."""
        self.incident, self.passings = incident, 0
        enqueued, self.enqueued = self.enqueued, []
        with self.process():
            jobs.sweep(self.clock())
        wanted, self.enqueued = self.enqueued, enqueued
        for job, pk in dict.fromkeys(wanted):
            with self.process():
                getattr(jobs, job)(pk)
        self.incident = None

    def run(self, job: str, pk: int, incident: Incident | None = None) -> None:
        """One job, as a duplicate or late wake-up would cause it."""
        self.incident, self.passings = incident, 0
        with self.process():
            getattr(jobs, job)(pk)
        self.incident = None

    @contextmanager
    def process(self) -> Iterator[None]:
        """Code in this block may be killed, and then leaves nothing behind."""
        self.is_listening = True
        try:
            yield
        except Died:
            self.met["a process died"] += 1
        except BaseException:
            self.is_broken = True
            raise
        finally:
            self.is_listening = self.is_dead = False

    # -- incidents -------------------------------------------------------------------------------------------------

    def reached(self, point: str) -> None:
        """Called at every point of the product and of the provider."""
        if point.startswith("provider:commit"):
            self.passed(point, "commit")
        if point.startswith("provider:") and point != "provider:render":
            self.passed(point, "provider")
        self.passed(point, "point")

    def stated(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        """Called around every statement; the database issues those of savepoints itself."""
        self.written += not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE"))
        if "SAVEPOINT" not in sql[:24] and self.is_listening:
            self.passed("a statement", "statement")
            if len(connection.savepoint_ids) == self.depth:
                self.passed("a statement", "free")
        return execute(sql, *rest)

    def passed(self, point: str, kind: str) -> None:
        """Perform the incident's action when this is the passing it waits for."""
        if self.is_dead:
            raise Died
        incident = self.incident
        if not self.is_listening or incident is None or incident.kind != kind:
            return
        self.passings += 1
        if self.passings > incident.passing:
            self.incident = None
            self.met[f"{incident.action} at {point}"] += 1
            self.happen(incident, point)

    def happen(self, incident: Incident, point: str) -> None:
        if incident.action == "die":
            self.is_dead = True
            raise Died
        if incident.action in TROUBLES:
            raise _trouble(incident.action, point)
        if incident.action == "copied":
            self.copy_as_others_see_it()
            raise _trouble("unreachable", point)
        self.is_listening = False
        try:
            self.world(incident.action, incident.choice)
        except Exception as error:
            self.stumbles.append(error)
        self.is_listening = True

    def world(self, action: str, choice: int) -> None:
        """Something that happens alongside a job: another job, or a person."""
        campaign_id = self.campaign_ids[choice % len(self.campaign_ids)]
        if action == "opt_out":
            self.opt_out(choice)
        elif action in ("hand_over", "collect"):
            getattr(jobs, action)(self.account_id)
        elif action == "sweep":
            jobs.sweep(self.clock())
        elif action == "work":
            self.provider.work()
        elif action == "minutes":
            self.clock.forward(timedelta(minutes=(1, 3, 8, 15, 29)[choice]))
        elif action == "decide":
            self.decide_one(choice, choice)
        elif action == "copy":
            self.copy_as_others_see_it()
        else:
            self.person(action, campaign_id)

    # -- people ----------------------------------------------------------------------------------------------------

    @rule(person=_choices)
    def somebody_opts_out(self, person: int) -> None:
        self.opt_out(person)

    def opt_out(self, person: int) -> None:
        suppression.suppress([str(FIRST_NUMBER + person)], "manual")

    @rule(person=_choices)
    def somebody_opts_back_in(self, person: int) -> None:
        msisdn = str(FIRST_NUMBER + person)
        if suppression.opt_back_in(msisdn, "asked for it"):
            self.opted_out_at.pop(msisdn, None)
            # The example's own transaction is never committed.
            waiting, connection.run_on_commit = connection.run_on_commit, []
            for after_commit in waiting:
                after_commit[1]()

    @rule(action=st.sampled_from(["pause", "resume", "resume", "start", "cancel", "continue"]), which=_choices)
    def a_person_acts(self, action: str, which: int) -> None:
        self.person(action, self.campaign_ids[which % len(self.campaign_ids)])

    def person(self, action: str, campaign_id: int) -> None:
        campaign = Campaign.objects.select_related("account").get(pk=campaign_id)
        try:
            if action == "pause":
                decisions.pause(campaign, self.setup.operator)
            elif action == "resume":
                person = self.setup.operator if campaign.reason == "paused" else self.setup.approver
                decisions.resume(campaign, person, self.clock())
            elif action == "start":
                campaign.account.start()
            elif action == "continue":
                decisions.release_canary(campaign, self.setup.operator, self.clock())
                self.continued.add(campaign_id)
            else:
                decisions.cancel(campaign, self.setup.operator)
        except Refusal:
            self.met[f"refused to {action}"] += 1

    @precondition(lambda self: self.asked)
    @rule(which=_choices, wish=st.integers(0, 4))
    def a_person_decides(self, which: int, wish: int) -> None:
        self.decide_one(which, wish)

    def decide_one(self, which: int, wish: int) -> None:
        """A truthful person, who has asked the provider, decides one batch that is held or unclear."""
        asked = list(Batch.objects.filter(status__in=("held", "unclear")).select_related("campaign").order_by("pk"))
        if not asked:
            return
        batch = asked[which % len(asked)]
        try:
            if batch.status == "unclear":
                choices = self.true_decisions(batch)
                if choices:
                    self.decide(batch, choices[wish % len(choices)])
            elif wish % 2 and self.may_be_released(batch):
                decisions.release(batch, self.setup.approver, "It is fixed.", self.clock())
            else:
                decisions.cancel_batch(batch, self.setup.approver, "It is not worth it.")
        except Refusal as refusal:
            self.met[f"refused a decision: {refusal.code}"] += 1

    def may_be_released(self, batch: Batch) -> bool:
        return True

    def true_decisions(self, batch: Batch) -> list[str]:
        """The correct decisions about an unclear batch, by the provider's own records."""
        takes = self.takes(batch.stem)
        waiting = self.provider.waiting(batch.stem)
        is_fresh = self.decides_late or not batch.poll_until or batch.poll_until > self.clock() + timedelta(hours=24)
        if takes and all(take.is_whole and _digest(take.body) == batch.sha256 for take in takes):
            return ["accepted", "handed_over"] if is_fresh else ["accepted"]
        if waiting:
            return ["handed_over"] if is_fresh and all(_digest(entry.body) == batch.sha256 for entry in waiting) else []
        texted = {
            number for take in self.provider.ledger for number, _ in take.texted if _campaign(take) == batch.campaign_id
        }
        mine = set(Recipient.objects.of_batch(batch).values_list("msisdn", flat=True))
        if mine & texted:
            return ["partly"] if takes and mine - texted else ["cancel"]
        return ["again", "again", "rejected", "cancel"]

    def decide(self, batch: Batch, decision: str) -> None:
        log = None
        if decision == "partly":
            # After a restore another file of the campaign may have contained them.
            takes = [take for take in self.provider.ledger if _campaign(take) == batch.campaign_id]
            numbers = [number for take in takes for number, _ in take.texted]
            log = UploadedLog("log.txt", "\n".join(numbers).encode())
        self.met[f"decided {decision}"] += 1
        seen, said = evidence.evidence_fingerprint(batch), "The provider said so."
        decisions.decide(batch, self.setup.approver, decision, said, self.clock(), log, seen=seen)

    # -- the provider's faults -------------------------------------------------------------------------------------

    @rule(behaviour=st.sampled_from(BEHAVIOURS))
    def provider_changes(self, behaviour: str) -> None:
        provider = self.provider
        if behaviour == "good":
            provider.behave()
        elif behaviour == "down":
            provider.is_down = True
        elif behaviour == "slow":
            provider.is_slow = True
        elif behaviour == "early":
            provider.reads_early = True
        elif behaviour == "hiding":
            provider.shown = []
        elif behaviour == "stale":
            provider.shown = provider.listing()
        elif behaviour == "begin":
            provider.begin_work()
        elif behaviour == "work":
            provider.work()
        else:
            provider.answer = behaviour

    # -- what must never happen ------------------------------------------------------------------------------------

    @precondition(lambda self: self.changes_texts)
    @rule(which=_choices)
    def the_text_is_changed_behind_the_approval(self, which: int) -> None:
        campaign_id = self.campaign_ids[which % len(self.campaign_ids)]
        Campaign.objects.filter(pk=campaign_id).update(text="Something else.")
        self.changed_texts.add(campaign_id)

    @precondition(lambda self: self.changed_texts)
    @rule()
    def the_texts_are_put_back(self) -> None:
        Campaign.objects.filter(pk__in=self.changed_texts).update(text=TEXT)
        self.changed_texts.clear()

    # -- an older copy of the database -----------------------------------------------------------------------------

    @precondition(lambda self: self.restores and len(self.copies) < 2)
    @rule()
    def the_database_is_copied(self) -> None:
        rows = {}
        with connection.cursor() as cursor:
            for model in COPIED:
                table = model._meta.db_table
                cursor.execute(f"SELECT * FROM {table}")
                rows[table] = cursor.fetchall()
            sequences: list[tuple[Any, ...]] = []
            if connection.vendor == "sqlite":
                cursor.execute("SELECT seq, name FROM sqlite_sequence")
                sequences = cursor.fetchall()
        self.copies.append(Copy(rows, sequences, set(self.changed_texts)))

    def copy_as_others_see_it(self) -> None:
        """A copy made while a job runs: of what is committed, in tests that want further copies."""
        is_committed = len(connection.savepoint_ids) == self.depth
        if is_committed and self.restores and len(self.copies) < 2:
            self.met["a copy was made inside a job"] += 1
            self.the_database_is_copied()

    @precondition(lambda self: self.copies)
    @rule(which=_choices)
    def an_older_copy_is_restored(self, which: int) -> None:
        copy = self.copies[which % len(self.copies)]
        with connection.cursor() as cursor:
            for table in reversed(copy.rows):
                cursor.execute(f"DELETE FROM {table}")
            for table, rows in copy.rows.items():
                for row in rows:
                    cursor.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(row))})", row)
            for sequence in copy.sequences:
                cursor.execute("UPDATE sqlite_sequence SET seq = %s WHERE name = %s", sequence)
        self.changed_texts = set(copy.changed_texts)
        self.restored = True
        self.met["a copy was restored"] += 1
        restore.replay_journal()

    # -- the promise -----------------------------------------------------------------------------------------------

    @invariant()
    def the_promise_holds(self) -> None:
        if not hasattr(self, "campaign_ids"):
            return
        if not self.written and len(self.provider.ledger) == self.takes_checked and not self.stumbles:
            return
        try:
            self.check()
        except BaseException:
            self.is_broken = True
            raise

    def check(self) -> None:
        # After a restore a newer file may be where an older one was: Baton reports that and a person decides.
        strange = [error for error in self.stumbles if not isinstance(error, evidence.BytesDiffer)]
        assert not strange, f"Baton failed with an error: {strange[:3]!r}"
        self.check_ledger()
        batches = list(Batch.objects.order_by("pk"))
        self.asked = sum(batch.status in ("held", "unclear") for batch in batches)
        self.is_more_to_come = not batches or any(batch.status in ("prepared", "uploading") for batch in batches)
        for batch in batches:
            self.check_batch(batch)
        self.check_due(batches)
        for campaign in Campaign.objects.filter(pk__in=self.campaign_ids):
            books = balance.audit(campaign)
            assert books.balanced, f"the books of {campaign.pk}: {books.mismatch}"
        self.written = 0

    def check_ledger(self) -> None:
        """Nobody is texted twice or after an opt-out, and only what was approved and intended."""
        texted = Counter((_campaign(take), number) for take in self.provider.ledger for number, _ in take.texted)
        twice = [key for key, count in texted.items() if count > 1]
        assert not twice, f"texted twice: {twice} {[(t.stem, len(t.texted)) for t in self.provider.ledger]}"
        for take in self.provider.ledger[self.takes_checked :]:
            gates = self.gates.get(take.stem, [])
            first = [gate for gate in gates if not gate.is_repeated]
            assert first, f"{take.stem} was texted without an intent"
            for number, text in take.texted:
                since = self.opted_out_at.get(number)
                assert since is None or since > first[-1].at, f"{number} had opted out and was texted by {take.stem}"
                assert text == f"Hi Person {int(number) - FIRST_NUMBER}, 20 % off ends Sunday.", f"not approved: {text}"
            whole = _digest(take.body)
            known = self.intents[take.stem]
            assert not take.is_whole or whole in known, f"{take.stem} was texted with other bytes than intended"
        self.takes_checked = len(self.provider.ledger)
        if self.stagger:
            self.check_stagger()

    def check_stagger(self) -> None:
        """Nothing passed the gate outside the hours, more than the pace in an hour, or behind a canary that waits."""
        rules = STAGGERS[self.stagger]
        texted = {take.stem: len(take.texted) for take in self.provider.ledger}
        for stem, gates in self.gates.items():
            for gate in gates if "window" in rules else ():
                # The machine's clock read the time after the gate, and Johannesburg is two hours ahead.
                local = gate.at - timedelta(milliseconds=500) + timedelta(hours=2)
                assert "08:00" <= f"{local:%H:%M}" < "10:20", f"{stem} passed the gate outside its hours: {local}"
        if self.restored:
            # An older copy knows neither the attempts that count for the pace nor that a person continued.
            return
        for campaign_id in self.campaign_ids:
            moments = [(stem, gate.at) for stem in texted for gate in self.gates[stem] if _of(stem) == campaign_id]
            for _, since in moments if "pace" in rules else ():
                stems = {stem for stem, at in moments if since <= at < since + timedelta(hours=1)}
                count = sum(texted[stem] for stem in stems)
                assert count <= rules["pace"], f"{count} of {campaign_id} passed the gate in the hour from {since}"
            if "canary" in rules and "canary_waits_for" not in rules and campaign_id not in self.continued:
                count = sum(texted[stem] for stem in texted if _of(stem) == campaign_id)
                assert count <= rules["canary"], f"{count} of {campaign_id} were texted behind its canary"

    def check_batch(self, batch: Batch) -> None:
        takes = self.takes(batch.stem)
        name = f"{batch.stem} ({batch.status}, {batch.reason})"
        if batch.status == "accepted":
            assert len(takes) == 1, f"{name} is in the ledger {len(takes)} times"
            assert _digest(takes[0].body) == batch.sha256, f"{name} was texted with other bytes"
        elif batch.status == "rejected":
            assert not takes, f"{name} was texted"
        elif batch.status in ("prepared", "uploading", "held", "superseded", "cancelled") and not self.restored:
            whole = [take for take in takes if take.is_whole]
            assert not whole, f"{name} was texted"
        if batch.status in ("prepared", "uploading", "committing"):
            assert batch.due_at, f"{name} is silent: it has no due time"
        elif batch.status in ("handed_over", "processing"):
            assert batch.poll_at, f"{name} is silent: nothing polls for it"
        elif batch.status in ("held", "unclear"):
            assert batch.reason, f"{name} does not say why"
            assert batch.sentence, f"{name} does not say why"
        is_polled = batch.status in ("accepted", "rejected", "unclear")
        if is_polled and batch.poll_until and batch.poll_until > self.clock.moment:
            assert batch.poll_at, f"{name} is no longer polled before polling ends"
        if batch.status == "unclear":
            assert batch.attempts.exists(), f"{name} is unclear without an attempt"
            shown = batch.evidence.exists() or batch.attempts.exclude(code="").exists()
            assert shown or batch.reason in SAYS_ENOUGH, f"{name} carries no evidence"

    def check_due(self, batches: list[Batch]) -> None:
        """The sweep finds what is due and may continue."""
        now = self.clock()
        due = [one for one in batches if one.status in ("uploading", "committing") and one.due_at and one.due_at <= now]
        if not due:
            return
        found = {batch.pk for batch in drain.due_batches(Account.objects.get(pk=self.account_id), now)}
        for batch in due:
            assert batch.pk in found, f"{batch.stem} ({batch.status}) is due and not found"

    def takes(self, stem: str) -> list[Take]:
        return [take for take in self.provider.ledger if take.stem == stem]

    # -- the end ---------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            if not self.is_broken and hasattr(self, "campaign_ids"):
                self.come_to_rest()
                self.count_up()
        finally:
            BatchLife.current = None
            connection.run_on_commit = []
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)
            self.setup.wipe()

    def come_to_rest(self) -> None:
        """All faults end. First Baton alone, then with a truthful person, brings every batch to an end."""
        self.incident = None
        self.provider.behave()
        self.provider.work()
        self.the_texts_are_put_back()
        for campaign_id in self.campaign_ids:
            self.person("start", campaign_id)
        for round_number in range(8):
            self.until_nothing_is_due()
            restless = Batch.objects.exclude(status__in=(*FINISHED, "held", "unclear"))
            assert not restless, f"never comes to rest: {[(b.stem, b.status, b.reason) for b in restless]}"
            if not Batch.objects.filter(status__in=("held", "unclear")).exists():
                break
            for _ in range(Batch.objects.filter(status__in=("held", "unclear")).count()):
                self.decide_one(0, 1 if round_number < 3 else 0)
        else:
            raise AssertionError("a person's decisions never come to an end")
        # What a person decided is polled once more.
        self.clock.forward(timedelta(minutes=10))
        self.sweep()
        self.check()
        for campaign in Campaign.objects.filter(pk__in=self.campaign_ids):
            self.check_ended(campaign)

    def until_nothing_is_due(self) -> None:
        for turn in range(400 if self.stagger else 120):
            for campaign_id in self.campaign_ids if self.stagger else ():
                self.person("continue", campaign_id)
            for campaign in Campaign.objects.filter(pk__in=self.campaign_ids, status="paused"):
                self.person("resume" if turn < 40 else "cancel", campaign.pk)
            self.sweep()
            moments = [
                moment
                for status, due_at, poll_at in Batch.objects.values_list("status", "due_at", "poll_at")
                for moment in [
                    due_at
                    if status in ("prepared", "uploading", "committing")
                    else poll_at
                    if status in ("handed_over", "processing")
                    else None
                ]
                if moment
            ]
            running = Campaign.objects.filter(pk__in=self.campaign_ids, status="running", batches_due_at__isnull=False)
            moments += [due_at for due_at in running.values_list("batches_due_at", flat=True) if due_at]
            if self.stagger and Campaign.objects.filter(pk__in=self.campaign_ids, status="paused").exists():
                # Outside its hours: a person tries again later.
                moments.append(self.clock() + timedelta(hours=1))
            if not moments:
                return
            self.clock.forward(max(min(moments) - self.clock(), timedelta(0)) + timedelta(seconds=1))
        stuck = list(Batch.objects.exclude(status__in=FINISHED).values_list("stem", "status", "reason", "due_at"))
        raise AssertionError(f"never comes to rest: {stuck}")

    def check_ended(self, campaign: Campaign) -> None:
        assert campaign.status in ("closed", "cancelled", "held"), f"{campaign.pk} is {campaign.status}"
        assert audience_digest(campaign) == campaign.audience_digest, "the frozen recipients changed"
        if self.restored or self.met["decided accepted"]:
            return
        books = balance.audit(campaign)
        texted = sum(len(take.texted) for take in self.provider.ledger if _campaign(take) == campaign.pk)
        assert books.outcomes["accepted"] == texted, f"{books.outcomes} while {texted} were texted"

    def count_up(self) -> None:
        for status, reason in Batch.objects.values_list("status", "reason"):
            self.met[f"batch {status}"] += 1
            self.met[f"reason {reason}"] += 1
        for reason in Event.objects.exclude(batch=None).values_list("reason", flat=True):
            self.met[f"event {reason}"] += 1
        self.met["commits repeated"] += sum(gate.is_repeated for gates in self.gates.values() for gate in gates)
        self.met["repeats dropped by the provider"] += self.provider.dropped
        committing_again = Event.objects.filter(from_status__in=("handed_over", "processing"), to_status="committing")
        self.met["committing again after it was dropped unread"] += committing_again.count()
        self.met["texted"] += sum(len(take.texted) for take in self.provider.ledger)
        self.met["batches"] += Batch.objects.count()
        self.figures.examples += 1
        self.figures.met.update(self.met)


#: Reasons whose own sentence is the evidence: nothing could be observed, or what was observed is not this batch.
SAYS_ENOUGH = ("cannot_poll", "silent", "restored_differs", "bytes_differ")


def _campaign(take: Take) -> int:
    return _of(take.stem)


def _of(stem: str) -> int:
    """The id of the campaign whose file has this stem."""
    return int(stem.split("-")[0][1:])


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
