"""Who is in, who is out and why: the look ahead at a draft, and the freeze that copies people for good."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappush, heappushpop
from typing import Any

from django.db import connection, transaction
from django.db.models import Count

from campaigns.lifecycle import Refusal, may, transition
from campaigns.models import Campaign, Recipient
from campaigns.orders import compose_spec, finished_text, message_of
from campaigns.texts import FIELDS, Text, TextError, compile_text, has_literal_field
from contacts.models import VALUE_FIELDS, Contact, ContactList, Import
from providers import gsm
from providers.base import BaseAdapter, CampaignSpec, Message, Problem
from providers.locks import Lock, LockLost
from providers.models import Account

#: Recipients copied in one transaction: the web keeps writing in between.
CHUNK = 20_000
#: Recipients whose texts the check of a draft measures while somebody waits; the freeze measures all of them.
CHECKED = 20_000
#: Objections kept for people to read.
SHOWN = 100

#: What of a sentence differs from text to text: numbers, and what stands in quotation marks.
_PARTICULARS = re.compile(r"\d[\d,]*|“[^”]*”")
_COLUMNS = "msisdn, customer_id, name, value1, value2, value3, value4, value5, value6"
_READ = ("id", "msisdn", "customer_id", "name", *FIELDS, "message")


@dataclass
class Measured:
    """What the texts of an audience cost: ``least`` and ``most`` in units, ``histogram`` recipients by parts.

    ``unicode`` counts texts that do not go as GSM; ``reasons`` has ``(texts objected to, first sentence)`` by what is
    objected to; together they are ``problem_count``.
    """

    included: int = 0
    parts: int = 0
    histogram: dict[int, int] = field(default_factory=dict)
    least: int = 0
    most: int = 0
    unicode: int = 0
    longest: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    problem_count: int = 0
    reasons: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    digest: str = ""


@dataclass
class Verdict(Measured):
    """A draft looked at as if it were frozen now. ``is_complete`` is False when only the first texts were measured."""

    selected: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    spec_problems: list[Problem] = field(default_factory=list)
    is_complete: bool = True


@dataclass
class Sample:
    """One real recipient of a draft or a frozen campaign, with the text as it would be read."""

    position: int
    total: int
    msisdn: str
    name: str
    list_name: str
    text: str
    measure: gsm.Measure


def begin_freeze(campaign: Campaign, user: Any, now: datetime) -> None:
    """Move a draft to ``freezing``; the freeze itself is a job.

    Raises Refusal when the text, the lists, the account or the times are not usable. Nothing is written then.
    """
    may(user, "campaigns.change_campaign")
    _usable(campaign)
    if campaign.end_at and campaign.end_at <= now:
        raise Refusal("end_passed", "The end is in the past. Choose a later one.")
    if campaign.start_at and campaign.start_at < now - campaign.patience:
        raise Refusal("start_passed", "The start is in the past. Choose a later one, or leave it empty to start now.")
    if campaign.is_early:
        refuse_early(campaign.account, campaign.start_at, now)
    transition(campaign, "freezing", user=user, frozen_by=user, freeze_progress=0, problems=[], counts={})


def check(campaign: Campaign) -> Verdict:
    """Look at a draft as if it were frozen now; nothing is written.

    Counts are exact; texts are measured for the first recipients only (``is_complete``). Raises Refusal.
    """
    text, lists = _usable(campaign), campaign.ordered_lists()
    verdict = Verdict()
    reasons = count_reasons(lists, text)
    verdict.selected = sum(reasons.values())
    verdict.included = reasons.pop("", 0)
    verdict.excluded = dict(reasons)
    spec = compose_spec(campaign, text)
    verdict.spec_problems = campaign.account.adapter.spec_problems(spec)
    measured = _measure(campaign, text, spec, draft_recipients(lists, text, 0, CHECKED))
    verdict.is_complete = measured.included == verdict.included
    for name in ("parts", "histogram", "least", "most", "longest", "problems", "problem_count"):
        setattr(verdict, name, getattr(measured, name))
    return verdict


def sample(campaign: Campaign, position: int) -> Sample | None:
    """The included recipient at ``position`` (from 1), or None where there is none. Raises Refusal."""
    text, lists = _usable(campaign), campaign.ordered_lists()
    if campaign.counts:
        included = campaign.recipients.filter(excluded_reason="")
        total = included.count()
        found = included.order_by("msisdn")[position - 1 : position] if position > 0 else []
        recipients: list[Recipient] = list(found)
    else:
        total = count_reasons(lists, text)[""]
        recipients = list(draft_recipients(lists, text, position - 1, 1)) if 0 < position <= total else []
    if not recipients:
        return None
    recipient = recipients[0]
    body = finished_text(text, recipient)
    return Sample(
        position=position,
        total=total,
        msisdn=recipient.msisdn,
        name=recipient.name,
        list_name=ContactList.objects.filter(pk=recipient.list_id).values_list("name", flat=True).first() or "",
        text=body,
        measure=campaign.account.adapter.measure(compose_spec(campaign, text), body),
    )


def freeze(campaign_id: int, now: datetime, lock: Lock | None = None) -> None:
    """Copy the audience of a campaign that is ``freezing``, measure every text, and move it to ``frozen``.

    A freeze that died is begun again from nothing. Where it may not be, or where other people are there than were
    copied, the campaign goes back to draft with the reason and the first recipients at fault. ``lock`` is the
    campaign's, None where nobody else is about; when it is lost the campaign stays freezing. Raises LockLost.
    """
    campaign = Campaign.objects.select_related("account", "frozen_by").get(pk=campaign_id)
    if campaign.status != "freezing":
        return
    delete_recipients(campaign, lock)
    try:
        text = _usable(campaign)
        copied = _copy_people(campaign, text, lock)
        if not _still_freezing(campaign):
            _forget_if_given_up(campaign, lock)
            return
        spec = compose_spec(campaign, text)
        problems = campaign.account.adapter.spec_problems(spec)
        if problems:
            raise Refusal(problems[0].code, " ".join(problem.sentence for problem in problems))
        measured = _measure(campaign, text, spec, frozen_recipients(campaign))
        reasons = Counter(dict(campaign.recipients.values_list("excluded_reason").annotate(n=Count("id"))))
        if (reasons.total(), reasons.pop("", 0)) != (copied, measured.included):
            raise Refusal("copy_differs", "The people who were copied are not those who are there. Freeze it again.")
        if measured.problem_count:
            campaign.problems = measured.problems
            raise Refusal(
                "texts_refused",
                f"{measured.problem_count:,} texts cannot go through {campaign.account}. Mend the text, the contacts,"
                " or choose another account.",
            )
        if not measured.included:
            raise Refusal("empty_audience", "Nobody is left to text: every contact on the chosen lists is excluded.")
    except Refusal as refusal:
        give_up_freeze(campaign.pk, refusal.sentence, refusal.code, campaign.problems, lock)
        return
    campaign.audience_digest = measured.digest
    campaign.counts = {
        "selected": copied,
        "excluded": dict(reasons),
        "included": measured.included,
        "parts": measured.parts,
        "histogram": {str(parts): n for parts, n in sorted(measured.histogram.items())},
        "least": measured.least,
        "most": measured.most,
        "longest": [row["id"] for row in measured.longest],
    }
    if not _still_freezing(campaign):
        _forget_if_given_up(campaign, lock)
        return
    _ask_for(lock)
    transition(
        campaign,
        "frozen",
        user=campaign.frozen_by,
        counts=campaign.counts,
        audience_digest=campaign.audience_digest,
        approval_hash=approval_hash(campaign),
        frozen_at=now,
        opted_out_later=0,
        problems=[],
    )


def give_up_freeze(
    campaign_id: int,
    sentence: str,
    code: str = "freeze_failed",
    problems: Any = (),
    lock: Lock | None = None,
) -> None:
    """Take a campaign that is ``freezing`` back to draft, with the reason. ``lock`` is as for ``freeze``."""
    campaign = Campaign.objects.get(pk=campaign_id)
    if campaign.status == "freezing":
        delete_recipients(campaign, lock)
        transition(campaign, "draft", reason=code, sentence=sentence, problems=list(problems))


def approval_hash(campaign: Campaign) -> str:
    """What an approver signs: sha256 over canonical JSON of everything that decides who is texted what, how and when.

    Secrets and host keys are outside it. The start is in it only when handed over early; otherwise Baton holds the
    batches, and a new start changes nobody's text.
    """
    account = campaign.account
    signed = {
        "text": campaign.text,
        "sender": campaign.sender,
        "account": account.pk,
        "provider": account.provider,
        "host": account.host,
        "login": account.login,
        "options": campaign.options,
        "window": campaign.window,
        "ceiling": campaign.parts_ceiling,
        "start": campaign.start_at.isoformat() if campaign.is_early and campaign.start_at else None,
        "end": campaign.end_at.isoformat() if campaign.end_at else None,
        "counts": campaign.counts,
        "audience": campaign.audience_digest,
    }
    return hashlib.sha256(json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def is_as_approved(campaign: Campaign) -> bool:
    """Whether the campaign, as it stands, is what was approved."""
    return approval_hash(campaign) == campaign.approval_hash


def refuse_unapproved(campaign: Campaign) -> None:
    """Raise Refusal ``approval_differs`` where the campaign, as it stands, is not what was approved."""
    if not is_as_approved(campaign):
        raise Refusal(
            "approval_differs", "What was approved is not what would be handed over now. Cancel it and make it anew."
        )


def audience_digest(campaign: Campaign) -> str:
    """Compute anew, from the recipients as they stand, the digest the freeze stored."""
    digest = hashlib.sha256()
    for recipient in frozen_recipients(campaign):
        _add(digest, recipient)
    return digest.hexdigest()


def frozen_recipients(campaign: Campaign) -> Iterator[Recipient]:
    """Those the freeze included, in msisdn order, streaming."""
    return (
        Recipient.objects.filter(campaign_id=campaign.pk, excluded_reason__in=("", "opted_out_later"))
        .only(*_READ)
        .order_by("msisdn")
        .iterator(chunk_size=2000)
    )


def delete_recipients(campaign: Campaign, lock: Lock | None = None) -> None:
    """Forget the frozen people of a campaign that is no longer, or not yet, frozen. In short transactions.

    Where ``lock`` is lost, whom somebody else has copied since is kept. Raises LockLost.
    """
    while True:
        first = list(campaign.recipients.order_by("id").values_list("id", flat=True)[CHUNK - 1 : CHUNK])
        rows = campaign.recipients.filter(id__lte=first[0]) if first else campaign.recipients.all()
        with transaction.atomic():
            rows._raw_delete(rows.db)
            # Not before: somebody else may begin, and copy people, between the answer and the deletion.
            _ask_for(lock)
        if not first:
            return


def _usable(campaign: Campaign) -> Text:
    """The compiled text of a campaign that could be frozen as far as its own fields say. Raises Refusal."""
    text = usable_text(campaign.text, campaign.ordered_lists())
    if not campaign.account.is_active:
        raise Refusal("account_inactive", f"The account {campaign.account} is not active. Choose another one.")
    return text


def usable_text(source: str, lists: Sequence[ContactList]) -> Text:
    """The compiled text where these lists, in this order, could be frozen with it. Raises Refusal."""
    try:
        text = compile_text(source)
    except TextError as error:
        raise Refusal(error.code, error.sentence) from error
    if not lists:
        raise Refusal("no_list", "Choose at least one contact list.")
    for used in text.fields:
        labels = {contact_list.label(used) for contact_list in lists}
        if len(labels) > 1:
            said = ", ".join(f"“{label}”" for label in sorted(labels))
            raise Refusal("labels_differ", f"@@{used}@@ means different things on these lists: {said}.")
    importing = Import.objects.filter(list__in=lists, status="applying").first()
    if importing:
        raise Refusal("import_applying", f"An import into {importing.list} is running. Wait until it has ended.")
    return text


def refuse_early(account: Account, start_at: datetime | None, now: datetime) -> None:
    """Raise Refusal for what this account's provider cannot keep until its start."""
    adapter = account.adapter
    if not adapter.starts_later:
        raise Refusal("cannot_start_later", f"{account} cannot keep a file until a start time.")
    if not start_at:
        raise Refusal("early_without_start", "Handing over early needs a start time.")
    if adapter.limits.start_ahead and start_at > now + adapter.limits.start_ahead:
        days = adapter.limits.start_ahead.days
        raise Refusal("start_too_far", f"{account} keeps a file for {days} days at most. Choose an earlier start.")


