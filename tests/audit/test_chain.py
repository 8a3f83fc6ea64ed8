"""The audit trail is append-only, and what is changed in spite of that shows."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import Settings

from audit import chain, triggers
from audit.models import AuditEntry, Seal
from contacts.audit_log import record

pytestmark = pytest.mark.postgresql


@pytest.fixture
def trail(operator: User, settings: Settings, tmp_path: Path) -> list[AuditEntry]:
    """Five sealed entries, with a journal of their own."""
    settings.JOURNAL_DIR = tmp_path
    chain.seal()
    for path in tmp_path.iterdir():
        path.unlink()
    for number in range(5):
        record(operator, AuditEntry.Action.UPDATE, {"number": ("", str(number))}, user=operator)
    assert chain.seal() == 5
    return list(AuditEntry.objects.order_by("-id")[:5])[::-1]


def verify(*options: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the result of ``manage.py verify_audit --json``."""
    out, code = StringIO(), 0
    try:
        call_command("verify_audit", *options, "--json", stdout=out)
    except SystemExit as ending:
        code = int(str(ending.code))
    return code, json.loads(out.getvalue())


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(object_repr="x"),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).delete(),
        lambda entry: AuditEntry.objects.all()._raw_delete("default"),
        lambda entry: Seal.objects.filter(entry=entry).update(digest="x"),
        lambda entry: Seal.objects.filter(entry=entry).delete(),
        lambda entry: entry.save(),
    ],
)
def test_the_database_refuses_every_change(trail: list[AuditEntry], change: Callable[[AuditEntry], object]) -> None:
    before = list(AuditEntry.objects.values()), list(Seal.objects.values())
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change(trail[2])
    assert (list(AuditEntry.objects.values()), list(Seal.objects.values())) == before


@pytest.mark.parametrize("table", triggers.TABLES)
def test_the_database_refuses_to_replace_an_entry_or_a_seal(trail: list[AuditEntry], table: str) -> None:
    if connection.vendor == "postgresql":
        pytest.skip("only SQLite has INSERT OR REPLACE")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    # A seal of the same entry at another position replaces it too.
    replaces = "INSERT OR REPLACE INTO audit_seal SELECT position + 1000, digest, entry_id FROM audit_seal"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(replaces)


def test_a_trigger_that_does_something_else_is_missed(trail: list[AuditEntry]) -> None:
    idle = {
        "postgresql": [
            "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RETURN NULL; END $$"
        ],
        "sqlite": [
            "DROP TRIGGER audit_seal_refuse_update",
            "CREATE TRIGGER audit_seal_refuse_update BEFORE UPDATE ON audit_seal BEGIN SELECT 1; END",
        ],
    }
    with connection.cursor() as cursor:
        for statement in idle[connection.vendor]:
            cursor.execute(statement)
    faults = verify()[1]["faults"]
    assert len(faults) == (2 if connection.vendor == "postgresql" else 1)
    assert "missing, disabled or changed" in faults[0]


def test_an_entry_outlives_the_person(trail: list[AuditEntry], operator: User) -> None:
    operator.delete()
    assert AuditEntry.objects.get(pk=trail[0].pk).actor_name == "operator"
    chain.seal()
    assert verify()[0] == 0


def test_an_untouched_trail_is_intact(trail: list[AuditEntry]) -> None:
    record(User, AuditEntry.Action.UPDATE, {})
    code, found = verify()
    assert (code, found["intact"], found["faults"], found["unsealed"]) == (0, True, [], 1)
    assert found["entries"] == found["sealed"] + 1 == AuditEntry.objects.count()


def test_an_entry_that_was_committed_late_is_sealed_too(trail: list[AuditEntry]) -> None:
    late = trail[-1].pk + 1
    newest = AuditEntry(pk=late + 10, content_type=trail[0].content_type, object_repr="x", action=1, changes={})
    newest.save(force_insert=True)
    chain.seal()
    AuditEntry(pk=late + 5, content_type=trail[0].content_type, object_repr="y", action=1, changes={}).save(
        force_insert=True
    )
    assert chain.seal() == 1
    assert verify()[0] == 0


