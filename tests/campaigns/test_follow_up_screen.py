"""The screens of a repair: choose who is texted again, correct them, stop a campaign and correct its rest."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from campaigns import follow_up
from campaigns.models import Campaign
from contacts.suppression import suppress
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign
from tests.campaigns.test_follow_up import ended, paused  # noqa: F401 - fixtures
from tests.pages import html_of

pytestmark = [pytest.mark.django_db]

LogIn = Callable[[User], Client]


def test_the_page_says_how_many_of_each_cause_can_be_texted_again(
    ended: Campaign,  # noqa: F811
    operator: User,
    logged_in: LogIn,
) -> None:
    suppress(["27825550100"], "manual")
    client = logged_in(operator)

    page = html_of(client.get(f"/campaigns/{ended.pk}/follow-up/"))

    assert "4 people got no text. 3 of them can be texted again" in page
    assert "This cannot text anybody twice." in page
    assert "1 cannot be texted again: opted out since." in page
    assert "<strong>0</strong> of 1" in page
    assert page.count(" checked>") == 3
    assert html_of(client.get(f"/campaigns/{ended.pk}/follow-up/?code=0x2")).count(" checked>") == 1

    made = client.post(f"/campaigns/{ended.pk}/follow-up/", {"causes": ["row_error:0x2", "rejected:NoCredit", "x:y"]})

    again = Campaign.objects.get(follows=ended)
    assert made["Location"] == f"/campaigns/{again.pk}/people/"
    assert [one.msisdn for one in again.people.order_by("msisdn")] == ["27825550101", "27825550102"]


def test_nothing_is_made_if_nobody_is_chosen(
    ended: Campaign,  # noqa: F811
    operator: User,
    logged_in: LogIn,
) -> None:
    page = html_of(logged_in(operator).post(f"/campaigns/{ended.pk}/follow-up/", {}))

    assert "Choose who is texted again." in page
    assert Campaign.objects.count() == 1


@pytest.fixture
def again(ended: Campaign, operator: User) -> Campaign:  # noqa: F811
    return follow_up.follow_up(ended, ["row_error", "rejected"], operator, timezone.now())


def test_the_people_are_shown_with_the_reason_and_who_is_left_out_again(
    again: Campaign, operator: User, logged_in: LogIn
) -> None:
    again.people.filter(msisdn="27825550101").update(msisdn="27825550104", is_corrected=True)
    client = logged_in(operator)

    page = html_of(client.get(f"/campaigns/{again.pk}/people/"))

    assert "Cause 0x1." in page
    # The corrected number was accepted in the campaign before.
    assert page.count("Reached by another campaign of the chain") == 1
    assert client.get(f"/campaigns/{again.pk}/edit/recipients/")["Location"] == f"/campaigns/{again.pk}/people/"
    assert client.get(f"/campaigns/{again.follows_id}/people/").status_code == 404


def test_a_person_is_corrected_and_removed_in_place(again: Campaign, operator: User, logged_in: LogIn) -> None:
    client, first = logged_in(operator), again.people.earliest("pk")
    url = f"/campaigns/{again.pk}/people/{first.pk}/"
    kept = {"customer_id": "", "value1": "Person 0", "message": ""}

    wrong = html_of(client.post(url, {"msisdn": "123", **kept}))
    right = client.post(url, {"msisdn": "082 555 0199", **kept})

    assert "is-invalid" in wrong
    assert right["Location"] == f"/campaigns/{again.pk}/people/"
    first.refresh_from_db()
    assert (first.msisdn, first.is_corrected) == ("27825550199", True)
    client.post(f"/campaigns/{again.pk}/people/remove/", {"people": [str(first.pk), "x"]})
    assert again.people.count() == 2


def test_the_people_are_corrected_in_the_spreadsheet_that_was_downloaded(
    again: Campaign, operator: User, logged_in: LogIn
) -> None:
    client = logged_in(operator)
    file = client.get(f"/campaigns/{again.pk}/people/download/")
    book = load_workbook(BytesIO(b"".join(file.streaming_content)))  # type: ignore[attr-defined]
    sheet: Any = book.active
    sheet.cell(2, 2).value = "082 555 0199"
    sheet.cell(3, 2).value = "12345"
    saved = BytesIO()
    book.save(saved)

    upload = SimpleUploadedFile("corrected.xlsx", saved.getvalue())
    page = html_of(client.post(f"/campaigns/{again.pk}/people/upload/", {"file": upload}))

    assert "1 of 3 rows could not be applied." in page
    assert "<td>12345</td>" in page
    found = list(again.people.order_by("pk").values_list("msisdn", flat=True))
    assert found == ["27825550199", "27825550101", "27825550102"]


def test_a_viewer_sees_the_people_and_changes_nothing(again: Campaign, viewer: User, logged_in: LogIn) -> None:
    client = logged_in(viewer)
    at = f"/campaigns/{again.pk}/people/"

    assert "Correct" not in html_of(client.get(at)).split("<table")[1]
    for path in ("remove/", "upload/", f"{again.people.earliest('pk').pk}/"):
        assert client.post(f"{at}{path}").status_code == 403
    assert client.get(f"{at}download/").status_code == 403
    assert client.get(f"/campaigns/{again.follows_id}/follow-up/").status_code == 403


def test_stopping_says_in_numbers_what_is_handed_over(
    account: Account, make_running: MakeCampaign, operator: User, logged_in: LogIn
) -> None:
    running, client = make_running(account), logged_in(operator)

    before = html_of(client.get(f"/campaigns/{running.pk}/standing/"))
    after = html_of(client.post(f"/campaigns/{running.pk}/pause/", follow=True))

    assert "Stop now: 5 not handed over yet" in before
    assert "Resume: hand over 5" in after
    # A pace, a canary or closed hours may hold them back.
    Campaign.objects.filter(pk=running.pk).update(pace=100)
    for page in ("standing/", ""):
        assert not re.search(r"Resume: (hand over )?5", html_of(client.get(f"/campaigns/{running.pk}/{page}")))
    assert "Correct the rest" in after


def test_the_rest_is_corrected_in_a_new_draft(
    paused: Campaign,  # noqa: F811
    operator: User,
    logged_in: LogIn,
) -> None:
    client = logged_in(operator)

    page = html_of(client.get(f"/campaigns/{paused.pk}/standing/"))
    made = client.post(f"/campaigns/{paused.pk}/correct-rest/")

    assert "2 people are in files that are being handed over at this moment" in page
    rest = Campaign.objects.get(follows=paused)
    assert made["Location"] == f"/campaigns/{rest.pk}/edit/message/"
    assert rest.people.count() == 2
    message = html_of(client.get(made["Location"]))
    assert 'title="@@value1@@">First name</button>' in message, "labels are those of the first campaign"
    Campaign.objects.filter(pk=rest.pk).update(text="Hi @@value1@@, reply STOP to opt out")
    when = html_of(client.get(f"/campaigns/{rest.pk}/edit/when/"))
    assert "Hi Person" in when
    assert "@@" not in when
    check = html_of(client.get(f"/campaigns/{rest.pk}/check/"))
    assert "Lists" not in check
    assert "cannot be compared" not in html_of(client.get(f"/campaigns/{rest.pk}/compare/"))
    history = html_of(client.get(f"/campaigns/{paused.pk}/?tab=history"))
    assert "cancelled the rest, to correct it in another campaign" in history
    assert f'followed by <a href="/campaigns/{rest.pk}/">' in history
    assert "There is already a draft" in html_of(client.get(f"/campaigns/{paused.pk}/follow-up/"))
    assert f"Continue with {rest}" in history
    assert "2 again" not in history
    again = html_of(client.post(f"/campaigns/{paused.pk}/correct-rest/", follow=True))
    assert "is not paused" in again
