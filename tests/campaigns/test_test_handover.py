"""Test handovers: a campaign's text on phones of our own, and never on anybody else's."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import copying, decisions, jobs, test_handover
from campaigns.audience.contacted import contacted_since
from campaigns.handover import batches
from campaigns.models import Batch, Campaign, TestNumber
from campaigns.test_handover import FIRST, LONGEST, approve_test, no_test_warning, results_of, start_test
from contacts import suppression
from contacts.errors import Refusal
from contacts.models import Contact, ContactList, Segment
from providers.models import Account
from tests.campaigns.conftest import Clock, MakeCampaign, freeze, until_closed
from tests.pages import html_of

LogIn = Callable[[User], Client]
PHONES = ("27835550001", "27835550002", "27835550003", "27835550004", "27835550005", "27835550006")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("enqueued")]


@pytest.fixture
def numbers(db: None) -> list[TestNumber]:
    return [TestNumber.objects.create(name=f"Phone {msisdn[-1]}", msisdn=msisdn) for msisdn in PHONES]


def run_test(campaign: Campaign, user: User, numbers: list[TestNumber], person: str = FIRST) -> Campaign:
    """Start a test and run its freeze, as the worker does."""
    test = start_test(campaign, user, numbers, person, timezone.now())
    jobs.freeze(test.pk)
    return Campaign.objects.get(pk=test.pk)


def test_a_test_goes_out_without_a_second_person(
    sandbox_account: Account, make_campaign: MakeCampaign, operator: User, numbers: list[TestNumber], clock: Clock,
    enqueued: list[tuple[str, int]],
) -> None:  # fmt: skip
    campaign = make_campaign(sandbox_account, window={"hours": {"0": ["08:00", "08:01"]}}, pace=1, parts_ceiling=1)
    assert [found.code for found in no_test_warning(results_of(campaign))] == ["no_test"]
    test = run_test(campaign, operator, numbers[:2])
    assert (test.status, test.approved_by, test.window, test.pace) == ("approved", operator, {}, None)
    assert enqueued == [("create_batches", test.pk)]
    batches.create_batches(test.pk, timezone.now())
    until_closed(test, clock)
    found = results_of(campaign)
    assert [(row.phone, row.outcome, row.text) for row in found] == [
        ("Phone 1", "accepted", "Hi Person 0, 20 % off ends Sunday."),
        ("Phone 2", "accepted", "Hi Person 0, 20 % off ends Sunday."),
    ]
    assert no_test_warning(found) == []
    # Nobody of the audience was texted, and neither do our own phones count as texted.
    Contact.objects.create(list=ContactList.objects.get(), msisdn=PHONES[0], phone=PHONES[0])
    assert not Contact.objects.filter(contacted_since(timezone.now() - timedelta(days=1))).exists()
    campaign.text = "Another text"
    assert [row.is_outdated for row in results_of(campaign)] == [True, True]
    assert "changed after its last test" in no_test_warning(results_of(campaign))[0].sentence


def test_nobody_who_is_skipped_lends_their_values(
    account: Account, make_campaign: MakeCampaign, operator: User, numbers: list[TestNumber]
) -> None:
    campaign = make_campaign(account, letters="skip", text="Hi @@value1@@")
    number = str(Contact.objects.values_list("msisdn", flat=True).first())
    for value, why in (("", "a field of the text is empty"), ("Иван", "letters that the provider lacks")):
        Contact.objects.filter(msisdn=number).update(value1=value)
        with pytest.raises(Refusal, match=why):
            start_test(campaign, operator, numbers[:1], number, timezone.now())
    assert not campaign.tests.exists()


@pytest.mark.parametrize("why", ["segment", "opted out", "excluded list"])
def test_nobody_outside_the_recipients_lends_their_values(
    account: Account, make_campaign: MakeCampaign, operator: User, numbers: list[TestNumber], why: str
) -> None:
    campaign, number = make_campaign(account), "27825550102"
    if why == "segment":
        conditions = [{"field": "value1", "is": "equals", "value": "Person 0"}]
        segment = Segment.objects.create(list=ContactList.objects.get(), name="One", conditions=conditions)
        campaign.campaignlist_set.update(segment=segment)
    elif why == "opted out":
        suppression.suppress([number], "manual")
    else:
        excluded = ContactList.objects.create(name="Not these")
        Contact.objects.create(list=excluded, msisdn=number, phone=number)
        campaign.exclusions.create(contact_list=excluded)
    with pytest.raises(Refusal, match="not among the recipients"):
        start_test(campaign, operator, numbers[:1], number, timezone.now())
    assert start_test(campaign, operator, numbers[:1], "27825550100", timezone.now())


def test_whose_values_are_used(
    account: Account, make_campaign: MakeCampaign, operator: User, numbers: list[TestNumber]
) -> None:
    campaign = make_campaign(account)
    Contact.objects.filter(msisdn="27825550103").update(value1="Bartholomew the Third")
    texts = {}
    for person in (FIRST, LONGEST, "27825550102"):
        texts[person] = [
            row.text for row in results_of_test(run_test(campaign, operator, numbers[:1], person), campaign)
        ]
    assert texts[FIRST] == ["Hi Person 0, 20 % off ends Sunday."]
    assert texts[LONGEST] == ["Hi Bartholomew the Third, 20 % off ends Sunday."]
    assert texts["27825550102"] == ["Hi Person 2, 20 % off ends Sunday."]
    frozen = freeze(campaign, operator)
    assert results_of_test(run_test(frozen, operator, numbers[:1], LONGEST), frozen)[0].text == texts[LONGEST][0]
    with pytest.raises(Refusal, match="not among the recipients"):
        start_test(frozen, operator, numbers[:1], "27829999999", timezone.now())


def results_of_test(test: Campaign, campaign: Campaign) -> list[test_handover.Result]:
    return [row for row in results_of(campaign) if row.test == test]


def test_opted_out_phones_get_nothing(
    account: Account, make_campaign: MakeCampaign, operator: User, numbers: list[TestNumber]
) -> None:
    suppression.suppress([PHONES[0]], "manual")
    campaign = make_campaign(account)
    test = run_test(campaign, operator, numbers[:2])
    assert {row.phone: row.outcome for row in results_of(campaign)} == {"Phone 1": "excluded", "Phone 2": "waiting"}
    batches.create_batches(test.pk, timezone.now())
    assert Batch.objects.get().rows == 1
    test = run_test(campaign, operator, numbers[:1])
    assert (test.status, test.batches.count()) == ("cancelled", 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("none", "Choose one to 5"),
        ("six", "Choose one to 5"),
        ("stopped", "is stopped"),
        ("running", "Only a draft"),
        ("a test", "Only a draft"),
        ("viewer", "Your role does not allow this"),
    ],
)
def test_a_test_that_is_not_allowed(
    account: Account, make_campaign: MakeCampaign, operator: User, viewer: User, numbers: list[TestNumber],
    change: str, words: str,
) -> None:  # fmt: skip
    campaign = make_campaign(account)
    chosen = {"none": [], "six": numbers}.get(change, numbers[:5])
    if change == "stopped":
        account.stop("no_credit", "There is no credit.")
    elif change == "running":
        campaign.status = "running"
    elif change == "a test":
        campaign = run_test(campaign, operator, chosen)
    before = Campaign.objects.count()
    with pytest.raises(Refusal, match=words):
        start_test(campaign, viewer if change == "viewer" else operator, chosen, FIRST, timezone.now())
    assert Campaign.objects.count() == before


def test_nobody_else_is_ever_texted(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User, numbers: list[TestNumber]
) -> None:
    campaign = make_campaign(account)
    test = start_test(campaign, operator, numbers[:1], FIRST, timezone.now())
    test.people.update(msisdn="27825550100")
    jobs.freeze(test.pk)
    test.refresh_from_db()
    assert (test.status, test.reason) == ("cancelled", "test_refused")
    assert "not among the test numbers" in test.sentence
    late = start_test(campaign, operator, numbers[:1], FIRST, timezone.now())
    Campaign.objects.filter(pk=late.pk).update(created_at=timezone.now() - timedelta(hours=2))
    jobs.freeze(late.pk)
    assert Campaign.objects.get(pk=late.pk).status == "cancelled"
    other = freeze_only(campaign, operator, numbers[:1])
    for action in (
        lambda: decisions.approve(other, approver, other.approval_hash, timezone.now()),
        lambda: decisions.change(other, operator),
        lambda: copying.copy_campaign(other, operator, timezone.now()),
    ):
        with pytest.raises(Refusal):
            action()


def freeze_only(campaign: Campaign, user: User, numbers: list[TestNumber]) -> Campaign:
    """A test whose worker died between the freeze and the start."""
    test = start_test(campaign, user, numbers, FIRST, timezone.now())
    jobs.audience_freeze.freeze(test.pk, timezone.now())
    return Campaign.objects.get(pk=test.pk)


def test_the_sweep_starts_what_a_dead_worker_left(
    account: Account, make_campaign: MakeCampaign, operator: User, numbers: list[TestNumber],
    enqueued: list[tuple[str, int]],
) -> None:  # fmt: skip
    test = freeze_only(make_campaign(account), operator, numbers[:1])
    assert test.status == "frozen"
    jobs.sweep(timezone.now())
    assert ("freeze", test.pk) in enqueued
    jobs.freeze(test.pk)
    test.refresh_from_db()
    assert test.status == "approved"
    assert approve_test(test, timezone.now()) is False
    jobs.sweep(timezone.now() + test.patience + timedelta(hours=1))
    assert Campaign.objects.get(pk=test.pk).status == "cancelled", "nobody waits for a late test"


# -- the screens ---------------------------------------------------------------------------------------------------


def test_an_operator_tests_a_draft(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User, numbers: list[TestNumber],
    logged_in: LogIn, enqueued: list[tuple[str, int]],
) -> None:  # fmt: skip
    campaign = make_campaign(account)
    client, url = logged_in(operator), reverse("campaigns:test", args=[campaign.pk])
    assert f'href="{url}"' in html_of(client.get(reverse("campaigns:check", args=[campaign.pk])))
    page = html_of(client.post(url, {"numbers": [row.pk for row in numbers], "person": "first"}))
    assert "Choose at most 5 phones." in page
    page = html_of(client.post(url, {"numbers": [numbers[0].pk], "person": "number", "number": "082 999 9999"}))
    assert "is not among the recipients of this campaign" in page
    # A number is typed, and the choice is left as it was.
    asked = {"numbers": [numbers[0].pk], "person": "first", "number": "082 555 0101"}
    page = html_of(client.post(url, asked, follow=True))
    assert "A test to Phone 1 has started." in page
    test = campaign.tests.get()
    assert enqueued == [("freeze", test.pk)]
    jobs.freeze(test.pk)
    fragment = client.get(reverse("campaigns:tests", args=[campaign.pk]))
    assert fragment.status_code == 200
    assert "Hi Person 1, 20 % off ends Sunday." in html_of(fragment)
    freeze(campaign, operator)
    assert "Test to Phone 1" in html_of(logged_in(approver).get(campaign.get_absolute_url()))
    assert "Test of October promo" not in html_of(client.get(reverse("campaigns:list")))
    assert "Test of October promo" in html_of(client.get(reverse("campaigns:list"), {"tests": "on"}))
    assert "Test of October promo" not in html_of(client.get(reverse("overview")))
    assert "Test of October promo" in html_of(client.get(test.get_absolute_url()))


def test_administrators_keep_the_test_numbers(administrator: User, operator: User, logged_in: LogIn) -> None:
    client, url = logged_in(administrator), reverse("campaigns:test_numbers")
    assert url in html_of(client.get(reverse("providers:accounts")))
    page = html_of(client.post(url, {"name": "Thandi", "phone": "083 555 0001", "country": "ZA"}, follow=True))
    assert "Thandi was added." in page
    assert TestNumber.objects.get().msisdn == "27835550001"
    for phone, words in (("083 555 0001", "is a test number already"), ("12", "")):
        answer = client.post(url, {"name": "Again", "phone": phone, "country": "ZA"})
        assert answer.status_code == 422
        assert words in html_of(answer)
    others = logged_in(operator)
    assert others.get(url).status_code == 200
    assert others.post(url, {"name": "Mine", "phone": "083 555 0009", "country": "ZA"}).status_code == 403
    delete = reverse("campaigns:test_number_delete", args=[TestNumber.objects.get().pk])
    assert others.post(delete).status_code == 403
    client.post(delete)
    assert not TestNumber.objects.exists()
