"""Correcting an import: one cell in place, checking again with other switches, and another file in its place."""

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from contacts import importing
from contacts.importing import ImportRefusal, fixing
from contacts.models import BUCKETS, Contact, ContactList, Import

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

SHEET = """Cell,Name,Notes
0825550100,Ann,a
12345,Ben,b
0825550102,Cid,c
+27 82 555 0102,Dan,d

,Eve,e
"""


@pytest.fixture
def checked() -> Import:
    people = ContactList.objects.create(name="People", country="ZA")
    Contact.objects.create(list=people, msisdn="27825550103", phone="0825550103", customer_id="Ben")
    import_ = importing.upload(people, ContentFile(SHEET.encode()), "people.csv")
    importing.confirm(import_, {0: "phone", 1: "customer_id"})
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    return import_


def counts(import_: Import) -> dict[str, int]:
    """The counters that are not 0; the forecast has to agree with them."""
    import_.refresh_from_db()
    kept = {bucket: getattr(import_, bucket) for bucket in BUCKETS if getattr(import_, bucket)}
    assert {bucket: import_.forecast[bucket] for bucket in kept} == kept
    assert import_.forecast == importing.forecast(import_.pk)
    assert sum(import_.forecast.values()) == import_.read == import_.waiting + sum(kept.values())
    return {"waiting": import_.waiting, **kept}


def test_a_corrected_cell_is_checked_at_once(checked: Import, operator: User) -> None:
    assert counts(checked) == {"waiting": 2, "duplicate": 1, "invalid": 2, "blank": 1}

    assert importing.fix_cell(checked, 3, "082 555 0103", operator) is None
    assert counts(checked) == {"waiting": 3, "duplicate": 1, "invalid": 1, "blank": 1}
    assert checked.forecast["unchanged"] + checked.forecast["updated"] == 1

    wrong = importing.fix_cell(checked, 7, "99", operator)
    assert wrong is not None
    assert (wrong.row, wrong.value, wrong.cells) == (7, "99", ["99", "Eve", "e"])
    assert counts(checked) == {"waiting": 3, "duplicate": 1, "invalid": 1, "blank": 1}

    repeated = importing.fix_cell(checked, 7, "082 555 0100", operator)
    assert repeated is not None
    assert (repeated.code, repeated.sentence) == ("duplicate", "Row 2 has the same number.")
    assert checked.issues.filter(row=7, code="look_alike", is_warning=True).exists()
    assert counts(checked) == {"waiting": 3, "duplicate": 2, "blank": 1}

    assert importing.fix_cell(checked, 7, "082 555 0107", operator) is None
    assert importing.fix_cell(checked, 5, "082 555 0105", operator) is None
    assert counts(checked) == {"waiting": 5, "blank": 1}
    assert not checked.issues.exists()
    assert list(checked.corrections.values_list("row", "column_number", "old", "new", "created_by__username")) == [
        (3, 0, "12345", "082 555 0103", "operator"),
        (7, 0, "", "99", "operator"),
        (7, 0, "99", "082 555 0100", "operator"),
        (7, 0, "082 555 0100", "082 555 0107", "operator"),
        (5, 0, "+27 82 555 0102", "082 555 0105", "operator"),
    ]


def test_a_second_check_keeps_the_corrections(checked: Import) -> None:
    importing.fix_cell(checked, 3, "082 555 0103")
    # The corrected row comes before row 4, but a second check must not turn row 4 into the duplicate.
    importing.fix_cell(checked, 7, "082 555 0109")
    before = counts(checked)
    rows = sorted(checked.rows.values_list("row", "msisdn"))

    importing.recheck(checked, takes_fixed_lines=True)
    assert (checked.status, checked.takes_fixed_lines) == ("uploaded", True)
    importing.check_rows(checked.pk)

    assert counts(checked) == before
    assert sorted(checked.rows.values_list("row", "msisdn")) == rows
    assert checked.attempts == 1


def test_a_number_that_a_corrected_row_repeats_stays_with_the_other_row(checked: Import) -> None:
    importing.fix_cell(checked, 3, "082 555 0102")
    before = list(checked.issues.order_by("row", "code").values_list("row", "code", "sentence"))
    assert (3, "duplicate", "Row 4 has the same number.") in before
    importing.recheck(checked)
    importing.check_rows(checked.pk)
    assert list(checked.issues.order_by("row", "code").values_list("row", "code", "sentence")) == before


