"""Who is included, who is excluded and why; and when a freeze is refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from campaigns.audience import approval, check, samples, sources
from campaigns.audience import freeze as audience_freeze
from campaigns.models import Campaign, Recipient
from campaigns.results import balance
from contacts.errors import Refusal
from contacts.models import Contact, ContactList, Import
from contacts.suppression import suppress
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze

pytestmark = pytest.mark.postgresql

MakeList = Callable[..., ContactList]


def reasons(campaign: Campaign) -> dict[str, str]:
    return dict(campaign.recipients.order_by("id").values_list("msisdn", "excluded_reason"))


def test_a_freeze_copies_people_in_the_order_of_their_numbers(
    account: Account, make_campaign: MakeCampaign, operator: User
) -> None:
    campaign = freeze(make_campaign(account), operator)

    assert campaign.status == "frozen"
    assert campaign.counts["included"] == 5
    first = campaign.recipients.order_by("id")[0]
    assert (first.msisdn, first.value1) == ("27825550100", "Person 0")
    assert balance.audit(campaign).balanced


def test_a_change_of_the_contact_changes_nothing_frozen(
    account: Account, make_campaign: MakeCampaign, operator: User
) -> None:
    campaign = freeze(make_campaign(account), operator)

    Contact.objects.update(value1="Somebody else")

    assert campaign.recipients.get(msisdn="27825550100").value1 == "Person 0"
    assert approval.audience_digest(campaign) == campaign.audience_digest


def test_a_number_on_two_lists_is_taken_from_the_first(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User
) -> None:
    first, second = make_list("First", count=3), make_list("Second", count=4, first=27825550102)
    campaign = freeze(make_campaign(account, second, first), operator)

    duplicate = campaign.recipients.get(excluded_reason="duplicate")
    assert (duplicate.msisdn, duplicate.list_id) == ("27825550102", first.pk)
    assert campaign.counts == campaign.counts | {"selected": 7, "excluded": {"duplicate": 1}, "included": 6}


def test_opted_out_and_missing_fields_are_left_out_with_their_reason(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User
) -> None:
    people = make_list(count=4)
    suppress(["27825550100"], "manual")
    Contact.objects.filter(msisdn="27825550101").update(value1="")
    Contact.objects.filter(msisdn="27825550102").update(value1="", message="Just for you")

    campaign = freeze(make_campaign(account, people, text="Hi @@value1@@"), operator)

    assert reasons(campaign) == {
        "27825550100": "opted_out",
        "27825550101": "missing_field",
        "27825550102": "",
        "27825550103": "",
    }


def test_somebody_opted_out_on_two_lists_counts_once_as_opted_out(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User
) -> None:
    suppress(["27825550100"], "manual")
    campaign = freeze(make_campaign(account, make_list("A"), make_list("B")), operator)

    assert campaign.counts["excluded"] == {"opted_out": 1, "duplicate": 5}


def test_the_check_of_a_draft_says_what_the_freeze_then_does(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User
) -> None:
    campaign = make_campaign(account, make_list("A"), make_list("B", first=27825550103))
    suppress(["27825550101"], "manual")

    audience_check = check.check_audience(campaign)
    campaign = freeze(campaign, operator)

    assert audience_check.is_complete
    assert audience_check.selected == campaign.counts["selected"] == 10
    assert audience_check.excluded == campaign.counts["excluded"] == {"opted_out": 1, "duplicate": 2}
    assert audience_check.parts == campaign.counts["parts"]
    assert (audience_check.least, audience_check.most) == (campaign.counts["least"], campaign.counts["most"])


def test_a_sample_of_a_draft_and_of_the_frozen_campaign_are_the_same_texts(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User
) -> None:
    campaign = make_campaign(account, make_list("A", count=2), make_list("B", count=4))
    before = [samples.sample(campaign, position) for position in range(1, 6)]
    campaign = freeze(campaign, operator)
    after = [samples.sample(campaign, position) for position in range(1, 6)]

    assert [(s.msisdn, s.text, s.total) for s in before if s] == [(s.msisdn, s.text, s.total) for s in after if s]
    assert before[4] is None
    assert before[3] is not None
    assert before[3].list_name == "B"


@pytest.mark.parametrize("position", [0, -1, 6])
def test_there_is_no_sample_outside_the_audience(account: Account, make_campaign: MakeCampaign, position: int) -> None:
    assert samples.sample(make_campaign(account), position) is None


def refused(campaign: Campaign, operator: User) -> str:
    with pytest.raises(Refusal) as refusal:
        freeze(campaign, operator)
    campaign.refresh_from_db()
    assert campaign.status == "draft"
    assert not Recipient.objects.exists()
    return refusal.value.code


def test_a_freeze_refuses_an_unknown_field(account: Account, make_campaign: MakeCampaign, operator: User) -> None:
    assert refused(make_campaign(account, text="Hi @@value9@@"), operator) == "unknown_field"


def test_a_freeze_refuses_lists_that_mean_different_things(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User
) -> None:
    one, other = make_list("One"), make_list("Other", first=27835550100)
    other.labels = {"value1": "Balance"}
    other.save()

    assert refused(make_campaign(account, one, other), operator) == "labels_differ"


def test_a_freeze_refuses_a_list_that_is_being_imported_into(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User
) -> None:
    people = make_list()
    Import.objects.create(list=people, file="x.csv", original_name="x.csv", country="ZA", status="applying")

    assert refused(make_campaign(account, people), operator) == "import_applying"


def test_a_freeze_refuses_a_start_long_past(account: Account, make_campaign: MakeCampaign, operator: User) -> None:
    campaign = make_campaign(account, start_at=timezone.now() - timedelta(hours=1))

    assert refused(campaign, operator) == "start_passed"


@pytest.mark.parametrize(("days", "code"), [(None, "early_without_start"), (91, "start_too_far")])
def test_a_freeze_refuses_an_early_hand_over_the_provider_cannot_keep(
    account: Account, make_campaign: MakeCampaign, operator: User, days: int | None, code: str
) -> None:
    start = timezone.now() + timedelta(days=days) if days else None

    assert refused(make_campaign(account, is_early=True, start_at=start), operator) == code


def test_an_empty_audience_goes_back_to_draft_with_the_reason(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User
) -> None:
    campaign = freeze(make_campaign(account, make_list(count=0)), operator)

    assert (campaign.status, campaign.reason) == ("draft", "empty_audience")


def test_a_text_the_provider_cannot_encode_returns_to_draft_naming_the_recipient(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User
) -> None:
    people = make_list(count=3)
    Contact.objects.filter(msisdn="27825550101").update(value1="Zoë 😀")

    campaign = freeze(make_campaign(account, people), operator)

    assert (campaign.status, campaign.reason) == ("draft", "texts_refused")
    assert [problem["msisdn"] for problem in campaign.problems] == ["27825550101"]
    assert "😀" in campaign.problems[0]["characters"]
    assert not Recipient.objects.exists()


def test_a_freeze_that_died_starts_over(account: Account, make_campaign: MakeCampaign, operator: User) -> None:
    campaign = make_campaign(account)
    audience_freeze.begin_freeze(campaign, operator, timezone.now())
    Recipient.objects.create(campaign=campaign, list_id=1, contact_id=1, msisdn="27000000000")

    audience_freeze.freeze(campaign.pk, timezone.now())

    campaign.refresh_from_db()
    assert campaign.status == "frozen"
    assert campaign.recipients.count() == 5


@pytest.mark.parametrize("step", ["copy_people", "measure_texts"])
def test_a_freeze_is_given_up_when_the_audience_changed_meanwhile(
    account: Account, make_campaign: MakeCampaign, operator: User, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    done = getattr(audience_freeze, step)

    def do_and_delete_somebody(campaign: Campaign, *rest: Any) -> Any:
        result = done(campaign, *rest)
        campaign.recipients.filter(msisdn="27825550102").delete()
        return result

    monkeypatch.setattr(audience_freeze, step, do_and_delete_somebody)

    campaign = freeze(make_campaign(account), operator)

    assert (campaign.status, campaign.reason) == ("draft", "copy_differs")
    assert not Recipient.objects.exists()


def test_many_people_are_copied_in_chunks(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience_freeze, "CHUNK", 7)
    monkeypatch.setattr(sources, "CHUNK", 7)

    campaign = freeze(make_campaign(account, make_list(count=23)), operator)

    assert campaign.counts["included"] == 23
    audience_freeze.delete_recipients(campaign)
    assert not campaign.recipients.exists()


def test_reading_the_frozen_people_is_one_query_however_many_they_are(
    account: Account,
    make_campaign: MakeCampaign,
    operator: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    campaign = freeze(make_campaign(account), operator)

    with django_assert_num_queries(1):
        approval.audience_digest(campaign)


@pytest.mark.parametrize(
    ("field", "value"),
    [("text", "x"), ("sender", "X"), ("options", {"a": 1}), ("end_at", timezone.now()), ("window", {"a": 1})],
)
def test_whatever_is_approved_is_in_the_hash(
    account: Account, make_campaign: MakeCampaign, operator: User, field: str, value: Any
) -> None:
    campaign = freeze(make_campaign(account), operator)
    before = approval.approval_hash(campaign)

    setattr(campaign, field, value)

    assert before == campaign.approval_hash
    assert approval.approval_hash(campaign) != before


def test_the_start_is_in_the_hash_only_when_handed_over_early(
    account: Account, make_campaign: MakeCampaign, operator: User
) -> None:
    campaign = freeze(make_campaign(account), operator)
    campaign.start_at = timezone.now()
    assert approval.approval_hash(campaign) == campaign.approval_hash

    campaign.is_early = True

    assert approval.approval_hash(campaign) != campaign.approval_hash


def test_a_viewer_may_not_freeze(account: Account, make_campaign: MakeCampaign, viewer: User) -> None:
    with pytest.raises(Refusal, match="role"):
        freeze(make_campaign(account), viewer)
