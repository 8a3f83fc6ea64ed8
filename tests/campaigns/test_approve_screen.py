"""What the approver sees and does, including entering the password again."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from campaigns.models import Campaign
from providers.models import Account
from tests.campaigns.conftest import freeze
from tests.conftest import retyped, signed_in
from tests.pages import html_of

LogIn = Callable[[User], Client]

pytestmark = pytest.mark.usefixtures("enqueued")


@pytest.fixture
def frozen(account: Account, make_campaign: Callable[..., Campaign], operator: User) -> Campaign:
    return freeze(make_campaign(account), operator)


def test_the_page_shows_what_is_signed(frozen: Campaign, approver: User, logged_in: LogIn) -> None:
    page = html_of(logged_in(approver).get(f"/campaigns/{frozen.pk}/"))
    assert "Approve and hand over 5 messages" in page
    assert frozen.approval_hash in page
    assert "nobody at 127.0.0.1:9" in page
    assert "Hi Person 0, 20 % off ends Sunday." in page
    assert "operator" in page


def test_approving_asks_for_the_password_and_then_does_it(
    frozen: Campaign, approver: User, enqueued: list[tuple[str, int]]
) -> None:
    client = signed_in(approver)
    response = client.post(f"/campaigns/{frozen.pk}/approve/", {"seen_hash": frozen.approval_hash})
    assert response.status_code == 302
    assert "reauthenticate" in response.headers["Location"]
    frozen.refresh_from_db()
    assert frozen.status == "frozen"
    assert enqueued == []
    retyped(client, response)
    frozen.refresh_from_db()
    assert frozen.status == "approved"
    assert frozen.approved_by == approver
    assert enqueued == [("create_batches", frozen.pk)]


@pytest.mark.parametrize(("minutes", "is_asked"), [(1, False), (14, False), (16, True)])
def test_the_password_is_asked_again_after_15_minutes_and_not_before(
    frozen: Campaign, approver: User, minutes: int, is_asked: bool
) -> None:
    client = signed_in(approver, minutes)
    response = client.post(f"/campaigns/{frozen.pk}/approve/", {"seen_hash": frozen.approval_hash})
    assert ("reauthenticate" in response["Location"]) is is_asked
    frozen.refresh_from_db()
    assert frozen.status == ("frozen" if is_asked else "approved")


def test_what_changed_since_it_was_shown_is_not_approved(frozen: Campaign, approver: User) -> None:
    client = signed_in(approver)
    response = retyped(client, client.post(f"/campaigns/{frozen.pk}/approve/", {"seen_hash": "0" * 64}))
    assert "changed after this page was loaded" in response.content.decode()  # type: ignore[attr-defined]
    frozen.refresh_from_db()
    assert frozen.status == "frozen"


def test_who_froze_it_sees_why_they_cannot_approve(
    frozen: Campaign, approver: User, operator: User, logged_in: LogIn
) -> None:
    operator.groups.add(*approver.groups.all())
    operator = User.objects.get(pk=operator.pk)
    page = logged_in(operator).get(f"/campaigns/{frozen.pk}/").content.decode()
    assert "You submitted or edited this campaign" in page
    assert "Approve and hand over" not in page


def test_self_approval_is_shown_where_it_is_allowed(
    frozen: Campaign, approver: User, operator: User, logged_in: LogIn, settings: Settings
) -> None:
    settings.SELF_APPROVAL = True
    operator.groups.add(*approver.groups.all())
    page = html_of(logged_in(User.objects.get(pk=operator.pk)).get(f"/campaigns/{frozen.pk}/"))
    assert "You submitted or edited this campaign yourself" in page
    assert "Approve and hand over 5 messages" in page


def test_an_operator_may_not_approve_or_reject(frozen: Campaign, operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    assert client.post(f"/campaigns/{frozen.pk}/approve/", {"seen_hash": frozen.approval_hash}).status_code == 403
    assert client.post(f"/campaigns/{frozen.pk}/reject/", {"why": "no"}).status_code == 403
    assert client.post(f"/campaigns/{frozen.pk}/confirm-start/").status_code == 403


def test_rejecting_needs_a_reason_and_shows_it(frozen: Campaign, approver: User, logged_in: LogIn) -> None:
    client = logged_in(approver)
    page = client.post(f"/campaigns/{frozen.pk}/reject/", {"why": " "}, follow=True).content.decode()
    assert "Enter a reason" in page
    page = client.post(f"/campaigns/{frozen.pk}/reject/", {"why": "Wrong price"}, follow=True).content.decode()
    assert "Wrong price" in page
    frozen.refresh_from_db()
    assert frozen.status == "draft"


def test_what_was_sent_back_is_on_the_overview_of_its_writer_until_dismissed(
    frozen: Campaign, operator: User, approver: User, viewer: User, logged_in: LogIn
) -> None:
    User.objects.filter(pk=approver.pk).update(first_name="Thandi", last_name="M")
    logged_in(approver).post(f"/campaigns/{frozen.pk}/reject/", {"why": "Wrong price"})
    client = logged_in(operator)
    assert "Sent back by Thandi M: Wrong price" in html_of(client.get("/"))
    assert "Sent back by" not in html_of(logged_in(viewer).get("/"))
    assert logged_in(viewer).post(f"/campaigns/{frozen.pk}/dismiss/").status_code == 403
    client.post(f"/campaigns/{frozen.pk}/dismiss/")
    assert "Sent back by" not in html_of(client.get("/"))


def test_the_second_version_shows_what_changed(
    frozen: Campaign, operator: User, approver: User, logged_in: LogIn
) -> None:
    client = logged_in(approver)
    assert "First version: it was not submitted before." in html_of(client.get(f"/campaigns/{frozen.pk}/"))
    client.post(f"/campaigns/{frozen.pk}/reject/", {"why": "Wrong price"})
    Campaign.objects.filter(pk=frozen.pk).update(text="Hi @@value1|friend@@, 30 % off ends Sunday.", parts_ceiling=9)
    freeze(Campaign.objects.select_related("account").get(pk=frozen.pk), operator)
    page = html_of(client.get(f"/campaigns/{frozen.pk}/"))
    assert "Since version 1, submitted by operator" in page
    assert "<del>20</del><ins>30</ins> % off ends Sunday." in page
    assert "<del>None</del> <ins>9</ins>" in page
    assert "The same people" in page


def test_changing_takes_it_back_to_draft(frozen: Campaign, operator: User, logged_in: LogIn) -> None:
    response = logged_in(operator).post(f"/campaigns/{frozen.pk}/change/")
    assert response.headers["Location"] == f"/campaigns/{frozen.pk}/edit/"
    frozen.refresh_from_db()
    assert frozen.status == "draft"


def test_a_held_campaign_gets_a_new_start(
    frozen: Campaign, approver: User, logged_in: LogIn, enqueued: list[tuple[str, int]]
) -> None:
    Campaign.objects.filter(pk=frozen.pk).update(status="held", approved_by=approver, sentence="It missed its start.")
    client = logged_in(approver)
    page = html_of(client.get(f"/campaigns/{frozen.pk}/"))
    assert "Confirm and hand over 5 messages then" in page
    client.post(f"/campaigns/{frozen.pk}/confirm-start/", {"start_at": "never"})
    frozen.refresh_from_db()
    assert frozen.status == "held"
    client.post(f"/campaigns/{frozen.pk}/confirm-start/", {"start_at": ""})
    frozen.refresh_from_db()
    assert frozen.status == "approved"
    assert enqueued == [("create_batches", frozen.pk)]


@pytest.mark.parametrize("verb", ["freeze", "reject", "change", "pause", "resume", "cancel", "confirm-start"])
def test_operations_are_post_only(verb: str, frozen: Campaign, administrator: User, logged_in: LogIn) -> None:
    User.objects.filter(pk=administrator.pk).update(is_superuser=True)
    assert logged_in(administrator).get(f"/campaigns/{frozen.pk}/{verb}/").status_code == 405


def test_coming_back_to_approve_with_a_get_changes_nothing(frozen: Campaign, approver: User, logged_in: LogIn) -> None:
    response = logged_in(approver).get(f"/campaigns/{frozen.pk}/approve/")
    assert response.headers["Location"] == f"/campaigns/{frozen.pk}/"
    frozen.refresh_from_db()
    assert frozen.status == "frozen"


def test_times_name_both_zones(frozen: Campaign, approver: User, logged_in: LogIn) -> None:
    page = html_of(logged_in(approver).get(f"/campaigns/{frozen.pk}/"))
    assert re.search(
        r'submitted by operator <time datetime="[^"]+" title="[^"]+\d\d UTC\)" data-utc="[^"]+">\d\d:\d\d SAST</time>',
        page,
    )
