"""Writing a campaign in steps: what is saved, the check and the freeze."""

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.audience.compare import usual_options
from campaigns.models import Campaign, Template
from campaigns.views.steps import FORMS
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import message, step
from tests.conftest import PASSWORD
from tests.pages import html_of

LogIn = Callable[[User], Client]

pytestmark = pytest.mark.usefixtures("enqueued")


def test_a_draft_is_written_in_steps_and_each_is_saved_as_it_is_left(
    account: Account, make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    first, second = make_list("Customers"), make_list("VIP", first=27825550900)
    client = logged_in(operator)
    posted = {"name": "October promo", "lists": [second.pk, first.pk], "go": "message"}
    left = client.post("/campaigns/new/", posted)
    campaign = Campaign.objects.get()
    assert left.headers["Location"] == step(campaign, "message")
    assert campaign.ordered_lists() == [second, first]
    assert list(campaign.editors.all()) == [operator]
    assert campaign.created_by == operator
    assert campaign.account == account, "the only account is chosen"

    left = client.post(step(campaign, "message"), message(account, go="recipients"))
    assert left.headers["Location"] == step(campaign, "recipients")
    campaign.refresh_from_db()
    assert campaign.options["check_optouts"] is True
    assert (campaign.text, campaign.sender) == (message(account)["text"], "ACME")

    # Enter in a field continues, too.
    left = client.post(step(campaign, "when"), {"end_at": "2100-01-01T10:00", "preset": "none"})
    assert left.headers["Location"] == f"/campaigns/{campaign.pk}/check/"
    campaign.refresh_from_db()
    assert campaign.end_at is not None
    assert campaign.ordered_lists() == [second, first]
    assert client.get(f"/campaigns/{campaign.pk}/edit/").headers["Location"] == f"/campaigns/{campaign.pk}/check/"


def test_a_draft_needs_only_a_name_and_no_page_of_it_fails(account: Account, operator: User, logged_in: LogIn) -> None:
    Account.objects.update(is_active=False)
    client = logged_in(operator)
    client.post("/campaigns/new/", {"name": "Only a name", "lists": [""]})
    campaign = Campaign.objects.get()
    assert (campaign.account, campaign.text, campaign.ordered_lists()) == (None, "", [])
    assert client.get(f"/campaigns/{campaign.pk}/edit/").headers["Location"] == step(campaign, "recipients")
    for path in (
        *(step(campaign, name) for name in ("recipients", "message", "when")),
        "/campaigns/",
        "/",
        "/templates/",
    ):
        assert client.get(path).status_code == 200, path
    for tail in ("", "check/", "compare/", "preview/", "recipients/", "progress/", "export/", "files/", "letters/"):
        assert client.get(f"/campaigns/{campaign.pk}/{tail}", follow=True).status_code == 200, tail
    page = html_of(client.get(f"/campaigns/{campaign.pk}/check/"))
    for name, sentence in (
        ("recipients", "Choose who gets the text."),
        ("message", "Choose an account."),
        ("message", "Write the text of the message."),
    ):
        assert f'{sentence}</div><a href="{step(campaign, name)}?fix=1">' in page.replace("</div> <a", "</div><a")
    assert "Submit for approval" not in page
    assert "Write the text" in html_of(client.post(f"/campaigns/{campaign.pk}/freeze/", follow=True))
    client.post(f"/campaigns/{campaign.pk}/copy/")
    assert Campaign.objects.filter(name="Only a name (copy)", account=None).exists()
    admin = logged_in(User.objects.create_superuser("root", "root@example.org", PASSWORD))
    assert admin.get(f"/admin/campaigns/campaign/{campaign.pk}/change/").status_code == 200
    client.post(f"/campaigns/{campaign.pk}/cancel/")
    campaign.refresh_from_db()
    assert campaign.status == "cancelled"
    assert client.get(f"/campaigns/{campaign.pk}/").status_code == 200


def test_the_navigation_says_which_steps_are_complete(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account, text="")
    steps = logged_in(operator).get(step(campaign, "when")).context["steps"]
    assert [(row.name, row.missing) for row in steps] == [
        ("recipients", ()),
        ("message", ("Write the text of the message.",)),
        ("when", ()),
        ("check", ("Check the draft and submit it for approval.",)),
    ]
    page = html_of(logged_in(operator).get(step(campaign, "when")))
    assert re.search(r"<span>Recipients</span> <span class=\"step-state\">.{0,300}Done</span>", page)
    assert re.search(r"<span>Message</span> <span class=\"step-state\">.{0,300}To do</span>", page)


def test_advanced_is_open_when_something_in_it_differs_from_the_defaults(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    usual = usual_options(account)
    client = logged_in(operator)
    for fields, is_open in (
        ({"options": usual}, False),
        ({"options": usual, "sender": "ACME"}, True),
        ({"options": usual | {"max_errors": 7}}, True),
        ({"options": {}}, False),
    ):
        Campaign.objects.all().delete()
        ContactList.objects.all().delete()
        page = html_of(client.get(step(make_campaign(account, **fields), "message")))
        assert ('id="advanced" open' in page) is is_open, fields


def test_lists_move_up_and_down_without_javascript_and_nothing_is_saved(
    account: Account, make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    first, second = make_list("Customers"), make_list("VIP", first=27825550900)
    client = logged_in(operator)
    posted = {"name": "", "lists": [first.pk, second.pk]}
    response = client.post("/campaigns/new/", posted | {"turn": "up-1"})
    assert response.status_code == 200
    assert response.context["recipients_form"].chosen_lists() == [str(second.pk), str(first.pk)]
    assert "Give the campaign a name" not in response.text
    response = client.post("/campaigns/new/", posted | {"turn": "remove-0"})
    assert response.context["recipients_form"].chosen_lists() == [str(second.pk)]
    response = client.post("/campaigns/new/", posted | {"lists": [first.pk], "turn": "add"})
    assert response.context["recipients_form"].chosen_lists() == [str(first.pk), ""]
    # The equation follows the choice before it is saved.
    counted = client.post("/campaigns/new/", posted | {"turn": "count"})
    assert counted.context["equation"]["included"] == 10
    assert not Campaign.objects.exists()


def test_an_upload_on_the_spot_saves_the_draft_and_comes_back_with_the_new_list_chosen(
    account: Account, make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    first, new = make_list("Customers"), make_list("New", first=27825550900)
    client = logged_in(operator)
    left = client.post("/campaigns/new/", {"name": "Promo", "lists": [first.pk], "turn": "upload"})
    campaign = Campaign.objects.get()
    back = step(campaign, "recipients")
    assert left.headers["Location"] == f"/contacts/upload/?next={quote(back, safe='')}"
    assert f'<input type="hidden" name="next" value="{back}">' in client.get(left.headers["Location"]).text
    session = client.session
    session["import_next"] = {"import": 1, "url": back}
    session.save()
    page = client.get(back, {"uploaded": new.pk})
    assert page.context["recipients_form"].chosen_lists() == [str(first.pk), str(new.pk)]
    assert "import_next" not in client.session
    # After a cancelled upload the draft is as it was left.
    page = client.get(back, {"uploaded": ""})
    assert page.context["recipients_form"].chosen_lists() == [str(first.pk)]
    assert campaign.ordered_lists() == [first], "only leaving the step saves the new list"


def test_the_offered_name_is_one_that_no_campaign_has(
    make_list: Callable[..., ContactList], operator: User, logged_in: LogIn
) -> None:
    chosen, client, today = make_list(), logged_in(operator), timezone.localdate()
    name = f"Campaign of {today.day} {today:%B}"
    page = client.get("/campaigns/new/", {"list": chosen.pk})
    assert page.context["name_form"]["name"].value() == name
    assert page.context["recipients_form"].chosen_lists() == [str(chosen.pk)]
    # The button on the import's result posts nothing and leads straight to the message.
    for expected in (name, f"{name} (2)", f"{name} (3)"):
        left = client.post(f"/campaigns/new/?list={chosen.pk}")
        campaign = Campaign.objects.latest("pk")
        assert left.headers["Location"] == step(campaign, "message")
        assert (campaign.name, campaign.ordered_lists()) == (expected, [chosen])


def test_a_new_draft_goes_through_the_account_that_its_writer_used_last(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, approver: User, logged_in: LogIn
) -> None:
    other = Account(name="SMSPortal other", provider="smsportal")
    other.save_settings(account.settings)
    client = logged_in(operator)
    client.post("/campaigns/new/", {"name": "First"})
    assert Campaign.objects.get().account is None
    make_campaign(other)
    client.post("/campaigns/new/", {"name": "Second"})
    assert Campaign.objects.get(name="Second").account == other


def test_a_template_is_copied_into_a_new_draft_and_later_into_the_text(
    account: Account, operator: User, logged_in: LogIn
) -> None:
    template = Template.objects.create(name="Promo", text="Hello @@value1@@", sender="SHOP")
    client = logged_in(operator)
    page = client.get("/campaigns/new/", {"template": template.pk})
    assert f'<input type="hidden" name="template" value="{template.pk}">' in page.text
    client.post("/campaigns/new/", {"name": "Promo", "template": template.pk})
    campaign = Campaign.objects.get()
    assert (campaign.text, campaign.sender, campaign.template) == ("Hello @@value1@@", "SHOP", template)

    posted = message(account, template=template.pk, turn="template")
    form = client.post(step(campaign, "message"), posted).context["message_form"]
    assert (form["text"].value(), form["sender"].value()) == ("Hello @@value1@@", "SHOP")


def test_what_gsm_lacks_is_replaced_on_request(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    posted = message(account, text="It’s on", turn="clean")
    response = logged_in(operator).post(step(make_campaign(account), "message"), posted)
    assert response.context["message_form"]["text"].value() == "It's on"


def test_the_options_of_the_chosen_account_are_swapped_in(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    client = logged_in(operator)
    page = client.get("/campaigns/options/", {"account": account.pk}).content.decode()
    assert "Error limit per file" in page
    assert "Error limit" not in client.get("/campaigns/options/", {"account": ""}).content.decode()
    assert "The files cannot be recalled" in client.get(step(make_campaign(account), "when")).text


def test_the_reason_of_an_approver_stays_until_it_is_submitted_again(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account, reason="rejected", sentence="Wrong list.")
    client = logged_in(operator)
    client.post(step(campaign, "recipients"), {"name": "Promo", "lists": []})
    assert "Wrong list." in client.get(step(campaign, "message")).text
    Campaign.objects.filter(pk=campaign.pk).update(reason="texts_refused", sentence="5 texts.")
    client.post(step(campaign, "recipients"), {"name": "Promo", "lists": []})
    campaign.refresh_from_db()
    assert (campaign.reason, campaign.sentence) == ("", "")


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
    assert "5 texts have letters that the provider lacks: 中" in html_of(page)
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
    fixing = client.get(step(campaign, "recipients"), {"fix": "1"})
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


@pytest.mark.parametrize("path", ["new/", "{pk}/edit/", *(f"{{pk}}/edit/{name}/" for name in FORMS), "options/"])
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


@pytest.mark.parametrize("number", ["²", "9" * 19, "9" * 5_000, "-1", ""])
def test_a_number_in_the_address_that_is_no_id_chooses_nothing(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, logged_in: LogIn, number: str
) -> None:
    client, campaign = logged_in(operator), make_campaign(account)
    contact_list = campaign.lists.get()
    Campaign.objects.filter(pk=campaign.pk).update(text="Hi")
    for path, name in (
        ("/campaigns/new/", "list"),
        ("/campaigns/new/", "uploaded"),
        ("/campaigns/new/", "template"),
        ("/campaigns/options/", "account"),
        (step(campaign, "recipients"), "uploaded"),
        ("/replies/", "before"),
        ("/search/?number=27825550100", "before"),
        (contact_list.get_absolute_url(), "after"),
        (contact_list.get_absolute_url(), "segment"),
    ):
        assert client.get(path, {name: number}).status_code == 200, (path, name)
    for path, posted in (
        ("/templates/measure/", {"account": number, "campaign": number, "text": "Hi"}),
        ("/campaigns/new/", {"name": "Promo", "template": number}),
        (step(campaign, "message"), {"turn": "template-0", "template": number}),
        (step(campaign, "message"), {"turn": f"choose-{number}", "account": number}),
        (step(campaign, "recipients"), {"turn": f"remove-{number}", "lists": [contact_list.pk]}),
        ("/notices/read/", {"up_to": number}),
    ):
        assert client.post(path, posted).status_code in (200, 302), (path, posted)
