"""Every fault of every sandbox provider: nobody is texted twice, and the books match what was texted."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from campaigns.handover import drain
from campaigns.models import Batch, Campaign
from campaigns.results import balance, poll, settle
from contacts.models import ContactList
from providers.models import Account
from providers.sandbox.registry import all_sites
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, default_options

SITES = all_sites().values()
#: The adapters' own tests check the reports; a report that leaves out people who were texted would mislead any reader.
FAULTS = [name for site in SITES for name in site.faults() if ":report-" not in name]
#: `make test` covers one broken connection of each provider, `make test-all` all the others.
BROKEN_LINES = [next(name for name in site.faults() if ":drop-" in name) for site in SITES]
CASES = [pytest.param(name, name, id=name, marks=() if name in BROKEN_LINES else pytest.mark.slow) for name in FAULTS]
#: Reasons where a person decides, or that stop the account or the batch: none of them is a silent state.
ASKED = ("unclear", "held")

#: How often the jobs run while the fault is on.
FAULTY_ROUNDS = 5


@pytest.fixture(scope="module")
def one_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("bad-days"), every=0.1) as running:
        yield running


@pytest.fixture
def sandbox(one_sandbox: Sandbox, settings: Settings) -> Iterator[Sandbox]:
    """One sandbox for all of these tests; no two tests share names or keys."""
    settings.ALLOW_PRIVATE_HOSTS = True
    settings.INSTALLATION_KEY = uuid4().hex
    yield one_sandbox
    one_sandbox.clear()


@pytest.fixture
def campaign(
    request: pytest.FixtureRequest,
    settings: Settings,
    account_at: Callable[..., Account],
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    short_timeouts: None,
) -> Campaign:
    """A campaign for four people, two with the same text, due now; the time limits on the provider are short."""
    account = account_at(request.param.partition(":")[0])
    people = make_list(count=4, first=27820000000 + 10 * FAULTS.index(request.param))
    return make_running(account, people, options=default_options(account))


@pytest.mark.parametrize(("campaign", "fault"), CASES, indirect=["campaign"])
def test_it_ends_with_what_was_texted_in_the_books(
    campaign: Campaign, fault: str, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.fault(fault)
    for round_number in range(60):
        if round_number == FAULTY_ROUNDS:
            sandbox.clear()
            campaign.account.start()
        drain.drain(campaign.account.pk, clock, clock() + timedelta(seconds=60))
        poll.collect(campaign.account.pk, clock, clock() + timedelta(seconds=60))
        settle.close_if_done(campaign.pk, clock())
        campaign.refresh_from_db()
        batch = campaign.batches.get()
        assert_true(campaign, batch, sandbox)
        if round_number > FAULTY_ROUNDS and (campaign.status == "closed" or batch.status in ASKED):
            break
        # Baton gives up on a provider that reports nothing only after days.
        clock.forward(seconds=30 if round_number < 30 else 7200)
        time.sleep(0.1)
    assert campaign.status == "closed" or batch.status in ASKED, (batch.status, batch.reason, batch.sentence)
    if batch.status in ASKED:
        assert batch.sentence
    if batch.status == "unclear":
        assert batch.evidence.exists() or batch.attempts.exists()


def assert_true(campaign: Campaign, batch: Batch, sandbox: Sandbox) -> None:
    """Nobody is in the ledger twice, and what is settled matches the ledger."""
    everybody = set(campaign.recipients.values_list("msisdn", flat=True))
    texted = [line["msisdn"] for line in sandbox.messages() if line["msisdn"] in everybody]
    assert len(texted) == len(set(texted))
    assert balance.audit(campaign).balanced
    errors = set(batch.outcomes.filter(result="row_error").values_list("recipient__msisdn", flat=True))
    if batch.status == "accepted":
        assert set(texted) == everybody - errors
    elif batch.status in ("rejected", "cancelled"):
        assert texted == []


def test_every_provider_has_faults() -> None:
    assert {name.partition(":")[0] for name in FAULTS} == set(all_sites())
