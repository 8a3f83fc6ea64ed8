"""Erasing a person everywhere, and a person's own data."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from campaigns import jobs
from campaigns.audience import erased
from campaigns.lifecycle import transition
from campaigns.models import Campaign, CampaignPerson, Erasure, Evidence, Export, Recipient, Reply, TestNumber
from campaigns.privacy import erasing
from campaigns.results import balance
from contacts import suppression
from contacts.errors import Refusal
from contacts.models import Contact, Import, ImportIssue, ImportRow, Suppression
from contacts.pseudonyms import pseudonym
from providers.models import Account
from tests.campaigns.conftest import Clock, MakeCampaign

NUMBER, OTHER = "27825550100", "27825550101"
LogIn = Callable[[User], Client]


@pytest.fixture
def ended(account: Account, make_running: MakeCampaign) -> Campaign:
    campaign = make_running(account)
    batch = campaign.batches.get()
    for status in ("uploading", "committing", "accepted"):
        transition(batch, status)
    transition(campaign, "closed")
    return campaign


@pytest.fixture
def everything(ended: Campaign, clock: Clock) -> Campaign:
    """The person in every table that can hold a number."""
    batch, now = ended.batches.get(), clock()
    path = default_storage.save("evidence/aa/report", ContentFile(NUMBER.encode()))
    files = [{"folder": "", "name": "a.txt", "size": 11, "modified_at": "", "host": "", "body": [[path, 11]]}]
    Evidence.objects.create(batch=batch, seen_at=now, last_seen_at=now, files=files, digest="d")
    upload = default_storage.save("imports/a.csv", ContentFile(NUMBER.encode()))
    fields = {"list": ended.lists.get(), "country": "ZA", "first_rows": [[1, [NUMBER]]], "samples": [[NUMBER]]}
    done = Import.objects.create(**fields, original_name="a.csv", file=upload, status="done")
    given_up = default_storage.save("imports/b.csv", ContentFile(NUMBER.encode()))
    Import.objects.create(**fields, original_name="b.csv", file=given_up, status="cancelled")
    before = {"value1": "Thandi"}
    ImportRow.objects.create(import_of=done, row=2, msisdn=NUMBER, bucket="updated", value1="Thandi", before=before)
    ImportRow.objects.create(import_of=done, row=3, msisdn=OTHER, bucket="created", value1="Sipho")
    typed = {"import_of": done, "code": "duplicate", "sentence": "Row 2 has the same number."}
    ImportIssue.objects.create(**typed, row=4, value="(082) 555-01 00", cells=["Thandi", "(082) 555-01 00"])
    ImportIssue.objects.create(**typed, row=5, value="082 555 0101", cells=["Sipho", "082 555 0101"])
    received = {"account": ended.account, "recorded_at": now, "source": "push", "action": "to_read", "raw": b"x"}
    Reply.objects.create(**received, msisdn=NUMBER, phone=NUMBER, text="Stop it", fingerprint="1")
    Reply.objects.create(**received, msisdn=OTHER, phone=OTHER, text="Hello", fingerprint="2")
    draft = Campaign.objects.create(name="Again", account=ended.account, follows=ended, chain_root=ended)
    CampaignPerson.objects.create(campaign=draft, list_id=1, contact_id=1, msisdn=NUMBER)
    TestNumber.objects.create(name="Thandi", msisdn=NUMBER)
    written = default_storage.save("exports/1.csv", ContentFile(NUMBER.encode()))
    Export.objects.create(
        campaign=ended, created_by=User.objects.get(username="operator"), format="csv", name="x", created_at=now,
        file=written, status="done",
    )  # fmt: skip
    Campaign.objects.filter(pk=draft.pk).update(problems=[{"msisdn": OTHER, "code": "x", "sentence": "x"}])
    suppression.suppress([NUMBER], "manual", "Phoned")
    return ended


def where_it_is(*texts: str) -> set[str]:
    """The tables that have one of the texts in any column."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            if any(text in str(row) for row in cursor.fetchall() for text in texts):
                found.add(table)
    return found


def stored_files_with(text: str) -> list[str]:
    found: list[str] = []

    def walk(at: str) -> None:
        folders, files = default_storage.listdir(at)
        for name in files:
            path = f"{at}/{name}".lstrip("/")
            if text.encode() in default_storage.open(path).read():
                found.append(path)
        for name in folders:
            walk(f"{at}/{name}".lstrip("/"))

    walk("")
    return found


