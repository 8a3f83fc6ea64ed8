"""GatewayAPI: a pinned source can be renamed only once, so two polls that see it untouched permit a repeat."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from campaigns import decisions
from campaigns.models import Batch, Campaign
from contacts.models import ContactList
from providers.errors import Unclear
from providers.models import Account
from providers.sandbox.server import Sandbox
from providers.transports.ftp import FtpRemote
from tests.campaigns.conftest import Clock, MakeCampaign, default_options, hand_over, until_closed


@pytest.fixture
def campaign(
    account_at: Callable[..., Account], make_list: Callable[..., ContactList], make_running: MakeCampaign
) -> Campaign:
    account = account_at("gatewayapi")
    return make_running(account, make_list(count=3), options=default_options(account))


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The next rename is lost on its way to the server; returns the names of all renames requested."""
    asked: list[str] = []
    rename = FtpRemote.rename

    def lose_the_first(remote: FtpRemote, source: str, target: str) -> None:
        asked.append(source)
        if len(asked) == 1:
            raise Unclear("rename_broken", "The line broke at the rename.")
        rename(remote, source, target)

    monkeypatch.setattr(FtpRemote, "rename", lose_the_first)
    return asked


def texted(sandbox: Sandbox) -> list[Any]:
    return sandbox.messages("gatewayapi")


def test_two_polls_a_minute_apart_permit_the_same_rename_again(
    campaign: Campaign, lost: list[str], sandbox: Sandbox, clock: Clock
) -> None:
    hand_over(campaign, clock)
    assert campaign.batches.get().status == "committing"
    clock.forward(seconds=3)
    hand_over(campaign, clock)
    assert len(lost) == 1
    clock.forward(seconds=50)
    hand_over(campaign, clock)
    assert len(lost) == 1
    clock.forward(seconds=12)
    hand_over(campaign, clock)

    assert lost == [lost[0]] * 2
    batch = campaign.batches.get()
    assert batch.status == "handed_over"
    assert [attempt.staged_name for attempt in batch.attempts.all()] == lost
    until_closed(campaign, clock)
    assert len(texted(sandbox)) == 3


def test_one_poll_that_took_more_than_a_minute_is_not_two(
    campaign: Campaign, lost: list[str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    listdir = FtpRemote.listdir

    def slow(remote: FtpRemote, *rest: Any, **options: Any) -> Any:
        clock.forward(seconds=70)
        return listdir(remote, *rest, **options)

    hand_over(campaign, clock)
    clock.forward(seconds=3)
    monkeypatch.setattr(FtpRemote, "listdir", slow)
    hand_over(campaign, clock)

    assert len(lost) == 1
    assert campaign.batches.get().status == "committing"


def test_a_late_rename_is_found_and_not_repeated(
    campaign: Campaign, lost: list[str], sandbox: Sandbox, clock: Clock
) -> None:
    hand_over(campaign, clock)
    clock.forward(seconds=3)
    hand_over(campaign, clock)
    batch = campaign.batches.get()
    home = sandbox.home(provider="gatewayapi")
    (home / lost[0]).rename(home / batch.name)

    until_closed(campaign, clock)

    assert len(lost) == 1
    assert len(texted(sandbox)) == 3


def test_while_paused_it_only_polls(
    campaign: Campaign, lost: list[str], operator: User, sandbox: Sandbox, clock: Clock
) -> None:
    hand_over(campaign, clock)
    decisions.pause(campaign, operator)
    for _ in range(4):
        clock.forward(seconds=65)
        hand_over(campaign, clock)
    assert len(lost) == 1
    assert campaign.batches.get().status == "committing"
    decisions.resume(campaign, operator, clock())
    clock.forward(seconds=65)
    hand_over(campaign, clock)
    assert len(lost) == 2
    until_closed(campaign, clock)
    assert len(texted(sandbox)) == 3


def test_a_source_that_is_gone_without_a_successor_is_for_a_person(
    campaign: Campaign, lost: list[str], sandbox: Sandbox, clock: Clock
) -> None:
    hand_over(campaign, clock)
    (sandbox.home(provider="gatewayapi") / lost[0]).unlink()
    for _ in range(17):
        clock.forward(seconds=65)
        hand_over(campaign, clock)
    batch = campaign.batches.get()
    assert (batch.status, len(lost)) == ("unclear", 1)
    assert batch.evidence.exists()
    assert texted(sandbox) == []


def test_when_no_host_answers_it_polls_again_until_one_does(
    campaign: Campaign, lost: list[str], sandbox: Sandbox, clock: Clock
) -> None:
    hand_over(campaign, clock)
    for host in "ab":
        sandbox.fault(f"gatewayapi:host-{host}-down")
    for _ in range(3):
        clock.forward(seconds=65)
        hand_over(campaign, clock)
    assert Batch.objects.get().status == "committing"
    assert len(lost) == 1
    sandbox.clear()
    until_closed(campaign, clock, rounds=200)
    assert len(texted(sandbox)) == 3


def test_a_second_lost_rename_is_repeated_as_well(
    campaign: Campaign, lost: list[str], sandbox: Sandbox, clock: Clock
) -> None:
    hand_over(campaign, clock)
    clock.forward(seconds=3)
    hand_over(campaign, clock)
    # The repeat is lost as well.
    lost.clear()
    clock.forward(seconds=62)
    hand_over(campaign, clock)
    assert len(lost) == 1
    for _ in range(3):
        clock.forward(seconds=62)
        hand_over(campaign, clock)
    assert len(lost) == 2
    until_closed(campaign, clock)
    assert len(texted(sandbox)) == 3
