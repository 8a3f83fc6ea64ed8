"""The invariants after a chaos run, checked against the ledger and the database alone."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.db.models import Max

from campaigns import timing
from campaigns.audience.approval import audience_digest, is_as_approved
from campaigns.audience.rows import row_of
from campaigns.audience.spec import composer_of, finished_text
from campaigns.chain import other_campaigns, root_of
from campaigns.handover import batches, canary, journal
from campaigns.handover.limits import PUT_OFF
from campaigns.handover.restore import journal_is_ahead
from campaigns.models import Batch, Campaign, Recipient
from campaigns.results import balance
from campaigns.results.evidence import BytesDiffer, payload_of
from campaigns.results.schedule import provider_start

#: The sweep acts on a stored time within this span.
HONOURED_WITHIN = timedelta(minutes=1)
#: The longest postponement of a time: anything due later was written by a clock that was ahead.
_LONGEST_WAIT = timedelta(minutes=5)
_LONGEST_UNTIL_A_POLL = timedelta(hours=7)
#: How long Clickatell's log may stand still with recipients missing before a person is asked.
_LOG_PATIENCE = timedelta(minutes=3)
_AT_REST = ("accepted", "rejected", "superseded", "cancelled", "held", "unclear")
#: Nobody in a batch of these statuses may have been texted.
_NOBODY = ("prepared", "uploading", "held", "cancelled", "rejected", "superseded")
#: The ids of workers and jobs, and hashes: hexadecimal, so that a run of digits in one is nobody's number.
_IDS = re.compile(rb"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\b")
_NUMBER = re.compile(rb"(?<!\d)27\d{9}(?!\d)")
#: What may be a South African number as people and programs write one; the group has its nine national digits. Where
#: one begins inside another, both are checked.
_WRITTEN = re.compile(rb"(?<!\d)(?=(?:(?:00)?27|0)?([1-9](?:[ ().\-]{0,3}\d){8})(?!\d))")


@dataclass
class Findings:
    """Sentences about violations, by invariant; all empty is a pass."""

    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    opted_out: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    unapproved: list[str] = field(default_factory=list)
    bytes_differ: list[str] = field(default_factory=list)
    without_evidence: list[str] = field(default_factory=list)
    books: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    out_of_turn: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """Every violation, prefixed with its invariant."""
        return [f"{name}: {sentence}" for name, found in vars(self).items() for sentence in found]


def check(
    ledger: Iterable[Mapping[str, str]],
    opt_outs: Mapping[str, datetime],
    now: datetime,
    logs: Collection[Path] = (),
    secrets: Collection[str] = (),
) -> list[str]:
    """Return a sentence for every violation; an empty list is a pass.

    ``ledger`` holds its lines as ``read_ledger`` yields them, of the accounts that Baton alone uses. No number may
    be in two chains of campaigns. ``opt_outs`` maps numbers to when their opt-out was committed at the latest (UTC).
    ``logs`` are searched for numbers, in any notation, and for ``secrets``.
    """
    return find(ledger, opt_outs, now, logs, secrets).sentences()


def find(
    ledger: Iterable[Mapping[str, str]],
    opt_outs: Mapping[str, datetime],
    now: datetime,
    logs: Collection[Path] = (),
    secrets: Collection[str] = (),
) -> Findings:
    """The same, by invariant."""
    found = Findings()
    texted: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for line in ledger:
        texted[line["msisdn"]].append(line)
    for campaign in Campaign.objects.select_related("account").order_by("pk"):
        _campaign(campaign, texted, opt_outs, now, found)
    known = set(Recipient.objects.values_list("msisdn", flat=True))
    if strangers := {number for number in set(texted) - known if not _are_cut_numbers(number, texted[number])}:
        found.unapproved.append(f"{len(strangers)} numbers were texted that no campaign has")
    for batch in Batch.objects.select_related("campaign__account").order_by("pk"):
        _batch(batch, texted, now, found)
    for campaign in Campaign.objects.filter(status__in=("freezing", "approved")):
        found.silent.append(f"campaign {campaign.pk} is still {campaign.status}")
    _logs(logs, known | set(texted) | set(opt_outs), secrets, found)
    return found


def is_cut_short(batch: Batch, line: Mapping[str, str]) -> bool:
    """Whether a line of the ledger came from a part of an unclear file, so that its text may lack its end.

    Clickatell reads what arrived of an upload, and Baton cannot prevent that: a person decides.
    """
    is_part = line["sha256"] not in ("", batch.sha256)
    return is_part and batch.status == "unclear" and batch.account.provider == "clickatell"


def _are_cut_numbers(number: str, lines: Iterable[Mapping[str, str]]) -> bool:
    """Whether ``number`` is what had arrived of a recipient's number when Clickatell read a part of an unclear file."""
    batches = {batch.stem: batch for batch in Batch.objects.filter(status="unclear").select_related("account")}
    found = [(batches.get(line["file"].rsplit("-a", 1)[0]), line) for line in lines]
    return all(
        batch is not None
        and is_cut_short(batch, line)
        and Recipient.objects.of_batch(batch).filter(msisdn__startswith=number).exists()
        for batch, line in found
    )