def test_a_row_with_two_bad_cells_is_corrected_cell_by_cell() -> None:
    people = ContactList.objects.create(name="People", country="ZA")
    sheet = f"Cell,Name\n12345,{'x' * 101}\n0825550100,Ann\n"
    import_ = importing.upload(people, ContentFile(sheet.encode()), "people.csv")
    importing.confirm(import_, {0: "phone", 1: "customer_id"})
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    codes = [import_.issues.get().code]
    issue = importing.fix_cell(import_, 2, "Ben" if codes == ["text_too_long"] else "0825550102")
    assert issue is not None
    codes.append(issue.code)
    assert sorted(codes) == ["text_too_long", "too_short"]
    assert importing.fix_cell(import_, 2, "Ben" if codes[-1] == "text_too_long" else "0825550102") is None
    assert import_.rows.get(row=2).customer_id == "Ben"


def test_it_corrects_only_a_row_that_is_left_out_of_a_checked_import(checked: Import) -> None:
    refusals = []
    for row in (2, 99):
        with pytest.raises(ImportRefusal) as refused:
            importing.fix_cell(checked, row, "x")
        refusals.append(refused.value.code)
    checked.issues.filter(row=3).update(column_number=None)
    with pytest.raises(ImportRefusal) as refused:
        importing.fix_cell(checked, 3, "x")
    refusals.append(refused.value.code)
    importing.begin_apply(checked)
    for operation in (lambda: importing.fix_cell(checked, 5, "x"), lambda: importing.recheck(checked)):
        with pytest.raises(ImportRefusal) as refused:
            operation()
        refusals.append(refused.value.code)
    assert refusals == ["no_fault", "no_fault", "whole_row", "not_checked", "not_checked"]
    assert not checked.corrections.exists()


def test_a_crash_while_correcting_changes_nothing(checked: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    before = counts(checked)

    def crash(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fixing, "buckets_of", crash)
    with pytest.raises(KeyboardInterrupt):
        importing.fix_cell(checked, 3, "082 555 0103")
    assert counts(checked) == before
    assert (checked.corrections.count(), checked.issues.filter(row=3).count()) == (0, 1)


def test_a_corrected_file_takes_the_place_of_the_first(checked: Import, operator: User) -> None:
    Import.objects.filter(pk=checked.pk).update(takes_fixed_lines=True)
    checked.refresh_from_db()
    new = importing.replace_file(checked, ContentFile(SHEET.replace("12345", "0825550103").encode()), "2.csv", operator)
    checked.refresh_from_db()
    assert (checked.status, new.mapping, new.list, new.takes_fixed_lines) == (
        "cancelled",
        checked.mapping,
        checked.list,
        True,
    )
    importing.check_rows(new.pk)
    assert counts(new) == {"waiting": 3, "duplicate": 1, "invalid": 1, "blank": 1}


def test_other_headings_have_to_be_confirmed(checked: Import) -> None:
    new = importing.replace_file(checked, ContentFile(b"Name,Cell\nAnn,0825550100\n"), "2.csv")
    assert (new.mapping, Import.objects.get(pk=checked.pk).status) == ({}, "cancelled")


def test_rows_that_were_left_out_are_downloaded_corrected_and_imported_beside_the_first(checked: Import) -> None:
    header, *rows = [importing.download_header(checked), *importing.rows_of(checked, "left_out")]
    assert header == ["Cell", "Name", "Notes", "Reason"]
    assert [row[:3] for row in rows] == [["12345", "Ben", "b"], ["+27 82 555 0102", "Dan", "d"], ["", "Eve", "e"]]
    text = "\n".join(",".join(row) for row in [header, ["0825550103", "Ben", "b", "It is too short."]])
    new = importing.replace_file(checked, ContentFile(text.encode()), "rows.csv")
    checked.refresh_from_db()
    assert (checked.status, new.mapping) == ("checked", checked.mapping)


def test_every_row_read_is_in_the_download_of_one_bucket(checked: Import) -> None:
    importing.fix_cell(checked, 3, "082 555 0103")
    for status in ("checked", "done"):
        assert checked.status == status
        expected = {b: n for b, n in checked.forecast.items() if n}
        downloaded = {bucket: list(importing.rows_of(checked, bucket)) for bucket in expected}
        assert {bucket: len(rows) for bucket, rows in downloaded.items()} == expected
        assert {tuple(row[:3]) for rows in downloaded.values() for row in rows} == {
            ("0825550100", "Ann", "a"),
            ("082 555 0103", "Ben", "b"),
            ("0825550102", "Cid", "c"),
            ("+27 82 555 0102", "Dan", "d"),
            ("", "", ""),
            ("", "Eve", "e"),
        }
        if status == "checked":
            importing.begin_apply(checked)
            importing.apply(checked.pk)
            checked.refresh_from_db()
