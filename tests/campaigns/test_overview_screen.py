"""The start page: what needs a decision, what is running, what is scheduled."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from campaigns.lifecycle import transition
from campaigns.models import Batch, Campaign
from campaigns.templatetags.badges import local_words, zoned
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze
from tests.pages import html_of

pytestmark = pytest.mark.postgresql

LogIn = Callable[[User], Client]


def test_an_empty_installation_says_what_to_do(operator: User, viewer: User, logged_in: LogIn) -> None:
    page = logged_in(operator).get("/").content.decode()
    assert "No campaigns are running" in page
    assert "New campaign" in page
    assert "There is no active account yet" in page
    assert "New campaign" not in logged_in(viewer).get("/").content.decode()


def test_running_campaigns_and_their_progress(
    account: Account, make_running: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    make_running(account)
    page = logged_in(viewer).get("/").content.decode()
    assert "October promo" in page
    assert "0 of 5" in page
    assert 'hx-trigger="every 2s"' in page


def test_files_of_one_cause_are_one_line(
    account: Account, make_running: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    campaign = make_running(account)
    batch = campaign.batches.get()
    fields = {f.attname: getattr(batch, f.attname) for f in Batch._meta.concrete_fields if f.attname != "id"}
    Batch.objects.create(**fields | {"number": 2, "stem": "other", "key": 7, "name": "other.zip"})
    Batch.objects.update(status="unclear", reason="line_broke", sentence="The line broke.", row_errors=1)
    inbox = logged_in(viewer).get("/").context["inbox"]
    [line] = [line for line in inbox if "files" in line["what"]]
    assert (line["what"], line["sentence"]) == ("2 files unclear, 8 recipients", "The line broke.")

    Batch.objects.filter(number=2).update(sentence="The line broke after 12 of 30 bytes.")
    [line] = [line for line in logged_in(viewer).get("/").context["inbox"] if "files" in line["what"]]
    assert line["sentence"] == "Line broke. One of them: The line broke after 12 of 30 bytes."
    assert line["url"] == reverse("campaigns:unclear", args=[campaign.pk]) + "?reason=line_broke"


def test_a_file_that_waits_for_a_person_says_since_when(
    account: Account, make_running: MakeCampaign, viewer: User, logged_in: LogIn
) -> None:
    batch = transition(transition(make_running(account).batches.get(), "uploading"), "committing")
    transition(batch, "unclear", reason="line_broke", sentence="The line broke.")
    long_ago = timezone.now() - timedelta(days=2)
    batch.events.filter(to_status="unclear").update(at=long_ago)

    answer = logged_in(viewer).get("/")

    [line] = answer.context["inbox"]
    assert (line["at"], line["what"]) == (long_ago, "file 1 unclear, 5 recipients")
    assert f"since {zoned(long_ago)}" in answer.content.decode()


def test_a_missed_start_is_shown_once_with_its_time(
    account: Account, make_running: MakeCampaign, viewer: User, logged_in: LogIn
) -> None:
    campaign = make_running(account)
    start = timezone.now() - timedelta(hours=1)
    sentence = "Its start was missed by 1 hour."
    Campaign.objects.filter(pk=campaign.pk).update(status="approved", effective_start_at=start)
    campaign.refresh_from_db()
    transition(campaign, "held", reason="start_missed", sentence=sentence)

    [line] = logged_in(viewer).get("/").context["inbox"]

    assert (line["what"], line["sentence"]) == ("missed its start", f"It was due to start {local_words(start)}.")
    assert line["at"] == campaign.events.get(to_status="held").at


def test_people_in_unclear_files_are_counted_in_the_running_table(
    account: Account, make_running: MakeCampaign, viewer: User, logged_in: LogIn
) -> None:
    make_running(account)
    Batch.objects.update(status="unclear", reason="line_broke", row_errors=1)
    page = logged_in(viewer).get("/").content.decode()
    columns = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', page)
    cells = [" ".join(strip_tags(cell).split()) for cell in re.findall(r"<td[^>]*>(.*?)</td>", page, re.DOTALL)]
    assert dict(zip(columns, cells, strict=True))["Needs decision"] == "4"


@pytest.mark.parametrize(("role", "may"), [("viewer", False), ("operator", False), ("approver", True)])
def test_only_people_who_may_decide_see_that_the_decision_is_theirs(
    account: Account, make_running: MakeCampaign, logged_in: LogIn, request: pytest.FixtureRequest, role: str, may: bool
) -> None:
    make_running(account)
    Batch.objects.update(status="unclear", reason="line_broke")
    page = html_of(logged_in(request.getfixturevalue(role)).get("/"))
    assert ("Needs your decision (1)" in page, "1 needs your attention" in page) == (may, may)
    assert ("An approver decides" in page) == (not may)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "held", "sentence": "It missed its start by an hour."}, "missed its start"),
        ({"status": "paused", "reason": "no_progress", "sentence": "Nothing went."}, "paused by Baton"),
        ({"alarm": "The recipients changed after the freeze."}, "the numbers do not add up"),
    ],
)
def test_what_waits_for_a_person_is_in_the_inbox(
    changes: dict[str, str],
    words: str,
    account: Account,
    make_running: Callable[..., Campaign],
    viewer: User,
    logged_in: LogIn,
) -> None:
    campaign = make_running(account)
    Campaign.objects.filter(pk=campaign.pk).update(**changes)
    inbox = logged_in(viewer).get("/").context["inbox"]
    assert [(line["who"], line["what"]) for line in inbox] == [("October promo", words)]


def test_what_a_person_paused_is_not_in_the_inbox(
    account: Account, make_running: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    campaign = make_running(account)
    Campaign.objects.filter(pk=campaign.pk).update(status="paused", reason="paused")
    assert logged_in(viewer).get("/").context["inbox"] == []


def test_a_stopped_account_and_a_waiting_approval_are_in_the_inbox(
    account: Account, make_campaign: Callable[..., Campaign], operator: User, viewer: User, logged_in: LogIn
) -> None:
    freeze(make_campaign(account), operator)
    account.stop("host_key_changed", "The host key changed.")
    inbox = logged_in(viewer).get("/").context["inbox"]
    assert [line["what"] for line in inbox] == ["stopped", "waiting for approval, 5 recipients"]
    assert "The host key changed." in inbox[0]["sentence"]


def test_the_chart_counts_recipients_by_the_day_their_file_was_settled(
    account: Account, make_running: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    make_running(account)
    Batch.objects.update(status="accepted", row_errors=1, settled_at=timezone.now())
    days = logged_in(viewer).get("/").context["days"]
    assert len(days["days"]) == 30
    assert {series["kind"]: series["values"][-1] for series in days["series"]} == {
        "accepted": 4,
        "decision": 1,
        "rejected": 0,
    }


def test_the_chart_has_a_table_of_the_same_numbers(
    account: Account, make_running: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    make_running(account)
    Batch.objects.update(status="accepted", row_errors=1, settled_at=timezone.now())
    answer = logged_in(viewer).get("/")
    assert answer.context["days"]["rows"] == [(timezone.localdate(), 4, 1, 0)]
    assert '<td class="figure" data-label="Accepted">4</td>' in answer.content.decode()


def test_a_running_campaign_shows_its_rate_and_is_stopped_at_one_click(
    account: Account, make_running: Callable[..., Campaign], operator: User, viewer: User, logged_in: LogIn
) -> None:
    campaign = make_running(account)
    Batch.objects.update(row_errors=2)
    Campaign.objects.update(started_at=timezone.now() - timedelta(minutes=2))
    page = html_of(logged_in(operator).get("/"))
    assert "1 handed over per minute, 3 min left" in page
    assert f'action="/campaigns/{campaign.pk}/pause/"' in page
    Campaign.objects.update(resumed_at=timezone.now() - timedelta(minutes=1))
    assert "per minute" not in html_of(logged_in(operator).get("/")), "nothing since it was resumed"
    assert "Stop now" not in logged_in(viewer).get("/").content.decode()


def test_the_live_part_answers_204_while_nothing_changes(
    account: Account, make_running: Callable[..., Campaign], viewer: User, operator: User, logged_in: LogIn
) -> None:
    campaign = make_running(account)
    for user in (viewer, operator):
        client = logged_in(user)
        first = client.get("/", headers={"HX-Request": "true"})
        assert "<html" not in first.content.decode()
        for known in (first, client.get("/")):
            seen = {"seen": known.context["seen"]}
            assert client.get("/", seen, headers={"HX-Request": "true"}).status_code == 204, user
    Campaign.objects.filter(pk=campaign.pk).update(sentence="Something else.", status="paused")
    assert client.get("/", seen, headers={"HX-Request": "true"}).status_code == 200


def test_what_is_read_does_not_grow_with_recipients(
    account: Account,
    make_list: Callable[..., ContactList],
    make_running: Callable[..., Campaign],
    viewer: User,
    logged_in: LogIn,
    django_assert_max_num_queries: Callable[..., object],
) -> None:
    make_running(account, make_list(count=200))
    client = logged_in(viewer)
    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]
        client.get("/")


def test_every_screen_describes_an_account_alike(
    account: Account, make_running: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    client = logged_in(viewer)
    make_running(account)

    def said(word: str) -> list[bool]:
        return [word in client.get(path).content.decode() for path in ("/", "/accounts/", account.get_absolute_url())]

    assert said("Not tested") == [True] * 3
    Account.objects.update(polled_at=timezone.now())
    assert said("Working") == [True] * 3
    Account.objects.update(
        checked_at=timezone.now(),
        check_result=[{"code": "login", "label": "Login", "passed": False, "sentence": "The password is wrong."}],
    )
    assert said("Test failed") == [True] * 3


def test_a_campaign_without_a_start_says_when_it_is_handed_over(
    account: Account, make_campaign: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    make_campaign(account)
    assert "Once approved" in logged_in(viewer).get("/campaigns/").content.decode()