def test_an_entry_that_was_inserted_later_shows(trail: list[AuditEntry], monkeypatch: pytest.MonkeyPatch) -> None:
    def insert(pk: int, **fields: Any) -> None:
        common = {"content_type": trail[0].content_type, "object_repr": "x", "action": 1, "changes": {}}
        AuditEntry(pk=pk, **common | fields).save(force_insert=True)

    last = trail[-1].pk
    insert(last + 100)
    chain.seal()
    # Too far below the newest one to be sealed.
    monkeypatch.setattr(chain, "LATE", 20)
    insert(last + 10)
    assert chain.seal() == 0
    [fault] = verify()[1]["faults"]
    assert fault.startswith(f"Entry {last + 10} has no seal and is too old to get one")
    # Sealed, but dated back; a long transaction is no fault.
    insert(last + 90, timestamp=timezone.now() - timedelta(hours=2))
    insert(last + 91, timestamp=timezone.now() - timedelta(days=30))
    assert chain.seal() == 2
    dated_back, _ = verify()[1]["faults"]
    assert dated_back.startswith(f"Entry {last + 91} of ")
    assert "it was inserted later" in dated_back


def in_spite(sql: str, *values: int) -> None:
    """Change the trail as somebody with access to the database would, who puts the triggers back."""
    triggers.remove(connection)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
    triggers.install(connection)


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("UPDATE audit_auditentry SET object_repr = 'x' WHERE id = %s", "differs"),
        ("UPDATE audit_auditentry SET changes = '{\"a\": 1}' WHERE id = %s", "differs"),
        ("UPDATE audit_auditentry SET actor_name = 'somebody' WHERE id = %s", "differs"),
        ("UPDATE audit_auditentry SET remote_addr = '192.0.2.1' WHERE id = %s", "differs"),
        ("DELETE FROM audit_seal WHERE entry_id = %s", "was removed"),
        ("UPDATE audit_seal SET digest = 'x' WHERE entry_id = %s", "differs"),
    ],
)
def test_what_was_changed_in_spite_of_the_triggers_shows(trail: list[AuditEntry], sql: str, fault: str) -> None:
    in_spite(sql, trail[2].pk)
    code, found = verify()
    assert code == 1
    assert fault in found["faults"][0]


def test_the_triggers_are_missed(trail: list[AuditEntry]) -> None:
    triggers.remove(connection)
    faults = verify()[1]["faults"]
    triggers.install(connection)
    assert len(faults) == (2 if connection.vendor == "postgresql" else 6)
    assert "missing, disabled or changed" in faults[0]


def test_another_key_makes_no_matching_digest(trail: list[AuditEntry], settings: Settings) -> None:
    """Who has the database but not the key cannot compute the chain again."""
    settings.INSTALLATION_KEY = "another"
    assert verify()[0] == 1


def test_entries_missing_at_the_end_are_known_from_the_journal(trail: list[AuditEntry]) -> None:
    in_spite("DELETE FROM audit_seal WHERE entry_id >= %s", trail[3].pk)
    in_spite("DELETE FROM audit_auditentry WHERE id >= %s", trail[3].pk)
    code, found = verify()
    assert code == 1
    assert "the database ends at" in found["faults"][0]
    # After a restored backup, the lines from then on count.
    later = timezone.localtime() + timedelta(minutes=1)
    assert verify("--journal-since", f"{later:%Y-%m-%dT%H:%M:%S}")[0] == 0
    for _ in range(2):
        record(User, AuditEntry.Action.UPDATE, {})
    chain.seal()
    assert "another digest" in verify()[1]["faults"][0]


def test_the_command_says_it_in_words(trail: list[AuditEntry]) -> None:
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert out.getvalue().startswith("The audit trail is intact: ")
