"""Opt-outs are added once, with proof, in the journal before the database, and lifted only by a consent."""

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from contacts import suppression
from contacts.models import Consent, Suppression

pytestmark = pytest.mark.postgresql

NUMBER, OTHER = "27825550100", "27825550101"

#: What happens to NUMBER: on which host, at which hour by its clock, and whether it is an opt-out or a consent.
Step = tuple[str, int, bool]
Live = Callable[..., None]


@pytest.fixture(autouse=True)
def journal(db: None, settings: Settings, tmp_path: Path) -> Path:
    """A journal of this test's own."""
    settings.JOURNAL_DIR = tmp_path / "journal"
    return tmp_path / "journal" / f"suppressions-{socket.gethostname()}.jsonl"


def test_it_adds_each_number_once() -> None:
    assert suppression.suppress([NUMBER, OTHER, NUMBER], "manual", "by telephone") == (2, 1)
    assert suppression.suppress([NUMBER], "provider") == (0, 1)
    assert Suppression.objects.get(msisdn=NUMBER).note == "by telephone"
    assert suppression.is_suppressed(NUMBER)
    assert set(Suppression.objects.active().values_list("msisdn", flat=True)) == {NUMBER, OTHER}


def test_a_number_is_opted_out_once_even_if_written_directly() -> None:
    suppression.suppress([NUMBER], "manual")
    with pytest.raises(IntegrityError), transaction.atomic():
        Suppression.objects.create(msisdn=NUMBER, source="manual", created_at=timezone.now())


def test_it_works_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression, "CHUNK", 3)
    numbers = [str(27825550100 + n) for n in range(10)]
    assert suppression.suppress(iter(numbers), "file") == (10, 0)
    assert suppression.suppress(iter(numbers + [numbers[0]]), "file") == (0, 11)


def test_it_keeps_file_and_line_of_what_people_typed() -> None:
    lines = [(2, "082 555 0100"), (3, ""), (4, "082 555 0101"), (5, "+27825550100"), (6, "nobody")]
    result = suppression.suppress_typed(lines, "ZA", "file", "stop.xlsx", "asked by mail")
    assert (result.read, result.added, result.already, result.invalid) == (4, 2, 1, 1)
    assert Suppression.objects.get(msisdn=NUMBER).note == "stop.xlsx, line 2, asked by mail"
    assert [(issue.line, issue.value, issue.code) for issue in result.issues] == [(6, "nobody", "not_a_number")]


def test_every_number_that_a_line_can_mean_is_opted_out_and_counted() -> None:
    lines = [
        (2, "082 555 0100 / 082 555 0101"),
        (3, "not 082 555 0102 after 5"),
        (4, "011 555 0100"),
        (5, "447911123456"),
    ]
    result = suppression.suppress_typed(lines, "ZA", "file", "stop.xlsx")
    assert (result.read, result.added, result.already, result.invalid) == (5, 5, 0, 0)
    assert suppression.is_suppressed("447911123456")


def test_a_pasted_text_may_hold_several_numbers_a_line() -> None:
    text = "082 555 0100, 082 555 0101\n\n  082 555 0102;\n"
    assert list(suppression.typed_lines(text)) == [(1, "082 555 0100"), (1, "082 555 0101"), (3, "082 555 0102")]


def test_an_opt_out_is_never_deleted() -> None:
    suppression.suppress([NUMBER], "manual")
    with pytest.raises(PermissionError):
        Suppression.objects.all().delete()
    with pytest.raises(PermissionError):
        Suppression.objects.get().delete()
    assert suppression.is_suppressed(NUMBER)