def _reason_sql(text: Text) -> str:
    """Why the contact ``c`` is out, as SQL; ``''`` for those who are in. A number counts once, where it comes first."""
    missing = " OR ".join(f"c.{name} = ''" for name in text.required)
    return (
        "CASE WHEN EXISTS ({earlier}) THEN 'duplicate'"
        " WHEN EXISTS (SELECT 1 FROM contacts_suppression s WHERE s.msisdn = c.msisdn AND s.lifted_at IS NULL)"
        " THEN 'opted_out'"
        + (f" WHEN c.message = '' AND ({missing}) THEN 'missing_field'" if missing else "")
        + " ELSE '' END"
    )


def _on_earlier_list(lists: Sequence[ContactList], position: int) -> str:
    """SQL that finds the contact ``c`` on a list chosen before ``position``."""
    chosen = ", ".join(str(int(contact_list.pk)) for contact_list in lists[:position]) or "NULL"
    return f"SELECT 1 FROM contacts_contact e WHERE e.msisdn = c.msisdn AND e.list_id IN ({chosen})"


def count_reasons(lists: Sequence[ContactList], text: Text) -> Counter[str]:
    """How many contacts of the chosen lists would be out, by reason; ``""`` counts those who would be in."""
    reasons: Counter[str] = Counter()
    for position in range(len(lists)):
        reasons.update(_reasons(lists, text, position))
    return reasons


