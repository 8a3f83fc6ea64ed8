"""What happens to a file at the GatewayAPI sandbox, from its rename to its final name, by folder and by FTP."""

import ftplib
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.sandbox.faults import Faults
from providers.sandbox.gatewayapi import Site
from providers.sandbox.gatewayapi.codes import SLUG
from providers.sandbox.gatewayapi.gateway import RETRIES, SCANS_BETWEEN, Gateway
from providers.sandbox.ledger import Ledger, read_ledger
from providers.sandbox.server import Sandbox
from tests.providers.sandbox.conftest import names_in, until
from tests.providers.sandbox.power import power_cuts

NOW = datetime(2026, 11, 20, 10, 11, 12, tzinfo=UTC)
STAMP = "20261120T101112"
BODY = b"msisdn,message,userref\n4510203040,Hello,r1\n4510203041,Hi,r2\n"


class Account:
    """A gateway without a server; the tests call its scans themselves."""

    def __init__(self, folder: Path, credit: int = 100) -> None:
        self.faults = Faults(Site.faults())
        self.ledger = folder / "ledger.jsonl"
        self.written: set[Path] = set()
        self.gateway = Gateway(
            folder / "demo", "demo", Ledger(self.ledger), self.faults, self.written.__contains__, credit
        )

    def put(self, name: str, body: bytes = BODY) -> None:
        (self.gateway.home / name).write_bytes(body)

    def scan(self, times: int = 1) -> set[str]:
        for _ in range(times):
            self.gateway.scan(NOW)
        return names_in(self.gateway.home)

    def end_of(self, name: str, body: bytes = BODY) -> bytes:
        """The text at the bottom of a rejected file."""
        self.put(name, body)
        (rejected,) = self.scan(2)
        assert rejected.endswith(".rejected")
        return (self.gateway.home / rejected).read_bytes()

    def texted(self) -> list[str]:
        return [line["msisdn"] for line in read_ledger(self.ledger)]


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


def test_it_renames_to_processing_and_then_to_success_with_a_timestamp_in_utc(account: Account) -> None:
    account.put("a.csv.utf8.ready")
    assert account.scan() == {f"a.csv.utf8.{STAMP}.processing"}
    assert account.texted() == []
    assert account.scan() == {f"a.csv.utf8.{STAMP}.success"}
    assert (account.gateway.home / f"a.csv.utf8.{STAMP}.success").read_bytes() == BODY
    assert account.scan(3) == {f"a.csv.utf8.{STAMP}.success"}
    first, second = read_ledger(account.ledger)
    assert first == {
        "at": NOW.isoformat(),
        "provider": "gatewayapi",
        "account": "demo",
        "file": "a.csv.utf8.ready",
        "msisdn": "4510203040",
        "sender": "",
        "text": "Hello",
        "reference": "r1",
        "sha256": hashlib.sha256(BODY).hexdigest(),
    }
    assert (second["msisdn"], second["reference"]) == ("4510203041", "r2")
    assert account.gateway.state()["credit"] == 98


def test_it_leaves_a_file_alone_whose_name_does_not_end_in_ready(account: Account) -> None:
    for name in ("a.csv", "a.ready.csv", "a.READY", "aready"):
        account.put(name)
    assert account.scan(3) == {"a.csv", "a.ready.csv", "a.READY", "aready"}


def test_it_texts_a_file_again_that_is_made_ready_again(account: Account) -> None:
    for _ in range(2):
        account.put("a.ready")
        account.scan(2)
    assert account.scan() == {f"a.{STAMP}.success"}
    assert len(account.texted()) == 4


def test_it_leaves_a_file_alone_while_somebody_writes_it_under_its_last_name(account: Account) -> None:
    account.written.add(account.gateway.home / "a.ready")
    account.put("a.ready")
    assert account.scan(3) == {"a.ready"}
    account.written.clear()
    assert account.scan() == {f"a.{STAMP}.processing"}


def test_a_rejected_file_has_its_cause_at_the_bottom(account: Account) -> None:
    assert account.end_of("a.ready", b"msisdn,text\n1,2\n") == (
        b"msisdn,text\n1,2\n0x0220 Unsupported parameter: the first row must be the names of the columns, exactly\n"
    )
    assert account.texted() == []


def test_the_cause_begins_on_a_line_of_its_own(account: Account) -> None:
    assert account.end_of("a.ready", b"message").startswith(b"message\n0x0222 Missing required parameter")


def test_a_file_that_costs_more_than_is_left_is_rejected(tmp_path: Path) -> None:
    account = Account(tmp_path, credit=1)
    assert account.end_of("a.ready") == BODY + b"0x0216 Insufficient credit\n"
    assert account.gateway.state()["credit"] == 1


