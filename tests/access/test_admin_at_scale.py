"""The admin's lists count no millions, list no thousands of choices, and change rows as the screens do."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns.models import Campaign
from contacts.admin import CappedPaginator
from contacts.models import ContactList
from providers.models import Account
from tests.conftest import PASSWORD

LARGE = (
    "contacts/contact", "contacts/importrow", "contacts/importissue", "contacts/suppression", "campaigns/recipient",
    "campaigns/recipientoutcome", "campaigns/event", "campaigns/attempt", "campaigns/batch",
)  # fmt: skip


@pytest.fixture
def root(db: None) -> Client:
    client = Client()
    user = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize("path", LARGE)
def test_a_list_counts_at_most_so_many_rows(
    root: Client, monkeypatch: pytest.MonkeyPatch, account: Account, make_running: Callable[..., Campaign], path: str
) -> None:
    make_running(account)
    monkeypatch.setattr(CappedPaginator, "MOST", 3)
    with CaptureQueriesContext(connection) as queries:
        answer = root.get(f"/admin/{path}/")
    assert answer.context["cl"].result_count <= 3
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert all("LIMIT 3" in sql for sql in counts), counts
    assert "_facets" not in answer.content.decode()


@pytest.mark.parametrize(
    ("path", "name"),
    [("campaigns/recipient", "campaign"), ("campaigns/batch", "account"), ("contacts/contact", "list")],
)
def test_a_filter_by_another_table_is_searched_and_not_listed(
    root: Client, account: Account, make_running: Callable[..., Campaign], path: str, name: str
) -> None:
    campaign = make_running(account)
    ContactList.objects.create(name="Unlisted list")
    chosen = {"campaign": campaign.pk, "account": account.pk, "list": ContactList.objects.earliest("pk").pk}[name]
    page = root.get(f"/admin/{path}/").content.decode()
    assert f'name="{name}__id__exact"' in page
    assert "admin-autocomplete" in page
    assert "Unlisted list" not in page
    shown = root.get(f"/admin/{path}/", {f"{name}__id__exact": chosen})
    assert shown.context["cl"].result_count
    assert f'<option value="{chosen}" selected' in shown.content.decode()
    assert root.get(f"/admin/{path}/", {f"{name}__id__exact": 999_999}).context["cl"].result_count == 0