def _reasons(lists: Sequence[ContactList], text: Text, position: int) -> Counter[str]:
    reason = _reason_sql(text).format(earlier=_on_earlier_list(lists, position))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {reason}, COUNT(*) FROM contacts_contact c WHERE c.list_id = %s GROUP BY 1",
            [lists[position].pk],
        )
        return Counter(dict(cursor.fetchall()))


def draft_recipients(lists: Sequence[ContactList], text: Text, skip: int, count: int) -> Iterator[Recipient]:
    """Unsaved recipients a freeze would include now: ``count`` of them after ``skip``, list by list."""
    for position, contact_list in enumerate(lists):
        reason = _reason_sql(text).format(earlier=_on_earlier_list(lists, position))
        contacts = Contact.objects.raw(
            f"SELECT c.* FROM contacts_contact c WHERE c.list_id = %s AND {reason} = ''"
            " ORDER BY c.msisdn LIMIT %s OFFSET %s",
            [contact_list.pk, count, skip],
        )
        found = 0
        for contact in contacts:
            found += 1
            yield Recipient(
                list_id=contact_list.pk,
                contact_id=contact.pk,
                msisdn=contact.msisdn,
                customer_id=contact.customer_id,
                name=contact.name,
                message=contact.message,
                **{name: getattr(contact, name) for name in VALUE_FIELDS},
            )
        count -= found
        if count <= 0:
            return
        skip = 0 if found else max(0, skip - _reasons(lists, text, position)[""])