@pytest.mark.parametrize("name", sorted(name for name in Site.faults() if ":reject:" in name))
def test_every_rejection_can_be_forced_once(name: str, account: Account) -> None:
    account.faults.set(name, 1)
    end = account.end_of("a.ready").removeprefix(BODY)
    assert end == b"" if name.endswith("unexplained") else re.fullmatch(rb"0x[0-9A-F]{4} [^\n]+\n", end)
    (account.gateway.home / f"a.{STAMP}.rejected").unlink()
    account.put("b.ready")
    assert account.scan(2) == {f"b.{STAMP}.success"}
    assert len(account.texted()) == 2


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("json", BODY + b'{"code": "0x0216", "message": "Insufficient credit"}\n'),
        ("csv", BODY + b'"0x0216","Insufficient credit"\n'),
        ("crlf", BODY + b"\r\nThe file was rejected.\r\nError code: 0x0216\r\nInsufficient credit\r\n"),
        ("glued", BODY.removesuffix(b"\n") + b"0x0216 Insufficient credit\n"),
        ("rewritten", BODY.replace(b"\n", b"\r\n") + b"0x0216 Insufficient credit\n"),
    ],
)
def test_the_cause_can_have_other_shapes(name: str, wanted: bytes, account: Account) -> None:
    account.faults.set(f"gatewayapi:tail:{name}")
    account.faults.set("gatewayapi:reject:insufficient-credit")
    assert account.end_of("a.ready") == wanted


def test_an_internal_error_is_tried_again_after_half_an_hour_of_scans(account: Account) -> None:
    account.faults.set("gatewayapi:internal-error", 2)
    account.put("a.ready")
    # The first scan picks it up, and one attempt fails.
    assert account.scan(2 + 2 * SCANS_BETWEEN - 1) == {f"a.{STAMP}.processing"}
    assert account.scan() == {f"a.{STAMP}.success"}
    assert account.texted() == ["4510203040", "4510203041"]


def test_a_file_is_rejected_when_the_internal_error_stays(account: Account) -> None:
    account.faults.set("gatewayapi:internal-error")
    account.put("a.ready")
    assert account.scan(2 + RETRIES * SCANS_BETWEEN - 1) == {f"a.{STAMP}.processing"}
    assert account.scan() == {f"a.{STAMP}.rejected"}
    assert account.texted() == []


def test_faults_keep_a_file_where_it_is(account: Account) -> None:
    account.put("a.ready")
    account.faults.set("gatewayapi:silent")
    assert account.scan(3) == {"a.ready"}
    account.faults.clear()
    account.faults.set("gatewayapi:stuck-processing")
    assert account.scan(3) == {f"a.{STAMP}.processing"}
    account.faults.clear()
    assert account.scan() == {f"a.{STAMP}.success"}


def test_it_shows_the_files_by_stage(account: Account) -> None:
    for name in ("a", "b.ready", "c.1.success", "d.1.rejected"):
        account.put(name)
    assert account.gateway.state() == {
        "username": "demo",
        "credit": 100,
        "files": {
            "uploaded": ["a"],
            "ready": ["b.ready"],
            "processing": [],
            "success": ["c.1.success"],
            "rejected": ["d.1.rejected"],
        },
    }


@pytest.mark.parametrize("body", [BODY, BODY + b"4510299911,no,r3\n"])
def test_it_finishes_what_it_began_after_dying_at_any_step(body: bytes, tmp_path: Path) -> None:
    for folder, power_cut in power_cuts(tmp_path):
        account = Account(folder)
        account.put("a.ready", body)
        with power_cut:
            account.scan(2)
        again = Account(folder)
        again.scan(2)

        home, is_success = again.gateway.home, body == BODY
        assert names_in(home) == {f"a.{STAMP}.{'success' if is_success else 'rejected'}"}, folder.name
        (path,) = home.iterdir()
        tail = b"" if is_success else b"0x0217 Unauthorized destination country: row 4\n"
        assert path.read_bytes() == body + tail, folder.name
        assert again.texted() == (["4510203040", "4510203041"] if is_success else []), folder.name
        assert again.gateway.state()["credit"] == (98 if is_success else 100), folder.name


class Remote:
    """The sandbox's account on its two hosts."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.known = sandbox.providers[SLUG]
        self.home = sandbox.home(provider=SLUG)

    def login(self, host: str = "a") -> ftplib.FTP:
        name, port = self.known[f"host_{host}"].split(":")
        client = ftplib.FTP(timeout=20)  # noqa: S321
        client.connect(name, int(port))
        client.login(self.known["username"], self.known["password"])
        return client

    def upload(self, name: str, host: str = "a", body: bytes = BODY) -> ftplib.FTP:
        client = self.login(host)
        client.storbinary(f"STOR {name}", io.BytesIO(body))
        return client

    def ending(self, stem: str) -> str:
        """The ending of a file's name once it is finished."""

        def finished() -> str:
            ends = [name.rpartition(".")[2] for name in names_in(self.home) if name.startswith(f"{stem}.")]
            return next((end for end in ends if end in ("success", "rejected")), "")

        found: str = until(finished)
        return found


