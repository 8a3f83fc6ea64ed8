"""What must hold after a chaos run, asked of the ledger and the database alone."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from campaigns import balance, batching
from campaigns.evidence import BytesDiffer, payload_of
from campaigns.models import Batch, Campaign, Recipient
from campaigns.orders import finished_text
from campaigns.texts import compile_text

#: The sweep honours a stored time within this.
HONOURED_WITHIN = timedelta(minutes=1)
_AT_REST = ("accepted", "rejected", "superseded", "cancelled", "held", "unclear")
#: Nobody of such a batch may have been texted.
_NOBODY = ("prepared", "uploading", "held", "cancelled", "rejected", "superseded")
_NUMBER = re.compile(rb"(?<!\d)27\d{9}(?!\d)")
_SHOWN = 20


@dataclass
class Findings:
    """The sentences of what does not hold, by invariant; all empty is what is wanted."""

    duplicates: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    opted_out: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    unapproved: list[str] = field(default_factory=list)
    bytes_differ: list[str] = field(default_factory=list)
    without_evidence: list[str] = field(default_factory=list)
    books: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """Every one, named after its invariant."""
        return [f"{name}: {sentence}" for name, found in vars(self).items() for sentence in found]


def check(
    ledger: Iterable[Mapping[str, str]],
    opt_outs: Mapping[str, datetime],
    now: datetime,
    logs: Collection[Path] = (),
    secrets: Collection[str] = (),
) -> list[str]:
    """Return a sentence for everything that does not hold; an empty list is what is wanted.

    ``ledger`` holds its lines as ``read_ledger`` yields them, of the accounts that Baton uses alone. No number may
    be in two campaigns. ``opt_outs`` maps numbers to when their opt-out was committed at the latest (UTC). ``logs`` are
    searched for numbers and for ``secrets``.
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
        _campaign(campaign, texted, opt_outs, found)
    known = set(Recipient.objects.values_list("msisdn", flat=True))
    if strangers := set(texted) - known:
        found.unapproved.append(f"{len(strangers)} numbers were texted that no campaign has")
    for batch in Batch.objects.select_related("campaign").order_by("pk"):
        _batch(batch, now, found)
    for campaign in Campaign.objects.filter(status__in=("freezing", "approved")):
        found.silent.append(f"campaign {campaign.pk} is still {campaign.status}")
    _logs(logs, secrets, found)
    return found


def _campaign(
    campaign: Campaign,
    texted: Mapping[str, list[Mapping[str, str]]],
    opt_outs: Mapping[str, datetime],
    found: Findings,
) -> None:
    if mismatch := balance.prove(campaign).mismatch:
        found.books.append(f"campaign {campaign.pk}: {mismatch}")
    batches = {batch.number: batch for batch in campaign.batches.exclude(status="superseded")}
    text = compile_text(campaign.text)
    is_in_doubt = _is_in_doubt(campaign)
    row_errors = set(
        campaign.batches.filter(outcomes__result="row_error").values_list("outcomes__recipient", flat=True)
    )
    for person in campaign.recipients.all():
        batch = batches.get(person.batch_number or 0)
        where = f"recipient {person.pk} of {batch.name if batch else 'no batch'} ({batch.status if batch else '-'})"
        lines = texted.get(person.msisdn, [])
        if not lines:
            if batch and batch.status == "accepted" and person.pk not in row_errors:
                found.losses.append(f"{where} is accepted and was not texted")
            continue
        if len(lines) > 1:
            found.duplicates.append(f"{where} was texted {len(lines)} times: {[line['file'] for line in lines]}")
        if is_in_doubt and (batch is None or batch.status in ("prepared", "unclear")):
            continue
        if batch is None or batch.status in _NOBODY:
            found.unapproved.append(f"{where} was texted although nobody should have been")
            continue
        if person.excluded_reason or any(line["text"] != finished_text(text, person) for line in lines):
            found.unapproved.append(f"{where} got a text that was not approved")
        if any(line["sender"] != campaign.sender for line in lines):
            found.unapproved.append(f"{where} got a text from another sender")
        gone_at = opt_outs.get(person.msisdn)
        if gone_at and batch.first_intent_at and gone_at < batch.first_intent_at:
            found.opted_out.append(f"{where} opted out at {gone_at}, before the intent at {batch.first_intent_at}")


def _is_in_doubt(campaign: Campaign) -> bool:
    """Whether a person is asked because an older database was put back: they find out who was texted since."""
    differs = campaign.batches.filter(status="unclear", reason="restored_differs").exists()
    return differs or (campaign.status == "paused" and campaign.reason == "restored")


def _batch(batch: Batch, now: datetime, found: Findings) -> None:
    if batch.status in ("accepted", "handed_over", "processing", "committing", "unclear"):
        people = list(batching.recipients_of(batch).order_by("msisdn"))
        try:
            payload_of(batch)
        except BytesDiffer as error:
            found.bytes_differ.append(str(error))
        if batching.render(batch.campaign, batch.number, batch.generation, people).sha256 != batch.sha256:
            found.bytes_differ.append(f"{batch.name} would be rendered otherwise now")
    if batch.status == "unclear" and not (batch.sentence and batch.attempts.exists() and _has_evidence(batch)):
        found.without_evidence.append(f"{batch.name} asks for a decision and shows nothing")
    if batch.status in _AT_REST:
        return
    if batch.status == "prepared" and batch.campaign.status != "running":
        return
    at = batch.look_at if batch.status in ("handed_over", "processing") else batch.due_at
    if at is None:
        found.silent.append(f"{batch.name} is {batch.status} and nothing is to come")
    elif at < now - HONOURED_WITHIN:
        found.silent.append(f"{batch.name} is {batch.status} and was due {(now - at).total_seconds():.0f} s ago")


def _has_evidence(batch: Batch) -> bool:
    return batch.evidence.exists() or batch.attempts.exclude(code="").exists()


def _logs(logs: Collection[Path], secrets: Collection[str], found: Findings) -> None:
    for path in logs:
        body = path.read_bytes()
        if numbers := len(_NUMBER.findall(body)):
            found.leaks.append(f"{path.name} holds {numbers} phone numbers")
        if any(secret.encode() in body for secret in secrets):
            found.leaks.append(f"{path.name} holds a password")


def repeated(ledger: Iterable[Mapping[str, str]]) -> int:
    """How many texts in these lines are a second or later one to their number."""
    return sum(times - 1 for times in Counter(line["msisdn"] for line in ledger).values())