def _copy_people(campaign: Campaign, text: Text, lock: Lock | None) -> int:
    """Copy the chosen lists into recipients, a chunk of numbers at a time, in the database; return how many."""
    # The lists chosen earlier are copied by now, so a number they had is a recipient already.
    earlier = "SELECT 1 FROM campaigns_recipient r WHERE r.campaign_id = %s AND r.msisdn = c.msisdn"
    reason = _reason_sql(text).format(earlier=earlier)
    copied = 0
    for contact_list in campaign.ordered_lists():
        after = ""
        while True:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT msisdn FROM contacts_contact WHERE list_id = %s AND msisdn > %s"
                    " ORDER BY msisdn LIMIT 1 OFFSET %s",
                    [contact_list.pk, after, CHUNK - 1],
                )
                row = cursor.fetchone()
                until = row[0] if row else "9" * 16
                cursor.execute(
                    f"INSERT INTO campaigns_recipient (campaign_id, list_id, contact_id, {_COLUMNS}, message,"
                    " excluded_reason)"
                    f" SELECT %s, c.list_id, c.id, {', '.join('c.' + name for name in _COLUMNS.split(', '))},"
                    f" c.message, {reason} FROM contacts_contact c"
                    " WHERE c.list_id = %s AND c.msisdn > %s AND c.msisdn <= %s ORDER BY c.msisdn",
                    [campaign.pk, campaign.pk, contact_list.pk, after, until],
                )
                copied += cursor.rowcount
                Campaign.objects.filter(pk=campaign.pk).update(freeze_progress=copied)
                # Before this chunk is committed: somebody else may have begun from nothing since.
                _ask_for(lock)
            if not row or not _still_freezing(campaign):
                break
            after = until
    return copied


