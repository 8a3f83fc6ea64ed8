"""Another process renders the files of a large campaign, and they are the files that one process would make."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from benchmarks.stages.batches import reset
from campaigns.handover import batches, rendering
from campaigns.models import Batch, Campaign
from campaigns.results import balance
from campaigns.statuses import LettersChoice
from contacts.errors import Refusal
from contacts.models import ContactList
from contacts.suppression import suppress
from providers import registry
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, approve, default_options, freeze

pytestmark = pytest.mark.postgresql

#: Recipients in a file; the campaign has eleven.
ROWS = 3
SLUGS = sorted(registry.all_adapters())


@pytest.fixture(params=SLUGS)
def approved(
    request: pytest.FixtureRequest,
    account_at: Callable[..., Account],
    make_campaign: MakeCampaign,
    make_list: Callable[..., ContactList],
    operator: User,
    approver: User,
    monkeypatch: pytest.MonkeyPatch,
) -> Campaign:
    """A campaign of four files."""
    account = account_at(request.param)
    adapter = registry.all_adapters()[request.param]
    monkeypatch.setattr(adapter, "limits", replace(adapter.limits, rows=ROWS))
    campaign = make_campaign(account, make_list(count=11), text="Hello @@value1@@", options=default_options(account))
    return approve(freeze(campaign, operator), approver)


only_smsportal = pytest.mark.parametrize("approved", ["smsportal"], indirect=True)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The ids of the processes that rendered; checks that none is left at the end."""
    begun: list[int] = []
    monkeypatch.setattr(rendering, "WORTH_A_PROCESS", ROWS)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    start = rendering.RenderingProcess.__enter__

    def note(process: rendering.RenderingProcess) -> rendering.RenderingProcess:
        start(process)
        assert process._process.pid
        begun.append(process._process.pid)
        return process

    monkeypatch.setattr(rendering.RenderingProcess, "__enter__", note)
    yield begun
    for pid in begun:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def made(campaign: Campaign) -> list[dict[str, Any]]:
    columns = ("number", "name", "key", "sha256", "size", "rows", "parts", "first_msisdn", "last_msisdn")
    return list(campaign.batches.order_by("number").values(*columns))


def create(campaign: Campaign) -> list[dict[str, Any]]:
    batches.create_batches(campaign.pk, timezone.now())
    campaign.refresh_from_db()
    assert not balance.audit(campaign).mismatch
    return made(campaign)


def test_another_process_renders_the_same_files(approved: Campaign, request: pytest.FixtureRequest) -> None:
    here = create(approved)
    assert [batch["rows"] for batch in here] == [3, 3, 3, 2]
    reset(approved)

    processes = request.getfixturevalue("processes")

    assert create(approved) == here
    assert len(processes) == 1


@pytest.mark.parametrize("approved", ["gatewayapi"], indirect=True)
def test_files_that_are_too_large_are_halved_by_the_other_process_too(
    approved: Campaign, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = max(batch["size"] for batch in create(approved))
    reset(approved)
    adapter = registry.all_adapters()["gatewayapi"]
    monkeypatch.setattr(adapter, "limits", replace(adapter.limits, bytes=largest - 1))
    here = create(approved)
    assert len(here) > 4
    reset(approved)

    processes = request.getfixturevalue("processes")

    assert create(approved) == here
    assert len(processes) == 1


@only_smsportal
def test_one_text_that_fits_nowhere_is_reported_as_usual(
    approved: Campaign, processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = registry.all_adapters()["smsportal"]
    monkeypatch.setattr(adapter, "limits", replace(adapter.limits, bytes=10))

    with pytest.raises(Refusal, match="larger than"):
        batches.create_batches(approved.pk, timezone.now())

    assert len(processes) == 1
    assert not made(approved)


@only_smsportal
@pytest.mark.parametrize("stored", [0, 1, 2])
def test_without_the_other_process_the_rest_is_rendered_here(
    approved: Campaign, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, stored: int
) -> None:
    here = create(approved)
    reset(approved)
    processes = request.getfixturevalue("processes")
    begin = rendering.RenderingProcess.begin

    def kill_first(process: rendering.RenderingProcess, number: int, recipients: Any) -> None:
        if number == stored + 1:
            os.kill(processes[0], signal.SIGKILL)
        begin(process, number, recipients)

    monkeypatch.setattr(rendering.RenderingProcess, "begin", kill_first)

    assert create(approved) == here


@only_smsportal
def test_who_opts_out_while_the_next_file_is_rendered_is_found_before_it_is_handed_over(
    approved: Campaign, processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = batches._store
    late = approved.recipients.order_by("msisdn")[ROWS].msisdn

    def opt_out_first(campaign: Campaign, number: int, *rest: Any) -> None:
        if number == 1:
            suppress([late], "manual")
        store(campaign, number, *rest)

    monkeypatch.setattr(batches, "_store", opt_out_first)

    create(approved)

    assert len(processes) == 1
    second = Batch.objects.get(campaign=approved, number=2)
    assert batches.why_rebuild(approved, second) is not None


@only_smsportal
def test_a_campaign_that_is_paused_meanwhile_gets_no_further_file(
    approved: Campaign, processes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = batches._store

    def pause_afterwards(campaign: Campaign, *rest: Any) -> None:
        store(campaign, *rest)
        Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.PAUSED)

    monkeypatch.setattr(batches, "_store", pause_afterwards)

    assert batches.create_batches(approved.pk, timezone.now()) == 1
    assert len(processes) == 1


@pytest.mark.parametrize("letters", [LettersChoice.REPLACE, LettersChoice.REFUSE])
def test_random_rows_reach_the_other_process_unchanged(approved: Campaign, letters: str) -> None:
    approved.letters, approved.text = letters, "Hi @@value1|you@@: @@value2|-@@"
    chosen = Random(15)

    def value(most: int) -> str:
        return "".join(chosen.choices("aZ 9,;|'\"\\@ßéÜ=&%", k=chosen.randrange(most)))

    with rendering.RenderingProcess(approved) as process:
        for number in range(1, 9):
            rows = [
                (at, f"2782555{at:04}", value(9), *(value(30) for _ in range(6)), value(60) * chosen.randrange(2))
                for at in range(chosen.randrange(1, 200))
            ]
            process.begin(number, rows)
            there, here = process.rendered(), rendering.render(approved, number, 1, rows)
            assert (there.payload, there.parts) == (here.payload, here.parts)
            assert list(there.msisdns) == list(here.msisdns)
        assert process._process.is_alive()
