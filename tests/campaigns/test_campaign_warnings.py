"""Warnings before a campaign is submitted and approved: nothing forbids them, but somebody should look."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.audience.check import check_audience
from campaigns.audience.faults import TEXT_FAULTS
from campaigns.audience.readiness import findings_of
from campaigns.audience.warnings import Severity, warnings_of
from campaigns.models import Campaign, CampaignPerson
from contacts.models import Contact, ContactList, Segment
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze
from tests.pages import html_of

LogIn = Callable[[User], Client]
TEXT = "Hi, 20 % off today. Reply STOP to opt out."


def codes(campaign: Campaign) -> list[str]:
    """The warnings of ``campaign`` at noon: at night, there is one more."""
    noon = timezone.localtime(timezone=timezone.get_default_timezone()).replace(hour=12)
    return [warning.code for warning in warnings_of(campaign, {}, 5, 5, noon)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Your balance is RR1,204.50", ["currency_twice"]),
        ("Your balance is R R 250", ["currency_twice"]),
        ("You owe € €5", ["currency_twice"]),
        ("You owe R$ 20", []),
        ("Balance: 250 € €", ["currency_twice"]),
        ("Balance: R250.00 ZAR", ["currency_twice"]),
        ("Balance: N$ N$5", ["currency_twice"]),
        ("Vouchers of R5 R10 R20, from US$ 5", []),
        ("Pay ZAR R12 by 2026-12-27.", ["currency_twice", "iso_date"]),
        ("Pay $12 or R 250 by 27 December", []),
        ("Call 082-2024-05-01 or BRR 5", []),
        ("Order 12026-12-271", []),
        ("Pay by 2026/11/27.", ["iso_date"]),
        ("See example.com/2026/11/27 or 2026/11-27", []),
    ],
)
def test_faults_of_finished_texts(text: str, found: list[str]) -> None:
    assert [code for code, pattern in TEXT_FAULTS.items() if pattern.search(text)] == found


@pytest.mark.django_db
def test_an_account_is_tested_before_it_is_used(account: Account, make_campaign: MakeCampaign) -> None:
    Account.objects.update(checked_at=None)
    campaign = Campaign.objects.select_related("account").get(pk=make_campaign(account, text=TEXT).pk)
    assert codes(campaign) == ["account_untested"]
    campaign.account.polled_at = timezone.now()
    assert codes(campaign) == [], "files were handed over through it"
    campaign.account.checked_at = timezone.now()
    assert codes(campaign) == []
    failed = {"code": "login", "label": "Login", "passed": False, "sentence": "The password is wrong."}
    campaign.account.check_result = [failed]
    [warning] = warnings_of(campaign, {}, 5, 5, timezone.now())
    assert (warning.code, warning.place) == ("account_test_failed", "account")
    assert "failed: The password is wrong." in warning.sentence
    campaign.account.check_result = []
    campaign.text = "20 % off today, non-stopping fun"
    assert codes(campaign) == ["no_opt_out_wording"]


@pytest.mark.django_db
@pytest.mark.postgresql
def test_the_same_text_to_the_same_people(
    account: Account, make_running: MakeCampaign, make_campaign: MakeCampaign, make_list: Callable[..., ContactList]
) -> None:
    account.checked_at = timezone.now()
    first = make_list()
    other = make_running(account, first, text=TEXT)
    again = make_campaign(account, first, text=TEXT, name="Again")
    Campaign.objects.filter(pk=other.pk).update(started_at=timezone.now() - timedelta(days=6))
    [warning] = warnings_of(again, {}, 5, 5, timezone.now())
    assert (warning.code, warning.reference) == ("same_text_lately", str(other.pk))
    assert "texts 5 of these people the same words and is not finished" in warning.sentence
    Campaign.objects.filter(pk=other.pk).update(status=Campaign.Status.CLOSED)
    [warning] = warnings_of(again, {}, 5, 5, timezone.now())
    assert "texted 5 of these people the same words in the last 7 days" in warning.sentence
    Campaign.objects.filter(pk=other.pk).update(counts={"included": 10_000})
    assert codes(again) == ["same_text_lately"], "all five of this campaign"
    Campaign.objects.filter(pk=other.pk).update(counts={"included": 5})
    other.batches.update(status="rejected")
    assert codes(again) == [], "nobody got it"
    other.batches.update(status="accepted")
    Contact.objects.filter(pk__in=list(Contact.objects.values_list("pk", flat=True)[1:])).delete()
    assert codes(again) == [], "a fifth of the people is not too many"
    Campaign.objects.filter(pk=other.pk).update(started_at=timezone.now() - timedelta(days=8))
    Campaign.objects.filter(pk=other.pk).update(status=Campaign.Status.APPROVED)
    assert codes(again) == ["same_campaign"]
    Campaign.objects.filter(pk=other.pk).update(status=Campaign.Status.PAUSED, text=f" {TEXT.upper()}\n")
    other.recipients.update(excluded_reason="")
    Contact.objects.bulk_create(Contact(list=first, msisdn=n, phone=n) for n in other.recipients.values_list(
        "msisdn", flat=True) if not Contact.objects.filter(msisdn=n).exists())  # fmt: skip
    assert codes(again) == ["same_text_lately"], "it has been running for more than a week"
    Campaign.objects.filter(pk=other.pk).update(status=Campaign.Status.CLOSED)
    assert codes(again) == []


@pytest.mark.django_db
def test_the_check_and_the_approval_show_them_with_links(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User, logged_in: LogIn
) -> None:
    Account.objects.update(checked_at=timezone.now())
    day = str((timezone.now().weekday() + 3) % 7)
    window = {"hours": {day: ["08:00", "20:00"]}, "zone": "UTC"}
    campaign = make_campaign(account, text="You owe RR5 since 2026-01-02", window=window)
    page = logged_in(operator).get(reverse("campaigns:check", args=[campaign.pk])).content.decode()
    assert "Warnings (5)" in page
    closed = "At the start it is outside the allowed hours for 5 recipients: they are texted later."
    assert closed in page
    assert "The currency appears twice in 5 texts" in page
    assert f"{reverse('campaigns:message_step', args=[campaign.pk])}#id_text" in page
    assert f"{reverse('campaigns:search')}?number=2782" in page
    freeze(campaign, operator)
    page = logged_in(approver).get(campaign.get_absolute_url()).content.decode()
    assert "The currency appears twice in 5 texts" in page
    assert closed in page
    assert "Fix it in Message" not in page


@pytest.mark.django_db
def test_blockers_come_first_and_lead_to_their_field(
    account: Account, make_campaign: MakeCampaign, operator: User, logged_in: LogIn
) -> None:
    account.check_result = [{"code": "credits", "label": "", "passed": True, "sentence": "", "credit": "4.5"}]
    account.save()
    campaign = make_campaign(account, text=TEXT, parts_ceiling=4)
    client, url = logged_in(operator), reverse("campaigns:check", args=[campaign.pk])
    page = html_of(client.get(url))
    assert "Fix before you submit (1)" in page
    assert "The texts need 5 parts, and at most 4 are allowed." in page
    assert f'href="{reverse("campaigns:when_step", args=[campaign.pk])}#id_parts_ceiling"' in page
    assert "had 4.5 credits left at its last test, and the texts need 5 parts" in page
    assert page.index("Fix before you submit") < page.index("Warnings (")
    assert "Submit for approval (" not in page
    Campaign.objects.filter(pk=campaign.pk).update(text="")
    page = html_of(client.get(url))
    assert "Write the text of the message." in page
    assert f'href="{reverse("campaigns:message_step", args=[campaign.pk])}?fix=1"' in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("hour", "window", "found"), [(7, {}, True), (8, {}, False), (20, {}, True), (20, {"x": 1}, False)]
)
def test_a_start_at_night(
    account: Account, make_campaign: MakeCampaign, hour: int, window: dict[str, int], found: bool
) -> None:
    start = timezone.localtime() + timedelta(days=1)
    campaign = make_campaign(account, text=TEXT, start_at=start.replace(hour=hour, minute=0), window=window)
    assert ("quiet_hours" in codes(campaign)) is found


@pytest.mark.django_db
def test_an_approval_at_night_starts_at_night(account: Account, make_campaign: MakeCampaign) -> None:
    night = datetime(2026, 11, 27, 20, tzinfo=UTC)
    campaign = make_campaign(account, text=TEXT)
    for status, found in ((Campaign.Status.DRAFT, False), (Campaign.Status.FROZEN, True)):
        campaign.status = status
        shown = {row.code: row.sentence for row in warnings_of(campaign, {}, 5, 5, night)}
        assert ("quiet_hours" in shown) is found
    assert shown["quiet_hours"].startswith("If it is approved now, it starts at 22:00")


@pytest.mark.django_db
def test_fixed_lines_are_counted(
    account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList]
) -> None:
    campaign = make_campaign(account, make_list(), make_list("Offices", 2, 27215550100), text=TEXT)
    assert check_audience(campaign).text_faults == {"landline": (2, "27215550100")}
    [found] = [row for row in findings_of(campaign, check_audience(campaign), timezone.now()) if row.code == "landline"]
    assert "2 texts would go to fixed lines" in found.sentence


@pytest.mark.django_db
def test_texts_of_the_column_message_are_checked_too(
    account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList]
) -> None:
    campaign = make_campaign(account, make_list(), text=TEXT)
    for msisdn, own in (("27825550101", "Hi {name}. Reply STOP to opt out."), ("27825550103", "Hi Thandi")):
        Contact.objects.filter(msisdn=msisdn).update(message=own)
    check = check_audience(campaign)
    assert check.text_faults == {
        "own_foreign_field": (1, "27825550101"),
        "own_no_opt_out_wording": (1, "27825550103"),
    }
    shown = {row.code: row.sentence for row in findings_of(campaign, check, timezone.now())}
    assert shown["own_foreign_field"].startswith("1 text from the column Message would be sent with {name}")


@pytest.mark.django_db
def test_what_is_fixed_elsewhere_than_in_its_field(
    account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList], admin_client: Client
) -> None:
    campaign = make_campaign(account, make_list(value1="Zoë 😀"), text="Hi @@value1@@", cost_ceiling=5)
    page = html_of(admin_client.get(reverse("campaigns:check", args=[campaign.pk])))
    assert f'href="{reverse("campaigns:prices", args=[account.pk])}"' in page
    assert f'href="{reverse("campaigns:when_step", args=[campaign.pk])}#id_cost_ceiling"' in page
    assert f'href="{reverse("campaigns:message_step", args=[campaign.pk])}#letters"' in page


def test_the_same_people_are_those_of_the_chosen_segment_only(
    account: Account, make_running: Callable[..., Campaign], make_campaign: Callable[..., Campaign]
) -> None:
    earlier = make_running(account)
    segment = Segment.objects.create(
        list=earlier.ordered_lists()[0],
        name="One",
        conditions=[{"field": "value1", "is": "equals", "value": "Person 0"}],
    )
    again = make_campaign(account, segment.list, text=earlier.text)

    assert "same_text_lately" in codes(again)
    again.campaignlist_set.update(segment=segment)
    assert "same_text_lately" not in codes(again), "one of five is not more than 20 %"


NUMBERS = [f"2782555010{digit}" for digit in range(5)]


def list_of(name: str, numbers: list[str], **labels: str) -> ContactList:
    """A list of these numbers, with the value Thandi in each field that has a label."""
    made = ContactList.objects.create(name=name, labels=labels)
    values = dict.fromkeys(labels, "Thandi")
    Contact.objects.bulk_create(Contact(list=made, msisdn=number, phone=number, **values) for number in numbers)
    return made


@pytest.mark.postgresql
def test_the_same_people_are_those_whom_both_campaigns_include(
    account: Account, make_running: MakeCampaign, make_campaign: MakeCampaign, operator: User
) -> None:
    account.checked_at = timezone.now()
    account.save()
    people = list_of("People", NUMBERS, value1="First name")
    other = make_running(account, people, text=f"Hi @@value1@@. {TEXT}")
    other.batches.update(first_intent_at=timezone.now())
    again = make_campaign(account, people, text=other.text, name="Again")
    assert codes(again) == ["same_text_lately"]
    again.not_texted_for_days = 30
    again.save()
    assert codes(again) == [], "everybody who was texted lately is skipped"
    again.not_texted_for_days = None
    again.save()
    exclusion = again.exclusions.create(contact_list=list_of("Not these", NUMBERS[:4]))
    assert codes(again) == [], "one of five is not more than 20 %"
    waiting = make_campaign(account, people, text=other.text, name="Waiting")
    waiting.exclusions.create(contact_list=list_of("Nor these", NUMBERS[4:]))
    freeze(waiting, operator)
    assert codes(again) == [], "nobody is in both campaigns that wait"
    freeze(again, operator)
    assert codes(again) == [], "the approver sees the same"
    exclusion.delete()
    again.recipients.update(excluded_reason="")
    assert codes(again) == ["same_campaign", "same_text_lately"]


def test_the_same_people_of_a_follow_up(account: Account, make_running: MakeCampaign) -> None:
    account.checked_at = timezone.now()
    people = list_of("People", NUMBERS)
    other, root = (make_running(account, people, text=TEXT, name=name) for name in ("Other", "Root"))
    again = Campaign.objects.create(name="Again", account=account, text=TEXT, follows=root, chain_root=root)
    root.recipients.all().delete()
    CampaignPerson.objects.create(campaign=again, list_id=people.pk, contact_id=1, msisdn=NUMBERS[0])
    CampaignPerson.objects.create(campaign=again, list_id=people.pk, contact_id=2, msisdn="27825559999")
    found = warnings_of(again, {}, 2, 2, timezone.now())
    assert [(row.code, row.reference) for row in found] == [("same_text_lately", str(other.pk))]


@pytest.mark.parametrize(
    ("text", "label", "found"),
    [
        ("Hi @@value2|you@@. ", "First name", True),
        ("Hi @@value2|you@@. ", "Balance", False),
        ("Hi @@value2|friend@@. ", "First name", False),
    ],
)
def test_the_same_words_with_fields_of_other_columns(
    account: Account, make_running: MakeCampaign, make_campaign: MakeCampaign, text: str, label: str, found: bool
) -> None:
    make_running(account, list_of("People", NUMBERS, value1="First name"), text=f"Hi @@value1|you@@. {TEXT}")
    again = make_campaign(account, list_of("Same people", NUMBERS, value2=label), text=text + TEXT, name="Again")
    assert ("same_text_lately" in codes(again)) is found


HOURS = {str(day): ["08:00", "20:00"] for day in range(7)}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"end_at": -1}, "end_passed", "The end is in the past"),
        ({"start_at": -100}, "start_passed", "The start is in the past"),
        ({"start_at": 0.5}, "outside_window", "for 5 recipients: they are texted later"),
        ({"start_at": 0.5, "end_at": 1.5}, "window_never_opens", "Nobody could be texted"),
    ],
)
def test_times_and_allowed_hours(
    account: Account, make_campaign: MakeCampaign, changes: dict[str, float], code: str, words: str
) -> None:
    # 22:00 in South Africa, on a Friday.
    now = datetime(2026, 11, 27, 20, tzinfo=UTC)
    times = {name: now + timedelta(hours=hours) for name, hours in changes.items()}
    window = {"hours": HOURS, "zone": "recipient", "fallback": "Africa/Johannesburg", "outside": "wait"}
    campaign = make_campaign(account, text=TEXT, window=window, **times)
    [found] = [row for row in findings_of(campaign, check_audience(campaign), now) if row.code == code]
    assert words in found.sentence
    if code == "outside_window":
        checked = replace(check_audience(campaign), is_complete=False)
        [least] = [row for row in findings_of(campaign, checked, now) if row.code == code]
        assert "for at least 5 recipients" in least.sentence
    assert (found.severity == Severity.BLOCKER) is (code != "outside_window")
