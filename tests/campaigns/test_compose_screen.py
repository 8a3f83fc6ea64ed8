"""Writing a campaign: the form, errors beside the fields, the check and the freeze."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign, Template
from contacts import queues
from contacts.models import ContactList
from providers.models import Account

LogIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(queues, "enqueue_once", lambda job, pk: asked.append((job.__name__, pk)))
    return asked


def filled(account: Account, *lists: ContactList, **changes: Any) -> dict[str, Any]:
    return {
        "name": "October promo",
        "account": account.pk,
        "lists": [chosen.pk for chosen in lists],
        "text": "Hi @@value1@@, 20 % off ends Sunday.",
        "sender": "ACME",
        "options-check_optouts": "on",
        "do": "save",
        **changes,
    }


def test_it_saves_a_draft_with_its_lists_in_order_and_records_the_editor(
    account: Account, make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    first, second = make_list("Customers"), make_list("VIP", first=27825550900)
    response = logged_in(operator).post("/campaigns/new/", filled(account, second, first))
    campaign = Campaign.objects.get()
    assert response.headers["Location"] == f"/campaigns/{campaign.pk}/edit/"
    assert campaign.ordered_lists() == [second, first]
    assert list(campaign.editors.all()) == [operator]
    assert campaign.created_by == operator
    assert campaign.options["check_optouts"] is True


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"name": ""}, "name", "Give the campaign a name."),
        ({"text": "Hi @@first@@"}, "text", "is not a field. Use @@value1@@ to @@value6@@"),
        ({"lists": []}, "lists", "Choose at least one contact list."),
        ({"start_at": "2020-01-01T10:00"}, "start_at", "The start is in the past"),
        ({"end_at": "2020-01-01T10:00"}, "end_at", "The end is in the past"),
        ({"is_early": "on"}, "is_early", "Uploading now needs a start."),
        ({"sender": "much too long one"[:15]}, "sender", "The sender may be up to 11 letters"),
    ],
)
def test_errors_are_shown_beside_the_field_and_the_input_is_kept(
    changes: dict[str, Any],
    field: str,
    sentence: str,
    account: Account,
    make_list: Callable[..., ContactList],
    operator: User,
    logged_in: LogIn,
) -> None:
    posted = filled(account, make_list(), **changes)
    response = logged_in(operator).post("/campaigns/new/", posted)
    assert response.status_code == 422
    assert sentence in " ".join(response.context["form"].errors[field])
    assert sentence in response.content.decode()
    if changes.get("text") is None:
        assert "20 % off ends Sunday" in response.content.decode()
    assert not Campaign.objects.exists()


def test_an_error_in_a_provider_option_is_shown_beside_it(
    account: Account, make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    response = logged_in(operator).post("/campaigns/new/", filled(account, make_list(), **{"options-email": "nobody"}))
    assert response.status_code == 422
    assert "email" in response.context["form"].options.errors


def test_the_same_list_twice_is_refused(
    account: Account, make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    chosen = make_list()
    response = logged_in(operator).post("/campaigns/new/", filled(account, chosen, chosen))
    assert response.context["form"].errors["lists"] == ["Customers is chosen twice."]


def test_lists_move_up_and_down_without_javascript_and_nothing_is_saved(
    account: Account, make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    first, second = make_list("Customers"), make_list("VIP", first=27825550900)
    client = logged_in(operator)
    response = client.post("/campaigns/new/", filled(account, first, second, turn="up-1", name=""))
    assert response.status_code == 200
    assert response.context["form"].chosen_lists() == [str(second.pk), str(first.pk)]
    assert "Give the campaign a name" not in response.content.decode()
    response = client.post("/campaigns/new/", filled(account, first, second, turn="remove-0"))
    assert response.context["form"].chosen_lists() == [str(second.pk)]
    response = client.post("/campaigns/new/", filled(account, first, turn="add"))
    assert response.context["form"].chosen_lists() == [str(first.pk), ""]
    assert not Campaign.objects.exists()


def test_a_form_that_is_left_for_an_upload_comes_back_with_the_new_list_chosen(
    account: Account, make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    first, new = make_list("Customers"), make_list("New", first=27825550900)
    client = logged_in(operator)
    response = client.post("/campaigns/new/", filled(account, first, name="", turn="upload"))
    assert response.headers["Location"] == "/contacts/upload/?next=%2Fcampaigns%2Fnew%2F"
    assert '<input type="hidden" name="next" value="/campaigns/new/">' in client.get(response.headers["Location"]).text
    page = client.get("/campaigns/new/", {"uploaded": new.pk})
    form = page.context["form"]
    assert page.status_code == 200
    assert (form["text"].value(), form.chosen_lists()) == (filled(account)["text"], [str(first.pk), str(new.pk)])
    assert "Give the campaign a name" not in page.text
    # A cancelled upload restores the form, too.
    form = client.get("/campaigns/new/", {"uploaded": ""}).context["form"]
    assert (form["text"].value(), form.chosen_lists()) == (filled(account)["text"], [str(first.pk)])
    client.post("/campaigns/new/", filled(account, first, new))
    assert "left_for_upload" not in client.session
    # Without such a form only the list is chosen.
    assert client.get("/campaigns/new/", {"uploaded": new.pk}).context["form"].chosen_lists() == [str(new.pk)]
    assert not Campaign.objects.exclude(name="October promo").exists()


def test_a_template_is_copied_into_the_text(account: Account, operator: User, logged_in: LogIn) -> None:
    template = Template.objects.create(name="Promo", text="Hello @@value1@@", sender="SHOP")
    response = logged_in(operator).post("/campaigns/new/", filled(account, template=template.pk, turn="template"))
    assert response.context["form"]["text"].value() == "Hello @@value1@@"
    assert response.context["form"]["sender"].value() == "SHOP"


def test_what_gsm_lacks_is_replaced_on_request(account: Account, operator: User, logged_in: LogIn) -> None:
    response = logged_in(operator).post("/campaigns/new/", filled(account, text="It’s on", turn="clean"))
    assert response.context["form"]["text"].value() == "It's on"


def test_the_options_of_the_chosen_account_are_swapped_in(account: Account, operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    page = client.get("/campaigns/options/", {"account": account.pk}).content.decode()
    assert "Maximum errors in a file" in page
    assert "The files cannot be recalled" in page
    assert "Maximum errors" not in client.get("/campaigns/options/", {"account": ""}).content.decode()


def test_the_check_shows_the_equation_and_a_real_recipient(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    client = logged_in(operator)
    page = client.get(f"/campaigns/{campaign.pk}/check/").content.decode()
    assert "Submit for approval (5 recipients)" in page
    assert "Hi Person 0, 20 % off ends Sunday." in page
    second = client.get(f"/campaigns/{campaign.pk}/preview/", {"row": "2"}).content.decode()
    assert "Hi Person 1," in second
    assert "2 of 5" in second


def test_refused_texts_are_listed_with_their_sentence_and_block_the_freeze(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account, text="Hi 中")
    page = logged_in(operator).get(f"/campaigns/{campaign.pk}/check/").content.decode()
    assert "SMSPortal takes GSM characters only" in page
    assert "Submit for approval" not in page


def test_differing_labels_are_shown_at_the_lists(
    account: Account,
    make_list: Callable[..., ContactList],
    make_campaign: Callable[..., Campaign],
    operator: User,
    logged_in: LogIn,
) -> None:
    first, second = make_list("Customers"), make_list("VIP", first=27825550900)
    ContactList.objects.filter(pk=second.pk).update(labels={"value1": "Balance"})
    campaign = make_campaign(account, first, second)
    client = logged_in(operator)
    assert "means different things" in client.get(f"/campaigns/{campaign.pk}/check/").content.decode()
    fixing = client.get(f"/campaigns/{campaign.pk}/edit/", {"fix": "1"})
    assert fixing.context["problem_field"] == "lists"
    assert "means different things" in fixing.content.decode()


def test_freezing_begins_and_a_job_is_enqueued(
    account: Account,
    make_campaign: Callable[..., Campaign],
    operator: User,
    logged_in: LogIn,
    enqueued: list[tuple[str, int]],
) -> None:
    campaign = make_campaign(account)
    client = logged_in(operator)
    assert client.get(f"/campaigns/{campaign.pk}/freeze/").status_code == 405
    client.post(f"/campaigns/{campaign.pk}/freeze/")
    campaign.refresh_from_db()
    assert campaign.status == "freezing"
    assert enqueued == [("freeze", campaign.pk)]
    assert "contacts copied" in client.get(f"/campaigns/{campaign.pk}/").content.decode()


def test_a_refused_freeze_keeps_the_draft(
    account: Account,
    make_campaign: Callable[..., Campaign],
    operator: User,
    logged_in: LogIn,
    enqueued: list[tuple[str, int]],
) -> None:
    campaign = make_campaign(account, end_at=timezone.now())
    page = logged_in(operator).post(f"/campaigns/{campaign.pk}/freeze/", follow=True).content.decode()
    assert "The end is in the past" in page
    campaign.refresh_from_db()
    assert campaign.status == "draft"
    assert enqueued == []


def test_a_campaign_that_is_no_draft_is_not_edited(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    Campaign.objects.filter(pk=campaign.pk).update(status="frozen", frozen_by=operator, counts={})
    chosen = campaign.ordered_lists()
    response = logged_in(operator).post(f"/campaigns/{campaign.pk}/edit/", filled(account, *chosen, name="Changed"))
    assert response.headers["Location"] == f"/campaigns/{campaign.pk}/"
    campaign.refresh_from_db()
    assert campaign.name == "October promo"


@pytest.mark.parametrize("path", ["new/", "{pk}/edit/", "options/"])
def test_a_viewer_may_not_write_campaigns(
    path: str, account: Account, make_campaign: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    assert logged_in(viewer).get(f"/campaigns/{path.format(pk=campaign.pk)}").status_code == 403
    assert logged_in(viewer).post(f"/campaigns/{campaign.pk}/freeze/").status_code == 403


def test_the_list_filters_by_name_and_status(
    account: Account, make_campaign: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    make_campaign(account)
    client = logged_in(viewer)
    assert "October promo" in client.get("/campaigns/").content.decode()
    assert "October promo" in client.get("/campaigns/", {"name": "octo", "status": "draft"}).content.decode()
    assert "No matching campaigns" in client.get("/campaigns/", {"status": "running"}).content.decode()


def test_an_empty_list_says_what_to_do(operator: User, viewer: User, logged_in: LogIn) -> None:
    assert "New campaign" in logged_in(operator).get("/campaigns/").content.decode()
    assert "New campaign" not in logged_in(viewer).get("/campaigns/").content.decode()


def test_nobody_sees_anything_without_logging_in(client: Client, db: None) -> None:
    response = client.get("/campaigns/")
    assert response.status_code == 302
    assert "/login/" in response.headers["Location"]


@pytest.mark.parametrize(("digits", "is_taken"), [(16, True), (17, False)])
def test_a_sender_of_16_digits_is_for_clickatell_to_judge(
    digits: int,
    is_taken: bool,
    make_list: Callable[..., ContactList],
    operator: User,
    logged_in: LogIn,
) -> None:
    account = Account(name="Clickatell main", provider="clickatell")
    account.save_settings(dict.fromkeys(account.adapter.SettingsForm.base_fields, "x") | {"port": 9})
    posted = filled(account, make_list(), sender="1" * digits)
    response = logged_in(operator).post("/campaigns/new/", posted)
    assert response.status_code == (302 if is_taken else 422)
    assert Campaign.objects.filter(sender="1" * digits).exists() == is_taken


def test_a_sender_of_16_digits_is_refused_by_providers_that_take_15(
    account: Account, make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    response = logged_in(operator).post("/campaigns/new/", filled(account, make_list(), sender="1" * 16))
    assert response.status_code == 422
    assert "up to 15 digits" in response.content.decode()
