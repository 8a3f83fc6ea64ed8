"""Test handovers: a campaign's text, with one recipient's values, to phones that administrators keep for tests.

A test is a campaign of kind *test* with the same freeze, gate, journal and opt-outs as any other. It starts at once,
without a second person and without allowed hours, because nobody but the owners of these phones is texted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns import outcomes
from campaigns.audience.check import CHECKED, usable_text_of
from campaigns.audience.freeze import begin_freeze
from campaigns.audience.sources import draft_recipient, draft_recipients
from campaigns.audience.spec import composer_of
from campaigns.audience.texts import Text
from campaigns.audience.warnings import CampaignWarning
from campaigns.lifecycle import record_event, require_permission, transition
from campaigns.models import Batch, Campaign, CampaignPerson, Recipient, TestNumber
from campaigns.statuses import CampaignKind, CampaignStatus
from campaigns.timing import TEST_IS_STALE_AFTER
from contacts import phones
from contacts.errors import Refusal
from contacts.fields import FROZEN_FIELDS

#: The most phones that one test texts.
MOST = 5
#: Whose values a test uses, beside a number of the campaign.
FIRST, LONGEST = "first", "longest"
#: What a test takes over of the campaign, and what makes it out of date when it changes.
TRIED = ("account_id", "text", "sender", "options", "letters")


@dataclass(frozen=True)
class Result:
    """What came of a test on one phone. ``outcome`` is a key of ``tables.OUTCOME_WORDS``; ``at``: since when."""

    test: Campaign
    phone: str
    outcome: str
    detail: str
    at: datetime
    text: str
    is_outdated: bool

    @property
    def is_accepted(self) -> bool:
        return self.outcome == "accepted"

    @property
    def is_live(self) -> bool:
        """Whether it may change within moments."""
        return self.outcome in ("waiting", "ready", "with_provider")


def start_test(campaign: Campaign, user: Any, numbers: Sequence[TestNumber], person: str, now: datetime) -> Campaign:
    """Create and begin to freeze a test of a draft or of a campaign that waits for approval; return it.

    ``person``: whose values it uses: FIRST, LONGEST, or the msisdn of one of the campaign's people. The caller enqueues
    the freeze. Raises Refusal, and changes nothing then.
    """
    require_permission(user, "campaigns.change_campaign")
    if campaign.kind != CampaignKind.REGULAR or campaign.status not in (CampaignStatus.DRAFT, CampaignStatus.FROZEN):
        raise Refusal("not_testable", "Only a draft, or a campaign that waits for approval, can be tested.")
    if not 0 < len(numbers) <= MOST:
        raise Refusal("test_numbers", f"Choose one to {MOST} test numbers.")
    text = usable_text_of(campaign)
    if campaign.account.is_stopped:
        raise Refusal("account_stopped", f"{campaign.account} is stopped. Test its connection first.")
    chosen = person_to_use(campaign, text, person)
    end_at = campaign.end_at if campaign.end_at and campaign.end_at > now else None
    with transaction.atomic():
        test = Campaign.objects.create(
            kind=CampaignKind.TEST,
            test_of=campaign,
            name=f"Test of {campaign.name}"[:100],
            confirmed_literals=campaign.confirmed_literals,
            end_at=end_at,
            created_by=user,
            **{name: getattr(campaign, name) for name in TRIED},
        )
        test.editors.add(user)
        CampaignPerson.objects.bulk_create(
            CampaignPerson(
                campaign=test,
                msisdn=number.msisdn,
                list_id=chosen.list_id,
                contact_id=chosen.contact_id,
                **{name: getattr(chosen, name) for name in FROZEN_FIELDS},
            )
            for number in numbers
        )
        begin_freeze(test, user, now)
        record_event(campaign, "tested", f"To {', '.join(number.name for number in numbers)}.", user=user)
    return test


def person_to_use(campaign: Campaign, text: Text, person: str) -> Recipient:
    """The recipient, saved or not, whose values a test uses. Raises Refusal if there is none."""
    if person not in (FIRST, LONGEST):
        return _kept(campaign, text, _with_number(campaign, text, person))
    if campaign.counts:
        included = campaign.recipients.included().order_by("msisdn")
        longest = campaign.counts.get("longest", [])
        found = included.filter(pk=longest[0]).first() if person == LONGEST and longest else included.first()
    else:
        composer = composer_of(campaign, text)
        people = draft_recipients(campaign, text, 0, CHECKED)
        # Nobody who is skipped because of letters that the provider lacks.
        kept = (recipient for recipient in people if not composer.compose(recipient).excluded)
        found = next(kept, None) if person == FIRST else max(kept, key=composer.units, default=None)
    if found is None:
        raise Refusal("empty_audience", "Nobody is left to text, so there are no values to test with.")
    return found


def _kept(campaign: Campaign, text: Text, recipient: Recipient) -> Recipient:
    """The recipient, unless the campaign skips people with such values. Raises Refusal then."""
    why = ""
    if not recipient.message and not all(getattr(recipient, name) for name in text.required):
        why = "a field of the text is empty for this person"
    elif composer_of(campaign, text).compose(recipient).excluded:
        why = "the text of this person has letters that the provider lacks"
    if why:
        raise Refusal("skipped", f"{phones.formatted(recipient.msisdn)} is skipped, because {why}. Choose another one.")
    return recipient


def _with_number(campaign: Campaign, text: Text, msisdn: str) -> Recipient:
    """The recipient with this number, in a draft also if a value that ``text`` needs is missing. Raises Refusal."""
    if campaign.counts:
        found = campaign.recipients.included().filter(msisdn=msisdn).first()
    else:
        # The caller says that a value is missing.
        found = draft_recipient(campaign, replace(text, required=()), msisdn)
    if found is None:
        raise Refusal("not_a_recipient", f"{phones.formatted(msisdn)} is not among the recipients of this campaign.")
    return found


def approve_test(test: Campaign, now: datetime) -> bool:
    """Let a frozen test start now, or cancel it; return whether it starts. A test that is not frozen stays as it is.

    It is cancelled if its freeze was refused, if it waited too long, or if it has anybody who is not a test number.
    """
    if test.status == CampaignStatus.DRAFT:
        transition(test, CampaignStatus.CANCELLED, user=test.created_by, reason=test.reason, sentence=test.sentence)
        return False
    if test.status != CampaignStatus.FROZEN:
        return False
    if why_not := _why_not_start(test, now):
        transition(test, CampaignStatus.CANCELLED, user=test.frozen_by, reason="test_refused", sentence=why_not)
        return False
    transition(
        test,
        CampaignStatus.APPROVED,
        user=test.frozen_by,
        sentence="A test handover needs no second person.",
        approved_by=test.frozen_by,
        approved_at=now,
        approval_expires_at=now + test.patience,
        effective_start_at=now,
    )
    return True


def _why_not_start(test: Campaign, now: datetime) -> str:
    msisdns = list(test.recipients.included().values_list("msisdn", flat=True)[: MOST + 1])
    if len(msisdns) > MOST or TestNumber.objects.filter(msisdn__in=msisdns).count() != len(msisdns):
        return "It would text somebody who is not among the test numbers. Nobody was texted."
    if test.created_at < now - TEST_IS_STALE_AFTER:
        return "It could not start in time. Nobody was texted. Test it again."
    return ""


def results_of(campaign: Campaign) -> list[Result]:
    """What came of every test of a campaign, phone by phone, the latest test first."""
    tests = campaign.tests.select_related("account").prefetch_related("batches").order_by("-pk")
    return [result for test in tests for result in _results(test, campaign)]


def _results(test: Campaign, campaign: Campaign) -> list[Result]:
    is_outdated = any(getattr(test, name) != getattr(campaign, name) for name in TRIED)
    recipients = list(test.recipients.order_by("pk")[: 2 * MOST])
    names = dict(TestNumber.objects.filter(msisdn__in=[row.msisdn for row in recipients]).values_list("msisdn", "name"))
    if not recipients:
        # Its freeze has not begun, or it was refused.
        return [Result(test, "", outcomes.without_file(test), test.sentence, test.created_at, "", is_outdated)]
    batches = list(test.batches.all())
    outcomes.add_outcomes(test, batches, recipients)
    at = max((moment for batch in batches for moment in _moments(batch)), default=test.created_at)
    composer = composer_of(test)
    return [
        Result(
            test=test,
            phone=names.get(row.msisdn) or phones.formatted(row.msisdn),
            outcome=row.outcome,  # type: ignore[attr-defined]
            detail=row.detail or (test.sentence if test.status == CampaignStatus.CANCELLED else ""),  # type: ignore[attr-defined]
            at=at,
            text=composer.message(row).text,
            is_outdated=is_outdated,
        )
        for row in recipients
    ]


def _moments(batch: Batch) -> list[datetime]:
    return [moment for moment in (batch.settled_at, batch.handed_over_at) if moment]


def no_test_warning(results: Sequence[Result]) -> list[CampaignWarning]:
    """The warning that no test of the campaign as it is now was accepted, if there is none."""
    if any(result.is_accepted and not result.is_outdated for result in results):
        return []
    if any(result.is_accepted for result in results):
        sentence = "The campaign changed after its last test. Test it again to see what people will get."
    else:
        sentence = "No test handover was accepted yet. A test shows you the text on a phone of your own."
    return [CampaignWarning("no_test", sentence, "test")]