def test_a_person_is_erased_everywhere_and_the_opt_out_stays(
    everything: Campaign, administrator: User, clock: Clock
) -> None:
    assert len(where_it_is(NUMBER)) == 9
    digest = everything.audience_digest
    request = erasing.request_erasure(NUMBER, "E-mail of 3 March", administrator, clock())
    jobs.erase_person(request.pk)
    request.refresh_from_db()
    assert (request.status, request.msisdn, request.left) == ("done", pseudonym(NUMBER), [])
    # The journal of opt-outs and the table have the number; nothing else has it, or the name, in any notation.
    assert where_it_is(NUMBER, "Person 0", "Thandi", "555-01 00", "Stop it") == {"contacts_suppression"}
    assert stored_files_with(NUMBER) == []
    assert suppression.is_suppressed(NUMBER)
    # The others are untouched, and everything can still be proved.
    assert Contact.objects.filter(msisdn=OTHER).exists()
    assert Recipient.objects.filter(msisdn=OTHER).exists()
    assert ImportIssue.objects.get(row=5).cells == ["Sipho", "082 555 0101"]
    everything.refresh_from_db()
    assert balance.audit(everything).balanced
    jobs.audit(everything.pk)
    everything.refresh_from_db()
    assert (everything.alarm, everything.audience_digest) == ("", digest)
    entry = AuditEntry.objects.get(action=AuditEntry.Action.DELETE)
    assert (entry.actor, entry.changes_dict["Texts in campaigns"]) == (administrator, ["", "1"])
    # Again changes nothing.
    jobs.erase_person(request.pk)
    assert everything.events.filter(reason="person_erased").count() == 1


def test_the_report_says_what_was_erased(everything: Campaign, administrator: User, clock: Clock) -> None:
    request = erasing.request_erasure(NUMBER, "Asked", administrator, clock())
    erasing.erase(request.pk, clock)
    request.refresh_from_db()
    assert dict(request.report) == {
        "People of drafts": 1,
        "Exported files": 1,
        "Files handed over and evidence, as a whole": 2,
        "Texts in campaigns": 1,
        "Contacts on lists": 1,
        "Rows left out of imports, and corrections": 1,
        "Uploaded files, as a whole": 2,
        "Rows of imports": 1,
        "Replies": 1,
        "Test numbers": 1,
        "Stored numbers of submitted versions": 1,
    }


@pytest.mark.parametrize(
    ("blocker", "sentence"),
    [
        ("running", "has not ended"),
        ("polled", "Results of"),
        ("import", "is not finished"),
    ],
)
def test_nobody_is_erased_whose_number_is_needed(
    ended: Campaign, operator: User, clock: Clock, blocker: str, sentence: str
) -> None:
    if blocker == "running":
        Campaign.objects.filter(pk=ended.pk).update(status="running")
    elif blocker == "polled":
        ended.batches.update(status="processing")
    else:
        checked = Import.objects.create(list=ended.lists.get(), original_name="a.csv", country="ZA", status="checked")
        ImportRow.objects.create(import_of=checked, row=2, msisdn=NUMBER)
    with pytest.raises(Refusal, match=sentence):
        erasing.request_erasure(NUMBER, "Asked", operator, clock())
    request = Erasure.objects.create(msisdn=NUMBER, note="Asked", created_at=clock())
    erasing.erase(request.pk, clock)
    request.refresh_from_db()
    assert (request.status, sentence in request.left[0]) == ("blocked", True)
    assert Contact.objects.filter(msisdn=NUMBER).exists()
    Campaign.objects.filter(pk=ended.pk).update(status="closed")
    ended.batches.update(status="accepted")
    Import.objects.update(status="cancelled")
    assert erasing.try_again(request)
    erasing.erase(request.pk, clock)
    request.refresh_from_db()
    assert request.status == "done"


def test_a_campaign_that_cannot_be_proved_keeps_the_person(ended: Campaign, clock: Clock) -> None:
    ended.recipients.filter(msisdn=OTHER).update(value1="Somebody else")
    request = Erasure.objects.create(msisdn=NUMBER, note="Asked", created_at=clock())
    erasing.erase(request.pk, clock)
    request.refresh_from_db()
    assert (request.status, request.msisdn) == ("blocked", NUMBER)
    assert request.left == [f"{ended}: its recipients changed after submission."]
    assert ended.recipients.filter(msisdn=NUMBER).exists()
    assert default_storage.exists(str(ended.batches.get().payload))


def test_two_people_of_one_campaign_are_erased_after_each_other(ended: Campaign, clock: Clock) -> None:
    for number in (NUMBER, OTHER):
        request = Erasure.objects.create(msisdn=number, note="Asked", created_at=clock())
        erasing.erase(request.pk, clock)
        request.refresh_from_db()
        assert request.status == "done"
    assert ended.recipients.filter(msisdn__startswith="~").count() == 2
    jobs.audit(ended.pk)
    ended.refresh_from_db()
    assert ended.alarm == ""


def test_a_corrected_number_of_an_erased_person_is_refused(ended: Campaign, clock: Clock) -> None:
    """They may have been texted by the first campaign of the chain, which no longer has their number."""
    erasing.erase(Erasure.objects.create(msisdn=NUMBER, note="Asked", created_at=clock()).pk, clock)
    draft = Campaign.objects.create(name="Again", account=ended.account, follows=ended, chain_root=ended)
    CampaignPerson.objects.create(campaign=draft, list_id=1, contact_id=1, msisdn=OTHER, is_corrected=True)
    erased.refuse_erased(draft, clock())
    CampaignPerson.objects.create(campaign=draft, list_id=1, contact_id=1, msisdn=NUMBER, is_corrected=True)
    with pytest.raises(Refusal, match="a person who was erased"):
        erased.refuse_erased(draft, clock())
    assert [problem["msisdn"] for problem in draft.problems] == [NUMBER]