@pytest.fixture
def remote(sandbox: Sandbox) -> Remote:
    return Remote(sandbox)


@pytest.fixture
def in_processing(remote: Remote) -> Iterator[str]:
    remote.sandbox.fault("gatewayapi:stuck-processing")
    remote.upload("stuck.csv").rename("stuck.csv", "stuck.csv.ready")
    until(lambda: any(name.endswith(".processing") for name in names_in(remote.home)))
    yield next(name for name in names_in(remote.home) if name.endswith(".processing"))
    remote.sandbox.clear()
    remote.ending("stuck")


def test_a_file_renamed_on_one_host_is_seen_on_the_other(remote: Remote) -> None:
    remote.upload("both.csv", "a")
    other = remote.login("b")
    assert "both.csv" in other.nlst()
    before = datetime.now(UTC).replace(microsecond=0)
    other.rename("both.csv", "both.csv.utf8.ready")
    assert remote.ending("both") == "success"
    (name,) = [name for name in remote.login("a").nlst() if name.startswith("both")]
    at = datetime.strptime(name, "both.csv.utf8.%Y%m%dT%H%M%S.success").replace(tzinfo=UTC)
    assert before <= at <= datetime.now(UTC) + timedelta(seconds=1)
    assert [line["msisdn"] for line in remote.sandbox.messages(SLUG) if line["file"] == "both.csv.utf8.ready"] == [
        "4510203040",
        "4510203041",
    ]


def test_a_file_in_processing_cannot_be_touched(remote: Remote, in_processing: str) -> None:
    client = remote.upload("other.csv")
    forbidden: list[Callable[[], object]] = [
        lambda: client.delete(in_processing),
        lambda: client.rename(in_processing, "away.csv"),
        lambda: client.rename("other.csv", in_processing),
        lambda: client.storbinary(f"STOR {in_processing}", io.BytesIO(b"")),
        lambda: client.storbinary(f"APPE {in_processing}", io.BytesIO(b"")),
    ]
    for attempt in forbidden:
        with pytest.raises(ftplib.error_perm, match="550"):
            attempt()
    assert (remote.home / in_processing).read_bytes() == BODY
    client.delete("other.csv")


def test_finished_files_can_be_deleted(remote: Remote) -> None:
    remote.upload("gone.csv").rename("gone.csv", "gone.csv.ready")
    assert remote.ending("gone") == "success"
    client = remote.upload("bad.csv", body=b"nothing")
    client.rename("bad.csv", "bad.csv.ready")
    assert remote.ending("bad") == "rejected"
    for stem in ("gone", "bad"):
        (name,) = [name for name in client.nlst() if name.startswith(stem)]
        client.delete(name)
        assert name not in client.nlst()


def test_there_are_no_new_folders_and_no_other_permissions(remote: Remote) -> None:
    client = remote.upload("plain.csv")
    with pytest.raises(ftplib.error_perm, match="550"):
        client.mkd("folder")
    with pytest.raises(ftplib.error_perm, match="550"):
        client.sendcmd("SITE CHMOD 600 plain.csv")
    client.delete("plain.csv")


def test_one_host_can_fail_while_the_other_works(remote: Remote) -> None:
    for fault in ("down", "refuses"):
        remote.sandbox.fault(f"gatewayapi:host-a-{fault}", 1)
        with pytest.raises((EOFError, OSError, ftplib.error_temp)):
            remote.login("a")
        remote.login("b")
    remote.sandbox.fault("gatewayapi:host-b-down", 1)
    remote.login("a")
    with pytest.raises((EOFError, OSError)):
        remote.login("b")


def test_the_hosts_offer_tls_with_the_certificate_of_the_account(remote: Remote) -> None:
    assert remote.known["use_tls"] is False
    assert remote.known["tls_certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert "AUTH TLS" in remote.login("b").sendcmd("FEAT")


def test_a_rename_whose_answer_is_lost_has_happened(remote: Remote) -> None:
    client = remote.upload("lost.csv")
    remote.sandbox.fault("gatewayapi:drop-after-rename", 1)
    with pytest.raises((EOFError, OSError)):
        client.rename("lost.csv", "lost.csv.ready")
    assert remote.ending("lost") == "success"


def test_every_fault_has_a_sentence() -> None:
    assert all(name.startswith("gatewayapi:") and words.endswith(".") for name, words in Site.faults().items())