def _is_approved(line: Mapping[str, str], approved: str, batch: Batch) -> bool:
    """Whether a text is the approved one or, in a part of an unclear file, what is left of it.

    A truncated row lacks the end of its values, so that pieces are missing and nothing is added.
    """
    if line["text"] == approved:
        return True
    rest = iter(approved)
    return is_cut_short(batch, line) and all(character in rest for character in line["text"])


def cut_short(ledger: Iterable[Mapping[str, str]]) -> int:
    """How many got a text that lacks its end, by files that are unclear for it."""
    count = 0
    batches = {batch.stem: batch for batch in Batch.objects.filter(status="unclear")}
    for line in ledger:
        batch = batches.get(line["file"].rsplit("-a", 1)[0])
        if batch and is_cut_short(batch, line):
            person = Recipient.objects.of_batch(batch).filter(msisdn=line["msisdn"]).first()
            count += person is None or line["text"] != finished_text(batch.campaign, person)
    return count


def _campaign(
    campaign: Campaign,
    texted: Mapping[str, list[Mapping[str, str]]],
    opt_outs: Mapping[str, datetime],
    now: datetime,
    found: Findings,
) -> None:
    books = balance.audit(campaign)
    if books.mismatch:
        found.books.append(f"campaign {campaign.pk}: {books.mismatch}")
    _progress(campaign, books, now, found)
    _turns(campaign, found)
    batches = {batch.number: batch for batch in campaign.batches.exclude(status="superseded")}
    composer = composer_of(campaign)
    is_in_doubt = _is_in_doubt(campaign, now)
    row_errors = set(
        campaign.batches.filter(outcomes__result="row_error").values_list("outcomes__recipient", flat=True)
    )
    if not is_in_doubt and any(msisdn in texted for msisdn in campaign.recipients.values_list("msisdn", flat=True)):
        _approval(campaign, found)
    carried, forgotten = _carried_elsewhere(campaign), _journalled_elsewhere(campaign)
    for person in campaign.recipients.all():
        batch = batches.get(person.batch_number or 0)
        where = f"recipient {person.pk} of {batch.name if batch else 'no batch'} ({batch.status if batch else '-'})"
        lines = texted.get(person.msisdn, [])
        if not lines:
            if batch and batch.status == "accepted" and person.pk not in row_errors:
                found.losses.append(f"{where} is accepted and was not texted")
            continue
        if len(lines) > 1:
            # In one campaign or in several of its chain.
            found.duplicates.append(f"{where} was texted {len(lines)} times: {[line['file'] for line in lines]}")
        if person.msisdn in carried:
            if batch and batch.status == "accepted" and person.pk not in row_errors and not person.excluded_reason:
                found.duplicates.append(f"{where} is accepted here and in another campaign of the chain")
            # The line is of that campaign, which is checked as well.
            continue
        if all(line["sha256"] in forgotten for line in lines):
            continue
        if is_in_doubt and (batch is None or batch.status in ("prepared", "unclear")):
            continue
        if batch is None and _may_be_in_a_forgotten_file(person):
            continue
        if batch is None or batch.status in _NOBODY:
            found.unapproved.append(f"{where} was texted although nobody should have been")
            continue
        if person.pk in row_errors:
            found.unapproved.append(f"{where} was texted although the provider reports that nobody was")
        approved = composer.message(person).text
        if person.excluded_reason or not all(_is_approved(line, approved, batch) for line in lines):
            found.unapproved.append(f"{where} got a text that was not approved")
        if any(line["sender"] != campaign.sender for line in lines):
            found.unapproved.append(f"{where} got a text from another sender")
        gone_at = opt_outs.get(person.msisdn)
        if gone_at and batch.first_intent_at and gone_at < batch.first_intent_at:
            found.opted_out.append(f"{where} opted out at {gone_at}, before the intent at {batch.first_intent_at}")


