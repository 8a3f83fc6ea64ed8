"""What to look at before a campaign is submitted or approved: warnings, which forbid nothing, and blockers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q, QuerySet
from django.utils import timezone

from campaigns.audience.binding import label_of
from campaigns.audience.faults import says_how_to_opt_out
from campaigns.audience.sources import is_recipient
from campaigns.audience.texts import as_field, plain, replace_fields
from campaigns.models import Campaign, CampaignList, Recipient
from campaigns.statuses import ACTIVE, BatchStatus, CampaignKind, CampaignStatus
from providers.checking import credit_of, health

#: The same text to this share of the same people within this time is worth a warning.
SAME_PEOPLE = 0.2
LATELY = timedelta(days=7)

#: A start at another hour of the local day is worth a warning where a campaign has no allowed hours.
DAY_BEGINS, DAY_ENDS = 8, 20

_TEXT_SENTENCES = {
    "currency_twice": "The currency appears twice in {}, such as “RR 250”. Take it out of the text or of the values.",
    "iso_date": "A date is written like 2026-11-27 or 2026/11/27 in {}. People read 27 November more easily.",
    "landline": "{} would go to fixed lines. Most of these receive no texts, and the provider may charge for them.",
    "own_foreign_field": "{} from the column Message would be sent with {{name}} or the like in it, which looks like a"
    " field of another program.",
    "own_no_opt_out_wording": "{} from the column Message would be sent without saying how to opt out.",
}


class Severity(StrEnum):
    BLOCKER = "blocker"
    WARNING = "warning"


@dataclass(frozen=True)
class CampaignWarning:
    """One thing to look at. ``place`` is where it is fixed.

    That is a step of the draft (``recipients``, ``message``, ``when``) with the name of its ``field``, or ``account``,
    ``campaign``, ``number`` or ``test``. ``reference``: the other campaign's id, or the msisdn of one person it is
    about.
    """

    code: str
    sentence: str
    place: str
    reference: str = ""
    field: str = ""
    severity: Severity = Severity.WARNING


def blocker(code: str, sentence: str, place: str, field: str = "") -> CampaignWarning:
    """A finding with which the campaign cannot be submitted."""
    return CampaignWarning(code, sentence, place, field=field, severity=Severity.BLOCKER)


def warnings_of(
    campaign: Campaign, text_faults: Mapping[str, tuple[int, str]], included: int, parts: int, now: datetime
) -> list[CampaignWarning]:
    """Every warning about ``campaign``, whose ``included`` recipients need ``parts``.

    ``text_faults``: (number of texts, msisdn of the first) by code.
    """
    return [
        *_account(campaign, parts),
        *_text(campaign, text_faults),
        *_times(campaign, now),
        *_repeated(campaign, included, now),
    ]


def _account(campaign: Campaign, parts: int) -> Iterator[CampaignWarning]:
    account, credit, state = campaign.account, credit_of(campaign.account), health(campaign.account)
    if account.is_stopped:
        sentence = f"{account} is stopped. Nothing is handed over until a connection test passes."
        yield CampaignWarning("account_stopped", sentence, "account")
    elif state.kind == "rejected":
        sentence = f"The last connection test of {account} failed: {state.sentence} Correct this, and test it again."
        yield CampaignWarning("account_test_failed", sentence, "account")
    elif state.kind == "waiting":
        sentence = f"The connection of {account} was never tested. Test it first."
        yield CampaignWarning("account_untested", sentence, "account")
    if credit is not None and credit < parts:
        sentence = f"{account} had {credit:,} credits left at its last test, and the texts need {parts:,} parts."
        yield CampaignWarning("credit_low", f"{sentence} Top it up, and test the connection again.", "account")


def _text(campaign: Campaign, text_faults: Mapping[str, tuple[int, str]]) -> Iterator[CampaignWarning]:
    if not says_how_to_opt_out(campaign.text):
        yield CampaignWarning(
            "no_opt_out_wording",
            "The text does not say how to opt out. Many countries require it, for example: Reply STOP to opt out.",
            "message",
            field="text",
        )
    for code, (count, msisdn) in text_faults.items():
        many = "1 text" if count == 1 else f"{count:,} texts"
        yield CampaignWarning(code, _TEXT_SENTENCES[code].format(many), "number", msisdn)


def _times(campaign: Campaign, now: datetime) -> Iterator[CampaignWarning]:
    """A start at night. A campaign without a start begins once it is approved, so only the approver can know when."""
    if campaign.window:
        return
    is_now = campaign.start_at is None and campaign.status == CampaignStatus.FROZEN
    # The same warning for everybody, whatever time zone they chose for themselves.
    start = timezone.localtime(campaign.start_at or now, timezone.get_default_timezone())
    if (campaign.start_at or is_now) and not DAY_BEGINS <= start.hour < DAY_ENDS:
        when = f"If it is approved now, it starts at {start:%H:%M}" if is_now else f"It starts at {start:%H:%M}"
        sentence = f"{when}, and it has no allowed hours. Texts at night annoy people, and some countries forbid them."
        yield CampaignWarning("quiet_hours", sentence, "when", field="start_at")


def _repeated(campaign: Campaign, included: int, now: datetime) -> Iterator[CampaignWarning]:
    """Campaigns that text the same people the same words, or did so lately."""
    lately = Q(status__in=ACTIVE) | Q(started_at__gte=now - LATELY)
    others = Campaign.objects.filter(lately, kind=CampaignKind.REGULAR).exclude(pk=campaign.pk)
    if campaign.follows_id:
        # It repeats these on purpose, and texts nobody whom they reached.
        others = others.exclude(Q(pk=campaign.chain_root_id) | Q(chain_root=campaign.chain_root_id))
    same = _with_same_words(campaign, others)
    if not same:
        return
    others = others.filter(pk__in=same)
    same_people = Recipient.objects.included().filter(is_recipient(campaign))
    chosen = _keys(campaign.campaignlist_set.all())
    waiting = (Campaign.Status.FREEZING, Campaign.Status.FROZEN, Campaign.Status.APPROVED, Campaign.Status.HELD)
    for other in others.filter(status__in=waiting):
        # While it is being frozen, its people are not known yet.
        is_same = not other.counts or same_people.filter(campaign=other).exists()
        if chosen and _keys(other.campaignlist_set.all()) == chosen and is_same:
            sentence = f"“{other}” has the same text and lists and is not finished."
            yield CampaignWarning("same_campaign", sentence, "campaign", str(other.pk))
    # One that runs for longer is not over yet.
    started = others.filter(Q(started_at__gte=now - LATELY) | ~Q(status__in=waiting))
    for other in started:
        again = same_people.filter(campaign=other)
        is_active = other.status in ACTIVE
        if not is_active:
            # People who were never handed over, or whose whole file was refused, did not get it.
            taken = other.batches.exclude(status__in=(BatchStatus.REJECTED, BatchStatus.CANCELLED))
            again = again.filter(batch_number__in=list(taken.values_list("number", flat=True)))
        # Of a small campaign, all may have had the text that a large one texted: the share of either counts.
        count, total = again.count(), min(included, other.counts.get("included", 0))
        if total and count > SAME_PEOPLE * total:
            yield CampaignWarning(
                "same_text_lately",
                f"“{other}” texts {count:,} of these people the same words and is not finished."
                if is_active
                else f"“{other}” texted {count:,} of these people the same words in the last {LATELY.days} days.",
                "campaign",
                str(other.pk),
            )


def _with_same_words(campaign: Campaign, others: QuerySet[Campaign]) -> list[int]:
    """The ids of those of ``others`` with the words of ``campaign``. A field is the same if its label is, whatever its
    number.
    """
    text, without_fields, words = plain(campaign.text), _without_fields(campaign.text), _with_labels(campaign)
    return [
        other.pk
        for other in others
        if _without_fields(other.text) == without_fields and (plain(other.text) == text or _with_labels(other) == words)
    ]


def _without_fields(text: str) -> str:
    return plain(replace_fields(text, lambda field, fallback: as_field("", fallback)))


def _with_labels(campaign: Campaign) -> str:
    """The words of the text, with the label of each field instead of its number."""
    labels = campaign.value_labels()
    return plain(replace_fields(campaign.text, lambda field, fallback: as_field(label_of(field, labels), fallback)))


def _keys(rows: Iterable[CampaignList]) -> set[tuple[int | None, ...]]:
    return {(row.contact_list_id, row.segment_id, row.of_campaign_id) for row in rows}
