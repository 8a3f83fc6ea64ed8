"""*Add a provider*: one file is dropped in, and everything works with it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns import decisions
from campaigns.audience import freeze as audience_freeze
from campaigns.handover import batches, drain
from campaigns.models import Campaign, CampaignList
from campaigns.results import balance, poll
from contacts.models import Contact, ContactList, Suppression
from providers import registry
from providers.models import Account
from tests.campaigns.conftest import Clock
from tests.providers import test_contract

LogIn = Callable[[User], Client]


PROMISES = {name: promise for name, promise in vars(test_contract).items() if name.startswith("test_")}


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_it_is_held_to_the_contract(promise: Callable[..., None]) -> None:
    marks = [mark for mark in getattr(promise, "pytestmark", []) if mark.name == "parametrize"]
    if not marks:
        promise(registry.adapter("acme"))
    for mark in marks:
        for value in mark.args[1]:
            promise(registry.adapter("acme"), value)


def test_an_account_is_made_with_its_form_and_its_secret_is_encrypted(administrator: User, logged_in: LogIn) -> None:
    client = logged_in(administrator)
    assert "Acme (folder)" in client.get(reverse("providers:account_add")).content.decode()
    filled = {"name": "Acme one", "folder": "/nowhere", "password": "open sesame", "is_active": "on"}
    client.post(f"{reverse('providers:account_add')}?provider=acme", filled)
    account = Account.objects.get(name="Acme one")
    assert "open sesame" not in account.secrets + str(account.settings)
    assert account.open_settings()["password"] == "open sesame"
    assert "open sesame" not in client.get(account.get_absolute_url()).content.decode()


def test_the_accounts_page_says_what_it_can(viewer: User, logged_in: LogIn) -> None:
    assert "Acme took the file." in logged_in(viewer).get(reverse("providers:accounts")).content.decode()


def test_a_campaign_goes_through_it_and_the_books_balance(
    tmp_path: Path, operator: User, approver: User, clock: Clock
) -> None:
    folder = tmp_path / "acme"
    (folder / "taken").mkdir(parents=True)
    account = Account(name="Acme", provider="acme")
    account.save_settings({"folder": str(folder), "password": "open sesame"})
    people = ContactList.objects.create(name="People", country="ZA")
    Contact.objects.bulk_create(Contact(list=people, msisdn=f"2782555010{n}", phone="x") for n in range(5))
    campaign = Campaign.objects.create(name="Acme", account=account, text="Hello there", created_by=operator)
    CampaignList.objects.create(campaign=campaign, contact_list=people, position=0)

    audience_freeze.begin_freeze(campaign, operator, timezone.now())
    audience_freeze.freeze(campaign.pk, timezone.now())
    campaign.refresh_from_db()
    decisions.approve(campaign, approver, campaign.approval_hash, timezone.now())
    batches.create_batches(campaign.pk, timezone.now())
    drain.drain(account.pk, clock, clock() + timedelta(seconds=60))
    batch = campaign.batches.get()
    assert batch.status == "handed_over"
    assert (folder / batch.name).read_bytes() == b"".join(b"2782555010%d\tHello there\n" % n for n in range(5))

    (folder / batch.name).rename(folder / "taken" / batch.name)
    (folder / "taken" / f"{batch.name}.refused").write_text("27825550101\tstop\n")
    clock.forward(seconds=10)
    poll.collect(account.pk, clock, clock() + timedelta(seconds=60))
    campaign.refresh_from_db()
    books = balance.audit(campaign)
    assert (campaign.status, books.balanced) == ("closed", True)
    assert (books.outcomes["accepted"], books.outcomes["row_error"]) == (4, 1)
    assert Suppression.objects.get().msisdn == "27825550101"
