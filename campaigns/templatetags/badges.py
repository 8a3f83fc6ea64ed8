"""How times, statuses and outcomes are displayed on every campaign page."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from campaigns.audience.texts import compile_text
from campaigns.history import Entry, history_of
from campaigns.models import Batch, Campaign, Event
from campaigns.tables import BATCH_KINDS, CAMPAIGN_KINDS, OUTCOME_KINDS, OUTCOME_WORDS, REASON_WORDS
from contacts import tables
from contacts.elements import chip
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS

register = template.Library()

STATUS_WORDS: dict[str, str] = {**dict(Campaign.Status.choices), **dict(Batch.Status.choices)}


@register.filter
def zoned(moment: datetime | None, seconds: str = "") -> str:
    """``14:05 SAST`` as a ``<time>``, with the day unless it is today; "" for None. A non-empty ``seconds`` shows
    seconds. The date and UTC are in its title."""
    return tables.time_element(moment, local_words(moment, seconds)) if moment else ""


def local_words(moment: datetime, seconds: str = "") -> str:
    """``14:05 SAST``, with the day unless it is today: the words of ``zoned``, for a sentence."""
    local, today = timezone.localtime(moment), timezone.localdate()
    day = ""
    if local.date() != today:
        day = f"{local:%a} {local.day} {local:%b}{f' {local.year}' if local.year != today.year else ''} "
    return f"{day}{local.strftime('%H:%M:%S' if seconds else '%H:%M')} {local:%Z}"


@register.filter
def day(moment: datetime | None) -> str:
    """``27 Nov``, with the year unless it is this one, as a ``<time>``; "" for None."""
    if not moment:
        return ""
    local = timezone.localtime(moment)
    year = "" if local.year == timezone.localdate().year else f" {local.year}"
    return tables.time_element(moment, f"{local.day} {local:%b}{year}")


@register.filter
def dated(moment: datetime | None) -> str:
    """``27 Nov 2026, 14:05 SAST`` as a ``<time>``, for what is printed or kept: print adds UTC. "" for None."""
    return tables.zoned(moment)


@register.filter
def person(user: Any) -> str:
    """The full name of a user, or the user name where there is none."""
    return str(user.get_full_name() or user.get_username())


@register.filter
def visible(character: str) -> str:
    """A character as it is, or its name if nobody could see it, such as ``zero width space``."""
    if character.isprintable() and character.strip() and not unicodedata.combining(character):
        return character
    return unicodedata.name(character, f"U+{ord(character):04X}").lower()


@register.filter
def grouped_problems(problems: Iterable[dict[str, str]]) -> list[dict[str, Any]]:
    """Problems with texts by code, the most frequent first: the first sentence, all characters, and whose texts."""
    groups: dict[str, dict[str, Any]] = {}
    for problem in problems:
        code, characters = problem.get("code", ""), problem.get("characters", "")
        group = groups.setdefault(code, {"sentence": problem["sentence"], "seen": {}, "people": []})
        group["people"].append(problem["msisdn"])
        group["seen"].update(dict.fromkeys(characters))
    return [
        {
            "sentence": group["sentence"],
            "characters": " ".join(visible(character) for character in list(group["seen"])[:20]),
            "count": len(group["people"]),
            "first": group["people"][:5],
            "more": len(group["people"]) - 5 if len(group["people"]) > 5 else 0,
        }
        for group in sorted(groups.values(), key=lambda group: -len(group["people"]))
    ]


@register.filter
def moment(text: str) -> datetime:
    """The time that an ISO 8601 text names."""
    return datetime.fromisoformat(text)


@register.filter
def clock(moment: datetime | None) -> str:
    """``14:05:09`` as a ``<time>``, for columns whose heading shows the zone; "" for None."""
    if not moment:
        return ""
    local = timezone.localtime(moment)
    words = f"{local:%H:%M:%S}" if local.date() == timezone.localdate() else f"{local.day} {local:%b %H:%M:%S}"
    return tables.time_element(moment, words)


@register.simple_tag
def zone() -> str:
    """The name of the local zone, such as ``SAST``."""
    return f"{timezone.localtime():%Z}"


@register.simple_tag
def campaign_chip(campaign: Any) -> SafeString:
    return chip(CAMPAIGN_KINDS[campaign.status], campaign.get_status_display())


@register.simple_tag
def batch_chip(batch: Any) -> SafeString:
    return chip(BATCH_KINDS[batch.status], batch.get_status_display())


@register.simple_tag
def outcome_chip(outcome: str, word: str = "") -> SafeString:
    return chip(OUTCOME_KINDS[outcome], word or OUTCOME_WORDS[outcome])


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
def marked(changes: Iterable[tuple[str, str]]) -> SafeString:
    """Words of a text with what was removed as ``<del>`` and what was added as ``<ins>``; their spaces are kept."""
    tags = {"gone": "<del>{}</del>", "new": "<ins>{}</ins>"}
    return SafeString("".join(format_html(tags.get(kind, "{}"), words) for kind, words in changes))


@register.filter
def as_history(events: Iterable[Event]) -> list[Entry]:
    """Events, newest first, as people read them."""
    return history_of(events)


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
