"""Clickatell reads a file while it is being uploaded: the whole file then lies there, and part of it was texted."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.results import balance
from contacts.models import ContactList
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, collect, default_options, hand_over
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


def test_a_person_is_asked_after_three_minutes_and_told_both_facts(
    sandbox: Sandbox,
    account_at: Callable[..., Account],
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    clock: Clock,
    tmp_path: Path,
) -> None:
    account = account_at("clickatell")
    sandbox.fault("clickatell:read-while-uploading")
    campaign = make_running(account, make_list(count=144), options=default_options(account))
    hand_over(campaign, clock)
    wait_until(lambda: list((tmp_path / "sandbox" / "clickatell" / "demo" / "home").glob("*.log")), "the log")
    assert len(sandbox.messages("clickatell")) == 72
    clock.forward(seconds=10)
    collect(campaign, clock)
    batch = campaign.batches.get()
    assert (batch.status, batch.reason) == ("processing", "log_growing")

    clock.forward(minutes=3, seconds=5)
    collect(campaign, clock)

    batch.refresh_from_db()
    assert (batch.status, batch.reason) == ("unclear", "read_while_uploading")
    assert "The whole file arrived" in batch.sentence
    assert "72 of 144 have a message id" in batch.sentence
    texted = sandbox.messages("clickatell")
    cut = [line["msisdn"] for line in texted if not re.match(r"Hi Person \d+, ", line["text"])]
    assert len(cut) == 1
    assert list(batch.outcomes.filter(code="TRUNCATED").values_list("recipient__msisdn", flat=True)) == cut
    assert balance.audit(campaign).balanced
    assert len({line["msisdn"] for line in texted}) == len(texted) == 72
