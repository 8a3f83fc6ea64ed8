"""Erases one person everywhere, on request. The opt-out stays: it keeps the number from being texted again.

A stored file that holds the number is deleted as a whole: with one row less, its checksum would prove nothing. Each
step may be repeated, so an erasure that was interrupted starts again from its beginning.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry as AdminEntry
from django.db import transaction
from django.db.models import Q

from audit.models import AuditEntry
from campaigns.audience import versions
from campaigns.audience.approval import kept_digest
from campaigns.audience.rows import READ
from campaigns.chain import root_of
from campaigns.lifecycle import lock_campaign, record_event
from campaigns.models import Campaign, CampaignPerson, Erasure, Export, Recipient, Reply, TestNumber
from campaigns.privacy.chains import busy_batches
from campaigns.privacy.files import erase_batches
from campaigns.privacy.recipients import erased_row, forget_ranges, proof, prove, replace
from campaigns.privacy.replies import erase_replies
from campaigns.statuses import ACTIVE, CampaignStatus, ExportStatus
from campaigns.timing import Clock
from contacts import person
from contacts.audit_log import record
from contacts.errors import Refusal
from contacts.pseudonyms import pseudonym
from providers.locks import hold


def lock_name(erasure_id: int) -> str:
    return f"erasure-{erasure_id}"


# -- the request ------------------------------------------------------------------------------------------------------


def blockers(msisdn: str, now: datetime) -> list[str]:
    """What still needs the number (digits), so that its person cannot be erased now, in sentences."""
    return [*person.unfinished_imports(msisdn), *_campaigns_in_use(msisdn, now)]


def _campaigns_in_use(msisdn: str, now: datetime) -> Iterator[str]:
    for campaign in _campaigns_of(msisdn):
        if campaign.status in ACTIVE:
            status = campaign.get_status_display().lower()
            yield f"The campaign “{campaign}” has not ended ({status}). Wait until it has, or cancel it."
        elif busy_batches(Q(campaign=campaign.pk), now).exists():
            yield (
                f"Results of “{campaign}” are still collected: for 72 hours after its end, and until every unclear"
                " file is decided."
            )
        if campaign.exports.filter(status=ExportStatus.RUNNING).exists():
            yield f"An export of “{campaign}” is being written. Wait until it is done."


def _campaigns_of(*msisdns: str) -> list[Campaign]:
    """The campaigns with a recipient, or a person chosen without a list, that has one of the numbers."""
    ids = set(Recipient.objects.filter(msisdn__in=msisdns).values_list("campaign_id", flat=True))
    ids |= set(CampaignPerson.objects.filter(msisdn__in=msisdns).values_list("campaign_id", flat=True))
    return list(Campaign.objects.filter(pk__in=ids).order_by("pk"))


def request_erasure(msisdn: str, note: str, user: Any, now: datetime) -> Erasure:
    """Record the request; a job erases. Raises Refusal ``still_needed`` with the reasons, or ``running``."""
    if Erasure.objects.filter(msisdn=msisdn).exclude(status=Erasure.Status.DONE).exists():
        raise Refusal("running", "This person is being erased already.")
    if reasons := blockers(msisdn, now):
        raise Refusal("still_needed", " ".join(reasons))
    return Erasure.objects.create(msisdn=msisdn, note=note, created_by=user, created_at=now)


# -- the erasure ------------------------------------------------------------------------------------------------------


def erase(erasure_id: int, clock: Clock) -> None:
    """Erase the person of a request that is running; does nothing while another worker does.

    If something needs the number by now, or cannot be proved, the request is ``blocked`` with the reasons, and the rest
    is erased.
    """
    with hold(lock_name(erasure_id)) as lock:
        request = Erasure.objects.filter(pk=erasure_id, status=Erasure.Status.RUNNING).first()
        if lock is None or request is None:
            return
        reasons = blockers(request.msisdn, clock())
        if not reasons:
            reasons = _erase_everywhere(request, clock)
        request.status = Erasure.Status.BLOCKED if reasons else Erasure.Status.DONE
        request.left = reasons or [*person.mentioned_in(request.msisdn)]
        if not reasons:
            request.ended_at, request.msisdn = clock(), pseudonym(request.msisdn)
        request.save()
    if not reasons:
        _record(request)


def try_again(request: Erasure) -> bool:
    """Let a request that was blocked run again; return whether it was blocked."""
    blocked = Erasure.objects.filter(pk=request.pk, status=Erasure.Status.BLOCKED)
    return bool(blocked.update(status=Erasure.Status.RUNNING, left=[]))


def _erase_everywhere(request: Erasure, clock: Clock) -> list[str]:
    """Erase step by step; return why something had to stay."""
    msisdn, left = request.msisdn, []
    for campaign in _campaigns_of(msisdn, pseudonym(msisdn)):
        try:
            _erase_from_campaign(campaign, request, clock())
        except Refusal as refusal:
            left.append(refusal.sentence)
    person.erase_from_contacts(msisdn, clock(), lambda what, many: _count(request, what, many))
    _count(request, "Replies", erase_replies(Reply.objects.filter(msisdn=msisdn), clock()))
    _count(request, "Test numbers", TestNumber.objects.filter(msisdn=msisdn).delete()[0])
    _count(request, "Stored numbers of submitted versions", versions.erase_numbers_with(msisdn))
    entries = AdminEntry.objects.filter(object_repr__contains=msisdn)
    _count(request, "Lines of the admin's history", entries.update(object_repr=pseudonym(msisdn)))
    return left


def _count(request: Erasure, what: str, many: int) -> None:
    """Add to the report and store it: an erasure that starts again no longer finds what was erased before."""
    if many:
        report = dict(request.report)
        report[what] = report.get(what, 0) + many
        request.report = [list(line) for line in report.items()]
        request.save(update_fields=["report"])


def _erase_from_campaign(campaign: Campaign, request: Erasure, now: datetime) -> None:
    """Erase the person from a campaign. Raises Refusal if the campaign cannot be proved, or changed meanwhile."""
    msisdn = request.msisdn
    people = campaign.people.filter(msisdn=msisdn)
    if campaign.status == CampaignStatus.DRAFT:
        _count(request, "People of drafts", people.delete()[0])
        campaign.recipients.filter(msisdn=msisdn).delete()
        return
    rows = list(campaign.recipients.filter(msisdn=msisdn).values_list(*READ))
    numbers = campaign.recipients.filter(msisdn__in=(msisdn, pseudonym(msisdn)), batch_number__isnull=False)
    batches = campaign.batches.filter(number__in=list(numbers.values_list("batch_number", flat=True)))
    if rows:
        prove(campaign)
    exports = list(Export.objects.filter(campaign=campaign).exclude(file=""))
    for export in exports:
        export.file.storage.delete(str(export.file))
        export.delete()
    _count(request, "Exported files", len(exports))
    _count(request, "Files handed over and evidence, as a whole", erase_batches(batches))
    if rows:
        digest = kept_digest(campaign, {row[0]: erased_row(row) for row in rows})
        with transaction.atomic():
            lock_campaign(root_of(campaign))
            unchanged = Campaign.objects.filter(
                pk=campaign.pk, kept_digest=campaign.kept_digest, recipients_erased_at=None
            )
            problems = [problem for problem in campaign.problems if problem.get("msisdn") != msisdn]
            if not unchanged.update(kept_digest=digest, problems=problems):
                raise Refusal("changed", f"The recipients of “{campaign}” were being erased as well. Try again.")
            forget_ranges(campaign, batches)
            replace(Recipient, rows)
            record_event(campaign, "person_erased", proof(campaign, len(rows), digest))
    replace(CampaignPerson, list(people.values_list(*READ)))
    _count(request, "Texts in campaigns", len(rows))


def _record(request: Erasure) -> None:
    """Write an entry of the audit trail: who had a person erased, and what was; never the number."""
    changes = {what: ("", str(many)) for what, many in request.report}
    record(request, AuditEntry.Action.DELETE, changes, user=request.created_by)