def _carried_elsewhere(campaign: Campaign) -> set[str]:
    """The numbers that a file of another campaign of the chain carried to the provider, or may have."""
    files = Batch.objects.filter(campaign__in=other_campaigns(campaign)).exclude(status__in=_NOBODY)
    return {
        msisdn
        for batch in files
        for msisdn in Recipient.objects.of_batch(batch)
        .exclude(outcomes__result="row_error")
        .values_list("msisdn", flat=True)
    }


def _journalled_elsewhere(campaign: Campaign) -> set[str]:
    """The sha256 of each file that the journals record for another campaign of the chain.

    A restored database may lack the file, and then no longer shows whom that campaign texted.
    """
    journalled = journal.batches_of_chain(root_of(campaign))
    return {sha256 for stem, sums in journalled.items() if not stem.startswith(f"c{campaign.pk}-") for sha256 in sums}


def texted_in_follow_ups(ledger: Iterable[Mapping[str, str]]) -> tuple[set[str], set[str]]:
    """The numbers that follow-ups texted: people who got no text before, and those of a corrected rest."""
    texted = {line["msisdn"] for line in ledger}
    again: set[str] = set()
    corrected: set[str] = set()
    accepted = Batch.objects.filter(campaign__follows__isnull=False, status="accepted")
    for batch in accepted.select_related("campaign"):
        numbers = set(Recipient.objects.of_batch(batch).values_list("msisdn", flat=True)) & texted
        is_rest = batch.campaign.events.filter(reason="corrected", to_status="").exists()
        (corrected if is_rest else again).update(numbers)
    return again, corrected


def _approval(campaign: Campaign, found: Findings) -> None:
    """Everybody who was texted was texted as somebody approved."""
    where = f"campaign {campaign.pk}, of which people were texted,"
    if campaign.approved_by_id is None:
        found.unapproved.append(f"{where} was approved by nobody")
    if not is_as_approved(campaign):
        found.unapproved.append(f"{where} is not what was approved")
    if audience_digest(campaign) != campaign.audience_digest:
        found.unapproved.append(f"{where} has other recipients than were frozen")


def _progress(campaign: Campaign, books: balance.Balance, now: datetime, found: Findings) -> None:
    """A campaign continues, ends, or says why it does not."""
    where = f"campaign {campaign.pk} is {campaign.status}"
    if campaign.status in ("paused", "held") and not (campaign.reason and campaign.sentence):
        found.silent.append(f"{where} and does not say why")
    if campaign.status == "running" and campaign.recipients.waiting().exists():
        last_cut_at = campaign.batches.aggregate(latest=Max("created_at"))["latest"]
        moments = (campaign.started_at, campaign.resumed_at, last_cut_at, campaign.batches_due_at)
        waits = canary.others_wait(campaign) and not canary.may_continue(campaign)
        if _is_long_ago(moments, now) and not waits:
            found.silent.append(f"{where} and no batches are created for those who wait")
    is_over = not (books.waiting or books.outcomes["open"])
    # The last thing that ended is in its history.
    ended_at = campaign.events.aggregate(latest=Max("at"))["latest"]
    if campaign.status in ("running", "paused") and is_over and _is_long_ago((ended_at,), now):
        found.silent.append(f"{where} although nothing waits and nothing is open")


