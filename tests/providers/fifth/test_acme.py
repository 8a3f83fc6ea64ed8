"""*Add a provider*: dropping in two files, an adapter and a sandbox provider, makes everything work with it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from campaigns import decisions
from campaigns.audience import freeze as audience_freeze
from campaigns.handover import batches, drain
from campaigns.models import Campaign, CampaignList
from campaigns.results import balance
from config import demo
from contacts.models import Contact, ContactList, Suppression
from providers import capabilities, registry, rehearsal
from providers.models import Account
from providers.sandbox.ledger import read_ledger
from providers.sandbox.registry import all_sites
from tests.campaigns.conftest import Clock, until_closed
from tests.providers import test_contract
from tests.providers.sandbox import test_sites

LogIn = Callable[[User], Client]


PROMISES = {name: promise for name, promise in vars(test_contract).items() if name.startswith("test_")}
SITE_PROMISES = {name: promise for name, promise in vars(test_sites).items() if name.startswith("test_")}


@pytest.fixture
def sandbox(ready: dict[str, Any], settings: Settings) -> Iterator[dict[str, Any]]:
    """The ready line of a sandbox with Acme in it; no fault is on before and after."""
    settings.ALLOW_PRIVATE_HOSTS = True
    settings.SANDBOX_URL = ready["control"]
    yield ready
    rehearsal.switch_off(ready["control"])


@pytest.fixture
def people() -> ContactList:
    """Five people; Acme reports one as opted out and one as barred."""
    made = ContactList.objects.create(name="People", country="ZA", labels=demo.LABELS)
    numbers = ["27825550101", "27825550102", "27825550103", "27825599901", "27825599902"]
    Contact.objects.bulk_create(Contact(list=made, msisdn=number, phone="x") for number in numbers)
    return made


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_it_fulfils_the_contract(promise: Callable[..., None]) -> None:
    marks = [mark for mark in getattr(promise, "pytestmark", []) if mark.name == "parametrize"]
    if not marks:
        promise(registry.adapter("acme"))
    for mark in marks:
        for value in mark.args[1]:
            promise(registry.adapter("acme"), value)


@pytest.mark.parametrize("promise", SITE_PROMISES.values(), ids=SITE_PROMISES)
def test_its_sandbox_provider_fulfils_the_contract(promise: Callable[..., None]) -> None:
    promise(all_sites()["acme"])


def test_an_account_is_made_with_its_form_and_its_secret_is_encrypted(administrator: User, logged_in: LogIn) -> None:
    client = logged_in(administrator)
    assert "Acme (FTP)" in client.get(reverse("providers:account_add")).content.decode()
    filled = {"name": "Acme one", "host": "ftp.acme.example", "port": "21", "username": "baton"}
    filled |= {"password": "open sesame", "is_active": "on"}
    client.post(f"{reverse('providers:account_add')}?provider=acme", filled)
    account = Account.objects.get(name="Acme one")
    assert "open sesame" not in account.secrets + str(account.settings)
    assert account.open_settings()["password"] == "open sesame"
    assert "open sesame" not in client.get(account.get_absolute_url()).content.decode()


def test_the_accounts_page_says_what_it_can(viewer: User, logged_in: LogIn) -> None:
    assert "Acme took the file." in logged_in(viewer).get(reverse("providers:accounts")).content.decode()


def test_the_capability_table_has_its_column() -> None:
    table = capabilities.table(list(registry.all_adapters().values()))
    assert "Acme (FTP)" in table.labels
    assert "| Acme (FTP) |" in capabilities.markdown(list(registry.all_adapters().values()))


def test_a_campaign_goes_through_it_and_the_books_balance(
    sandbox: dict[str, Any], people: ContactList, operator: User, approver: User, clock: Clock
) -> None:
    account = demo.connect_account("acme", "Acme", sandbox["providers"]["acme"])
    campaign = Campaign.objects.create(name="Acme", account=account, text="Hello there", created_by=operator)
    CampaignList.objects.create(campaign=campaign, contact_list=people, position=0)

    audience_freeze.begin_freeze(campaign, operator, timezone.now())
    audience_freeze.freeze(campaign.pk, timezone.now())
    campaign.refresh_from_db()
    decisions.approve(campaign, approver, campaign.approval_hash, timezone.now())
    batches.create_batches(campaign.pk, timezone.now())
    rehearsal.switch_on(sandbox["control"], "acme:silent", None)
    drain.drain(account.pk, clock, clock() + timedelta(seconds=60))
    batch = campaign.batches.get()
    assert batch.status == "handed_over"
    numbers = sorted(people.contacts.values_list("msisdn", flat=True))
    uploaded = Path(sandbox["ledger"]).parent / "acme" / account.open_settings()["username"] / "home" / batch.name
    assert uploaded.read_text() == "".join(f"{number}\tHello there\n" for number in numbers)

    rehearsal.switch_off(sandbox["control"], "acme:silent")
    until_closed(campaign, clock)
    books = balance.audit(campaign)
    assert (campaign.status, books.balanced) == ("closed", True)
    assert (books.outcomes["accepted"], books.outcomes["row_error"]) == (3, 2)
    assert Suppression.objects.get().msisdn == "27825599902"
    texted = [line for line in read_ledger(Path(sandbox["ledger"])) if line["provider"] == "acme"]
    assert [(line["msisdn"], line["text"]) for line in texted] == [(number, "Hello there") for number in numbers[:3]]


def test_the_sandbox_page_lists_it_and_its_faults(sandbox: dict[str, Any], operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    page = client.get(reverse("providers:sandbox"), {"provider": "acme"})
    shown = page.context["chosen"]
    assert [provider.slug for provider in page.context["seen"].providers][-1] == "acme"
    assert shown.label == "Acme"
    assert [group.heading for group in shown.groups] == ["Rejections", "Pickup", "Connection"]
    assert {fault.name for fault in shown.faults} == set(all_sites()["acme"].faults())
    assert "A line is refused as barred." in page.content.decode()
    client.post(reverse("providers:sandbox_fault"), {"name": "acme:refuse", "times": "5"})
    assert {fault.name for fault in rehearsal.poll(sandbox["control"]).providers[-1].faults if fault.is_on} == {
        "acme:refuse"
    }


def test_the_demo_has_a_sample_campaign_through_it(
    sandbox: dict[str, Any], people: ContactList, operator: User
) -> None:
    campaigns = demo.compose_all(sandbox, people, operator)
    assert len(campaigns) == len(registry.all_adapters())
    assert campaigns[-1].name == "Sample campaign through Acme"
    assert campaigns[-1].account.name == "Acme sandbox"
    assert campaigns[-1].account.provider == "acme"
    assert campaigns[-1].options == {"is_urgent": False}
    assert [each.pk for each in demo.compose_all(sandbox, people, operator)] == [each.pk for each in campaigns]
