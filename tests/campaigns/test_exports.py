"""Exports of a campaign's recipients: exact texts, files and lines; as a job where there are many; imported again."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from campaigns import exporting, jobs, timing
from campaigns.lifecycle import transition
from campaigns.models import Campaign, Export, Recipient, RecipientOutcome
from contacts import columns
from contacts.columns import RESULT_HEADINGS
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign
from tests.pages import html_of

LogIn = Callable[[User], Client]


@pytest.fixture
def running(account: Account, make_running: MakeCampaign, make_list: Callable[..., ContactList]) -> Campaign:
    """Five people in one file, which the provider accepted except one number; a sixth is on two lists."""
    campaign = make_running(account, make_list(count=5, customer_id="C1"), make_list("VIP", count=1))
    batch = campaign.batches.get()
    for step in ("uploading", "committing", "handed_over", "accepted"):
        transition(batch, step, handed_over_at=timezone.now())
    person = Recipient.objects.of_batch(batch).get(msisdn="27825550103")
    RecipientOutcome.objects.create(
        batch=batch, recipient=person, result="row_error", code="MSISDN.Optout", sentence="Opted out."
    )
    return campaign


def lines_of(content: bytes, kind: str) -> list[dict[str, str]]:
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    sheet: Any = openpyxl.load_workbook(io.BytesIO(content)).active
    rows = [[cell or "" for cell in row] for row in sheet.values]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_each_line_says_who_got_which_text_in_which_file(
    running: Campaign, operator: User, logged_in: LogIn, kind: str
) -> None:
    content = logged_in(operator).get(f"/campaigns/{running.pk}/export/?format={kind}").getvalue()
    lines = lines_of(content, kind)
    assert list(lines[0]) == ["Number", "Customer ID", "First name", "Own text", *RESULT_HEADINGS]
    batch = running.batches.get()
    assert batch.handed_over_at
    assert [line["Line"] for line in lines] == ["1", "2", "3", "4", "5", ""]
    failed = lines[3]
    at = datetime.fromisoformat(failed.pop("Handed over at"))
    assert (at.utcoffset(), at) == (timedelta(hours=2), batch.handed_over_at.replace(microsecond=0))
    assert datetime.fromisoformat(failed.pop("Result at"))
    assert failed == {
        "Number": "27825550103",
        "Customer ID": "C1",
        "First name": "Person 3",
        "Own text": "",
        "Full text": "Hi Person 3, 20 % off ends Sunday.",
        "Parts": "1",
        "Outcome": "Failed number",
        "Code": "MSISDN.Optout",
        "Reason": "Opted out.",
        "File": batch.name,
        "Line": "4",
    }
    assert (lines[0]["Outcome"], lines[0]["Code"], lines[0]["Reason"]) == ("Accepted", "", "")
    twice = lines[5]
    assert (twice["Outcome"], twice["Code"], twice["Full text"]) == ("Skipped", "duplicate", "")


@pytest.mark.parametrize(
    ("query", "expected"), [("outcome=row_error", ["4"]), ("outcome=accepted", ["1", "2", "3", "5"])]
)
def test_a_filter_keeps_the_line_in_the_file(
    running: Campaign, operator: User, logged_in: LogIn, query: str, expected: list[str]
) -> None:
    content = logged_in(operator).get(f"/campaigns/{running.pk}/export/?format=csv&{query}").getvalue()
    assert [line["Line"] for line in lines_of(content, "csv")] == expected


def test_it_is_imported_again_without_a_question(running: Campaign, operator: User, logged_in: LogIn) -> None:
    content = logged_in(operator).get(f"/campaigns/{running.pk}/export/?format=csv").getvalue()
    header, *samples = csv.reader(io.StringIO(content.decode("utf-8-sig")))
    expected = {0: "phone", 1: "customer_id", 2: "value1", 3: "message"}
    for labels in ({"value1": "First name"}, {}):
        guess = columns.guess(header, samples, labels, "ZA")
        assert (guess.mapping, guess.asked, guess.surplus) == (expected, [], [])


# -- as a job -----------------------------------------------------------------------------------------------------


@pytest.fixture
def many(running: Campaign, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """A campaign that has more recipients than are exported at once."""
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    monkeypatch.setattr("contacts.queues.enqueue_once", lambda *job: True)
    return running


def begin(client: Client, campaign: Campaign, **chosen: Any) -> Export:
    client.post(f"/campaigns/{campaign.pk}/export/begin/", {"format": "csv", **chosen})
    return Export.objects.latest("pk")


def test_many_are_written_by_a_job_and_downloaded_once_it_is_done(
    many: Campaign, operator: User, logged_in: LogIn, make_user: Callable[..., User]
) -> None:
    client = logged_in(operator)
    page = html_of(client.get(f"/campaigns/{many.pk}/export/?format=csv&outcome=accepted"))
    assert "These are 4 recipients" in page
    assert 'name="outcome" value="accepted"' in page

    export = begin(client, many, outcome="accepted")
    at = f"/exports/{export.pk}/"
    assert "0 of 4 recipients" in html_of(client.get(at))
    assert client.get(f"{at}progress/").status_code == 200
    assert client.get(f"{at}download/").status_code == 404

    jobs.write_export(export.pk)
    done = client.get(f"{at}progress/")
    assert done.status_code == 286
    assert "The file has 4 recipients." in html_of(done)
    before = AuditEntry.objects.count()
    answer = client.get(f"{at}download/")
    assert answer["Content-Disposition"] == f'attachment; filename="campaign-{many.pk}-recipients.csv"'
    assert [line["Line"] for line in lines_of(answer.getvalue(), "csv")] == ["1", "2", "3", "5"]
    entry = AuditEntry.objects.latest("id")
    assert AuditEntry.objects.count() == before + 1
    told = {name: after for name, (_, after) in entry.changes_dict.items()}
    assert told == {"exported": "recipients", "filter": "outcome: accepted", "rows": "4"}

    # Only the person who asked for it gets it.
    other = logged_in(make_user("operator", "somebody"))
    assert {other.get(f"{at}{page}").status_code for page in ("", "progress/", "download/")} == {404}
    assert "Your files of this campaign" in html_of(client.get(f"/campaigns/{many.pk}/export/?format=csv"))


def test_the_sweep_has_it_written_again_after_a_worker_died(many: Campaign, operator: User, logged_in: LogIn) -> None:
    export = begin(logged_in(operator), many)
    # Of the worker that died.
    default_storage.save(f"exports/{export.pk}.csv", io.BytesIO(b"half"))
    with exporting.hold(exporting.lock_name(export.pk)):
        jobs.write_export(export.pk)
        export.refresh_from_db()
        assert export.status == "running"
        assert "write_export" not in jobs.sweep(timezone.now())
    assert jobs.sweep(timezone.now())["write_export"] == 1
    jobs.write_export(export.pk)
    export.refresh_from_db()
    assert (export.status, export.rows) == ("done", 6)
    assert export.file.read().count(b"\r\n") == 7
    assert "write_export" not in jobs.sweep(timezone.now())


def test_an_error_ends_it_and_the_page_says_so(
    many: Campaign, operator: User, logged_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = logged_in(operator)
    export = begin(client, many)
    monkeypatch.setattr(exporting, "write_xlsx", None)
    Export.objects.update(format="xlsx")
    with pytest.raises(TypeError):
        jobs.write_export(export.pk)
    assert "The file could not be made." in html_of(client.get(f"/exports/{export.pk}/"))


def test_the_file_is_deleted_after_some_days(many: Campaign, operator: User, logged_in: LogIn) -> None:
    export = begin(logged_in(operator), many)
    jobs.write_export(export.pk)
    now = timezone.now()
    exporting.delete_old(now + timing.EXPORT_KEPT_FOR - timedelta(minutes=1))
    assert default_storage.exists(f"exports/{export.pk}.csv")
    exporting.delete_old(now + timing.EXPORT_KEPT_FOR + timedelta(minutes=1))
    assert not default_storage.exists(f"exports/{export.pk}.csv")
    assert not Export.objects.exists()
