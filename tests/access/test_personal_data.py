"""Downloading phone numbers needs a permission and leaves a record, and no cache keeps them."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from django.utils import timezone

from audit.models import AuditEntry
from campaigns import jobs
from campaigns.models import Batch, Campaign, CampaignPerson, Erasure, Evidence, Export, Notice, Recipient
from contacts import suppression
from contacts.models import Contact, ContactList, Import, ImportIssue
from providers.models import Account
from tests.conftest import PASSWORD, MakeUser

LogIn = Callable[[User], Client]
ClientOf = Callable[[str], Client]
NUMBER = "27825550100"
KINDS = (
    "recipients", "people to correct", "contacts", "opt-outs", "rows left out", "payload", "file", "reply",
    "exact file", "person",
)  # fmt: skip
ROLES = ("viewer", "operator", "approver", "administrator")


@pytest.fixture
def client_of(make_user: MakeUser, logged_in: LogIn) -> Callable[[str], Client]:
    """Log in a person of a role; another fixture may have made that person."""
    return lambda role: logged_in(User.objects.filter(username=role).first() or make_user(role))


@pytest.fixture
def exports(account: Account, make_running: Callable[..., Campaign]) -> dict[str, str]:
    """The address of every download that contains phone numbers."""
    campaign = make_running(account)
    batch, now = campaign.batches.get(), timezone.now()
    path = default_storage.save("evidence/aa/report", ContentFile(NUMBER.encode()))
    files = [{"folder": "", "name": "a.txt", "size": 11, "modified_at": "", "host": "", "body": [[path, 11]]}]
    seen = Evidence.objects.create(
        batch=batch, seen_at=now, last_seen_at=now, files=files, replies=[path], digest="d", hosts=["h"]
    )
    suppression.suppress([NUMBER, "27825550101"], "manual", "Asked")
    upload = default_storage.save("imports/a.csv", ContentFile(f"Phone\n{NUMBER}\n".encode()))
    imported = Import.objects.create(
        list=ContactList.objects.create(name="VIP"), original_name=f"{NUMBER}.csv", country="ZA", file=upload
    )
    ImportIssue.objects.create(import_of=imported, row=2, code="x", sentence="Wrong.", value=NUMBER)
    again = Campaign.objects.create(name="Again", account=account, follows=campaign, chain_root=campaign)
    CampaignPerson.objects.create(campaign=again, list_id=1, contact_id=1, msisdn=NUMBER)
    return {
        "recipients": f"/campaigns/{campaign.pk}/export/",
        "people to correct": f"/campaigns/{again.pk}/people/download/",
        "contacts": f"{campaign.lists.get().get_absolute_url()}export/",
        "opt-outs": "/contacts/opt-outs/export/",
        "rows left out": f"/contacts/imports/{imported.pk}/rows/left_out/",
        "payload": f"/batches/{batch.pk}/payload/",
        "file": f"/evidence/{seen.pk}/0/",
        "reply": f"/evidence/{seen.pk}/reply/0/",
        "exact file": f"/campaigns/{campaign.pk}/files/exact/",
        "person": f"/search/person/?number={NUMBER}",
    }


@pytest.mark.parametrize("role", ROLES)
def test_viewers_download_no_numbers_and_all_others_can(
    exports: dict[str, str], client_of: ClientOf, role: str
) -> None:
    client = client_of(role)
    before = AuditEntry.objects.count()
    statuses = {what: client.get(path).status_code for what, path in exports.items()}
    assert statuses == dict.fromkeys(KINDS, 403 if role == "viewer" else 200)
    assert AuditEntry.objects.count() - before == (0 if role == "viewer" else len(KINDS))


#: Routes that answer 404 here, because the test has no such row, sandbox or token; none of them is a download.
WITHOUT_A_ROW = {
    "/accounts/sandbox/",
    "/contacts/bulk/0/",
    "/contacts/bulk/0/progress/",
    "/contacts/segments/0/",
    "/contacts/segments/0/edit/",
    "/metrics",
    "/templates/0/",
    "/templates/0/versions/0/",
}


def routes(pks: dict[str, int]) -> Iterator[str]:
    """An address for each URL pattern, except those of login and admin and the one with a provider's token.

    ``pks`` are the rows' keys, by the beginning of the pattern; the longest beginning that fits counts.
    """

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for pattern in patterns:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                if isinstance(pattern.pattern, RoutePattern):
                    yield route
            elif route not in ("login/", "admin/"):
                yield from walk(pattern.url_patterns, route)

    values = {"position": "0", "which": "left_out", "kind": "delete", "token": "x", "number": "0", "recipient_pk": "0"}
    for route in walk(get_resolver().url_patterns, ""):
        key = max((start for start in pks if route.startswith(start)), key=len, default="")
        others = {"account_pk": str(pks["accounts/"]), "person_pk": str(CampaignPerson.objects.get().pk)}
        others["recipient_pk"] = str(Recipient.objects.earliest("pk").pk)
        filled = {**values, **others, "pk": str(pks.get(key, 0))}
        # From "campaigns/<int:pk>/" to "campaigns/{pk}/".
        yield "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route).format(**filled)


@pytest.mark.slow
def test_every_download_needs_the_permission(exports: dict[str, str], client_of: ClientOf, logged_in: LogIn) -> None:
    """A download that is new has to be among the exports, and viewers never get it."""
    root = logged_in(User.objects.create_superuser("root", "root@example.org", PASSWORD))
    batch, now = Batch.objects.get(), timezone.now()
    notice = Notice.objects.create(
        user=User.objects.get(username="root"), kind="finished", path="/", created_at=now, mail_after=now
    )
    made = Export.objects.create(
        campaign=batch.campaign, created_by=notice.user, format="csv", name="recipients", created_at=now
    )
    jobs.write_export(made.pk)
    pks = {
        "audit/": AuditEntry.objects.latest("id").pk,
        "erasures/": Erasure.objects.create(msisdn=NUMBER, note="Asked", created_at=now).pk,
        "notices/": notice.pk,
        "exports/": made.pk,
        "campaigns/": batch.campaign_id,
        "campaigns/<int:pk>/people/": Campaign.objects.get(follows__isnull=False).pk,
        "batches/": batch.pk,
        "evidence/": Evidence.objects.get().pk,
        "accounts/": batch.account_id,
        "contacts/": batch.campaign.lists.get().pk,
        "contacts/people/": Contact.objects.earliest("pk").pk,
        "contacts/segments/": 0,
        "contacts/bulk/": 0,
        "contacts/imports/": Import.objects.get().pk,
        "contacts/opt-outs/": suppression.Suppression.objects.earliest("pk").pk,
        "people/": notice.user_id,
    }
    answers = {path: root.get(path) for path in routes(pks)}
    missing = {path for path, answer in answers.items() if answer.status_code == 404}
    # A new route needs a row here, so that what it answers is seen.
    assert missing == WITHOUT_A_ROW
    downloads = {path for path, answer in answers.items() if "attachment" in answer.get("Content-Disposition", "")}
    # The export of the audit trail is for administrators only; tests/audit/test_pages.py looks at it.
    downloads.remove("/audit/export/")
    # Without its number, the address of a person's data leads to the search.
    of_rows = {path for what, path in exports.items() if what != "person"}
    assert downloads == {*of_rows, f"/exports/{made.pk}/download/"}
    viewer = client_of("viewer")
    assert {viewer.get(path).status_code for path in downloads} == {403}


@pytest.mark.parametrize(
    ("what", "query", "expected"),
    [
        ("recipients", "?format=xlsx", {"exported": "recipients", "filter": "none", "rows": "5"}),
        (
            "recipients",
            f"?format=csv&number={NUMBER}&outcome=waiting",
            {"exported": "recipients", "filter": "number: a number, outcome: waiting", "rows": "1"},
        ),
        ("contacts", "?format=csv", {"exported": "contacts", "filter": "none", "rows": "5"}),
        (
            "contacts",
            "?value1_is=equals&value1=Person+0&customer_id_is=not_equals&customer_id=082+555+0100",
            {
                "exported": "contacts",
                "filter": "value1 equals: Person 0, customer_id not_equals: a number",
                "rows": "1",
            },
        ),
        ("opt-outs", "?format=csv&source=manual", {"exported": "opt-outs", "filter": "source: manual", "rows": "2"}),
        (
            "opt-outs",
            "?q=082+555+0100&source=manual",
            {"exported": "opt-outs", "filter": "q: a number, source: manual", "rows": "1"},
        ),
        ("rows left out", "", {"exported": "rows left out", "filter": "none", "rows": "1"}),
        ("people to correct", "", {"exported": "people to correct", "filter": "none", "rows": "1"}),
        ("exact file", "", {"exported": "file 1", "filter": "none", "rows": "5"}),
        ("payload", "", {"exported": "payload", "filter": "none", "rows": "5"}),
        ("file", "", {"exported": "file 1", "filter": "none", "bytes": "11"}),
        ("reply", "", {"exported": "reply 1", "filter": "none", "bytes": "11"}),
        ("person", "", {"exported": "person", "filter": "number: a number", "rows": "3"}),
    ],
)
def test_each_download_records_who_took_what_and_how_much(
    exports: dict[str, str], client_of: ClientOf, what: str, query: str, expected: dict[str, str]
) -> None:
    answer = client_of("operator").get(exports[what] + query, REMOTE_ADDR="198.51.100.7")
    assert answer.status_code == 200

    entry = AuditEntry.objects.latest("id")
    recorded = {name: after for name, (_, after) in entry.changes_dict.items()}
    assert set(expected.pop("filter").split(", ")) <= set(recorded.pop("filter").split(", "))
    assert recorded == expected
    operator = User.objects.get(username="operator")
    assert (entry.actor, entry.action, entry.remote_addr) == (operator, AuditEntry.Action.ACCESS, "198.51.100.7")
    assert "555" not in f"{entry.changes} {entry.object_repr} {entry.additional_data}"


def test_a_superuser_reads_the_record(exports: dict[str, str], logged_in: LogIn) -> None:
    root = logged_in(User.objects.create_superuser("root", "root@example.org", PASSWORD))
    for path in exports.values():
        root.get(path)
    for entry in AuditEntry.objects.filter(action=AuditEntry.Action.ACCESS):
        page = root.get(entry.get_absolute_url()).content.decode()
        assert entry.changes_dict["exported"][1] in page


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/campaigns/",
        "/contacts/",
        "/contacts/opt-outs/",
        "/contacts/imports/",
        "/search/?q=27825550100",
        "/accounts/",
        "/login/2fa/",
        "/people/",
        "/profile/",
    ],
)
def test_no_page_is_stored(make_user: MakeUser, logged_in: LogIn, path: str) -> None:
    user = make_user("administrator")
    answer = logged_in(user).get(path)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]


def test_no_download_is_stored(exports: dict[str, str], client_of: ClientOf) -> None:
    client = client_of("operator")
    for path in exports.values():
        assert "no-store" in client.get(path).headers["Cache-Control"], path
    for path in ("/campaigns/999/", "/admin/"):
        assert "no-store" in client.get(path).headers["Cache-Control"], path


def test_pages_offer_no_download_to_viewers(exports: dict[str, str], client_of: ClientOf) -> None:
    pages = {
        "recipients": exports["recipients"].replace("export/", "?tab=recipients"),
        "contacts": exports["contacts"].replace("export/", ""),
        "opt-outs": "/contacts/opt-outs/",
        "payload": exports["payload"].replace("payload/", ""),
        "file": exports["payload"].replace("payload/", ""),
        "reply": exports["payload"].replace("payload/", ""),
    }
    viewer, operator = client_of("viewer"), client_of("operator")
    for what, page in pages.items():
        assert exports[what] in operator.get(page).content.decode(), what
        assert exports[what] not in viewer.get(page).content.decode(), what
