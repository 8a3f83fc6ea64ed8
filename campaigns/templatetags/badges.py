"""How times, statuses and outcomes are displayed on every campaign page."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from campaigns.audience.texts import compile_text
from campaigns.models import Batch, Campaign
from campaigns.tables import BATCH_KINDS, CAMPAIGN_KINDS, OUTCOME_KINDS, OUTCOME_WORDS, REASON_WORDS
from contacts import tables
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS

register = template.Library()

STATUS_WORDS: dict[str, str] = {**dict(Campaign.Status.choices), **dict(Batch.Status.choices)}


@register.filter
def zoned(moment: datetime | None, seconds: str = "") -> str:
    """``14:05 SAST (12:05 UTC)``, with the date unless it is today; "" for None. A non-empty ``seconds`` shows
    seconds."""
    if not moment:
        return ""
    clock = "%H:%M:%S" if seconds else "%H:%M"
    local, universal, today = timezone.localtime(moment), moment.astimezone(UTC), timezone.localdate()
    day = ""
    if local.date() != today:
        day = f"{local:%a} {local.day} {local:%b}{f' {local.year}' if local.year != today.year else ''} "
    zone = f"{local:%Z}"
    if zone == "UTC":
        return f"{day}{local.strftime(clock)} UTC"
    other_day = f"{universal:%a} {universal.day} " if universal.date() != local.date() else ""
    return f"{day}{local.strftime(clock)} {zone} ({other_day}{universal.strftime(clock)} UTC)"


@register.filter
def dated(moment: datetime | None) -> str:
    """``27 Nov 2026, 14:05 SAST (12:05 UTC)``, for what is printed or kept; "" for None."""
    return tables.zoned(moment)


@register.filter
def moment(text: str) -> datetime:
    """The time that an ISO 8601 text names."""
    return datetime.fromisoformat(text)


@register.filter
def clock(moment: datetime | None) -> str:
    """``14:05:09`` in the local zone, for columns whose heading shows the zone; "" for None."""
    if not moment:
        return ""
    local = timezone.localtime(moment)
    return f"{local:%H:%M:%S}" if local.date() == timezone.localdate() else f"{local.day} {local:%b %H:%M:%S}"


@register.simple_tag
def zone() -> str:
    """The name of the local zone, such as ``SAST``."""
    return f"{timezone.localtime():%Z}"


@register.inclusion_tag("components/chip.html")
def campaign_chip(campaign: Any) -> dict[str, str]:
    return {"kind": CAMPAIGN_KINDS[campaign.status], "word": campaign.get_status_display()}


@register.inclusion_tag("components/chip.html")
def batch_chip(batch: Any) -> dict[str, str]:
    return {"kind": BATCH_KINDS[batch.status], "word": batch.get_status_display()}


@register.inclusion_tag("components/chip.html")
def outcome_chip(outcome: str, word: str = "") -> dict[str, str]:
    return {"kind": OUTCOME_KINDS[outcome], "word": word or OUTCOME_WORDS[outcome]}


@register.filter
def outcome_word(outcome: str) -> str:
    return OUTCOME_WORDS[outcome]


@register.filter
def with_labels(campaign: Campaign) -> SafeString:
    """The text of a campaign with each field as a chip that has the label of its lists, for people to read.

    A text that cannot be compiled is shown as it is.
    """
    try:
        text = compile_text(campaign.text)
    except Refusal:
        return escape(campaign.text)
    labels = campaign.value_labels()
    pieces = []
    for literal, field, fallback in text.pieces:
        pieces.append(escape(literal))
        if field:
            otherwise = f", or “{fallback}”" if fallback else ""
            pieces.append(
                format_html('<span class="field-chip">{}{}</span>', labels.get(field, FIELD_LABELS[field]), otherwise)
            )
    return SafeString("".join(pieces))


@register.filter
def status_word(status: str) -> str:
    """The words for a stored status of a campaign or a batch."""
    return STATUS_WORDS.get(status, status)


@register.filter
def reason_word(code: str) -> str:
    """The words for one of Baton's reason codes. A provider's own code is shown as it is."""
    if code in REASON_WORDS or code in STATUS_WORDS:
        return REASON_WORDS.get(code) or STATUS_WORDS[code]
    return code.replace("_", " ").capitalize() if code.islower() and code.replace("_", "").isalpha() else code