def _turns(campaign: Campaign, found: Findings) -> None:
    """No intent outside the hours, above the pace or ahead of the others, by the journals' own times."""
    if not campaign.is_staggered:
        return
    intents = _intents(campaign.batches.all())
    of_chain = intents + _intents(Batch.objects.filter(campaign__in=other_campaigns(campaign)))
    for at, batch in intents:
        where = f"{batch.name} was handed over at {at:%H:%M:%S}"
        if campaign.window:
            local = at.astimezone(ZoneInfo(campaign.window["zone"]))
            begins, ends = campaign.window["hours"][str(local.weekday())]
            if not begins <= f"{local:%H:%M}" < ends:
                found.out_of_turn.append(f"{where}, outside its hours {begins} to {ends} at {local:%H:%M}")
        within = {other.pk: other.rows for moment, other in of_chain if at <= moment < at + timing.PACE_PERIOD}
        restored = Batch.objects.filter(pk__in=within, events__reason__startswith="restored")
        if restored.exists() or journal_is_ahead(campaign):
            # An older database knows neither what went since nor that the others were released.
            continue
        if campaign.pace and sum(within.values()) > campaign.pace:
            found.out_of_turn.append(f"{where}, and with it {sum(within.values())} of at most {campaign.pace}")
        is_first = not campaign.canary or batch.number == 1
        if not is_first and not (campaign.canary_released_at and campaign.canary_released_at <= at):
            found.out_of_turn.append(f"{where}, before the first ones were accepted")


def _intents(files: Iterable[Batch]) -> list[tuple[datetime, Batch]]:
    return [(datetime.fromisoformat(line["at"]), batch) for batch in files for line in journal.intents(batch.stem)]


def _is_long_ago(moments: Iterable[datetime | None], now: datetime) -> bool:
    """Whether the sweep should have acted long ago on what became possible at the latest of these times."""
    return (
        max((moment for moment in moments if moment), default=datetime.min.replace(tzinfo=UTC)) < now - HONOURED_WITHIN
    )


def _is_in_doubt(campaign: Campaign, now: datetime) -> bool:
    """Whether a person decides because an older database was restored: they find out who was texted since.

    A campaign that waits for its turn is paused when its next batch is created, which may be after the run.
    """
    differs = campaign.batches.filter(status="unclear", reason="restored_differs").exists()
    waits = campaign.status == "running" and campaign.batches_due_at and campaign.batches_due_at > now
    is_asked = campaign.status == "paused" and campaign.reason == "restored"
    return differs or is_asked or bool(waits and journal_is_ahead(campaign))


def _may_be_in_a_forgotten_file(person: Recipient) -> bool:
    """Whether this person opted out later and may have been in the file that a restored database has with other bytes.

    A person decides about the batch as it is stored now, which ends the doubt about everybody in it only.
    """
    restored = person.campaign.batches.filter(events__reason="restored_differs")
    return person.excluded_reason == "opted_out_later" and restored.exists()