def test_opting_back_in_needs_a_consent_and_keeps_the_history(
    operator: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    suppression.suppress([NUMBER], "manual")
    with django_capture_on_commit_callbacks(execute=True):
        assert suppression.opt_back_in(NUMBER, "signed the form", operator)
    assert not suppression.is_suppressed(NUMBER)
    assert Suppression.objects.get().lifted_at is not None
    consent = Consent.objects.get()
    assert (consent.msisdn, consent.note, consent.created_by) == (NUMBER, "signed the form", operator)
    assert not suppression.opt_back_in(NUMBER, "again", operator)
    assert suppression.suppress([NUMBER], "provider") == (1, 0)
    assert Suppression.objects.filter(msisdn=NUMBER).count() == 2


def test_an_opt_out_that_cannot_be_written_to_the_journal_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(lines: list[dict[str, str]]) -> Iterator[None]:
        raise OSError("no space left")

    monkeypatch.setattr(suppression, "_journal", full)
    with pytest.raises(OSError):
        suppression.suppress([NUMBER], "manual")
    assert not Suppression.objects.exists()


def test_the_journal_brings_back_what_an_older_database_lacks(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        suppression.suppress([NUMBER, OTHER], "provider", "errors.json line 7")
        suppression.opt_back_in(OTHER, "signed")
    assert suppression.reapply_journal() == 0
    Suppression.objects.all()._raw_delete("default")
    assert suppression.reapply_journal() == 1
    restored = Suppression.objects.get()
    assert (restored.msisdn, restored.source, restored.note) == (NUMBER, "provider", "errors.json line 7")
    assert suppression.reapply_journal() == 0


def test_a_consent_that_did_not_reach_the_journal_still_counts() -> None:
    suppression.suppress([NUMBER], "manual")
    suppression.opt_back_in(NUMBER, "signed")
    assert suppression.reapply_journal() == 0
    assert not suppression.is_suppressed(NUMBER)


def test_an_opt_out_after_a_consent_stays(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        suppression.suppress([NUMBER], "manual")
        suppression.opt_back_in(NUMBER, "signed")
    suppression.suppress([NUMBER], "provider", "replied STOP")
    Suppression.objects.all()._raw_delete("default")
    assert suppression.reapply_journal() == 1
    assert Suppression.objects.get().note == "replied STOP"


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Live:
    """Performs one step after another, each on its host and by its clock."""

    def live(*steps: Step) -> None:
        for host, hour, is_opt_out in steps:
            clock(monkeypatch, hour)
            monkeypatch.setattr(socket, "gethostname", lambda host=host: host)
            with django_capture_on_commit_callbacks(execute=True):
                if is_opt_out:
                    assert suppression.suppress([NUMBER], "provider") == (1, 0)
                else:
                    assert suppression.opt_back_in(NUMBER, "signed")

    return live


def clock(monkeypatch: pytest.MonkeyPatch, hour: int) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=hour)
    monkeypatch.setattr(timezone, "now", lambda: now)


@pytest.mark.parametrize(
    ("steps", "is_out"),
    [
        ([("one", 0, True), ("one", 1, False)], False),
        ([("one", 0, True), ("one", 1, False), ("one", 2, True)], True),
        # The consent came while the clock was ahead, or the opt-out.
        ([("one", 0, True), ("one", 48, False), ("one", 1, True)], True),
        ([("one", 48, True), ("one", 1, False)], True),
        ([("one", 0, True), ("one", 48, False), ("one", 1, True), ("one", 2, False)], False),
        ([("one", 0, True), ("two", 1, False)], False),
        ([("two", 0, True), ("one", 1, False)], False),
        ([("one", 0, True), ("two", 1, False), ("one", 2, True)], True),
        ([("one", 0, True), ("two", 48, False), ("one", 1, True)], True),
    ],
)
def test_a_restore_keeps_every_opt_out_that_no_consent_certainly_followed(
    live: Live, monkeypatch: pytest.MonkeyPatch, steps: list[Step], is_out: bool
) -> None:
    live(*steps)
    Suppression.objects.all()._raw_delete("default")
    clock(monkeypatch, 3)

    assert suppression.reapply_journal() == is_out
    assert suppression.is_suppressed(NUMBER) == is_out
    assert suppression.reapply_journal() == 0


def test_an_opt_out_after_a_consent_that_the_older_copy_has_comes_back(live: Live) -> None:
    live(("one", 0, True), ("one", 48, False), ("one", 1, True))
    Suppression.objects.filter(lifted_at=None)._raw_delete("default")

    assert suppression.reapply_journal() == 1
    assert suppression.is_suppressed(NUMBER)


def test_an_opt_out_before_the_line_of_an_earlier_consent_comes_back(
    live: Live, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    live(("one", 0, True))
    clock(monkeypatch, 1)
    with django_capture_on_commit_callbacks(execute=True):
        suppression.opt_back_in(NUMBER, "signed")
        clock(monkeypatch, 2)
        suppression.suppress([NUMBER], "provider", "replied STOP")
    Suppression.objects.all()._raw_delete("default")

    assert suppression.reapply_journal() == 1
    assert Suppression.objects.get().note == "replied STOP"


@pytest.mark.parametrize("is_restored", [False, True])
def test_a_consent_is_not_undone_at_each_start(live: Live, monkeypatch: pytest.MonkeyPatch, is_restored: bool) -> None:
    live(("one", 48, True), ("one", 1, False))
    if is_restored:
        Suppression.objects.all()._raw_delete("default")
        suppression.reapply_journal()
        assert Suppression.objects.get().created_at == datetime(2026, 1, 7, tzinfo=UTC)
        live(("two", 2, False))
    clock(monkeypatch, 3)

    assert suppression.reapply_journal() == 0
    assert not suppression.is_suppressed(NUMBER)


def test_a_line_cut_short_by_a_crash_spoils_no_other_line(journal: Path) -> None:
    suppression.suppress([NUMBER], "manual")
    with journal.open("a") as handle:
        handle.write('{"opt_out": "2782')
    suppression.suppress([OTHER], "manual")
    assert [json.loads(line)["opt_out"] for line in journal.read_text().splitlines() if line.endswith("}")] == [
        NUMBER,
        OTHER,
    ]
    Suppression.objects.all()._raw_delete("default")
    assert suppression.reapply_journal() == 2
