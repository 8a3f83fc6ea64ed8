"""What the steps of a draft refuse: errors beside their fields, drafts that changed meanwhile."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.audience.check import check_audience
from campaigns.forms.message import MessageForm
from campaigns.models import Campaign
from campaigns.views.step_navigation import PLACES
from campaigns.views.steps import FORMS
from contacts.errors import Refusal
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import message, step
from tests.pages import html_of

LogIn = Callable[[User], Client]

pytestmark = pytest.mark.usefixtures("enqueued")


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"account": None}, "no_account", "message"),
        ({"text": ""}, "text_empty", "message"),
        ({"text": "Hi @@first@@"}, "unknown_field", "message"),
        ({"text": "Hi {name}"}, "looks_like_a_field", "message"),
        ({"lists": None}, "no_list", "recipients"),
    ],
)
def test_a_refusal_links_to_the_step_that_fixes_it(
    changes: dict[str, Any],
    code: str,
    place: str,
    account: Account,
    make_campaign: Callable[..., Campaign],
    operator: User,
    logged_in: LogIn,
) -> None:
    campaign = make_campaign(account)
    if "lists" in changes:
        campaign.campaignlist_set.all().delete()
    else:
        Campaign.objects.filter(pk=campaign.pk).update(**changes)
        campaign.refresh_from_db()
    with pytest.raises(Refusal) as refused:
        check_audience(campaign)
    assert refused.value.code == code
    client = logged_in(operator)
    page = client.get(f"/campaigns/{campaign.pk}/check/")
    assert f"{step(campaign, place)}?fix=1" in page.text
    assert client.get(f"/campaigns/{campaign.pk}/edit/").headers["Location"] == step(campaign, place)
    fixing = client.get(step(campaign, place), {"fix": "1"})
    assert fixing.context["problem_field"] == PLACES[code][1]
    assert refused.value.sentence in html_of(fixing).replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("name", "changes", "field", "sentence"),
    [
        ("recipients", {"name": "", "lists": []}, "name", "Give the campaign a name."),
        ("message", {"text": "Hi @@first@@"}, "text", "is not a field. Use @@value1@@ to @@value6@@"),
        ("when", {"start_at": "2020-01-01T10:00"}, "start_at", "The start is in the past"),
        ("when", {"end_at": "2020-01-01T10:00"}, "end_at", "The end is in the past"),
        ("when", {"is_early": "on"}, "is_early", "Uploading now needs a start."),
        ("message", {"sender": "much too long one"[:15]}, "sender", "The sender may be up to 11 letters"),
    ],
)
def test_an_error_is_shown_beside_its_field_and_everything_else_is_saved(
    name: str,
    changes: dict[str, Any],
    field: str,
    sentence: str,
    account: Account,
    make_campaign: Callable[..., Campaign],
    operator: User,
    logged_in: LogIn,
) -> None:
    campaign = make_campaign(account)
    before = getattr(campaign, field)
    posted = (
        (message(account) if name == "message" else {})
        | {"end_at": "2100-01-01T10:00", "preset": "none"}
        | changes
        | {"go": "check"}
    )
    page = logged_in(operator).post(step(campaign, name), posted)
    assert page.status_code == 422
    [form] = [form for key in FORMS[name] if field in (form := page.context[key]).fields]
    assert sentence in " ".join(form.errors[field])
    assert sentence in page.text
    assert str(changes[field]).removesuffix("on") in page.text, "what was typed is kept"
    assert f'<a href="/campaigns/{campaign.pk}/check/">Continue without them</a>' in page.text
    campaign.refresh_from_db()
    assert getattr(campaign, field) == before
    if name == "message" and field == "text":
        assert campaign.sender == "ACME"
    elif name == "message":
        assert campaign.text == posted["text"]
    elif name == "when" and field != "end_at":
        assert campaign.end_at is not None


def test_a_new_draft_without_a_name_is_not_saved_and_keeps_its_lists(
    make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    chosen = make_list()
    page = logged_in(operator).post("/campaigns/new/", {"name": "", "lists": [chosen.pk]})
    assert page.status_code == 422
    assert "Give the campaign a name." in page.text
    assert page.context["recipients_form"].chosen_lists() == [str(chosen.pk)]
    assert not Campaign.objects.exists()


def test_an_error_in_a_provider_option_is_shown_beside_it_in_the_open_section(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account, options={"email": "we@example.org", "max_errors": 7})
    client = logged_in(operator)
    posted = message(account, sender="", **{"options-email": "nobody", "options-max_errors": "9"})
    page = client.post(step(campaign, "message"), posted)
    assert page.status_code == 422
    assert "email" in page.context["message_form"].options.errors
    assert 'id="advanced" open' in html_of(page)
    campaign.refresh_from_db()
    assert (campaign.options["email"], campaign.options["max_errors"]) == ("we@example.org", 9)


def test_the_same_list_twice_is_refused(
    make_campaign: Callable[..., Campaign], account: Account, operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    [chosen] = campaign.ordered_lists()
    posted = {"name": "Renamed", "lists": [chosen.pk, chosen.pk]}
    page = logged_in(operator).post(step(campaign, "recipients"), posted)
    assert page.context["recipients_form"].errors["lists"] == ["Customers is chosen twice."]
    campaign.refresh_from_db()
    assert (campaign.name, campaign.ordered_lists()) == ("Renamed", [chosen])


@pytest.mark.parametrize(("digits", "is_taken"), [(16, True), (17, False)])
def test_a_sender_of_16_digits_is_for_clickatell_to_judge(
    digits: int,
    is_taken: bool,
    make_campaign: Callable[..., Campaign],
    operator: User,
    logged_in: LogIn,
) -> None:
    account = Account(name="Clickatell main", provider="clickatell")
    account.save_settings(dict.fromkeys(account.adapter.SettingsForm.base_fields, "x") | {"port": 9})
    posted = message(account, sender="1" * digits)
    response = logged_in(operator).post(step(make_campaign(account), "message"), posted)
    assert response.status_code == (302 if is_taken else 422)
    assert Campaign.objects.filter(sender="1" * digits).exists() == is_taken


def test_a_sender_of_16_digits_is_refused_by_providers_that_take_15(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    posted = message(account, sender="1" * 16)
    response = logged_in(operator).post(step(make_campaign(account), "message"), posted)
    assert response.status_code == 422
    assert "up to 15 digits" in response.content.decode()


def test_a_draft_that_was_submitted_meanwhile_is_not_changed(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn, monkeypatch: Any
) -> None:
    campaign = make_campaign(account)

    def submitted(self: MessageForm) -> bool:
        Campaign.objects.filter(pk=campaign.pk).update(status="freezing")
        return True

    monkeypatch.setattr(MessageForm, "is_valid", submitted)
    page = logged_in(operator).post(step(campaign, "message"), message(account, text="Other"), follow=True)
    assert "is no longer a draft. Nothing was changed." in page.text
    campaign.refresh_from_db()
    assert campaign.text != "Other"


def test_a_campaign_that_is_no_draft_is_not_edited(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    Campaign.objects.filter(pk=campaign.pk).update(status="frozen", frozen_by=operator, counts={})
    chosen = [row.pk for row in campaign.ordered_lists()]
    client = logged_in(operator)
    for name in ("recipients", "message", "when"):
        response = client.post(step(campaign, name), message(account) | {"name": "Changed", "lists": chosen})
        assert response.headers["Location"] == f"/campaigns/{campaign.pk}/"
    campaign.refresh_from_db()
    assert campaign.name == "October promo"


def test_a_step_that_somebody_else_saved_is_not_overwritten_unseen(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign, client = make_campaign(account), logged_in(operator)
    posts: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "recipients": (
            {"name": "Mine", "lists": [campaign.ordered_lists()[0].pk]},
            {"not_texted_for_days": 7},
        ),
        "message": (message(account, text="Mine"), {"text": "Theirs"}),
        "when": ({"preset": "south_africa", "pace": "500"}, {"parts_ceiling": 9}),
    }
    for name, (posted, theirs) in posts.items():
        url = step(campaign, name)
        seen = _seen(client.get(url))
        # A button that saves nothing keeps what the page showed.
        if name == "message":
            assert _seen(client.post(url, {**posted, "seen": seen, "turn": "clean"})) == seen
        Campaign.objects.filter(pk=campaign.pk).update(**theirs)
        refused = client.post(url, {**posted, "seen": seen})
        assert refused.status_code == 422
        assert "Somebody changed this step since you opened it." in html_of(refused)
        if name == "message":
            campaign.refresh_from_db()
            assert campaign.text == "Theirs"
            assert "Mine" in html_of(refused)
        assert client.post(url, {**posted, "seen": _seen(refused)}).status_code == 302
        assert client.post(url, {**posted, "seen": _seen(client.get(url))}).status_code == 302, "nobody changed it"
    campaign.refresh_from_db()
    assert (campaign.text, campaign.name, campaign.pace) == ("Mine", "Mine", 500)


def _seen(response: Any) -> str:
    [found] = re.findall(r'name="seen" value="(\w+)"', response.content.decode())
    return str(found)