# -- pages ------------------------------------------------------------------------------------------------------------


def test_an_administrator_erases_a_person(
    ended: Campaign, administrator: User, logged_in: LogIn, enqueued: list[tuple[str, int]]
) -> None:
    client = logged_in(administrator)
    assert f"/search/erase/?number={NUMBER}" in client.get("/search/", {"number": NUMBER}).content.decode()
    assert "Erase this person" in client.get(f"/search/erase/?number={NUMBER}").content.decode()
    answer = client.post(f"/search/erase/?number={NUMBER}", {"note": "Call 082 555 0100", "opt_out": "on"})
    assert (answer.status_code, "appears to have a phone number" in answer.content.decode()) == (422, True)
    answer = client.post(f"/search/erase/?number={NUMBER}", {"note": "E-mail of 3 March 2026", "opt_out": "on"})
    request = Erasure.objects.get()
    assert (answer.headers["Location"], enqueued) == (f"/erasures/{request.pk}/", [("erase_person", request.pk)])
    assert suppression.is_suppressed(NUMBER)
    assert client.get(f"/erasures/{request.pk}/progress/").status_code == 200
    jobs.erase_person(request.pk)
    assert client.get(f"/erasures/{request.pk}/progress/").status_code == 286
    assert pseudonym(NUMBER) in client.get(f"/erasures/{request.pk}/").content.decode()
    assert "E-mail of 3 March 2026" in client.get("/privacy/").content.decode()
    page = client.get("/search/", {"number": NUMBER}).content.decode()
    assert "This person was erased" in page
    assert "Person 0" not in page
    row = ended.recipients.get(msisdn=pseudonym(NUMBER))
    for path in (
        f"/campaigns/{ended.pk}/?tab=recipients",
        f"/campaigns/{ended.pk}/recipients/{row.pk}/",
        f"/campaigns/{ended.pk}/files/",
        f"/campaigns/{ended.pk}/report/",
        f"/batches/{ended.batches.get().pk}/",
        f"/campaigns/{ended.pk}/export/?format=csv",
    ):
        assert client.get(path).status_code == 200, path
    assert client.get(f"/batches/{ended.batches.get().pk}/payload/").status_code == 404


@pytest.mark.parametrize("role", ["viewer", "operator", "approver"])
def test_nobody_else_erases(ended: Campaign, make_user: Any, logged_in: LogIn, role: str) -> None:
    client = logged_in(User.objects.filter(username=role).first() or make_user(role))
    request = Erasure.objects.create(msisdn=NUMBER, note="Asked", created_at=timezone.now(), status="blocked")
    paths = (f"/search/erase/?number={NUMBER}", f"/erasures/{request.pk}/", "/privacy/")
    assert {client.get(path).status_code for path in paths} == {403}
    assert client.post(paths[0], {"note": "Asked"}).status_code == 403
    assert client.post(f"/erasures/{request.pk}/again/").status_code == 403


def test_a_person_gets_everything_about_them(everything: Campaign, operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    data = json.loads(client.get(f"/search/person/?number={NUMBER}").content)
    assert {name: len(value) for name, value in data.items() if isinstance(value, list)} == {
        "lists": 1, "imports": 1, "opt_outs": 1, "consents": 0, "texts": 1, "replies": 1,
    }  # fmt: skip
    assert data["texts"][0]["text"] == "Hi Person 0, 20 % off ends Sunday."
    assert data["texts"][0]["outcome"] == "Accepted"
    assert OTHER not in str(data)
    entry = AuditEntry.objects.get(action=AuditEntry.Action.ACCESS)
    assert entry.changes_dict == {"exported": ["", "person"], "filter": ["", "number: a number"], "rows": ["", "5"]}


def test_the_commands(everything: Campaign) -> None:
    out = StringIO()
    call_command("export_person", "082 555 0100", stdout=out)
    assert json.loads(out.getvalue())["number"] == NUMBER
    entry = AuditEntry.objects.get(action=AuditEntry.Action.ACCESS)
    assert entry.changes_dict == {"exported": ["", "person"], "filter": ["", "number: a number"], "rows": ["", "5"]}
    out = StringIO()
    call_command("erase_person", "082 555 0100", "--note", "E-mail of 3 March", "--json", stdout=out)
    assert json.loads(out.getvalue())["status"] == "done"
    assert Suppression.objects.filter(msisdn=NUMBER).exists()
    with pytest.raises(CommandError, match="is not a phone number"):
        call_command("erase_person", "hello", "--note", "x")
