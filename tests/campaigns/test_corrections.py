"""Correcting the people of a follow-up in place or through a spreadsheet; nothing that cannot be taken is lost."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns import corrections
from campaigns.models import Campaign, CampaignPerson
from contacts.errors import Refusal
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze
from tests.campaigns.test_chain import add, follow
from tests.pages import html_of

LogIn = Callable[[User], Client]

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def draft(account: Account, make_campaign: MakeCampaign) -> Campaign:
    """A draft of three people, of a list in South Africa."""
    root = make_campaign(account)
    campaign = follow(root)
    add(campaign, "27825550100", "27825550101", "27825550102", value1="Thandi", reason="Unknown number.")
    campaign.people.update(list_id=ContactList.objects.get().pk)
    return campaign


def upload(campaign: Campaign, tmp_path: Path, user: User, rows: list[list[str]]) -> corrections.SheetResult:
    path = tmp_path / "corrected.csv"
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    return corrections.apply_sheet(campaign, path, path.name, user)


def sheet_of(campaign: Campaign) -> list[list[str]]:
    return [corrections.header_of(campaign), *corrections.lines_of(campaign)]


def values(campaign: Campaign) -> list[tuple[str, str, bool]]:
    return list(campaign.people.order_by("pk").values_list("msisdn", "value1", "is_corrected"))


def test_the_spreadsheet_has_an_id_the_labels_and_the_reason(draft: Campaign) -> None:
    header, first, *rest = sheet_of(draft)

    assert header == ["ID", "Number", "Customer ID", "First name", "Own text", "Reason"]
    assert first == [str(draft.people.earliest("pk").pk), "27825550100", "", "Thandi", "", "Unknown number."]
    assert len(rest) == 2


def test_an_unchanged_spreadsheet_changes_nothing(draft: Campaign, tmp_path: Path, operator: User) -> None:
    result = upload(draft, tmp_path, operator, sheet_of(draft))

    assert (result.read, result.changed, result.unchanged, result.problem_count) == (3, 0, 3, 0)
    assert not draft.people.filter(is_corrected=True).exists()


def test_changed_cells_are_applied_and_problems_are_reported_by_row(
    draft: Campaign, tmp_path: Path, operator: User
) -> None:
    sheet = sheet_of(draft)
    sheet[1][1] = "082 555 0199"
    sheet[2][1] = "12345"
    sheet[3][3] = ""
    other = CampaignPerson.objects.create(
        campaign=Campaign.objects.earliest("pk"), list_id=1, contact_id=1, msisdn="27825550155"
    )
    sheet += [sheet[3], [str(other.pk), "27825550156"], ["", "27825550157"]]

    result = upload(draft, tmp_path, operator, sheet)

    assert values(draft) == [
        ("27825550199", "Thandi", True),
        ("27825550101", "Thandi", False),
        ("27825550102", "", True),
    ]
    assert (result.read, result.changed, result.unchanged, result.problem_count) == (6, 2, 0, 4)
    assert [(one.row, one.column, one.value) for one in result.problems] == [
        (3, "Number", "12345"),
        (5, "ID", sheet[3][0]),
        (6, "ID", str(other.pk)),
        (7, "ID", ""),
    ]
    assert all(one.sentence for one in result.problems)
    # Whoever corrects people has edited the campaign.
    assert operator in draft.editors.all()


def test_a_column_that_the_spreadsheet_lacks_stays_as_it_is(draft: Campaign, tmp_path: Path, operator: User) -> None:
    first = draft.people.earliest("pk")

    upload(draft, tmp_path, operator, [["Number", "ID"], ["+27 82 555 0199", str(first.pk)]])

    assert values(draft)[0] == ("27825550199", "Thandi", True)


@pytest.mark.parametrize(
    ("rows", "status", "code"),
    [([["Number"], ["27825550100"]], "draft", "no_id"), ([["ID", "Number"], ["1", "1"]], "frozen", "not_draft")],
)
def test_a_spreadsheet_is_refused(
    draft: Campaign, tmp_path: Path, operator: User, rows: list[list[str]], status: str, code: str
) -> None:
    Campaign.objects.filter(pk=draft.pk).update(status=status)

    with pytest.raises(Refusal) as refused:
        upload(draft, tmp_path, operator, rows)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("typed", "stored", "refused"),
    [
        ({"msisdn": "0825550199"}, ("27825550199", "Thandi", True), ""),
        ({"msisdn": "+44 7400 123456", "value1": " Sipho "}, ("447400123456", "Sipho", True), ""),
        ({"msisdn": "27825550100", "value1": "Thandi"}, ("27825550100", "Thandi", False), ""),
        ({"msisdn": ""}, ("27825550100", "Thandi", False), "msisdn"),
        ({"msisdn": "0825", "value1": "Sipho"}, ("27825550100", "Thandi", False), "msisdn"),
        ({"value1": "x" * 501}, ("27825550100", "Thandi", False), "value1"),
    ],
)
def test_one_person_is_corrected_in_place(
    draft: Campaign, operator: User, typed: dict[str, str], stored: tuple[str, str, bool], refused: str
) -> None:
    person = draft.people.earliest("pk")

    if refused:
        with pytest.raises(corrections.CellError) as error:
            corrections.correct_person(person, typed, operator)
        assert error.value.name == refused
    else:
        assert corrections.correct_person(person, typed, operator) == stored[2]

    assert values(draft)[0] == stored


def test_people_are_removed_from_the_draft_only(draft: Campaign, operator: User) -> None:
    first = draft.people.earliest("pk")
    other = CampaignPerson.objects.create(
        campaign=Campaign.objects.earliest("pk"), list_id=1, contact_id=1, msisdn="27825550155"
    )

    assert corrections.remove_people(draft, [first.pk, other.pk], operator) == 1

    assert draft.people.count() == 2
    assert CampaignPerson.objects.filter(pk=other.pk).exists()


def test_corrections_are_in_the_history_on_the_approval_and_on_the_page_of_a_recipient(
    draft: Campaign, tmp_path: Path, operator: User, approver: User, logged_in: LogIn
) -> None:
    assert draft.follows is not None
    for person in draft.people.all():
        person.recipient = draft.follows.recipients.create(list_id=1, contact_id=1, msisdn=person.msisdn)
        person.save()
    first = draft.people.earliest("pk")
    corrections.correct_person(first, {"msisdn": first.msisdn}, operator)
    corrections.correct_person(first, {"msisdn": "0825550198"}, operator)
    sheet = sheet_of(draft)
    sheet[2][1], sheet[2][3], sheet[3][3] = "082 555 0199", "Sipho", "Lerato"
    upload(draft, tmp_path, operator, sheet)
    upload(draft, tmp_path, operator, sheet_of(draft))

    assert list(draft.events.order_by("pk").values_list("user", "reason", "sentence")) == [
        (operator.pk, "people_corrected", "Corrected in the draft: 1 person, with a new number."),
        (operator.pk, "people_corrected", "Corrected in the draft: 2 people, 1 of them with a new number."),
    ]
    freeze(draft, operator)
    client = logged_in(approver)
    page = html_of(client.get(draft.get_absolute_url()))
    assert "Corrected in this follow-up: 3 people, 2 of them with a new number." in page
    assert "<strong>operator</strong> corrected people" in page
    old = {"27825550198": "27825550100", "27825550199": "27825550101", "27825550102": ""}
    assert {one.msisdn: corrections.old_number(one) for one in draft.recipients.all()} == old
    recipient = draft.recipients.get(msisdn="27825550198")
    page = html_of(client.get(f"/campaigns/{draft.pk}/recipients/{recipient.pk}/"))
    assert 'number=27825550100">' in page


def test_labels_that_are_equal_to_other_headings_are_told_apart(draft: Campaign) -> None:
    ContactList.objects.update(labels={"value1": "Number", "value2": "ID", "value3": "Reason"})

    assert corrections.header_of(draft) == [
        "ID", "Number", "Customer ID", "Number (value1)", "ID (value2)", "Reason (value3)", "Own text", "Reason",
    ]  # fmt: skip
