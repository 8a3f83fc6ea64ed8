"""Versions of templates, and copying one into a draft whose lists have other fields."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from campaigns.audience.check import check_audience
from campaigns.models import Campaign, Template
from campaigns.template_versions import current_version
from contacts.errors import Refusal
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze
from tests.pages import html_of

TEXT = "Hi @@value1@@, your balance is @@value2@@. Reply STOP to opt out."


@pytest.fixture
def client(operator: User, logged_in: Callable[[User], Client]) -> Client:
    return logged_in(operator)


@pytest.fixture
def template(db: None) -> Template:
    labels = {"value1": "First name", "value2": "Balance"}
    return Template.objects.create(name="Autumn offer", text=TEXT, labels=labels, sender="SHOP")


@pytest.fixture
def dated(make_list: Callable[..., ContactList]) -> ContactList:
    """A list that has a date where the template has the balance."""
    made = make_list("Dated", value2="2026-12-27", value4="R 250")
    made.labels = {"value1": "First name", "value2": "Due date", "value4": "balance"}
    made.save()
    return made


def test_every_save_of_a_change_is_a_version_and_an_old_one_can_be_restored(client: Client, operator: User) -> None:
    posted = {"name": "Promo", "text": "One", "sender": "", "label_value1": "First name"}
    client.post("/templates/new/", posted)
    template = Template.objects.get()
    url = f"/templates/{template.pk}/"
    client.post(url, posted | {"text": "Two", "label_value1": ""})
    client.post(url, posted | {"text": "Two", "label_value1": "", "name": "Renamed"})
    assert [(row.number, row.text, row.created_by) for row in template.versions.all()] == [
        (2, "Two", operator),
        (1, "One", operator),
    ], "a new name alone makes no version"
    page = html_of(client.get(url))
    assert "Version 2</a> (current)" in page

    page = html_of(client.get(f"{url}versions/1/"))
    assert "Restore as a new version" in page
    assert "First name" in page
    assert "Restore" not in html_of(client.get(f"{url}versions/2/"))
    client.post(f"{url}versions/1/restore/")
    template.refresh_from_db()
    assert (template.text, template.labels, template.name) == ("One", {"value1": "First name"}, "Renamed")
    assert current_version(template).number == 3


def test_a_viewer_sees_versions_and_restores_none(
    template: Template, viewer: User, logged_in: Callable[[User], Client]
) -> None:
    current_version(template)
    client = logged_in(viewer)
    assert "Version 1" in html_of(client.get(f"/templates/{template.pk}/"))
    assert "Restore" not in html_of(client.get(f"/templates/{template.pk}/versions/1/"))
    assert client.post(f"/templates/{template.pk}/versions/1/restore/").status_code == 403
    assert client.get(f"/templates/{template.pk}/versions/9/").status_code == 404


def test_a_new_campaign_binds_the_template_to_its_list_and_says_which_version_it_copied(
    client: Client, template: Template, dated: ContactList, account: Account, operator: User
) -> None:
    client.post("/campaigns/new/", {"name": "Promo", "lists": [dated.pk], "template": template.pk})
    campaign = Campaign.objects.get()
    assert campaign.text == TEXT.replace("value2", "value4")
    assert campaign.template_version == 1
    assert check_audience(campaign).longest[0]["text"].startswith("Hi Person 0, your balance is R 250.")

    facts = html_of(client.get(f"/campaigns/{campaign.pk}/check/"))
    assert "Autumn offer, version 1" in facts
    assert "is current" not in facts
    template.text = "New"
    template.save()
    current_version(template)
    assert "version 2 is current" in html_of(client.get(f"/campaigns/{campaign.pk}/check/"))


def test_a_label_that_the_list_lacks_is_asked_about_and_nothing_is_submitted_until_then(
    client: Client, template: Template, make_list: Callable[..., ContactList], account: Account, operator: User
) -> None:
    people = make_list("Names only", value2="2026-12-27")
    people.labels = {"value1": "First name", "value2": "Due date"}
    people.save()
    client.post("/campaigns/new/", {"name": "Promo", "lists": [people.pk]})
    campaign = Campaign.objects.get()
    url = f"/campaigns/{campaign.pk}/edit/message/"
    posted: dict[str, Any] = {"account": account.pk, "template": template.pk, "text": "", "options-check_optouts": "on"}

    page = client.post(url, posted | {"turn": "template"})
    form = page.context["message_form"]
    assert form.unbound_fields() == [{"field": "value2", "label": "Balance", "column": ""}]
    assert "Balance is now" in page.content.decode()
    kept = {name: form[name].value() for name in ("text", "text_labels", "copied", "sender")}
    measured = client.post(reverse("campaigns:measure"), posted | kept | {"campaign": campaign.pk})
    for shown in (page.content.decode(), measured.content.decode()):
        assert 'title="@@value2@@">Balance</button>' in shown
        assert "The preview appears once you have chosen, below the text, what “Balance” is on these lists." in shown
        assert "2026-12-27" not in shown
    missing = client.post(
        reverse("campaigns:measure"), posted | kept | {"campaign": campaign.pk, "text": kept["text"] + "{x}"}
    )
    assert len(missing.context["missing"]) == 2, "a field of another tool, and one that is not bound"
    client.post(url, posted | kept)
    campaign.refresh_from_db()
    assert (campaign.template, campaign.template_version) == (template, 1)
    for refuse in (check_audience, lambda row: freeze(row, operator)):
        with pytest.raises(Refusal, match="uses “Balance”, but the chosen lists have something else"):
            refuse(campaign)
    assert "Balance is now" in client.get(url).content.decode()

    page = client.post(url, posted | kept | {"turn": "bind", "instead_value2": "on your bill"})
    form = page.context["message_form"]
    assert form.unbound_fields() == []
    client.post(url, posted | {name: form[name].value() for name in kept})
    campaign.refresh_from_db()
    assert campaign.text == TEXT.replace("@@value2@@", "on your bill")
    assert check_audience(campaign).included == 5


def test_a_draft_whose_lists_change_offers_the_field_with_the_same_label(
    client: Client,
    account: Account,
    make_campaign: MakeCampaign,
    make_list: Callable[..., ContactList],
    dated: ContactList,
) -> None:
    first = make_list("First", first=27835550100)
    first.labels = {"value1": "First name", "value2": "Balance"}
    first.save()
    campaign = make_campaign(account, first)
    url = f"/campaigns/{campaign.pk}/edit/message/"
    posted = {"account": account.pk, "text": TEXT, "options-check_optouts": "on"}
    client.post(url, posted)
    client.post(f"/campaigns/{campaign.pk}/edit/recipients/", {"name": "Promo", "lists": [dated.pk]})

    form = client.get(url).context["message_form"]
    assert form.unbound_fields() == [{"field": "value2", "label": "Balance", "column": "value4"}]
    kept = {name: form[name].value() for name in ("text", "text_labels")}
    form = client.post(url, posted | kept | {"turn": "bind", "bind_value2": "value4"}).context["message_form"]
    assert form["text"].value() == TEXT.replace("value2", "value4")
    assert form.unbound_fields() == []


@pytest.mark.parametrize("labels", ["nonsense", "[1]", '{"value1": 7, "x": "y"}'])
def test_damaged_labels_in_the_form_are_ignored(
    client: Client, account: Account, make_campaign: MakeCampaign, labels: str
) -> None:
    campaign = make_campaign(account)
    posted = {"account": account.pk, "text": "Hi @@value1@@", "text_labels": labels, "copied": "9:9"}
    client.post(f"/campaigns/{campaign.pk}/edit/message/", posted | {"options-check_optouts": "on"})
    campaign.refresh_from_db()
    assert (campaign.text, campaign.text_labels) == ("Hi @@value1@@", {"value1": "First name"})
    assert campaign.template is None
