"""Every page of a rehearsal says that it texts nobody, and an approver reads sentences where the provider has codes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.audience.spec import rehearsal_of
from campaigns.models import Batch, Campaign
from campaigns.views.facts import display_value
from contacts.models import ContactList
from providers.adapters.smsportal import Adapter
from providers.base import CampaignSpec
from providers.models import Account
from tests.campaigns.conftest import default_options, freeze
from tests.pages import html_of

LogIn = Callable[[User], Client]
SENTENCE = "SMSPortal looks at the files and texts nobody."


@pytest.fixture(autouse=True)
def seventh_error_rehearses(monkeypatch: pytest.MonkeyPatch) -> None:
    def rehearsal(self: Adapter, spec: CampaignSpec) -> str:
        return SENTENCE if spec.options.get("max_errors") == 7 else ""

    monkeypatch.setattr(Adapter, "rehearsal", rehearsal)


def rehearsed(account: Account) -> dict[str, Any]:
    return default_options(account, max_errors=7)


def test_every_page_of_a_rehearsal_says_so(
    account: Account, make_campaign: Callable[..., Campaign], make_running: Callable[..., Campaign],
    make_list: Callable[..., ContactList], approver: User, operator: User, logged_in: LogIn,
) -> None:  # fmt: skip
    people = make_list()
    draft = make_campaign(account, people, options=rehearsed(account))
    frozen = freeze(make_campaign(account, people, name="Frozen", options=rehearsed(account)), operator)
    running = make_running(account, people, name="Running", options=rehearsed(account))
    batch = running.batches.get()
    client = logged_in(approver)
    for path in (
        draft.get_absolute_url(), f"/campaigns/{draft.pk}/check/", frozen.get_absolute_url(),
        running.get_absolute_url(), f"/batches/{batch.pk}/", "/search/?number=27825550100",
    ):  # fmt: skip
        assert SENTENCE in client.get(path).content.decode(), path


def test_who_approves_a_rehearsal_rehearses(
    account: Account, make_campaign: Callable[..., Campaign], make_list: Callable[..., ContactList],
    approver: User, operator: User, logged_in: LogIn,
) -> None:  # fmt: skip
    people = make_list()
    start = timezone.now() + timedelta(days=2)
    now = freeze(make_campaign(account, people, options=rehearsed(account)), operator)
    later = freeze(make_campaign(account, people, name="Later", options=rehearsed(account), start_at=start), operator)
    early = freeze(
        make_campaign(account, people, name="Early", options=rehearsed(account), start_at=start, is_early=True),
        operator,
    )
    client = logged_in(approver)
    for campaign in (now, later, early):
        page = html_of(client.get(campaign.get_absolute_url()))
        assert "Approve and rehearse 5 messages" in page or "Approve 5 rehearsed messages for" in page
        assert "Approve and hand over" not in page
        assert "Approve 5 messages" not in page


def test_a_campaign_that_texts_people_says_nothing_of_a_rehearsal(
    account: Account, make_running: Callable[..., Campaign], make_campaign: Callable[..., Campaign], viewer: User,
    logged_in: LogIn,
) -> None:  # fmt: skip
    running = make_running(account)
    client = logged_in(viewer)
    for path in (running.get_absolute_url(), f"/batches/{running.batches.get().pk}/"):
        assert client.get(path).status_code == 200
        assert "rehearsal" not in client.get(path).content.decode().lower(), path
    assert rehearsal_of(make_campaign(account, *running.ordered_lists(), text="Hi @@first@@")) == ""


def test_rehearsals_are_left_out_of_the_chart(
    account: Account, make_running: Callable[..., Campaign], make_list: Callable[..., ContactList], viewer: User,
    logged_in: LogIn,
) -> None:  # fmt: skip
    people = make_list()
    make_running(account, people, options=rehearsed(account))
    Batch.objects.update(status="accepted", settled_at=timezone.now())
    client = logged_in(viewer)
    assert client.get("/").context["has_days"] is False
    make_running(account, people, name="Real", options=default_options(account))
    Batch.objects.update(status="accepted", settled_at=timezone.now())
    assert client.get("/").context["days"]["series"][0]["values"][-1] == 5


def test_the_options_are_worded_alike_from_the_draft_to_the_end(
    account_at: Callable[..., Account], make_campaign: Callable[..., Campaign], make_running: Callable[..., Campaign],
    make_list: Callable[..., ContactList], approver: User, operator: User, logged_in: LogIn,
) -> None:  # fmt: skip
    account, people = account_at("bulksms"), make_list()
    options = default_options(account, msg_class="0", repliable="0")
    draft = make_campaign(account, people, options=options)
    frozen = freeze(make_campaign(account, people, name="Frozen", options=options), operator)
    running = make_running(account, people, name="Running", options=options)
    client = logged_in(approver)
    for campaign in (draft, frozen, running):
        page = client.get(campaign.get_absolute_url()).content.decode()
        for words in (
            "<dt>Kind</dt><dd>Flash: shown at once and not kept</dd>",
            "<dt>Alphabet</dt><dd>GSM, 160 characters a part</dd>",
            "<dt>Replies</dt><dd>Not collected</dd>",
            "<dt>Routing group</dt><dd>The account&#x27;s setting</dd>",
            "<dt>Maximum parts per text</dt><dd>4</dd>",
            "<dt>Ask the networks for delivery reports</dt><dd>Yes</dd>",
            "<dt>Source id</dt><dd>—</dd>",
        ):
            assert words in page, (campaign, words)


def test_a_value_that_is_no_longer_a_choice_is_shown_unchanged() -> None:
    kinds = forms.ChoiceField(choices=[("", "Usual"), ("0", "None"), ("1", "Some")])
    assert [display_value(kinds, value) for value in ("", None, "0", 0, 1, "9")] == [
        "Usual",
        "Usual",
        "None",
        "None",
        "Some",
        "9",
    ]
    assert [display_value(forms.BooleanField(), value) for value in (True, False, None)] == ["Yes", "No", "No"]
    assert [display_value(forms.CharField(), value) for value in ("x", "", None)] == ["x", "—", "—"]
    assert display_value(forms.IntegerField(), 0) == "0"