def _batch(batch: Batch, texted: Mapping[str, list[Mapping[str, str]]], now: datetime, found: Findings) -> None:
    if batch.status in ("accepted", "handed_over", "processing", "committing", "unclear"):
        people = list(Recipient.objects.of_batch(batch).order_by("msisdn"))
        try:
            payload_of(batch)
        except BytesDiffer as error:
            found.bytes_differ.append(str(error))
        rows = [row_of(person) for person in people]
        if batches.render(batch.campaign, batch.number, batch.generation, rows).sha256 != batch.sha256:
            found.bytes_differ.append(f"{batch.name} would be rendered differently now")
        if batch.status == "accepted" and _keeps_its_bytes(batch):
            lines = [line for person in people for line in texted.get(person.msisdn, [])]
            if others := {line["file"] for line in lines if line["sha256"] != batch.sha256}:
                found.bytes_differ.append(f"{batch.name} arrived with other bytes as {sorted(others)}")
    if batch.status == "unclear" and not (batch.attempts.exists() and _has_evidence(batch)):
        found.without_evidence.append(f"{batch.name} asks for a decision and shows nothing")
    if batch.status in ("held", "unclear") and not (batch.reason and batch.sentence):
        found.silent.append(f"{batch.name} is {batch.status} and does not say why")
    if batch.status in _AT_REST:
        return
    if batch.status == "prepared" and batch.campaign.status == "paused":
        # The campaign gives the reason.
        return
    is_polled = batch.status in ("handed_over", "processing")
    if is_polled:
        _patience(batch, now, found)
    at = batch.poll_at if is_polled else batch.due_at
    is_put_off = batch.reason in PUT_OFF and batch.status == "prepared"
    longest = _LONGEST_UNTIL_A_POLL if is_polled else timing.LOOK_AGAIN_AFTER if is_put_off else _LONGEST_WAIT
    if at is None:
        found.silent.append(f"{batch.name} is {batch.status} and nothing will happen")
    elif at < now - HONOURED_WITHIN:
        found.silent.append(f"{batch.name} is {batch.status} and was due {(now - at).total_seconds():.0f} s ago")
    elif at > now + longest:
        found.silent.append(f"{batch.name} is {batch.status} and is due in {(at - now).total_seconds():.0f} s only")


def _patience(batch: Batch, now: datetime, found: Findings) -> None:
    """A batch that the provider has, or works on, waits no longer for a result than its adapter's patience."""
    begun_at = batch.handed_over_at or batch.first_intent_at
    if begun_at is None:
        return
    waited, patience = now - max(begun_at, provider_start(batch) or begun_at), batch.account.adapter.give_up_after
    newest = batch.evidence.order_by("-id").first()
    if batch.reason == "log_growing" and newest:
        waited, patience = now - newest.seen_at, _LOG_PATIENCE
    if waited > patience + timing.LONGEST_POLL_PAUSE + HONOURED_WITHIN:
        minutes = waited.total_seconds() // 60
        found.silent.append(f"{batch.name} has been {batch.status} for {minutes:.0f} minutes, beyond its patience")


def _keeps_its_bytes(batch: Batch) -> bool:
    """Whether the ledger's bytes must equal what was rendered.

    Clickatell's files give times in minutes from now, so each attempt renders a start or an end anew. And a person
    may accept what arrived without its last line break: who got which text is compared all the same.
    """
    campaign = batch.campaign
    has_times = bool(campaign.end_at or (campaign.is_early and campaign.start_at))
    return batch.reason != "decided" and not (campaign.account.provider == "clickatell" and has_times)


def _has_evidence(batch: Batch) -> bool:
    return batch.evidence.exists() or batch.attempts.exclude(code="").exists()


def _logs(logs: Collection[Path], numbers: Collection[str], secrets: Collection[str], found: Findings) -> None:
    national = {number.removeprefix("27").encode() for number in numbers if re.fullmatch(r"27\d{9}", number)}
    for path in logs:
        body = path.read_bytes()
        without_ids = _IDS.sub(b"id", body)
        held = {number.removeprefix(b"27") for number in _NUMBER.findall(without_ids)}
        # Nine digits can be anything unless they are somebody's number.
        held |= {re.sub(rb"\D", b"", written) for written in _WRITTEN.findall(without_ids)} & national
        if held:
            found.leaks.append(f"{path.name} holds {len(held)} phone numbers")
        if any(secret.encode() in body for secret in secrets):
            found.leaks.append(f"{path.name} holds a password")


def repeated(ledger: Iterable[Mapping[str, str]]) -> int:
    """How many texts in these lines are a second or later one to their number."""
    return sum(times - 1 for times in Counter(line["msisdn"] for line in ledger).values())
