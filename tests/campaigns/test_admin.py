"""The admin of campaigns: everything is read-only except templates."""

from collections.abc import Callable

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.models import Attempt, Campaign, Evidence, Recipient, RecipientOutcome, Template
from providers.models import Account

MODELS = ("campaign", "recipient", "batch", "attempt", "event", "evidence", "recipientoutcome")


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    client.force_login(
        User.objects.create_superuser("root", "root@example.org", "x"),
        backend="django.contrib.auth.backends.ModelBackend",
    )
    return client


@pytest.fixture
def everything(account: Account, make_running: Callable[..., Campaign]) -> Campaign:
    """A row of every model."""
    campaign = make_running(account)
    batch, now = campaign.batches.get(), timezone.now()
    recipient = Recipient.objects.order_by("pk").first()
    assert recipient is not None
    Attempt.objects.create(batch=batch, number=1, name="a.zip", started_at=now)
    Evidence.objects.create(batch=batch, seen_at=now, last_seen_at=now, digest="d")
    RecipientOutcome.objects.create(batch=batch, recipient=recipient, result="row_error", code="X")
    return campaign


@pytest.mark.parametrize("model", MODELS)
def test_everything_is_listed_searched_and_shown_but_never_written_or_deleted(
    model: str, everything: Campaign, root: Client
) -> None:
    row = apps.get_model("campaigns", model).objects.order_by("pk").first()
    assert root.get(f"/admin/campaigns/{model}/").status_code == 200
    assert root.get(f"/admin/campaigns/{model}/", {"q": "27825550100"}).status_code == 200
    page = root.get(f"/admin/campaigns/{model}/{row.pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert root.post(f"/admin/campaigns/{model}/{row.pk}/change/", {"status": "closed"}).status_code == 403
    assert root.post(f"/admin/campaigns/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert root.get(f"/admin/campaigns/{model}/add/").status_code == 403
    everything.refresh_from_db()
    assert everything.status == "running"


def test_a_template_can_be_written(root: Client) -> None:
    root.post("/admin/campaigns/template/add/", {"name": "Promo", "text": "Hello", "labels": "{}", "sender": ""})
    template = Template.objects.get()
    assert template.created_by == User.objects.get(username="root")
    assert template.versions.get().number == 1
    assert root.get("/admin/campaigns/template/", {"q": "Promo"}).status_code == 200
    root.post(f"/admin/campaigns/template/{template.pk}/delete/", {"post": "yes"})
    assert not Template.objects.exists()
