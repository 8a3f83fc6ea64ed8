"""What happens to letters that the provider lacks: refused, replaced, or their people skipped."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from campaigns.audience import check
from campaigns.audience.approval import approval_hash
from campaigns.audience.spec import composer_of
from campaigns.handover import batches
from campaigns.models import Campaign
from campaigns.results import balance
from contacts.models import Contact, ContactList
from providers import letters
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, default_options, freeze
from tests.providers.read_back import read_back

MakeList = Callable[..., ContactList]
NAMES = ["Ann", "Zoë", "Łukasz", "Иван", "\u200b", "Renée"]


@pytest.fixture
def people(make_list: MakeList) -> ContactList:
    """Ann, and people whose names have letters that GSM lacks; the last of seven has an own text."""
    made = make_list(count=len(NAMES) + 1)
    for number, name in enumerate(NAMES):
        Contact.objects.filter(msisdn=str(27825550100 + number)).update(value1=name)
    Contact.objects.filter(msisdn="27825550106").update(message="Just for “you”")
    return made


def texts_of(campaign: Campaign) -> dict[str, str]:
    """What the sandbox reads from the files of a frozen campaign, by the last digit of the number."""
    found = {}
    for rendered in batches.dry_run(campaign):
        taken = read_back(campaign.account.provider, rendered.payload)
        found.update({msisdn[-1]: text for msisdn, (text, _) in taken.items()})
    return found


def reasons(campaign: Campaign) -> dict[str, str]:
    return {row.msisdn[-1]: row.excluded_reason for row in campaign.recipients.exclude(excluded_reason="")}


def test_by_default_the_campaign_is_refused(
    account: Account, make_campaign: MakeCampaign, people: ContactList, operator: User
) -> None:
    campaign = make_campaign(account, people, text="Hi @@value1@@")
    found = check.check_audience(campaign)
    assert (found.included, found.problem_count, found.skipped) == (7, 5, {})
    assert found.letters == {
        "message": {"“": 1, "”": 1},
        "value1": {"ë": 1, "Ł": 1, "И": 1, "в": 1, "а": 1, "н": 1, "\u200b": 1},
    }
    assert freeze(campaign, operator).reason == "texts_refused"


@pytest.mark.postgresql
def test_letters_are_replaced_and_people_skipped_where_there_are_no_similar_ones(
    account: Account, make_campaign: MakeCampaign, people: ContactList, operator: User
) -> None:
    campaign = make_campaign(account, people, text="Hi @@value1@@, it’s “on”", letters="replace_or_skip")
    draft = check.check_audience(campaign)
    campaign = freeze(campaign, operator)
    assert campaign.status == "frozen", campaign.sentence
    assert reasons(campaign) == {"3": "unsupported_letters", "4": "missing_field"}
    assert campaign.counts["excluded"] == draft.excluded == {"unsupported_letters": 1, "missing_field": 1}
    assert campaign.counts["included"] == draft.included == 5
    assert draft.is_complete
    assert draft.letters_in_text == {"’": "'", "“": '"', "”": '"'}
    assert texts_of(campaign) == {
        "0": 'Hi Ann, it\'s "on"',
        "1": 'Hi Zoe, it\'s "on"',
        "2": 'Hi Lukasz, it\'s "on"',
        "5": 'Hi Renée, it\'s "on"',
        "6": 'Just for "you"',
    }
    previews = {row.msisdn[-1]: composer_of(campaign).message(row).text for row in campaign.recipients.included()}
    assert previews == texts_of(campaign)
    assert balance.audit(campaign).balanced


def test_replacing_alone_still_refuses_what_has_no_similar_letters(
    account: Account, make_campaign: MakeCampaign, people: ContactList, operator: User
) -> None:
    campaign = freeze(make_campaign(account, people, text="Hi @@value1@@", letters="replace"), operator)
    assert campaign.reason == "texts_refused"
    assert [row["msisdn"][-1] for row in campaign.problems] == ["3"]
    Contact.objects.filter(msisdn="27825550103").delete()
    campaign = freeze(campaign, operator)
    assert campaign.status == "frozen"
    assert campaign.counts["letters"]["value1"]["ë"] == 1


def test_people_are_skipped_without_replacing_anything(
    account: Account, make_campaign: MakeCampaign, people: ContactList, operator: User
) -> None:
    campaign = freeze(make_campaign(account, people, text="Hi @@value1@@", letters="skip"), operator)
    assert set(reasons(campaign)) == {"1", "2", "3", "4", "6"}
    assert set(reasons(campaign).values()) == {"unsupported_letters"}
    assert texts_of(campaign) == {"0": "Hi Ann", "5": "Hi Renée"}


def test_where_a_text_lacks_nothing_nothing_is_replaced(
    account: Account, make_campaign: MakeCampaign, people: ContactList, operator: User
) -> None:
    clickatell = Account.objects.create(name="Clickatell", provider="clickatell", settings={"username": "x"})
    fields = {"text": "Hi @@value1@@ ’", "letters": "replace_or_skip"}
    campaign = make_campaign(clickatell, people, options=default_options(clickatell, unicode=True), **fields)
    campaign = freeze(campaign, operator)
    assert reasons(campaign) == {}
    assert composer_of(campaign).message(campaign.recipients.get(msisdn="27825550103")).text == "Hi Иван ’"


def test_a_campaign_must_be_approved_again_when_a_release_replaces_letters_in_another_way(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = make_list()
    campaigns = [
        make_campaign(account, people, letters=choice) for choice in ("refuse", "skip", "replace", "replace_or_skip")
    ]
    before = [approval_hash(campaign) for campaign in campaigns]
    letters.fingerprint.cache_clear()
    monkeypatch.setitem(letters._TABLE, "ë", "ee")
    after = [approval_hash(campaign) for campaign in campaigns]
    letters.fingerprint.cache_clear()
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, True, False, False]


def test_the_counter_says_what_makes_texts_expensive(
    account: Account, make_campaign: MakeCampaign, make_list: MakeList
) -> None:
    people = make_list(count=4)
    Contact.objects.filter(msisdn="27825550100").update(message="a" * 159 + "€")
    Contact.objects.filter(msisdn="27825550101").update(message="a" * 100 + "’")
    Contact.objects.filter(msisdn="27825550102").update(message="a" * 400)
    found = check.check_audience(make_campaign(account, people, text="Hi @@value1@@"))
    assert found.expensive == {"€": (1, 1), "’": (1, 1)}
    assert (found.least, found.typical, found.most) == (11, 101, 400)
    assert {name: kind.count for name, kind in found.kinds.items()} == {
        "longest": 4, "parts": 1, "replaced": 1, "empty": 0, "own": 3,
    }  # fmt: skip
    assert found.kinds["parts"].first == [3]
