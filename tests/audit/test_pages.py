"""The page of the audit trail: searched, read and exported by administrators only."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit import chain
from audit.models import AuditEntry
from campaigns import jobs
from contacts.audit_log import record
from tests.conftest import MakeUser
from tests.pages import html_of

LogIn = Callable[[User], Client]
pytestmark = pytest.mark.postgresql


@pytest.fixture
def client(administrator: User, logged_in: LogIn) -> Client:
    return logged_in(administrator)


@pytest.fixture
def entries(operator: User) -> list[AuditEntry]:
    old = AuditEntry(
        content_type_id=record(
            operator, AuditEntry.Action.UPDATE, {"email": ("a", "b")}, user=operator
        ).content_type_id,
        object_repr="somebody",
        action=AuditEntry.Action.DELETE,
        actor_name="gone",
        remote_addr="192.0.2.9",
        timestamp=timezone.now() - timedelta(days=30),
        changes={},
    )
    old.save()
    return [AuditEntry.objects.get(changes__has_key="email", action=AuditEntry.Action.UPDATE), old]


@pytest.mark.parametrize("role", ["viewer", "operator", "approver"])
def test_only_administrators_see_it(make_user: MakeUser, logged_in: LogIn, role: str) -> None:
    client = logged_in(make_user(role))
    entry = AuditEntry.objects.latest("id")
    for path in ("/audit/", f"/audit/{entry.pk}/", "/audit/export/"):
        assert client.get(path).status_code == 403
    assert 'href="/audit/"' not in html_of(client.get("/"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {0, 1}),
        ("q=gone", {1}),
        ("q=SOMEBODY", {1}),
        ("q=192.0.2", {1}),
        ("action=2", {1}),
        ("action=1", {0}),
        ("since={today}", {0}),
        ("until={yesterday}", {1}),
        ("since={today}&until={yesterday}", set()),
    ],
)
def test_it_is_searched(client: Client, entries: list[AuditEntry], query: str, found: set[int]) -> None:
    today = timezone.localdate()
    page = client.get(f"/audit/?{query.format(today=today, yesterday=today - timedelta(days=1))}")
    assert page.status_code == 200
    shown = {row.record.pk for row in page.context["table"].rows}
    assert {number for number, entry in enumerate(entries) if entry.pk in shown} == found


def test_it_shows_who_did_what_and_the_seal(client: Client, entries: list[AuditEntry]) -> None:
    page = html_of(client.get("/audit/"))
    assert "email: a → b" in page
    assert "gone" in page
    at = entries[0].get_absolute_url()
    assert "Not sealed yet" in html_of(client.get(at))
    jobs.sweep(timezone.now())
    page = html_of(client.get(at))
    assert chain.Seal.objects.get(entry=entries[0]).digest in page
    assert '<td data-label="Before">a</td>' in page


def test_a_kind_narrows_it(client: Client, entries: list[AuditEntry]) -> None:
    page = client.get(f"/audit/?content_type={entries[0].content_type_id}")
    assert {row.record.content_type.model for row in page.context["table"].rows} == {"user"}


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_the_export_is_audited_and_holds_what_is_shown(client: Client, entries: list[AuditEntry], format: str) -> None:
    chain.seal()
    answer = client.get(f"/audit/export/?q=gone&format={format}")
    body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer["Content-Disposition"] == f'attachment; filename="audit-trail.{format}"'
    if format == "csv":
        lines = body.decode().splitlines()
        assert len(lines) == 2
        assert "192.0.2.9" in lines[1]
        assert chain.Seal.objects.get(entry=entries[1]).digest in lines[1]
    entry = AuditEntry.objects.latest("id")
    assert (entry.actor_name, entry.changes_dict["rows"]) == ("administrator", ["", "1"])
