"""The preview: one recipient of a draft or a frozen campaign, with the text as it would be read."""

from collections.abc import Iterator
from dataclasses import dataclass

from campaigns.audience.check import CHECKED, usable_text_of
from campaigns.audience.rows import row_of
from campaigns.audience.sources import count_reasons, draft_recipients
from campaigns.audience.spec import Composer, composer_of
from campaigns.audience.statistics import KINDS, Kind, measure_texts
from campaigns.audience.texts import Text
from campaigns.models import Campaign, Recipient
from campaigns.statuses import EXCLUDED_LATER, ExcludedReason
from contacts.models import ContactList
from providers import gsm


@dataclass
class Sample:
    """One real recipient. ``position`` of ``total`` counts from 1 among those of the chosen kind.

    ``written`` is the text before letters were replaced, ``""`` if none were. ``skipped`` says why the person gets no
    text after all, or is ``""``.
    """

    position: int
    total: int
    msisdn: str
    list_name: str
    #: Label and value of each labelled field that the recipient has.
    values: list[tuple[str, str]]
    text: str
    written: str
    skipped: str
    measure: gsm.Measure


def kinds_of(campaign: Campaign) -> dict[str, Kind]:
    """The recipients of each kind: those that the freeze found, or among the first ones of a draft. Raises Refusal."""
    if campaign.counts:
        found = {name: Kind(*kind) for name, kind in campaign.counts.get("kinds", {}).items()}
        longest = campaign.counts.get("longest", [])
        return dict.fromkeys(KINDS, Kind()) | found | {"longest": Kind(len(longest), longest)}
    text = usable_text_of(campaign)
    rows = map(row_of, draft_recipients(campaign, text, 0, CHECKED))
    return measure_texts(campaign, composer_of(campaign, text), rows).kinds


def sample(campaign: Campaign, position: int, total: int | None = None) -> Sample | None:
    """Return the included recipient at ``position`` (from 1), or None if there is none. Raises Refusal.

    ``total``: how many are included, letters aside, if they were counted already.
    """
    text = usable_text_of(campaign)
    included = campaign.recipients.included()
    if total is None:
        total = _included(campaign) if campaign.counts else count_reasons(campaign, text)[""]
    if not 0 < position <= total:
        return None
    recipient: Recipient | None
    if campaign.counts:
        recipient = included.order_by("msisdn")[position - 1]
    else:
        # None if the lists changed since they were counted.
        recipient = next(draft_recipients(campaign, text, position - 1, 1), None)
    return _sample(composer_of(campaign, text), recipient, position, total) if recipient else None


def _included(campaign: Campaign) -> int:
    """How many recipients are included, by the counters."""
    total: int = campaign.counts["included"]
    return total - sum(getattr(campaign, reason) for reason in EXCLUDED_LATER)


def sample_of_kind(campaign: Campaign, kind: Kind, position: int) -> Sample | None:
    """Return the recipient at ``position`` (from 1) among the first of a kind, or None. Raises Refusal."""
    if not 0 < position <= len(kind.first):
        return None
    text, where = usable_text_of(campaign), kind.first[position - 1]
    if campaign.counts:
        recipient = campaign.recipients.filter(pk=where).first()
    else:
        recipient = next(draft_recipients(campaign, text, where - 1, 1), None)
    return _sample(composer_of(campaign, text), recipient, position, len(kind.first)) if recipient else None


def sample_of_number(campaign: Campaign, msisdn: str) -> Sample | None:
    """Return the recipient with this number (digits), or None; of a draft, among the first ones. Raises Refusal."""
    text = usable_text_of(campaign)
    included = campaign.recipients.included()
    people: Iterator[Recipient]
    if campaign.counts:
        people = iter(included.filter(msisdn=msisdn))
    else:
        people = (row for row in draft_recipients(campaign, text, 0, CHECKED) if row.msisdn == msisdn)
    recipient = next(people, None)
    return _sample(composer_of(campaign, text), recipient, 1, 1) if recipient else None


def recipients_of(campaign: Campaign, text: Text) -> Iterator[Recipient]:
    """The recipients whose texts the check measures, or all that the freeze copied and did not exclude otherwise."""
    if not campaign.counts:
        return draft_recipients(campaign, text, 0, CHECKED)
    kept = ("", ExcludedReason.UNSUPPORTED_LETTERS)
    return campaign.recipients.filter(excluded_reason__in=kept).order_by("msisdn").iterator(chunk_size=2000)


def _sample(composer: Composer, recipient: Recipient, position: int, total: int) -> Sample:
    composed, written = composer.compose(recipient), composer.written(recipient)
    contact_list = ContactList.objects.filter(pk=recipient.list_id).first()
    body = composed.message.text
    return Sample(
        position=position,
        total=total,
        msisdn=recipient.msisdn,
        list_name=contact_list.name if contact_list else "",
        values=contact_list.labelled_values(recipient) if contact_list else [],
        text=body,
        written="" if written == body else written,
        skipped=ExcludedReason(composed.excluded).label if composed.excluded else "",
        measure=composer.adapter.measure(composer.spec, body),
    )
