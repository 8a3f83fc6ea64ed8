"""An import counts every row in exactly one bucket, changes nothing twice, and survives a crash at any point."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from contacts import importing
from contacts.columns import ColumnsError
from contacts.importing import ImportRefusal, applying, checking
from contacts.models import BUCKETS, Contact, ContactList, Import, ImportRow
from contacts.sheets import SheetError
from contacts.suppression import suppress
from contacts.timing import WORKER_IS_DEAD_AFTER

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

SHEET = """Cell,Name,Balance
0825550100,Ann,10
0825550101,Ben,20
,,
+27 82 555 0100,Ann again,30
2.78E+10,Cid,40
0825550102,Dan,50
,Eve,60

"""
MAPPING = {0: "phone", 1: "value1", 2: "value2"}
Prepare = Callable[..., Import]


@pytest.fixture
def people() -> ContactList:
    return ContactList.objects.create(name="People", country="ZA")


@pytest.fixture
def prepare(people: ContactList) -> Prepare:
    """An uploaded sheet with its mapping confirmed."""

    def make(content: str = SHEET, mapping: dict[int, str] = MAPPING) -> Import:
        import_ = importing.upload(people, ContentFile(content.encode()), "people.csv")
        importing.confirm(import_, mapping)
        return import_

    return make


def counts(import_: Import) -> dict[str, int]:
    import_.refresh_from_db()
    return {bucket: getattr(import_, bucket) for bucket in BUCKETS if getattr(import_, bucket)}


def finish(import_: Import) -> dict[str, int]:
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    importing.begin_apply(import_)
    importing.apply(import_.pk)
    assert not ImportRow.objects.filter(import_of=import_, bucket="").exists()
    return counts(import_)


def test_every_row_is_in_one_bucket(prepare: Prepare) -> None:
    suppress(["27825550102"], "manual")
    import_ = prepare()
    expected = {"created": 2, "duplicate": 1, "opted_out": 1, "invalid": 2, "blank": 1}
    assert finish(import_) == expected
    assert (import_.status, import_.read, import_.waiting) == ("done", 7, 0)
    assert {bucket: count for bucket, count in import_.forecast.items() if count} == expected
    assert sorted(Contact.objects.values_list("msisdn", "value1", "value2", "phone")) == [
        ("27825550100", "Ann", "10", "0825550100"),
        ("27825550101", "Ben", "20", "0825550101"),
        ("27825550102", "Dan", "50", "0825550102"),
    ]


def test_each_bad_row_is_named_with_the_reason(prepare: Prepare) -> None:
    import_ = prepare()
    importing.check_rows(import_.pk)
    bad = import_.issues.filter(is_warning=False)
    assert list(bad.values_list("row", "column", "column_number", "code", "value")) == [
        (5, "Cell", 0, "duplicate", "+27 82 555 0100"),
        (6, "Cell", 0, "rounded_by_excel", "2.78E+10"),
        (8, "Cell", 0, "missing", ""),
    ]
    assert bad.get(row=5).sentence == "Row 2 has the same number."
    assert bad.get(row=6).cells == ["2.78E+10", "Cid", "40"]
    look_alike = import_.issues.get(is_warning=True)
    assert (look_alike.row, look_alike.code, look_alike.column_number) == (5, "look_alike", 1)
    assert look_alike.sentence == ("Row 2 has the same number but other values: Name, Balance. Only row 2 is imported.")


def test_nobody_sees_a_row_before_it_is_applied(prepare: Prepare) -> None:
    importing.check_rows(prepare().pk)
    assert not Contact.objects.exists()


def test_the_same_file_again_changes_nothing(prepare: Prepare) -> None:
    finish(prepare())
    before = list(Contact.objects.values_list("pk", "updated_at"))
    assert finish(prepare()) == {"unchanged": 3, "duplicate": 1, "invalid": 2, "blank": 1}
    assert list(Contact.objects.values_list("pk", "updated_at")) == before


def test_mapped_columns_replace_and_the_others_are_left_alone(prepare: Prepare) -> None:
    finish(prepare())
    Contact.objects.filter(msisdn="27825550100").update(customer_id="C1", value2="kept")
    content = "Cell,Name\n0825550100,\n0825550101,Ben\n0825550109,New\n"
    assert finish(prepare(content, {0: "phone", 1: "value1"})) == {"created": 1, "updated": 1, "unchanged": 1}
    ann = Contact.objects.get(msisdn="27825550100")
    assert (ann.value1, ann.customer_id, ann.value2) == ("", "C1", "kept")


def test_duplicates_are_found_across_chunks_and_ranges(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CHECK_ROWS", 3)
    monkeypatch.setattr(applying, "APPLY_ROWS", 4)
    numbers = [f"08255501{number:02}" for number in range(10)]
    assert finish(prepare("Cell,N\n" + "\n".join(f"{number},x" for number in numbers + numbers), {0: "phone"})) == {
        "created": 10,
        "duplicate": 10,
    }


@pytest.mark.parametrize("crash_at", [1, 2, 3])
def test_a_crash_while_applying_changes_nothing_twice(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    monkeypatch.setattr(applying, "APPLY_ROWS", 2)
    import_ = prepare("Cell,N\n" + "\n".join(f"082555010{number},x" for number in range(7)), {0: "phone"})
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    importing.begin_apply(import_)
    real, calls = applying.upsert, []

    def upsert(*arguments: Any) -> None:
        real(*arguments)
        calls.append(1)
        if len(calls) == crash_at:
            raise KeyboardInterrupt

    monkeypatch.setattr(applying, "upsert", upsert)
    with pytest.raises(KeyboardInterrupt):
        importing.apply(import_.pk)
    import_.refresh_from_db()
    assert Contact.objects.count() == import_.created == (crash_at - 1) * 2
    importing.apply(import_.pk)
    assert counts(import_) == {"created": 7}
    importing.apply(import_.pk)
    assert counts(import_) == {"created": 7}


def test_a_worker_that_was_overtaken_changes_nothing_more(prepare: Prepare) -> None:
    import_ = prepare()
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    importing.begin_apply(import_)
    Import.objects.filter(pk=import_.pk).update(claim=9)
    with pytest.raises(importing.Overtaken):
        applying.apply_range(import_.pk, 8)
    assert not Contact.objects.exists()


def test_a_check_starts_again_only_after_its_worker_died(prepare: Prepare) -> None:
    import_ = prepare()
    Import.objects.filter(pk=import_.pk).update(status="checking", claim=1, beat_at=timezone.now(), read=1, waiting=1)
    ImportRow.objects.create(import_of=import_, row=2, msisdn="27825550100")
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    assert (import_.status, import_.claim) == ("checking", 1)
    Import.objects.filter(pk=import_.pk).update(beat_at=timezone.now() - WORKER_IS_DEAD_AFTER * 2)
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    assert (import_.status, import_.read, import_.waiting) == ("checked", 7, 3)


def test_a_file_that_kills_every_worker_fails(prepare: Prepare) -> None:
    import_ = prepare()
    Import.objects.filter(pk=import_.pk).update(status="checking", attempts=checking.MAX_ATTEMPTS, beat_at=None)
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    assert (import_.status, import_.failure_code, import_.read) == ("failed", "broken", 0)


def test_a_sheet_that_breaks_halfway_leaves_nothing(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "CHECK_ROWS", 2)
    broken = "Cell,N\n" + "0825550100,x\n0825550101,x\n" * 500 + "x," * 600
    import_ = prepare(broken, {0: "phone"})
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    assert (import_.status, import_.failure_code, import_.read) == ("failed", "too_large", 0)
    assert import_.failure_sentence
    assert not import_.issues.exists()
    assert not import_.rows.exists()


def test_an_import_can_be_cancelled_until_it_is_applied(prepare: Prepare) -> None:
    import_ = prepare()
    importing.check_rows(import_.pk)
    importing.cancel(import_)
    assert import_.status == "cancelled"
    assert not import_.rows.exists()
    with pytest.raises(ImportRefusal):
        importing.begin_apply(import_)
    done = prepare()
    finish(done)
    with pytest.raises(ImportRefusal) as refused:
        importing.cancel(done)
    assert refused.value.code == "too_late"


def test_nothing_is_applied_before_a_user_starts_it(prepare: Prepare) -> None:
    import_ = prepare()
    importing.check_rows(import_.pk)
    with pytest.raises(ImportRefusal) as refused:
        importing.apply(import_.pk)
    assert refused.value.code == "not_begun"


def test_it_refuses_a_mapping_without_phone_and_a_refused_file_leaves_nothing(people: ContactList) -> None:
    import_ = importing.upload(people, ContentFile(SHEET.encode()), "people.csv")
    with pytest.raises(ColumnsError):
        importing.confirm(import_, {1: "value1"})
    with pytest.raises(ImportRefusal) as refused:
        importing.check_rows(import_.pk)
    assert refused.value.code == "not_mapped"
    with pytest.raises(SheetError):
        importing.upload(people, ContentFile(b"%PDF"), "people.pdf")
    assert Import.objects.count() == 1


def test_a_cell_that_is_too_long_is_refused_and_not_cut(prepare: Prepare) -> None:
    import_ = prepare("Cell,Name\n0825550100," + "x" * 501 + "\n", {0: "phone", 1: "value1"})
    importing.check_rows(import_.pk)
    assert [(issue.column, issue.code) for issue in import_.issues.all()] == [("Name", "text_too_long")]


def test_values_without_a_label_are_labelled_with_the_heading(db: None) -> None:
    sheet = ContentFile(b"Phone,First name,Town\n0825550100,Thandi,Durban\n")
    contact_list = ContactList.objects.create(name="New", country="ZA", labels={"value2": "City"})
    import_ = importing.upload(contact_list, sheet, "people.csv", None, "GB")

    importing.confirm(import_, {0: "phone", 1: "value1", 2: "value2"})

    contact_list.refresh_from_db()
    assert contact_list.labels == {"value1": "First name", "value2": "City"}
    assert contact_list.country == "GB"  # The list had no contacts yet.


def test_a_number_excel_rounded_in_a_numeric_cell_is_refused(db: None) -> None:
    contact_list = ContactList.objects.create(name="New", country="ZA")
    import_ = importing.upload(contact_list, ContentFile(b"Phone\n27800000000\n0825550100\n"), "people.csv")
    importing.confirm(import_, {0: "phone"})

    importing.check_rows(import_.pk)

    assert import_.issues.get().code == "rounded_by_excel"
