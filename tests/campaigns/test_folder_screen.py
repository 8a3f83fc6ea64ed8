"""The files in a provider's folder: listed and grouped by owner, never changed."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from campaigns.lifecycle import transition
from campaigns.models import Batch
from campaigns.naming import derive_stem
from campaigns.results import folder
from providers import locks
from providers.base import ObservedFile
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, default_options, hand_over
from tests.conftest import MakeUser
from tests.pages import html_of
from tests.providers import servers
from tests.providers.servers import FileServer

LogIn = Callable[[User], Client]
FOREIGN = ("report.csv", "c1-b1-g1-00000000-a1.csv", "<script>alert(1)</script>.csv")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with servers.pyftpdlib(tmp_path / "home") as running:
        yield running


@pytest.fixture
def account(db: None, server: FileServer, settings: Settings) -> Account:
    """A GatewayAPI account with a folder from which no gateway takes files."""
    settings.ALLOW_PRIVATE_HOSTS = True
    made = Account(name="GatewayAPI main", provider="gatewayapi")
    label = f"{server.host}:{server.port}"
    login = {"username": server.username, "password": server.password}
    blank = dict.fromkeys(made.adapter.SettingsForm.base_fields, "")
    made.save_settings(blank | {"host_a": label, "port": 21, "use_tls": False} | login)
    return made


@pytest.fixture
def client(logged_in: LogIn, administrator: User) -> Client:
    return logged_in(administrator)


def page_of(client: Client, account: Account) -> str:
    answer = client.post(reverse("campaigns:folder", args=[account.pk]), follow=True)
    assert answer.status_code == 200
    return html_of(answer)


def content_of(home: Path) -> dict[bytes, bytes]:
    return {name: (Path(os.fsdecode(home)) / os.fsdecode(name)).read_bytes() for name in os.listdir(os.fsencode(home))}


def sections(page: str) -> tuple[str, str, str]:
    """What the page shows as ours, as leftovers and as not ours."""
    _, ours, rest = page.partition('aria-label="Ours"')
    ours, _, rest = rest.partition('aria-label="Leftover uploads of ours"')
    leftovers, _, foreign = rest.partition('aria-label="Not ours"')
    return ours, leftovers, foreign


def test_every_file_is_shown_in_its_group_and_none_is_touched(
    account: Account, server: FileServer, make_running: MakeCampaign, clock: Clock, client: Client
) -> None:
    campaign = make_running(account, name="Spring sale", options=default_options(account))
    hand_over(campaign, clock)
    batch = campaign.batches.get()
    unneeded = f"{batch.stem}-a7.csv"
    for name in (unneeded, *FOREIGN):
        (server.home / name.replace("/", "_")).write_bytes(b"x")
    (Path(os.fsdecode(os.fsencode(server.home) + b"/caf\xe9.csv"))).write_bytes(b"x")
    before = content_of(server.home)

    ours, leftovers, foreign = sections(page_of(client, account))

    assert batch.name in ours
    assert f"File {batch.number} of Spring sale" in ours
    assert unneeded in leftovers
    assert reverse("campaigns:batch", args=[batch.pk]) in leftovers
    assert "report.csv" in foreign
    assert "c1-b1-g1-00000000-a1.csv" in foreign
    assert "&lt;script&gt;" in foreign
    assert "<script>alert" not in foreign
    assert "caf" in foreign
    assert "never changes, moves or deletes" in foreign
    assert content_of(server.home) == before


@pytest.mark.parametrize("status", ["uploading", "committing", "unclear"])
def test_an_upload_that_may_still_be_needed_is_no_leftover(
    account: Account, make_running: MakeCampaign, status: str
) -> None:
    batch = make_running(account, options=default_options(account)).batches.get()
    upload = ObservedFile("", f"{batch.stem}-a1.csv", 7)

    _, leftovers, _ = folder.sort(account.adapter, [upload])
    assert [found.batch for found in leftovers] == [batch]
    for to in ("uploading", "committing", "unclear"):
        transition(batch, to)
        if to == status:
            break
    ours, leftovers, _ = folder.sort(account.adapter, [upload])

    assert [found.batch for found in ours] == [batch]
    assert leftovers == []


def test_files_of_this_installation_unknown_to_the_database_are_ours(account: Account) -> None:
    stem = derive_stem(4711, 1, 1)
    seen = [ObservedFile("", f"{stem}.csv.utf8.success", 7), ObservedFile("", f"{stem}-a1.csv", 7)]

    ours, leftovers, foreign = folder.sort(account.adapter, seen)

    assert [found.name for found in ours] == [seen[0].name]
    assert [found.name for found in leftovers] == [seen[1].name]
    assert foreign == []
    assert not Batch.objects.exists()


def test_a_name_that_ends_like_an_attempt_is_ours(account: Account) -> None:
    stem = "c4711-b1-g1-a3cd1d27"

    assert folder.is_inert(account.adapter, stem, f"{stem}-a1.csv")
    assert not folder.is_inert(account.adapter, stem, f"{stem}-a1.csv.utf8.ready")


def test_only_what_is_uploaded_before_a_rename_can_be_left_over(sandbox_account: Account) -> None:
    """SMSPortal texts every zip in Send_SMS, so such a file is never called a leftover."""
    seen = ObservedFile("Send_SMS", f"{derive_stem(4711, 1, 1)}-a1.zip", 7)

    ours, leftovers, _ = folder.sort(sandbox_account.adapter, [seen])

    assert ([found.file for found in ours], leftovers) == ([seen], [])


def test_what_both_servers_show_is_one_file(account: Account, server: FileServer, client: Client) -> None:
    stem = derive_stem(4711, 1, 1)
    for name in (f"{stem}.csv.utf8.success", f"{stem}-a1.csv", "report.csv"):
        (server.home / name).write_bytes(b"x")
    with servers.pyftpdlib(server.home) as other:
        account.save_settings({**account.open_settings(), "host_b": f"{other.host}:{other.port}"})
        page = page_of(client, account)

    for title in ("Ours: 1", "Leftover uploads of ours: 1", "Not ours: 1"):
        assert f"<h2>{title}</h2>" in page
    both = ", ".join(sorted(f"{shown.host}:{shown.port}" for shown in (server, other)))
    assert page.count(both) == 3


@pytest.mark.parametrize(("name", "size"), [("other.csv", 7), ("report.csv", 8)])
def test_what_differs_between_servers_is_shown_twice(account: Account, name: str, size: int) -> None:
    seen = [ObservedFile("", "report.csv", 7, host="a:21"), ObservedFile("", name, size, host="b:21")]

    _, _, foreign = folder.sort(account.adapter, seen)

    assert {(found.file, found.hosts) for found in foreign} == {(seen[0], ("a:21",)), (seen[1], ("b:21",))}


def test_a_file_that_both_servers_show_has_the_later_time(account: Account) -> None:
    early, late = datetime(2026, 11, 1, 8, tzinfo=UTC), datetime(2026, 11, 1, 9, tzinfo=UTC)
    seen = [
        ObservedFile("", "report.csv", 7, early, host="a:21"),
        ObservedFile("", "second.csv", 7, host="b:21"),
        ObservedFile("", "report.csv", 7, late, host="b:21"),
    ]

    _, _, foreign = folder.sort(account.adapter, seen)

    assert [(found.file.modified_at, found.hosts) for found in foreign] == [
        (late, ("a:21", "b:21")),
        (None, ("b:21",)),
    ]


def test_the_providers_reports_about_our_files_are_ours(account: Account, client: Client, server: FileServer) -> None:
    (server.home / f"{derive_stem(4711, 1, 1)}-a1.txt.log").write_bytes(b"x")

    ours, _, _ = sections(page_of(client, account))

    assert "Files whose names Baton created, and the provider&#x27;s reports about them." in ours
    assert "-a1.txt.log" in ours


def test_a_server_that_does_not_answer_is_reported(account: Account, client: Client) -> None:
    account.save_settings({**account.open_settings(), "host_b": "127.0.0.1:9"})

    assert "127.0.0.1:9 did not answer" in page_of(client, account)


@pytest.mark.parametrize(
    ("slug", "folders"),
    [("smsportal", ("Send_SMS", "Processed", "Errors")), ("gatewayapi", ("",)), ("clickatell", ("",))],
)
def test_every_provider_with_folders_shows_all_of_them(
    server: FileServer, account_at: Callable[..., Account], client: Client, slug: str, folders: tuple[str, ...]
) -> None:
    there = f"{server.host}:{server.port}"
    login = {"username": server.username, "password": server.password, "use_tls": "", "protocol": "ftp"}
    account = account_at(slug, host=server.host, host_a=there, host_b="", port=server.port, **login)
    for name in folders:
        (server.home / name).mkdir(exist_ok=True)
        (server.home / name / f"notes-{name}.tmp").write_bytes(b"x")

    _, _, foreign = sections(page_of(client, account))

    for name in folders:
        where = name or "the login folder"
        assert f"notes-{name}.tmp" in foreign
        assert f'<td data-label="Where">{where}</td>' in foreign
    assert f"Not ours: {len(folders)}" in foreign


def test_names_that_are_no_text_are_escaped(account: Account) -> None:
    seen = [ObservedFile("", "caf\udce9\u202e.csv", 7)]

    _, _, [found] = folder.sort(account.adapter, seen)

    assert found.name == r"caf\xe9\u202e.csv"


def test_a_provider_without_folders_says_so(
    sandbox: Sandbox, account_at: Callable[..., Account], client: Client
) -> None:
    account = account_at("bulksms")

    assert reverse("campaigns:folder", args=[account.pk]) not in client.get(account.get_absolute_url()).content.decode()
    assert "has no folder" in page_of(client, account)


def test_it_waits_its_turn_and_says_what_is_wrong(account: Account, client: Client, server: FileServer) -> None:
    with ExitStack() as others:
        for _ in range(account.adapter.limits.connections):
            others.enter_context(locks.account_slot(account))
        assert "in use" in page_of(client, account)
    account.save_settings({**account.open_settings(), "password": "wrong"})
    assert "refused the login" in page_of(client, account)


@pytest.mark.parametrize(
    ("role", "may"), [("viewer", False), ("operator", True), ("approver", True), ("administrator", True)]
)
def test_everybody_but_viewers_may_open_the_folder(
    account: Account, logged_in: LogIn, make_user: MakeUser, role: str, may: bool
) -> None:
    """The page only reads, but it logs in at the provider and uses one of the account's connections."""
    address = reverse("campaigns:folder", args=[account.pk])
    client = logged_in(make_user(role))

    assert (address in client.get(account.get_absolute_url()).content.decode()) == may
    assert client.post(address).status_code == (200 if may else 403)


def test_a_reload_or_a_bookmark_leads_to_the_account_and_opens_no_folder(account: Account, client: Client) -> None:
    account.save_settings({**account.open_settings(), "password": "wrong"})

    answer = client.get(reverse("campaigns:folder", args=[account.pk]), follow=True)

    assert answer.redirect_chain == [(account.get_absolute_url(), 302)]
    assert "refused the login" not in answer.content.decode()


def test_the_number_of_queries_does_not_grow_with_the_files(
    account: Account, make_running: MakeCampaign, django_assert_max_num_queries: Any
) -> None:
    batch = make_running(account, options=default_options(account)).batches.get()
    seen = [ObservedFile("", f"{batch.stem}-a{number}.csv", number) for number in range(1, 3000)]
    seen += [ObservedFile("", f"other-{number}.csv", number) for number in range(3000)]

    with django_assert_max_num_queries(3):
        _, leftovers, foreign = folder.sort(account.adapter, seen)

    assert (len(leftovers), len(foreign)) == (2999, 3000)
