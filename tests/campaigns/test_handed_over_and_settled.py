"""From a frozen audience to accepted, through the real SFTP server of the sandbox."""

from collections import Counter
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from campaigns.models import Campaign, Recipient
from campaigns.results import balance
from contacts.models import ContactList, Suppression
from contacts.suppression import suppress
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, hand_over, until_closed

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def test_every_recipient_is_texted_once_with_the_frozen_text(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    campaign = make_running(sandbox_account)

    until_closed(campaign, clock)

    messages = sandbox.messages()
    assert Counter(message["msisdn"] for message in messages) == {str(27825550100 + n): 1 for n in range(5)}
    assert messages[0]["text"] == "Hi Person 0, 20 % off ends Sunday."
    books = balance.audit(campaign)
    assert books.balanced
    assert books.outcomes["accepted"] == 5


def test_row_errors_and_provider_opt_outs_are_settled_individually(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    clock: Clock,
) -> None:
    people = make_list("Odd", count=3, first=27825599900)

    campaign = make_running(sandbox_account, people)
    until_closed(campaign, clock)

    books = balance.audit(campaign)
    assert books.balanced
    assert (books.outcomes["accepted"], books.outcomes["row_error"]) == (1, 2)
    assert Suppression.objects.get(lifted_at=None).source == "provider"
    assert "report" in Suppression.objects.get().note
    assert {message["msisdn"] for message in sandbox.messages()} == {"27825599900"}


def test_people_who_opt_out_between_batching_and_gate_are_left_out(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    campaign = make_running(sandbox_account)
    suppress(["27825550102"], "manual")

    until_closed(campaign, clock)

    assert "27825550102" not in {message["msisdn"] for message in sandbox.messages()}
    assert len(sandbox.messages()) == 4
    assert list(campaign.batches.values_list("generation", "status")) == [(1, "superseded"), (2, "accepted")]
    assert Recipient.objects.get(msisdn="27825550102").excluded_reason == "opted_out_later"
    assert balance.audit(campaign).balanced


def test_a_batch_whose_people_all_opted_out_is_cancelled(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    campaign = make_running(sandbox_account)
    suppress([str(27825550100 + n) for n in range(5)], "manual")

    until_closed(campaign, clock)

    assert sandbox.messages() == []
    books = balance.audit(campaign)
    assert books.balanced
    assert books.excluded == {"opted_out_later": 5}


@pytest.mark.parametrize("fault", ["smsportal:insufficient-credits"])
def test_a_rejected_file_rejects_its_recipients(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock, fault: str
) -> None:
    sandbox.fault(fault)
    campaign = make_running(sandbox_account)

    until_closed(campaign, clock)

    batch = campaign.batches.get()
    assert (batch.status, batch.reason) == ("rejected", "InsufficientCredits")
    assert balance.audit(campaign).outcomes["rejected"] == 5
    assert sandbox.messages() == []


def test_a_refused_login_stops_the_account_and_loses_nothing(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, clock: Clock, approver: User
) -> None:
    sandbox.fault("smsportal:refuse-login")
    campaign: Campaign = make_running(sandbox_account)

    hand_over(campaign, clock)

    sandbox_account.refresh_from_db()
    assert sandbox_account.stopped_code == "login_refused"
    assert campaign.batches.get().status == "prepared"

    sandbox.clear()
    sandbox_account.start()
    clock.forward(seconds=10)
    until_closed(campaign, clock)
    assert len(sandbox.messages()) == 5
