"""Undoing an import takes back what it did, row by row, and leaves alone what was changed or is used since."""

from collections.abc import Callable, Collection
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db.models import Count

from contacts import importing, usage
from contacts.importing import ImportRefusal, undoing
from contacts.models import Contact, ContactList, Import, Suppression
from contacts.suppression import suppress

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

MAPPING = {0: "phone", 1: "customer_id", 2: "value1"}
Contents = list[tuple[Any, ...]]


@pytest.fixture
def people() -> ContactList:
    made = ContactList.objects.create(name="People", country="ZA")
    for number, customer in (("27825550100", "old"), ("27825550101", "same"), ("27825550102", "old")):
        Contact.objects.create(
            list=made, msisdn=number, phone=f"0{number[2:]}", customer_id=customer, value1="1", value2="kept"
        )
    return made


def imported(people: ContactList, text: str) -> Import:
    import_ = importing.upload(people, ContentFile(f"Cell,Customer,Value\n{text}".encode()), "people.csv")
    importing.confirm(import_, MAPPING)
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    importing.begin_apply(import_)
    importing.apply(import_.pk)
    import_.refresh_from_db()
    return import_


def contents() -> Contents:
    return list(Contact.objects.order_by("msisdn").values_list("msisdn", "phone", "customer_id", "value1", "value2"))


def undone(import_: Import) -> dict[str, int]:
    """Undo the import; the outcomes have to add up, and the rows have to agree with the counters."""
    importing.begin_undo(import_)
    importing.undo(import_.pk)
    return checked_outcomes(import_)


def checked_outcomes(import_: Import) -> dict[str, int]:
    import_.refresh_from_db()
    counted = import_.undo_counts
    assert import_.status == "undone"
    assert sum(counted.values()) == import_.created + import_.updated + import_.opted_out == import_.progress
    rows = import_.rows.exclude(undone_as="").values_list("undone_as").annotate(Count("pk"))
    assert dict(rows) == {outcome: count for outcome, count in counted.items() if count}
    return {outcome: count for outcome, count in counted.items() if count}


TEXT = "0825550100,new,2\n0825550101,same,1\n0825550102,new,1\n0825550103,created,3\n0825550104,created,4\n"


def test_created_contacts_are_removed_and_updated_ones_put_back(people: ContactList, operator: User) -> None:
    before = contents()
    import_ = imported(people, TEXT)
    assert (import_.created, import_.updated, import_.unchanged) == (2, 2, 1)
    importing.begin_undo(import_, operator)
    importing.undo(import_.pk)
    assert checked_outcomes(import_) == {"reverted": 4}
    assert contents() == before
    assert import_.undone_by == operator
    assert import_.undone_at is not None
    assert sorted(row[0] for row in importing.rows_of(import_, "reverted")) == [
        "0825550100",
        "0825550102",
        "0825550103",
        "0825550104",
    ]


def test_contacts_changed_since_are_kept(people: ContactList) -> None:
    import_ = imported(people, TEXT)
    Contact.objects.filter(msisdn="27825550100").update(value1="edited")
    # A field that the import does not write does not keep an updated contact from being put back.
    Contact.objects.filter(msisdn="27825550102").update(value2="edited")
    Contact.objects.filter(msisdn="27825550103").update(value6="edited")
    Contact.objects.filter(msisdn="27825550104").delete()
    assert undone(import_) == {"reverted": 2, "kept": 2}
    assert contents() == [
        ("27825550100", "0825550100", "new", "edited", "kept"),
        ("27825550101", "0825550101", "same", "1", "kept"),
        ("27825550102", "0825550102", "old", "1", "edited"),
        ("27825550103", "0825550103", "created", "3", ""),
    ]


def test_contacts_of_a_later_import_are_kept_even_if_it_changed_nothing(people: ContactList) -> None:
    before = contents()
    first = imported(people, TEXT)
    later = imported(people, "0825550103,created,3\n0825550100,newer,9\n")
    assert (later.unchanged, later.updated) == (1, 1)
    assert undone(first) == {"reverted": 2, "kept": 2}
    assert undone(later) == {"reverted": 1}
    assert ("27825550100", "0825550100", "new", "2", "kept") in contents()
    # Undone in the order in which they were applied backwards, they leave nothing.
    Contact.objects.filter(msisdn="27825550103").delete()
    Contact.objects.filter(msisdn="27825550100").update(customer_id="old", value1="1")
    first, later = imported(people, TEXT), imported(people, "0825550103,created,3\n0825550100,newer,9\n")
    assert undone(later) == {"reverted": 1}
    assert undone(first) == {"reverted": 4}
    assert contents() == before


def test_opt_outs_stay_and_their_contacts_are_reverted(people: ContactList) -> None:
    before = contents()
    suppress(["27825550100", "27825550101", "27825550103"], "manual")
    import_ = imported(people, TEXT)
    assert (import_.opted_out, import_.created, import_.updated) == (3, 1, 1)
    assert undone(import_) == {"reverted": 5}
    assert contents() == before
    assert Suppression.objects.active().count() == 3


def test_contacts_in_use_are_kept(people: ContactList, monkeypatch: pytest.MonkeyPatch) -> None:
    import_ = imported(people, TEXT)

    def in_use(list_id: int, msisdns: Collection[str]) -> set[str]:
        return {"27825550100", "27825550104"} & set(msisdns) if list_id == people.pk else set()

    monkeypatch.setattr(usage, "in_use", in_use)
    assert undone(import_) == {"reverted": 2, "in_use": 2}
    assert {row[0]: row[2] for row in contents()} == {
        "27825550100": "new",
        "27825550101": "same",
        "27825550102": "old",
        "27825550104": "created",
    }


@pytest.mark.parametrize("point", ["decide_outcomes", "put_back", "remove_created", "advance"])
@pytest.mark.parametrize("crash_at", [1, 3])
def test_a_crash_at_any_point_reverts_nothing_twice(
    people: ContactList, monkeypatch: pytest.MonkeyPatch, point: str, crash_at: int
) -> None:
    monkeypatch.setattr(undoing, "UNDO_ROWS", 1)
    before = contents()
    import_ = imported(people, TEXT)
    importing.begin_undo(import_)
    with monkeypatch.context() as patched:
        patched.setattr(undoing, point, crashing(getattr(undoing, point), crash_at))
        with pytest.raises(KeyboardInterrupt):
            importing.undo(import_.pk)
    import_.refresh_from_db()
    assert sum(import_.undo_counts.values()) == import_.progress == import_.rows.exclude(undone_as="").count() < 4
    importing.undo(import_.pk)
    assert checked_outcomes(import_) == {"reverted": 4}
    assert contents() == before
    importing.undo(import_.pk)
    assert checked_outcomes(import_) == {"reverted": 4}


def crashing(real: Callable[..., Any], crash_at: int) -> Callable[..., Any]:
    """``real``, which crashes just after the call with this number."""
    calls: list[int] = []

    def wrapped(*arguments: Any, **named: Any) -> Any:
        result = real(*arguments, **named)
        calls.append(1)
        if len(calls) == crash_at:
            raise KeyboardInterrupt
        return result

    return wrapped


def test_only_a_finished_import_is_undone(people: ContactList) -> None:
    import_ = importing.upload(people, ContentFile(b"Cell\n0825550100\n"), "people.csv")
    for operation, code in ((importing.begin_undo, "not_done"), (lambda row: importing.undo(row.pk), "not_begun")):
        with pytest.raises(ImportRefusal) as refused:
            operation(import_)
        assert refused.value.code == code
