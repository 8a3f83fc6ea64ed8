"""Check a draft as if it were frozen now: who would be included, who excluded and why, and what the texts cost."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from campaigns.audience.binding import is_same, unbound
from campaigns.audience.erased import refuse_erased
from campaigns.audience.letter_counts import lacking_in_text
from campaigns.audience.people import has_own_people
from campaigns.audience.rows import Row, row_of
from campaigns.audience.sources import Sources, count_reasons, draft_recipients, sources_of
from campaigns.audience.spec import composer_of
from campaigns.audience.statistics import Measured, measure_texts
from campaigns.audience.texts import Text, compile_text, foreign_fields
from campaigns.models import Campaign
from contacts.errors import Refusal
from contacts.models import Import
from providers.base import Problem
from providers.models import Account

#: The check of a draft measures the texts of this many recipients, because a user waits. The freeze measures all.
CHECKED = 20_000


@dataclass
class AudienceCheck(Measured):
    """The check of a draft as if it were frozen now. ``is_complete`` is False when only the first texts were
    measured."""

    selected: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    spec_problems: list[Problem] = field(default_factory=list)
    is_complete: bool = True
    #: The characters of the campaign's own text that the account lacks, with their replacement.
    letters_in_text: dict[str, str | None] = field(default_factory=dict)
    #: The numbers (digits) of the texts that were measured, in their order.
    msisdns: list[str] = field(default_factory=list)


def check_audience(campaign: Campaign) -> AudienceCheck:
    """Check a draft as if it were frozen now; nothing is written.

    Counts are exact. Texts are measured for the first recipients only (``is_complete``). Raises Refusal.
    """
    text, reasons = count_usable(campaign)
    composer = composer_of(campaign, text)
    msisdns: list[str] = []

    def rows() -> Iterator[Row]:
        for recipient in draft_recipients(campaign, text, 0, CHECKED):
            msisdns.append(recipient.msisdn)
            yield row_of(recipient)

    measured = measure_texts(campaign, composer, rows())
    skipped = sum(measured.skipped.values())
    selected, included = reasons.total(), reasons.pop("", 0)
    return AudienceCheck(
        **vars(measured) | {"included": included - skipped},
        selected=selected,
        excluded=dict(reasons + Counter(measured.skipped)),
        spec_problems=composer.adapter.spec_problems(composer.spec),
        is_complete=len(msisdns) == included,
        letters_in_text=lacking_in_text(composer),
        msisdns=msisdns,
    )


def count_usable(campaign: Campaign) -> tuple[Text, Counter[str]]:
    """The compiled text of a draft, and its people by the reason that would exclude them: see ``count_reasons``.

    Raises Refusal if the draft cannot be checked. No text is measured.
    """
    text = usable_text_of(campaign)
    refuse_foreign_fields(campaign)
    refuse_erased(campaign, timezone.now())
    return text, count_reasons(campaign, text)


def usable_text_of(campaign: Campaign) -> Text:
    """Return the compiled text of a campaign, if its own fields allow it to be frozen. Raises Refusal otherwise."""
    text = bound_text_of(campaign)
    if campaign.account_id is None:
        raise Refusal("no_account", "Choose the account that the texts go through.")
    if not campaign.account.is_active:
        raise Refusal("account_inactive", f"The account {campaign.account} is not active. Choose another one.")
    return text


def bound_text_of(campaign: Campaign) -> Text:
    """Return the compiled text, if the campaign's people could be frozen with it through some account. Raises Refusal
    otherwise.
    """
    if not has_own_people(campaign):
        text = usable_text(campaign.text, sources_of(campaign))
        refuse_unbound_fields(campaign)
        return text
    if not campaign.people.exists():
        raise Refusal(
            "no_people", "Everybody was removed from this draft. Choose people again in the earlier campaign."
        )
    return compile_text(campaign.text)


def refuse_foreign_fields(campaign: Campaign) -> None:
    """Raise Refusal if the text has what looks like a field of another program and nobody confirmed it as it stands."""
    found = [field for field in foreign_fields(campaign.text) if field not in campaign.confirmed_literals]
    if found:
        named, is_one = ", ".join(f"“{field}”" for field in found), len(found) == 1
        what = "looks like a field" if is_one else "look like fields"
        unchanged = "it stands" if is_one else "they stand"
        raise Refusal(
            "looks_like_a_field",
            f"{named} {what} of another program and would be texted as {unchanged}. Insert a field of the list"
            " instead, or confirm below the text that this is meant.",
        )


def refuse_unbound_fields(campaign: Campaign) -> None:
    """Raise Refusal if a field of the text holds something else on the chosen lists than what it was written for."""
    lists = campaign.ordered_lists()
    found = unbound(campaign.text, campaign.text_labels, campaign.value_labels()) if lists else {}
    if found:
        named = ", ".join(f"“{label}”" for label in found.values())
        raise Refusal(
            "fields_unbound",
            f"The text uses {named}, but the chosen lists have something else in that place. Choose the right field"
            " beside the text.",
        )


def usable_text(source: str, sources: Sources) -> Text:
    """Return the compiled text, if these sources could be frozen with it. Raises Refusal otherwise."""
    text, lists = compile_text(source), sources.lists
    if not lists:
        raise Refusal("no_list", "Choose at least one contact list.")
    for used in text.fields:
        labels = sorted({contact_list.label(used) for contact_list in lists})
        if not all(is_same(label, labels[0]) for label in labels):
            named = ", ".join(f"“{label}”" for label in labels)
            raise Refusal("labels_differ", f"A field of the text means different things on these lists: {named}.")
    importing = Import.objects.changing_contacts().filter(list__in=[*lists, *sources.excluded_lists]).first()
    if importing:
        raise Refusal("import_applying", f"An import into {importing.list} is running. Wait until it has finished.")
    return text


def refuse_early(account: Account, start_at: datetime | None, now: datetime) -> None:
    """Raise Refusal if this account's provider cannot hold files until the start."""
    adapter = account.adapter
    if not adapter.starts_later:
        raise Refusal("cannot_start_later", f"{account} cannot hold a file until a start time.")
    if not start_at:
        raise Refusal("early_without_start", "Uploading now needs a start time.")
    if adapter.limits.start_ahead and start_at > now + adapter.limits.start_ahead:
        days = adapter.limits.start_ahead.days
        raise Refusal("start_too_far", f"{account} holds a file for at most {days} days. Choose an earlier start.")
