"""The page of letters, the choice on the check, and the tabs of the preview."""

import hashlib
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import escape

from campaigns.handover import batches
from campaigns.handover.exact_files import first_lines
from campaigns.models import Campaign
from contacts.models import Contact, ContactList
from providers.base import Payload
from providers.limits import Limits
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze
from tests.pages import html_of

LogIn = Callable[[User], Client]
MakeList = Callable[..., ContactList]


@pytest.fixture
def draft(account: Account, make_campaign: MakeCampaign, make_list: MakeList) -> Campaign:
    """Two people named Zoë, one Иван, one without a name, and one with an own text."""
    people = make_list(count=6)
    for number, name in ((1, "Zoë"), (2, "Zoë"), (3, "Иван"), (4, "")):
        Contact.objects.filter(msisdn=str(27825550100 + number)).update(value1=name)
    Contact.objects.filter(msisdn="27825550105").update(message="Own text " * 20)
    return make_campaign(account, people, text="Hi @@value1|friend@@, it’s on")


def test_the_letters_are_grouped_with_links_to_their_people(draft: Campaign, operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    page = html_of(client.get(f"/campaigns/{draft.pk}/letters/"))
    assert '<kbd class="letter">’</kbd> → <kbd class="letter">&#x27;</kbd>' in page
    assert "In First name:" in page
    assert '?field=value1&amp;letter=%C3%AB"> 2 people</a>' in page.replace('"> 2', '"> 2') or "2 people" in page
    assert '<td class="words">Zoë</td> <td class="words">Zoe</td> <td class="figure">2</td>' in page
    assert "Nothing similar" in page
    people = html_of(client.get(f"/campaigns/{draft.pk}/letters/?field=value1&letter=ë"))
    assert "2 people with “ë” in First name" in people
    assert people.count("?number=2782555010") == 2


def test_the_choice_is_stored_and_the_draft_checked_again(draft: Campaign, operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    check = html_of(client.get(f"/campaigns/{draft.pk}/check/"))
    assert "Letters that SMSPortal main lacks" in check
    assert "Submit for approval" not in check
    chosen = {"letters": "replace_or_skip", "back": "check"}
    answer = client.post(f"/campaigns/{draft.pk}/letters/", chosen)
    assert answer.headers["Location"] == f"/campaigns/{draft.pk}/check/"
    draft.refresh_from_db()
    assert draft.letters == "replace_or_skip"
    check = html_of(client.get(f"/campaigns/{draft.pk}/check/"))
    assert "Submit for approval (5 recipients)" in check
    assert "letters that the provider lacks" in check
    answer = client.post(f"/campaigns/{draft.pk}/letters/", chosen, headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == f"/campaigns/{draft.pk}/check/"
    client.post(f"/campaigns/{draft.pk}/letters/", {"letters": "nonsense"})
    draft.refresh_from_db()
    assert draft.letters == "replace_or_skip"
    Campaign.objects.filter(pk=draft.pk).update(reason="rejected", sentence="Use their names.")
    client.post(f"/campaigns/{draft.pk}/letters/", {"letters": "skip"})
    draft.refresh_from_db()
    assert (draft.letters, draft.sentence) == ("skip", "Use their names."), "it was sent back, and still says why"
    assert "Everybody is looked at" not in html_of(client.get(f"/campaigns/{draft.pk}/letters/"))


def test_the_equation_beside_the_text_follows_text_and_choice(
    draft: Campaign, operator: User, logged_in: LogIn
) -> None:
    client = logged_in(operator)
    posted = {"campaign": draft.pk, "account": draft.account_id, "text": "Hi @@value1@@", "letters": "skip"}
    equation = client.post("/templates/measure/", posted).context["equation"]
    assert equation["excluded"] == [("Missing value", 1), ("Letters that the provider lacks", 3)]
    assert (equation["selected"], equation["included"]) == (6, 2)


@pytest.mark.parametrize("step", ["recipients", "when"])
def test_every_step_shows_the_recipients_as_the_check_does(
    draft: Campaign, operator: User, logged_in: LogIn, step: str
) -> None:
    Contact.objects.filter(msisdn="27825550100").update(value1="Иван")
    Campaign.objects.filter(pk=draft.pk).update(letters="replace_or_skip")
    client = logged_in(operator)
    page = html_of(client.get(f"/campaigns/{draft.pk}/edit/{step}/"))
    assert "<b>2</b> letters that the provider lacks" in page
    assert "<b>4</b> recipients" in page
    Campaign.objects.filter(pk=draft.pk).update(letters="replace")
    Contact.objects.filter(msisdn="27825550100").update(value1="Zoë")
    page = html_of(client.get(f"/campaigns/{draft.pk}/edit/{step}/"))
    assert "Hi Zoe, it&#x27;s on" in page
    assert "GSM · 15 of 160" in page


def test_only_operators_choose_and_only_in_a_draft(
    draft: Campaign, operator: User, viewer: User, logged_in: LogIn
) -> None:
    address = f"/campaigns/{draft.pk}/letters/"
    assert logged_in(viewer).post(address, {"letters": "skip"}).status_code == 403
    Campaign.objects.filter(pk=draft.pk).update(letters="replace_or_skip")
    campaign = freeze(Campaign.objects.get(pk=draft.pk), operator)
    assert campaign.status == "frozen"
    logged_in(operator).post(address, {"letters": "skip"})
    campaign.refresh_from_db()
    assert campaign.letters == "replace_or_skip"
    assert "Zoe" in html_of(logged_in(viewer).get(address))


@pytest.mark.parametrize("is_frozen", [False, True])
def test_the_preview_shows_recipients_of_each_kind(
    draft: Campaign, operator: User, logged_in: LogIn, is_frozen: bool
) -> None:
    Campaign.objects.filter(pk=draft.pk).update(letters="replace_or_skip")
    if is_frozen:
        freeze(Campaign.objects.get(pk=draft.pk), operator)
    client = logged_in(operator)

    def preview(query: str) -> str:
        return html_of(client.get(f"/campaigns/{draft.pk}/preview/?{query}"))

    page = preview("kind=replaced&row=2")
    assert "Hi Zoe, it&#x27;s on" in page
    assert f"Before letters were replaced:</span> {escape('Hi Zoë, it’s on')}" in page
    assert "2 of 2" in page
    assert page.count('aria-current="true"') == 1
    assert 'aria-current="true"' in page.partition("Special letters")[0][-40:]
    assert "Own text" in preview("kind=own")
    assert "Own text" in preview("kind=longest")
    assert "Own text" in preview("kind=parts&part=phone")
    assert "Hi friend" in preview("kind=empty")
    assert "+27 82 555 0104" in preview("number=0825550104")
    assert "not among the recipients" in preview("number=0825559999")
    assert "Kinds of recipients" not in preview("part=phone")


@pytest.mark.parametrize("is_frozen", [False, True])
def test_the_first_file_is_shown_with_its_checksum_and_can_be_downloaded(
    draft: Campaign, operator: User, logged_in: LogIn, is_frozen: bool
) -> None:
    client = logged_in(operator)
    address = f"/campaigns/{draft.pk}/files/"
    assert "Fix the texts first" in html_of(client.get(address))
    assert client.get(f"{address}exact/").status_code == 404
    Campaign.objects.filter(pk=draft.pk).update(letters="replace_or_skip")
    if is_frozen:
        freeze(Campaign.objects.get(pk=draft.pk), operator)
    page, file = html_of(client.get(address)), client.get(f"{address}exact/")
    assert hashlib.sha256(file.content).hexdigest() in page
    assert ("In a draft" in page) != is_frozen
    assert "Logins and passwords are not in this file" in page
    assert escape('"message_template"') in page
    assert "Zoe" in page
    assert "more file" not in page


@pytest.mark.parametrize("is_frozen", [False, True])
def test_each_of_many_files_is_shown(
    draft: Campaign, operator: User, logged_in: LogIn, monkeypatch: pytest.MonkeyPatch, is_frozen: bool
) -> None:
    Campaign.objects.filter(pk=draft.pk).update(letters="replace_or_skip")
    campaign = Campaign.objects.get(pk=draft.pk)
    if is_frozen:
        campaign = freeze(campaign, operator)
    monkeypatch.setattr(type(campaign.account.adapter), "limits", Limits(rows=2, bytes=10_000_000, values=6))
    client, address = logged_in(operator), f"/campaigns/{draft.pk}/files/"
    first, last = html_of(client.get(address)), html_of(client.get(f"{address}?file=3"))
    assert "2 more files" in first
    assert "Next file" in first
    assert "Previous file" not in first
    assert "more file" not in last
    assert 'href="?file=2">Previous file' in last
    # A number beyond the last file shows the last one.
    assert html_of(client.get(f"{address}?file=99")).partition("<dl")[2] == last.partition("<dl")[2]
    third = client.get(f"{address}exact/?file=3")
    assert hashlib.sha256(third.content).hexdigest() in last
    if is_frozen:
        assert [file.payload.body for file in batches.dry_run(campaign)][2] == third.content


@pytest.mark.parametrize(
    ("name", "body", "shown"),
    [
        ("a.form", b"dca=7bit&batch_data=msisdn%2Cmessage%0A%22278%22%2C%22caf%E9+1%22", "café 1"),
        ("a.txt", "text:café\n".encode("latin-1"), "text:café"),
        ("a.csv.utf8.ready", "é".encode() * 15_000, "é" * 1_000),
    ],
)
def test_the_beginning_of_each_format_can_be_read(name: str, body: bytes, shown: str) -> None:
    assert shown in "\n".join(first_lines(Payload("a", name, body, 1)))


def test_while_a_text_is_written_its_cost_is_estimated_and_any_recipient_shown(
    draft: Campaign, operator: User, logged_in: LogIn
) -> None:
    client = logged_in(operator)
    form = {"campaign": draft.pk, "account": draft.account_id, "text": "Dear @@value1|friend@@: 5 “€”"}
    page = html_of(client.post("/templates/measure/", form))
    assert "All recipients: 1 part 5 · 2 parts 1" in page
    assert "cannot take the text as it stands" in page
    assert "In First name:" in page
    page = html_of(client.post("/templates/measure/", {**form, "letters": "replace", "kind": "replaced", "row": "2"}))
    assert f"{escape('Dear Zoe: 5')} &quot;€&quot;" in page
    assert "2 of 3" in page
    assert "cannot take the text as it stands" not in page
    page = html_of(client.post("/templates/measure/", {**form, "letters": "skip", "kind": "nonsense", "row": "x"}))
    assert "gets no text: letters that the provider lacks" in page
    assert "1 of 6" in page
    step = html_of(client.get(f"/campaigns/{draft.pk}/edit/message/"))
    assert "All recipients: 1 part 5" in step
    assert 'name="letters"' in step
