"""What to look at before a campaign is submitted or approved: warnings, which forbid nothing, and blockers."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Q
from django.utils import timezone

from campaigns.audience.chosen import on_any
from campaigns.audience.texts import plain
from campaigns.models import Campaign, CampaignList, Recipient
from campaigns.statuses import ACTIVE, BatchStatus, CampaignKind, CampaignStatus
from providers.checking import credit_of

#: The same text to this share of the same people within this time is worth a warning.
SAME_PEOPLE = 0.2
LATELY = timedelta(days=7)

#: A start at another hour of the local day is worth a warning where a campaign has no allowed hours.
DAY_BEGINS, DAY_ENDS = 8, 20

_CURRENCY = (
    r"(?>(?:US|N|A|C)?\$|R\$|GH₵|ZAR|USD|EUR|GBP|KES|KSh\.?|NGN|INR|Rs\.?|UGX|USh|TZS|TSh|BWP|NAD|ZMW|GHS|R"
    r"|[€£¥₦₹₵])"
)
# R R250, 250 € €, or R250 ZAR; but not the two amounts in R5 R10.
_TWICE = (
    rf"(?<![A-Za-z]){_CURRENCY}\s?{_CURRENCY}\s?\d|\d\s?{_CURRENCY}\s?{_CURRENCY}(?![A-Za-z\d])"
    rf"|(?<![A-Za-z]){_CURRENCY}\s?(?:\d[\d.,]*)?\d\s?{_CURRENCY}(?![A-Za-z]|\s?\d)"
)
#: What a finished text should not contain, by the code of its warning.
TEXT_FAULTS = {
    "currency_twice": re.compile(_TWICE),
    "iso_date": re.compile(r"(?<![\d/-])\d{4}([/-])\d{2}\1\d{2}(?![\d/-])"),
}
# Found much faster, and in every text in which a pattern of TEXT_FAULTS is found.
_FIRST = {
    "currency_twice": re.compile(r"[A-Z$€£¥₦₹₵][A-Zhs.$₵]*\s?[\d.,]*\s?[A-Z$€£¥₦₹₵]"),
    "iso_date": re.compile(r"[/-]\d\d[/-]"),
}
# These letters are in no match of TEXT_FAULTS.
_APART = "[a-gi-rt-z]"
_NEAR_START = re.compile(f".*?{_APART}", re.DOTALL)
_NEAR_END = re.compile(f".*({_APART}.*)", re.DOTALL)
_TEXT_SENTENCES = {
    "currency_twice": "The currency appears twice in {}, such as “RR 250”. Take it out of the text or of the values.",
    "iso_date": "A date is written like 2026-11-27 or 2026/11/27 in {}. People read 27 November more easily.",
    "landline": "{} would go to fixed lines. Most of these receive no texts, and the provider may charge for them.",
    "own_foreign_field": "{} from the column Message would be sent with {{name}} or the like in it, which looks like a"
    " field of another program.",
    "own_no_opt_out_wording": "{} from the column Message would be sent without saying how to opt out.",
}
OPT_OUT_WORDING = re.compile(
    r"\b(?:stop|opt[\s-]?out|unsub\w*|uitteken|afmeld\w*|abmelden|desuscrib\w*|désabonn\w*|sair|cancelar)\b|t&cs?",
    re.IGNORECASE,
)


def text_faults(text: str) -> list[str]:
    """The codes of TEXT_FAULTS that a finished text has."""
    return [code for code, pattern in TEXT_FAULTS.items() if _FIRST[code].search(text) and pattern.search(text)]


def says_how_to_opt_out(text: str) -> bool:
    """Whether a text has the words of OPT_OUT_WORDING."""
    return " STOP " in text or bool(OPT_OUT_WORDING.search(text))


def without_faultless(literals: Sequence[str]) -> list[str]:
    """The literals of a text without what matters to no fault: whatever is put between them, ``text_faults`` finds the
    same. They are returned whole if one of them has a fault by itself.
    """
    if any(text_faults(literal) for literal in literals):
        return list(literals)
    return [_near_fields(literal) for literal in literals]


def _near_fields(literal: str) -> str:
    """The literal up to its first letter of _APART, and from its last one on: no match extends across such a letter."""
    start, end = _NEAR_START.match(literal), _NEAR_END.fullmatch(literal)
    return start[0] + end[1] if start and end and start.end() <= end.start(1) else literal


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
    account, credit = campaign.account, credit_of(campaign.account)
    if account.is_stopped:
        sentence = f"{account} is stopped. Nothing is handed over until a connection test passes."
        yield CampaignWarning("account_stopped", sentence, "account")
    elif account.checked_at is None:
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
    words = plain(campaign.text)
    others = others.filter(pk__in=[pk for pk, text in others.values_list("pk", "text") if plain(text) == words])
    chosen = list(campaign.campaignlist_set.select_related("contact_list", "segment"))
    waiting = (Campaign.Status.FREEZING, Campaign.Status.FROZEN, Campaign.Status.APPROVED, Campaign.Status.HELD)
    for other in others.filter(status__in=waiting):
        if chosen and _keys(other.campaignlist_set.all()) == _keys(chosen):
            sentence = f"“{other}” has the same text and lists and is not finished."
            yield CampaignWarning("same_campaign", sentence, "campaign", str(other.pk))
    # One that runs for longer is not over yet.
    started = others.filter(Q(started_at__gte=now - LATELY) | ~Q(status__in=waiting))
    for other in started if chosen else ():
        again = Recipient.objects.included().filter(on_any(chosen), campaign=other)
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


def _keys(rows: Iterable[CampaignList]) -> set[tuple[int | None, ...]]:
    return {(row.contact_list_id, row.segment_id, row.of_campaign_id) for row in rows}
