"""Every fault of every pretend provider: whatever happens, nobody is texted twice and the books say what was texted."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from campaigns import balance, handover, results
from campaigns.models import Batch, Campaign
from contacts.models import ContactList
from providers import timing
from providers.models import Account
from providers.sandbox.registry import all_sites
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, default_options

#: What reports say is judged by the adapters' own tests; one that leaves out people who were texted deceives everybody.
FAULTS = [name for site in all_sites().values() for name in site.faults() if ":report-" not in name]
#: Those a person is asked about, or that stop the account or the batch: none of them is a silent state.
ASKED = ("unclear", "held")

#: How often the jobs run while the fault is on.
FAULTY_ROUNDS = 5


@pytest.fixture(scope="module")
def one_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("bad-days"), every=0.1) as running:
        yield running


@pytest.fixture
def sandbox(one_sandbox: Sandbox, settings: Settings) -> Iterator[Sandbox]:
    """One sandbox for all of these; names and keys of one test are never those of another."""
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
    monkeypatch: pytest.MonkeyPatch,
) -> Campaign:
    """A campaign for four people, two of them alike, cut and due; the provider's limits on waiting are short."""
    for name in vars(timing):
        if name.startswith(("CONNECT_", "FTP_", "HTTP_")):
            monkeypatch.setattr(timing, name, min(getattr(timing, name), 2.0))
    account = account_at(request.param.partition(":")[0])
    people = make_list(count=4, first=27820000000 + 10 * FAULTS.index(request.param))
    return make_running(account, people, options=default_options(account))


@pytest.mark.parametrize(("campaign", "fault"), [(name, name) for name in FAULTS], indirect=["campaign"], ids=FAULTS)
def test_it_ends_with_what_was_texted_in_the_books(
    campaign: Campaign, fault: str, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.fault(fault)
    for round_number in range(60):
        if round_number == FAULTY_ROUNDS:
            sandbox.clear()
            campaign.account.start()
        handover.drain(campaign.account_id, clock, clock() + timedelta(seconds=60))
        results.collect(campaign.account_id, clock, clock() + timedelta(seconds=60))
        results.close_if_done(campaign.pk, clock())
        campaign.refresh_from_db()
        batch = campaign.batches.get()
        assert_true(campaign, batch, sandbox)
        if round_number > FAULTY_ROUNDS and (campaign.status == "closed" or batch.status in ASKED):
            break
        # A provider that says nothing is given up after days.
        clock.forward(seconds=30 if round_number < 30 else 7200)
        time.sleep(0.1)
    assert campaign.status == "closed" or batch.status in ASKED, (batch.status, batch.reason, batch.sentence)
    if batch.status in ASKED:
        assert batch.sentence
    if batch.status == "unclear":
        assert batch.evidence.exists() or batch.attempts.exists()


def assert_true(campaign: Campaign, batch: Batch, sandbox: Sandbox) -> None:
    """Nobody is in the ledger twice, and what is settled is what the ledger says."""
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