class TextStatistics:
    """Weighs finished texts one after another as one adapter counts and judges them."""

    def __init__(self, adapter: BaseAdapter, spec: CampaignSpec) -> None:
        self.adapter = adapter
        self.spec = spec
        self._measured = Measured()
        self._histogram: Counter[int] = Counter()
        self._longest: list[tuple[int, int, dict[str, Any]]] = []
        self._least: int | None = None

    def add(self, recipient: Recipient, message: Message) -> None:
        """Count and judge one recipient's finished text."""
        size = self.adapter.measure(self.spec, message.text)
        measured = self._measured
        measured.included += 1
        measured.parts += size.parts
        measured.unicode += size.alphabet != "gsm"
        self._histogram[size.parts] += 1
        self._least = size.units if self._least is None else min(self._least, size.units)
        if len(self._longest) < 10 or size.units > self._longest[0][0]:
            entry = {"id": recipient.pk, "msisdn": recipient.msisdn, "units": size.units, "text": message.text}
            keep = heappush if len(self._longest) < 10 else heappushpop
            keep(self._longest, (size.units, -measured.included, entry))
        found = self.adapter.problems(self.spec, message)
        if has_literal_field(message.text) and not any("@@value1@@" in problem.sentence for problem in found):
            found = [*found, Problem("literal_field", "The finished text still holds a field such as @@value1@@.")]
        if found:
            self._object(message.msisdn, found)

    def result(self) -> Measured:
        """What all texts weighed so far come to, without a digest."""
        measured = self._measured
        measured.histogram = dict(sorted(self._histogram.items()))
        measured.least = self._least or 0
        measured.longest = [entry for _, _, entry in sorted(self._longest, key=lambda item: (-item[0], -item[1]))]
        measured.most = measured.longest[0]["units"] if measured.longest else 0
        return measured

    def _object(self, msisdn: str, found: Sequence[Problem]) -> None:
        measured = self._measured
        measured.problem_count += 1
        reason = _reason(found[0])
        count, sentence = measured.reasons.get(reason, (0, found[0].sentence))
        measured.reasons[reason] = (count + 1, sentence)
        if len(measured.problems) < SHOWN:
            measured.problems.append(
                {
                    "msisdn": msisdn,
                    "code": found[0].code,
                    "sentence": " ".join(problem.sentence for problem in found),
                    "characters": "".join(problem.characters for problem in found),
                }
            )


def _reason(problem: Problem) -> tuple[str, str]:
    """The code of an objection and what its sentence says whatever the text: one code may have several sentences."""
    said = _PARTICULARS.sub("", problem.sentence)
    plain = (letter for letter in said if letter.isascii() and (letter.isalnum() or letter not in problem.characters))
    return problem.code, " ".join("".join(plain).split())


def _measure(campaign: Campaign, text: Text, spec: CampaignSpec, recipients: Iterator[Recipient]) -> Measured:
    """Render, measure and judge every text once, streaming."""
    statistics = TextStatistics(campaign.account.adapter, spec)
    digest = hashlib.sha256()
    for recipient in recipients:
        _add(digest, recipient)
        statistics.add(recipient, message_of(text, recipient))
    measured = statistics.result()
    measured.digest = digest.hexdigest()
    return measured


def _add(digest: Any, recipient: Recipient) -> None:
    """Add one recipient's frozen columns to the digest."""
    digest.update(
        json.dumps(
            [
                recipient.msisdn,
                recipient.customer_id,
                recipient.name,
                *(getattr(recipient, name) for name in FIELDS),
                recipient.message,
            ],
            separators=(",", ":"),
        ).encode()
    )
    digest.update(b"\n")


def _ask_for(lock: Lock | None) -> None:
    """Raise LockLost where somebody else may be freezing the campaign by now."""
    if lock is not None and not lock.still_held():
        raise LockLost


def _forget_if_given_up(campaign: Campaign, lock: Lock | None) -> None:
    """Delete the recipients of a freeze that somebody ended; those of one that another worker finished are its own."""
    ended = Campaign.objects.filter(pk=campaign.pk, status__in=("draft", "cancelled")).first()
    if ended:
        # A draft may be freezing again by now; a cancelled campaign never will be, whoever has the lock.
        delete_recipients(campaign, lock if ended.status == "draft" else None)


def _still_freezing(campaign: Campaign) -> bool:
    return Campaign.objects.filter(pk=campaign.pk, status="freezing").exists()
