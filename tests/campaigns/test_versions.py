"""What changed between two versions of a campaign: text, settings, and people in and out."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from pytest_django import Settings

from campaigns import decisions
from campaigns.audience import freeze as audience_freeze
from campaigns.audience.versions import _compare, changes_of, erase_old_numbers, text_changes
from campaigns.models import Campaign, CampaignVersion
from campaigns.templatetags.badges import with_labels
from contacts.models import Contact, ContactList
from providers.locks import LockLost
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze

NUMBERS = st.sets(st.integers(270, 27_999).map(str), max_size=20)


@with_settings(suppress_health_check=[HealthCheck.too_slow])
@given(NUMBERS, NUMBERS)
def test_people_in_and_out_are_counted(before: set[str], now: set[str]) -> None:
    assert _compare(iter(sorted(before)), iter(sorted(now))) == (len(now - before), len(before - now))


@given(st.text("ab \n"), st.text("ab \n"))
def test_the_pieces_are_both_texts(before: str, after: str) -> None:
    pieces = text_changes(before, after)
    assert "".join(words for kind, words in pieces if kind != "new") == before
    assert "".join(words for kind, words in pieces if kind != "gone") == after


def test_changed_words_are_marked() -> None:
    assert text_changes("Hi [First name], 20 % off", "Hi [First name], 30 % off now") == [
        ("same", "Hi [First name], "),
        ("gone", "20"),
        ("new", "30"),
        ("same", " % off"),
        ("new", " now"),
    ]


@pytest.fixture
def campaign(account: Account, make_campaign: MakeCampaign, operator: User) -> Campaign:
    """Frozen once, for five people."""
    return freeze(make_campaign(account), operator)


def stored(settings: Settings) -> list[str]:
    return sorted(path.name for path in Path(settings.MEDIA_ROOT, "versions").glob("*"))


@pytest.mark.django_db
def test_the_second_version_says_what_changed(
    campaign: Campaign, operator: User, approver: User, settings: Settings, make_list: Callable[..., ContactList]
) -> None:
    first = changes_of(campaign)
    assert first is not None
    assert (first.number, first.before, first.are_none) == (1, None, False)
    decisions.reject(campaign, approver, "Say 30")
    contact_list = ContactList.objects.get()
    Contact.objects.filter(msisdn__in=("27825550100", "27825550104")).delete()
    for msisdn in ("27825550099", "27825550102555"):
        Contact.objects.create(list=contact_list, msisdn=msisdn, phone=msisdn)
    Contact.objects.create(list=contact_list, msisdn="27825550999", phone="27825550999")
    Campaign.objects.filter(pk=campaign.pk).update(text="Hi @@value1|friend@@, 30 % off.", pace=500)
    campaign = freeze(Campaign.objects.select_related("account").get(pk=campaign.pk), operator)
    changes = changes_of(campaign)
    assert changes is not None
    assert changes.before is not None
    assert changes.before.number == 1
    assert (changes.came, changes.went) == (3, 2)
    assert changes.settings == [("Recipients an hour", "As fast as possible", "500")]
    assert ("gone", "20") in changes.text
    assert changes.text[0] == ("same", "Hi [First name, or “friend”], ")
    assert stored(settings) == [f"c{campaign.pk}-v2.gz"], "only the latest version keeps its numbers"
    decisions.change(campaign, operator)
    campaign = freeze(Campaign.objects.select_related("account").get(pk=campaign.pk), operator)
    unchanged = changes_of(campaign)
    assert unchanged is not None
    assert (unchanged.number, unchanged.are_none) == (3, True)


@pytest.mark.django_db
def test_the_numbers_are_erased_when_the_campaign_ends(campaign: Campaign, operator: User, settings: Settings) -> None:
    assert (erase_old_numbers(), stored(settings)) == (0, [f"c{campaign.pk}-v1.gz"])
    decisions.cancel(campaign, operator)
    assert (erase_old_numbers(), stored(settings)) == (1, [])
    assert CampaignVersion.objects.get().msisdns == ""


@pytest.mark.django_db
def test_a_freeze_that_fails_at_its_end_leaves_no_numbers(
    account: Account, make_campaign: MakeCampaign, operator: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(account)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(audience_freeze, "record_version", fail)
        with pytest.raises(RuntimeError):
            freeze(campaign, operator)
    assert stored(settings) == []
    Path(settings.MEDIA_ROOT, "versions").mkdir(exist_ok=True)
    leftover = Path(settings.MEDIA_ROOT, "versions", f"c{campaign.pk}-v1.gz")
    leftover.write_bytes(b"left by a crash")
    audience_freeze.freeze(campaign.pk, campaign.created_at)
    assert leftover.read_bytes() != b"left by a crash"
    assert Campaign.objects.get(pk=campaign.pk).status == "frozen"


@pytest.mark.django_db
def test_a_lost_lock_keeps_what_another_worker_stored(
    account: Account, make_campaign: MakeCampaign, operator: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object, **__: object) -> None:
        raise LockLost

    monkeypatch.setattr(audience_freeze, "record_version", lose)
    with pytest.raises(LockLost):
        freeze(make_campaign(account), operator)
    assert len(stored(settings)) == 1


@pytest.mark.django_db
def test_frozen_values_keep_their_labels(campaign: Campaign, operator: User, approver: User) -> None:
    ContactList.objects.update(labels={"value1": "Balance"})
    row = Campaign.objects.select_related("account").get(pk=campaign.pk)
    assert row.value_labels() == {"value1": "First name"}
    assert "First name" in with_labels(row)
    decisions.reject(row, approver, "Look again")
    row.refresh_from_db()
    assert row.value_labels() == {"value1": "Balance"}
    changes = changes_of(freeze(row, operator))
    assert changes is not None
    assert [piece for piece in changes.text if piece[0] == "new"], "the same text with other labels"
    assert "Balance" in with_labels(Campaign.objects.get(pk=campaign.pk))
