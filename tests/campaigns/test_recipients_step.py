"""The first step of a draft: lists, segments and recipients of campaigns, chosen or skipped, with the live equation."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.forms.recipients import RecipientsForm, chosen_keys
from campaigns.models import Batch, Campaign
from contacts.models import Contact, ContactList, Segment
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze
from tests.pages import html_of

DAYS = "Enter a number of days from 1 to 3,650, or leave it blank."


@pytest.fixture
def client(operator: User, logged_in: Callable[[User], Client]) -> Client:
    return logged_in(operator)


@pytest.fixture
def people(make_list: Callable[..., ContactList]) -> ContactList:
    return make_list("Customers")


@pytest.fixture
def segment(people: ContactList) -> Segment:
    """Two of the five customers."""
    Contact.objects.filter(msisdn__in=("27825550101", "27825550102")).update(value2="Cape Town")
    conditions = [{"field": "value2", "is": "equals", "value": "Cape Town"}]
    return Segment.objects.create(list=people, name="Cape Town", conditions=conditions)


@pytest.fixture
def texted(account: Account, make_campaign: MakeCampaign, people: ContactList, operator: User) -> Campaign:
    """A campaign that is frozen with all customers."""
    return freeze(make_campaign(account, people, name="October promo"), operator)


def test_everything_that_is_chosen_is_saved_and_shown_again(
    client: Client, account: Account, people: ContactList, segment: Segment, texted: Campaign
) -> None:
    posted = {
        "name": "November promo",
        "lists": [f"s{segment.pk}", f"c{texted.pk}-{people.pk}", str(people.pk)],
        "exclude": [f"s{segment.pk}", f"c{texted.pk}", str(people.pk)],
        "not_texted_for_days": "30",
    }
    client.post("/campaigns/new/", posted)

    campaign = Campaign.objects.get(name="November promo")
    assert [row.name for row in campaign.campaignlist_set.all()] == [
        "Customers: Cape Town",
        "Recipients of October promo on Customers",
        "Customers",
    ]
    assert [row.name for row in campaign.exclusions.all()] == [
        "Customers: Cape Town",
        "Recipients of October promo",
        "Customers",
    ]
    assert campaign.not_texted_for_days == 30
    assert chosen_keys(campaign) == {"lists": posted["lists"], "exclude": posted["exclude"]}
    page = html_of(client.get(f"/campaigns/{campaign.pk}/edit/recipients/"))
    for key, words in (
        (f"s{segment.pk}", "Customers: Cape Town"),
        (f"c{texted.pk}-{people.pk}", "Recipients of October promo"),
        (f"c{texted.pk}", "Recipients of October promo"),
    ):
        assert f'<option value="{key}" selected>{words}</option>' in page
    assert 'value="30"' in page
    assert "c{campaign.pk}" not in page, "a campaign is not offered to itself"


def test_the_equation_follows_every_choice_before_anything_is_saved(
    client: Client, people: ContactList, segment: Segment, texted: Campaign
) -> None:
    Batch.objects.create(
        campaign=texted, account=texted.account, number=1, stem="s", key=1, name="n", payload="p", sha256="", size=1,
        rows=1, parts=1, status="accepted", first_intent_at=timezone.now() - timedelta(days=3),
    )  # fmt: skip
    texted.recipients.filter(msisdn="27825550100").update(batch_number=1)

    def equation(**chosen: object) -> str:
        page = html_of(client.post("/campaigns/new/", {"name": "", "turn": "count", **chosen}))
        start = page.index('<div class="balance-line">')
        words = page[start : page.index("</div>", start)]
        for tag in ('<div class="balance-line">', "<b>", "</b>", '<span class="op">', "</span>"):
            words = words.replace(tag, "")
        return " ".join(words.split())

    everybody, cape_town = str(people.pk), f"s{segment.pk}"
    assert equation() == "0 selected = 0 recipients"
    assert equation(lists=[everybody, cape_town]) == "7 selected − 2 already on an earlier list = 5 recipients"
    assert equation(lists=everybody, exclude=cape_town) == "5 selected − 2 on an excluded list = 3 recipients"
    assert equation(lists=everybody, not_texted_for_days="7") == "5 selected − 1 texted recently = 4 recipients"
    assert equation(lists=everybody, not_texted_for_days="2") == "5 selected = 5 recipients"
    assert equation(lists=cape_town, exclude=f"c{texted.pk}") == "2 selected − 2 on an excluded list = 0 recipients"
    assert equation(lists=["", "s999", "nonsense"], not_texted_for_days="many") == "0 selected = 0 recipients"
    assert not Campaign.objects.exclude(pk=texted.pk).exists()


def test_exclusions_are_added_and_removed_without_javascript(client: Client, people: ContactList) -> None:
    posted: dict[str, object] = {"name": "", "lists": [people.pk], "exclude": [people.pk]}
    page = client.post("/campaigns/new/", posted | {"turn": "add_exclusion"})
    assert page.context["recipients_form"].chosen_exclusions() == [str(people.pk), ""]
    page = client.post("/campaigns/new/", posted | {"turn": "remove_exclusion-0"})
    assert page.context["recipients_form"].chosen_exclusions() == []
    assert page.context["recipients_form"].chosen_lists() == [str(people.pk)]


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"lists": ["s999"]}, "lists", "A list, segment or campaign that you chose was deleted. Choose again."),
        ({"lists": ["c1"]}, "lists", "A list, segment or campaign that you chose was deleted. Choose again."),
        ({"exclude": ["x"]}, "exclude", "A list, segment or campaign that you chose was deleted. Choose again."),
        ({"exclude": ["LIST", "LIST"]}, "exclude", "Customers is chosen twice."),
        ({"not_texted_for_days": "0"}, "not_texted_for_days", DAYS),
    ],
)
def test_a_choice_that_cannot_be_kept_is_refused_and_the_rest_is_saved(
    client: Client, people: ContactList, changes: dict[str, object], field: str, sentence: str
) -> None:
    posted: dict[str, object] = {"name": "Promo", "lists": [people.pk], "exclude": [], "not_texted_for_days": ""}
    posted |= {
        name: [people.pk if key == "LIST" else key for key in value] if isinstance(value, list) else value
        for name, value in changes.items()
    }
    page = client.post("/campaigns/new/", posted)

    form: RecipientsForm = page.context["recipients_form"]
    assert (page.status_code, form.errors) == (422, {field: [sentence]})
    assert Campaign.objects.get().name == "Promo"


def test_labels_of_all_lists_are_offered_to_the_text(
    client: Client, account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList]
) -> None:
    first, second = make_list("First"), make_list("Second", first=27835550100)
    ContactList.objects.filter(pk=second.pk).update(labels={"value1": "Name", "value2": "Balance"})
    campaign = make_campaign(account, first, second)

    page = client.get(f"/campaigns/{campaign.pk}/edit/message/")

    assert page.context["labels"] == {"value1": "First name / Name", "value2": "Balance"}
