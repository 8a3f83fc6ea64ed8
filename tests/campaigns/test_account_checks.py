"""What each account would do with a draft, and choosing one: on the check and before a draft is even saved."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.audience import check, compare, sources
from campaigns.audience.compare import AccountCheck
from campaigns.audience.spec import composer_of
from campaigns.models import Campaign
from contacts import suppression
from contacts.errors import Refusal
from contacts.models import Contact, ContactList
from providers import locks, registry
from providers.base import BaseAdapter, CampaignSpec, Message, Problem
from providers.errors import Refused
from providers.limits import Guard, Limits
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.pages import html_of

LogIn = Callable[[User], Client]


class AcmeTransport:
    """Opens no connection; refuses the user name "locked"."""

    @staticmethod
    @contextmanager
    def connect(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        if settings["username"] == "locked":
            raise Refused("login_refused", "Acme refused the login.", account=True)
        yield settings


class Acme(BaseAdapter):
    """Accepts Unicode, two recipients a file, no sender with a digit, no number ending in 3; supports no start time."""

    slug = "acme"
    label = "Acme"
    transport = AcmeTransport
    limits = Limits(rows=2, bytes=1_000_000, alphabet="gsm+ucs2", newline_units=2)
    guard = Guard.none()
    give_up_after = timedelta(hours=1)

    class SettingsForm(forms.Form):
        username = forms.CharField()

    class OptionsForm(forms.Form):
        route = forms.ChoiceField(choices=[("1", "Economy"), ("3", "Premium")], initial="3")
        is_flash = forms.BooleanField(required=False, initial=False)
        note = forms.CharField(required=False)

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        if any(character.isdigit() for character in spec.sender):
            return [Problem("sender_invalid", "Acme takes no digit in a sender.", "sender")]
        return []

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        if message.msisdn.endswith("3"):
            return [Problem("number_refused", "Acme does not like this number.")]
        return []

    def quote(self, remote: Any, spec: CampaignSpec, message: Message) -> str | None:
        return f"1.50 credits by route {spec.options['route']} for {len(message.text)} characters"


@pytest.fixture
def acme(db: None, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setitem(registry.all_adapters(), "acme", Acme)
    made = Account(name="Acme main", provider="acme")
    made.save_settings({"username": "we"})
    return made


def by_account(campaign: Campaign) -> dict[str, AccountCheck]:
    return {
        account_check.account.name: account_check
        for account_check in compare.compare_accounts(campaign, timezone.now())
    }


def test_each_account_is_checked_by_its_own_adapter(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign]
) -> None:
    campaign = make_campaign(account, text="Hi @@value1@@ 中\nbye")
    found = by_account(campaign)
    ours, theirs = found["SMSPortal main"], found["Acme main"]
    assert (ours.is_chosen, theirs.is_chosen) == (True, False)
    assert ours.measured.problem_count == ours.included == 5
    assert theirs.foreign == "中"
    assert [n for n, _ in ours.refused] == [5]
    assert "not 中" in ours.refused[0][1]
    assert theirs.measured.problem_count == 1
    assert theirs.refused == [(1, "Acme does not like this number.")]
    assert theirs.measured.unicode == 5
    assert theirs.histogram == [(1, 5)]
    assert (ours.files, theirs.files) == (1, 3)


def test_characters_of_other_texts_are_shown_as_well(
    account: Account, make_list: Callable[..., ContactList], make_campaign: Callable[..., Campaign]
) -> None:
    campaign = make_campaign(account, make_list("Customers"))
    Contact.objects.filter(msisdn="27825550101").update(value1="Zoë")
    Contact.objects.filter(msisdn="27825550102").update(value1="Łucja")
    found = by_account(campaign)["SMSPortal main"]
    assert [n for n, _ in found.refused] == [2]
    assert "not ë" in found.refused[0][1]
    assert found.further == "Ł"


def test_every_reason_is_shown_and_together_they_are_all_that_is_refused(
    account_at: Callable[..., Account], make_list: Callable[..., ContactList], make_campaign: Callable[..., Campaign],
    operator: User, logged_in: LogIn,
) -> None:  # fmt: skip
    texts = ["Zoë", "Ω `", "5 €", "5 € 2", "a\ff", "x" * 700, "y" * 2000, "fine", "Żaneta ę", "z" * 700]
    people = make_list(count=len(texts))
    for position, text in enumerate(texts):
        Contact.objects.filter(msisdn=str(27825550100 + position)).update(message=text)
    campaign = make_campaign(account_at("bulksms"), people)
    account_check = compare.compare_accounts(campaign, timezone.now())[0]
    assert [n for n, _ in account_check.refused] == [3, 3, 2, 1]
    assert sum(n for n, _ in account_check.refused) == account_check.measured.problem_count == 9
    sentences = " ".join(sentence for _, sentence in account_check.refused)
    for words in ("ë", "does not say how to write €", "form feed", "needs 5 parts"):
        assert words in sentences
    assert account_check.further == "` Ż ę"
    page = html_of(logged_in(operator).get(f"/campaigns/{campaign.pk}/compare/"))
    assert "9 of 10 refused" in page
    assert page.count("form feed") == 1


def test_only_characters_that_can_be_at_fault_are_named(
    account_at: Callable[..., Account], make_list: Callable[..., ContactList], make_campaign: Callable[..., Campaign]
) -> None:
    people = make_list(count=4)
    for position, text in enumerate(
        ["Hi #field1#", "Hi #field2#", "a\u200b", "".join(map(chr, range(0x4E00, 0x4E20)))]
    ):
        Contact.objects.filter(msisdn=str(27825550100 + position)).update(message=text)
    campaign = make_campaign(account_at("clickatell"), people)
    account_check = compare.compare_accounts(campaign, timezone.now())[0]
    assert [n for n, _ in account_check.refused] == [2, 2]
    assert "#" not in account_check.further
    assert account_check.further.endswith("专 and 12 more")
    assert account_check.foreign.startswith("U+200B 一")


@pytest.mark.parametrize(("is_chosen", "words"), [(True, "(because Unicode is chosen)"), (False, "(because of ç)")])
def test_it_says_why_texts_are_unicode(
    account_at: Callable[..., Account], acme: Account, make_list: Callable[..., ContactList],
    make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn, is_chosen: bool, words: str,
) -> None:  # fmt: skip
    people = make_list()
    Contact.objects.filter(msisdn="27825550101").update(value1="François")
    clickatell = account_at("clickatell")
    chosen = (clickatell, {"unicode": True, "concat": 3}) if is_chosen else (acme, {})
    campaign = make_campaign(chosen[0], people, text="Hi @@value1@@", options=chosen[1])
    Account.objects.exclude(pk=chosen[0].pk).update(is_active=False)
    Contact.objects.filter(msisdn="27825550103").delete()
    page = html_of(logged_in(operator).get(f"/campaigns/{campaign.pk}/compare/"))
    texts = "4 texts" if is_chosen else "1 text"
    assert f"{texts} as Unicode, with 70 characters per part {words}" in page


def test_one_problem_about_a_literal_field_is_enough(
    account: Account, make_list: Callable[..., ContactList], make_campaign: Callable[..., Campaign]
) -> None:
    Contact.objects.filter(list=(people := make_list(count=1))).update(message="Hi @@value1@@")
    checked = check.check_audience(make_campaign(account, people))
    assert checked.problems[0]["sentence"].count("@@value1@@") == 1


def test_a_failed_test_and_a_warning_are_shown_beside_the_account(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    def tested(**line: Any) -> dict[str, Any]:
        said = {"code": "login", "label": "Login", "sentence": "The password is wrong."}
        return {"checked_at": timezone.now(), "check_result": [said | line]}

    campaign = make_campaign(account)
    client, url = logged_in(operator), f"/campaigns/{campaign.pk}/compare/"
    Account.objects.update(**tested(passed=True))
    page = client.get(url).content.decode()
    assert "Test failed" not in page
    assert "with warnings" not in page
    Account.objects.filter(pk=acme.pk).update(**tested(passed=False))
    Account.objects.filter(pk=account.pk).update(**tested(passed=None, is_warning=True))
    page = client.get(url).content.decode()
    assert page.count("Test failed") == page.count("Working, with warnings") == 1


def test_equal_results_of_several_accounts_are_shown_once(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    for number in range(5):
        Account.objects.create(name=f"SMSPortal {number}", provider="smsportal", settings=account.settings)
    campaign = make_campaign(account, text="Hi @@value1@@ 中")
    groups = compare.group_alike(compare.compare_accounts(campaign, timezone.now()))
    assert sorted(len(group) for group in groups) == [1, 6]
    page = html_of(logged_in(operator).get(f"/campaigns/{campaign.pk}/compare/"))
    assert page.count("takes GSM characters only; not 中") == 1
    assert page.count("5 of 5 refused") == 6
    assert page.count("/choose/") == 6


def test_it_counts_what_the_check_counts(
    account: Account, acme: Account, make_list: Callable[..., ContactList], make_campaign: Callable[..., Campaign]
) -> None:
    first, second = make_list("Customers"), make_list("VIP", first=27825550104)
    suppression.suppress(["27825550101"], "manual")
    Contact.objects.filter(msisdn="27825550106").update(message="x" * 200)
    campaign = make_campaign(account, first, second)
    checked = check.check_audience(campaign)
    found = by_account(campaign)["SMSPortal main"]
    assert found.included == checked.included == 8
    assert found.is_complete
    assert found.measured.parts == checked.parts == 9
    assert dict(found.histogram) == checked.histogram == {1: 7, 2: 1}
    assert not found.spec_problems


def test_only_the_first_texts_are_checked_where_there_are_many(
    account: Account, make_campaign: Callable[..., Campaign], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "CHECKED", 2)
    found = by_account(make_campaign(account))["SMSPortal main"]
    assert (found.measured.included, found.included, found.is_complete) == (2, 5, False)


def test_a_campaign_spec_is_checked_with_the_options_it_would_have(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign]
) -> None:
    campaign = make_campaign(account, sender="ACME1", options={"max_errors": 7})
    found = by_account(campaign)
    assert [problem.sentence for problem in found["Acme main"].spec_problems] == ["Acme takes no digit in a sender."]
    assert compare.options_for(campaign, account) == {"max_errors": 7}
    assert compare.options_for(campaign, acme) == {"route": "3", "is_flash": False, "note": ""}


def test_a_campaign_spec_contains_the_settings_of_its_account(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign]
) -> None:
    campaign = make_campaign(account, end_at=timezone.now() + timedelta(days=1))
    text = check.usable_text(campaign.text, sources.sources_of(campaign))
    assert compare.composer_for(campaign, acme, text).spec.account == {"username": "we"}
    assert compare.composer_for(campaign, account, text).spec == composer_of(campaign, text).spec


def test_it_says_what_an_early_start_would_be(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign]
) -> None:
    start = timezone.now() + timedelta(days=2)
    found = by_account(make_campaign(account, is_early=True, start_at=start))
    assert "cannot be recalled" in found["SMSPortal main"].early
    assert "Baton holds them until then" in found["Acme main"].early
    assert not found["Acme main"].spec_problems
    people = ContactList.objects.get()
    later = make_campaign(account, people, name="Later", is_early=True, start_at=start + timedelta(days=300))
    assert by_account(later)["SMSPortal main"].spec_problems[0].code == "start_too_far"
    plain = by_account(make_campaign(account, people, name="Plain", start_at=start))
    assert not plain["SMSPortal main"].early


def test_accounts_out_of_use_are_not_offered(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], operator: User
) -> None:
    campaign = make_campaign(account)
    acme.is_active = False
    acme.save()
    assert list(by_account(campaign)) == ["SMSPortal main"]
    with pytest.raises(Refusal, match="not active"):
        compare.choose_account(campaign, acme, operator)


def test_choosing_brings_the_providers_usual_options_and_drops_what_it_cannot_do(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], approver: User, operator: User
) -> None:
    start = timezone.now() + timedelta(days=2)
    campaign = make_campaign(account, is_early=True, start_at=start, options={"max_errors": 7}, problems=[{}])
    with pytest.raises(Refusal, match="role"):
        compare.choose_account(campaign, acme, approver)
    compare.choose_account(campaign, acme, operator)
    campaign.refresh_from_db()
    assert campaign.account == acme
    assert campaign.options == {"route": "3", "is_flash": False, "note": ""}
    assert (campaign.is_early, campaign.start_at, campaign.problems) == (False, start, [])
    assert operator in campaign.editors.all()


def test_only_a_draft_changes_its_account(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    Campaign.objects.filter(pk=campaign.pk).update(status="frozen", frozen_by=operator, counts={})
    page = logged_in(operator).post(f"/campaigns/{campaign.pk}/choose/{acme.pk}/", follow=True).content.decode()
    assert "is no longer a draft" in page
    campaign.refresh_from_db()
    assert campaign.account == account
    answer = logged_in(operator).get(f"/campaigns/{campaign.pk}/compare/")
    assert answer.headers["Location"] == f"/campaigns/{campaign.pk}/"


def test_the_comparison_shows_every_account_with_its_button(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account, text="Hi @@value1@@ 中", sender="ACME1")
    client = logged_in(operator)
    assert f"/campaigns/{campaign.pk}/compare/" in client.get(f"/campaigns/{campaign.pk}/check/").content.decode()
    page = html_of(client.get(f"/campaigns/{campaign.pk}/compare/"))
    for words in (
        "5 of 5 refused",
        "SMSPortal takes GSM characters only; not 中",
        "5 with 1 part = 5 parts · 1 file",
        "5 with 1 part = 5 parts · 3 files",
        "Acme takes no digit in a sender.",
        f'action="/campaigns/{campaign.pk}/choose/{acme.pk}/"',
    ):
        assert words in page, words
    assert f"/choose/{account.pk}/" not in page
    assert "Ask for a quote" not in page
    fragment = client.get(f"/campaigns/{campaign.pk}/compare/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert "5 of 5 refused" in fragment
    client.post(f"/campaigns/{campaign.pk}/choose/{acme.pk}/")
    campaign.refresh_from_db()
    assert campaign.account == acme


def test_what_cannot_be_compared_says_why(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account, text="Hi @@first@@")
    page = html_of(logged_in(operator).get(f"/campaigns/{campaign.pk}/compare/"))
    assert "is not a field" in page


def test_a_viewer_sees_the_comparison_and_chooses_nothing(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    client = logged_in(viewer)
    page = html_of(client.get(f"/campaigns/{campaign.pk}/compare/"))
    assert "All can be handed over" in page
    assert "Choose" not in page
    assert "quote" not in page
    assert client.post(f"/campaigns/{campaign.pk}/choose/{acme.pk}/").status_code == 403
    assert client.post(f"/campaigns/{campaign.pk}/quote/{acme.pk}/").status_code == 403


@pytest.mark.parametrize("verb", ["choose", "quote"])
def test_actions_are_post_only(
    verb: str, account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    assert logged_in(operator).get(f"/campaigns/{campaign.pk}/{verb}/{account.pk}/").status_code == 405


def test_a_quote_is_requested_for_the_first_recipient_with_the_options_it_would_have(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    assert "Ask for a quote" in logged_in(operator).get(f"/campaigns/{campaign.pk}/compare/").content.decode()
    page = logged_in(operator).post(f"/campaigns/{campaign.pk}/quote/{acme.pk}/", follow=True).content.decode()
    length = len("Hi Person 0, 20 % off ends Sunday.")
    assert f"Acme main quotes 1.50 credits by route 3 for {length} characters" in page


def test_bulksms_is_queried_over_its_own_protocol(
    sandbox: Sandbox, account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    bulksms = Account(name="BulkSMS main", provider="bulksms")
    initial = {name: field.initial for name, field in bulksms.adapter.SettingsForm.base_fields.items()}
    bulksms.save_settings(initial | sandbox.providers["bulksms"])
    people = make_campaign(account).ordered_lists()
    client = logged_in(operator)

    def asked(text: str) -> str:
        campaign = make_campaign(account, *people, text=text)
        return client.post(f"/campaigns/{campaign.pk}/quote/{bulksms.pk}/", follow=True).content.decode()

    assert "BulkSMS main quotes 1 credit for the text of the first recipient." in asked("Hi @@value1@@")
    assert "BulkSMS main quotes 2 credits" in asked("x" * 200)
    assert "gives no price for this text" in asked("Hi 中")
    assert sandbox.messages() == []
    sandbox.stop()
    assert "notice-error" in asked("Hi")


def test_a_failed_quote_is_explained_in_a_sentence(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    client, url = logged_in(operator), f"/campaigns/{campaign.pk}/quote/{acme.pk}/"
    with locks.account_slot(acme):
        assert "in use" in client.post(url, follow=True).content.decode()
    acme.save_settings({"username": "locked"})
    assert "Acme refused the login." in client.post(url, follow=True).content.decode()
    acme.save_settings({"username": "we"})
    Contact.objects.all().delete()
    assert "Nobody is left to text" in client.post(url, follow=True).content.decode()


def composed(account: Account | None, **changes: Any) -> dict[str, Any]:
    return {
        "account": account.pk if account else "",
        "text": "Hi @@value1@@ 中",
        "sender": "",
        **changes,
    }


@pytest.mark.parametrize("is_chosen", [False, True])
def test_accounts_are_compared_before_anything_is_saved(
    account: Account,
    acme: Account,
    make_campaign: Callable[..., Campaign],
    operator: User,
    logged_in: LogIn,
    is_chosen: bool,
) -> None:
    client, campaign = logged_in(operator), make_campaign(account, text="Saved")
    Campaign.objects.filter(pk=campaign.pk).update(account=None)
    url = f"/campaigns/{campaign.pk}/edit/message/"
    assert "Compare accounts" in client.get(url).content.decode()
    posted = composed(account if is_chosen else None, turn="compare", sender="ACME1")
    answer = client.post(url, posted)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "5 of 5 refused" in page
    assert "Acme takes no digit in a sender." in page
    assert f'value="choose-{acme.pk}"' in page
    assert (f'value="choose-{account.pk}"' in page) is not is_chosen
    campaign.refresh_from_db()
    assert (campaign.account, campaign.text, campaign.sender) == (None, "Saved", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": ""}, "Write the text of the message."),
        ({"text": "@@first@@"}, "is not a field"),
        ({"lists": []}, "Choose at least one contact list."),
    ],
)
def test_missing_input_for_a_comparison_is_reported(
    account: Account,
    acme: Account,
    make_campaign: Callable[..., Campaign],
    operator: User,
    logged_in: LogIn,
    changes: dict[str, Any],
    words: str,
) -> None:
    campaign = make_campaign(account)
    if "lists" in changes:
        campaign.campaignlist_set.all().delete()
    posted = composed(None, turn="compare", **changes)
    page = logged_in(operator).post(f"/campaigns/{campaign.pk}/edit/message/", posted).content.decode()
    assert "The accounts cannot be compared yet." in page
    assert words in page


def test_choosing_in_the_form_saves_nothing_and_brings_the_usual_options(
    account: Account, acme: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account, options={"max_errors": 7})
    posted = composed(account, turn=f"choose-{acme.pk}", **{"options-max_errors": "7"})
    form = logged_in(operator).post(f"/campaigns/{campaign.pk}/edit/message/", posted).context["message_form"]
    assert form.chosen_account() == acme
    assert form.options["route"].value() == "3"
    assert not form.options["is_flash"].value()
    campaign.refresh_from_db()
    assert campaign.account == account
    back = logged_in(operator).post(f"/campaigns/{campaign.pk}/edit/message/", {**posted, "turn": "choose-999"})
    assert back.context["message_form"].chosen_account() == account
