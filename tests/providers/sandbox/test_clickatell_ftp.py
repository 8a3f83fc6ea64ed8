"""The Clickatell sandbox over its real FTP server: scan, log, memory, and every fault by its name."""

import ftplib
import io
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.sandbox.clickatell import Site
from providers.sandbox.clickatell.codes import CODES, STATUSES
from providers.sandbox.clickatell.gateway import Gateway
from providers.sandbox.clickatell.site import login_of
from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger, read_ledger
from providers.sandbox.server import Sandbox
from tests.providers.sandbox.conftest import names_in, until
from tests.providers.sandbox.power import power_cuts

TWO = "to:27825550100\nto:27825550101\ntext:Hi\n"
ONE = "to:27825550100\ntext:Hi\n"


class Client:
    """A real FTP client that is logged in."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.account = sandbox.providers["clickatell"]
        self.ftp = ftplib.FTP(timeout=20)  # noqa: S321
        self.ftp.connect(self.account["host"], self.account["port"])
        self.ftp.login(self.account["username"], self.account["password"])

    def head(self) -> str:
        account = self.account
        return f"api_id:{account['api_id']}\nuser:{account['api_user']}\npassword:{account['api_password']}\n"

    def upload(self, name: str, body: str = ONE) -> None:
        self.ftp.storbinary(f"STOR {name}", io.BytesIO((self.head() + body).encode("latin-1")))

    def read(self, name: str) -> str:
        if name not in self.ftp.nlst():
            return ""
        body = io.BytesIO()
        self.ftp.retrbinary(f"RETR {name}", body.write)
        return body.getvalue().decode()

    def log(self, name: str) -> str:
        """The log of an upload, without its times."""
        return re.sub(r"^\S+ \S+ ", "", until(lambda: self.read(f"{name}.log")), flags=re.MULTILINE)


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    opened = Client(sandbox)
    yield opened
    opened.ftp.close()


def texted(sandbox: Sandbox, file: str) -> list[str]:
    return [message["msisdn"] for message in sandbox.messages("clickatell") if message["file"] == file]


def taken(sandbox: Sandbox) -> int:
    count: int = sandbox.state()["providers"]["clickatell"]["accounts"][0]["taken"]
    return count


def test_a_file_stays_and_its_log_names_everybody(sandbox: Sandbox, client: Client) -> None:
    client.upload("all.txt", "to:27825550100\nto:27825599901\nto:27825599904\nclimsgid:c1\nfrom:Shop\ntext:Hé\n")
    assert re.fullmatch(
        r"ID: [0-9a-f]{32} To: 27825550100\nERR: 114, Cannot route message To: 27825599901\n", client.log("all.txt")
    )
    assert "all.txt" in client.ftp.nlst()
    message = next(message for message in sandbox.messages("clickatell") if message["file"] == "all.txt")
    assert (message["msisdn"], message["sender"], message["text"], message["reference"]) == (
        "27825550100",
        "Shop",
        "Hé",
        "c1",
    )


def test_a_file_is_taken_once_and_again_when_uploaded_again(sandbox: Sandbox, client: Client) -> None:
    client.upload("again.txt")
    client.log("again.txt")
    client.upload("after.txt")
    client.log("after.txt")
    assert texted(sandbox, "again.txt") == ["27825550100"]
    client.upload("again.txt")
    until(lambda: len(client.log("again.txt").splitlines()) == 2)
    assert len(texted(sandbox, "again.txt")) == 2


def test_a_file_that_is_still_being_written_is_left_and_a_broken_one_is_taken(sandbox: Sandbox, client: Client) -> None:
    slow = Client(sandbox)
    with slow.ftp.transfercmd("STOR open.txt") as line:
        line.sendall((slow.head() + "to:27825550100\n").encode())
        client.upload("between.txt")
        client.log("between.txt")
        assert texted(sandbox, "open.txt") == []
        assert client.read("open.txt.log") == ""
        line.sendall(b"to:27825550101\ntext:Half a te")
        # The client dies: control and data connection are lost in the middle of the text.
        slow.ftp.close()
    assert len(client.log("open.txt").splitlines()) == 2
    assert texted(sandbox, "open.txt") == ["27825550100", "27825550101"]


@pytest.mark.parametrize("code", CODES)
def test_each_code_can_be_forced_once(code: str, sandbox: Sandbox, client: Client) -> None:
    sandbox.fault(f"clickatell:error:{code}", times=1)
    client.upload(f"{code}.txt", TWO)
    lines = client.log(f"{code}.txt").splitlines()
    assert lines[0].startswith(f"ERR: {code}, {CODES[code]}")
    assert len(lines) in (1, 2)
    assert texted(sandbox, f"{code}.txt") == []
    client.upload(f"{code}-again.txt", TWO)
    assert "ID: " in client.log(f"{code}-again.txt")


def test_a_file_can_fail_halfway_or_with_an_unknown_code(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("clickatell:error:901-halfway", times=1)
    client.upload("half.txt", TWO)
    lines = client.log("half.txt").splitlines()
    assert lines[0].endswith("To: 27825550100")
    assert lines[1].startswith("ERR: 901")
    assert texted(sandbox, "half.txt") == ["27825550100"]
    sandbox.fault("clickatell:error:999", times=1)
    client.upload("unknown.txt", TWO)
    assert client.log("unknown.txt") == "ERR: 999, Mystery\n"


def test_silent_takes_nothing_until_cleared(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("clickatell:silent")
    client.upload("silent.txt")
    time.sleep(0.4)
    assert texted(sandbox, "silent.txt") == []
    sandbox.clear()
    client.log("silent.txt")
    assert texted(sandbox, "silent.txt") == ["27825550100"]


def test_a_log_can_be_missing_late_or_short(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("clickatell:no-log", times=1)
    client.upload("nolog.txt")
    until(lambda: texted(sandbox, "nolog.txt"))
    sandbox.fault("clickatell:late-log", times=1)
    client.upload("late.txt")
    until(lambda: texted(sandbox, "late.txt"))
    assert "ID: " in client.log("late.txt")
    sandbox.fault("clickatell:half-log", times=1)
    client.upload("short.txt", TWO)
    assert len(client.log("short.txt").splitlines()) == 1
    assert client.read("nolog.txt.log") == ""


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("bare-log", r"ID: [0-9a-f]{32}"),
        ("tab-log", r"tab-log.txt\t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\tID: [0-9a-f]{32}\tTo: 27825550100"),
        ("pipe-log", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| ID: [0-9a-f]{32} \| To: 27825550100"),
    ],
)
def test_log_lines_can_have_another_shape(fault: str, line: str, sandbox: Sandbox, client: Client) -> None:
    sandbox.fault(f"clickatell:{fault}", times=1)
    client.upload(f"{fault}.txt")
    assert re.fullmatch(line + "\n", until(lambda: client.read(f"{fault}.txt.log")))


def test_one_log_can_hold_all_files(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("clickatell:general-log")
    client.upload("one.txt")
    client.upload("two.txt", TWO)
    log = until(lambda: "two.txt" in (found := client.read("history.log")) and found)
    assert [line for line in log.splitlines() if line.startswith("---")] == ["--- one.txt ---", "--- two.txt ---"]


def test_statuses_can_follow(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("clickatell:statuses", times=1)
    client.upload("statuses.txt", "to:27825550100\nto:27825599905\nto:123\ntext:Hi\n")
    log = until(lambda: "Status" in (found := client.log("statuses.txt")) and found)
    first, second, third, *statuses = log.splitlines()
    assert third == "ERR: 105, Invalid Destination Address To: 123"
    assert statuses == [
        f"{first.replace(' To:', ' Status: 004 Received by recipient To:')}",
        f"{second.replace(' To:', ' Status: 007 Error delivering message To:')}",
    ]


@pytest.mark.parametrize("code", STATUSES)
def test_the_log_can_give_everybody_any_status(code: str, tmp_path: Path) -> None:
    faults, now = Faults(Site.faults()), datetime.now(UTC)
    faults.set(f"clickatell:status:{code}")
    gateway = gateway_in(tmp_path, faults)
    (gateway.home / "a.txt").write_text(wire())
    for _ in range(4):
        gateway.scan(now)
    first, second, *statuses = (gateway.home / "a.txt.log").read_text().splitlines()
    said = f" Status: {code} {STATUSES[code]} To:"
    assert statuses == [line.replace(" To:", said) for line in (first, second)]
    assert len(list(read_ledger(tmp_path / "ledger.jsonl"))) == 2


def test_files_can_be_read_as_utf_8(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("clickatell:utf-8", times=1)
    client.upload("utf8.txt", "to:27825550100\ntext:H\xc3\xa9\n")
    client.log("utf8.txt")
    assert sandbox.messages("clickatell")[-1]["text"] == "Hé"


@pytest.mark.parametrize("fault", ["drop-connection", "drop-at-close"])
def test_an_upload_can_break(fault: str, sandbox: Sandbox, client: Client) -> None:
    sandbox.fault(f"clickatell:{fault}", times=1)
    with pytest.raises((OSError, EOFError, ftplib.Error)):
        Client(sandbox).upload(f"{fault}.txt", TWO)
    assert client.log(f"{fault}.txt").startswith("ERR: " if fault == "drop-connection" else "ID: ")
    assert len(texted(sandbox, f"{fault}.txt")) == (0 if fault == "drop-connection" else 2)


def test_it_has_one_flat_folder(client: Client) -> None:
    with pytest.raises(ftplib.error_perm):
        client.ftp.mkd("folder")


def test_each_fault_has_a_name_and_a_sentence(sandbox: Sandbox) -> None:
    for name, sentence in Site.faults().items():
        assert name.startswith("clickatell:")
        assert sentence.endswith(".")
        sandbox.fault(name)


def test_the_state_contains_no_secret_and_credentials_stay(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, every=0.1)
    with sandbox:
        first = sandbox.providers["clickatell"]
        Client(sandbox).upload("a.txt")
        until(lambda: taken(sandbox) == 1)
        said = str(sandbox.state()["providers"])
        assert not [name for name in ("password", "api_password", "api_id") if first[name] in said]
    with sandbox:
        assert sandbox.providers["clickatell"] == first
        Client(sandbox).upload("b.txt")
        until(lambda: taken(sandbox) == 2)
        assert texted(sandbox, "a.txt") == ["27825550100"]
        assert sandbox.state()["providers"]["clickatell"]["accounts"][0]["credit"] == 999_998


# -- one account, without a socket -----------------------------------------------------------------------------------


def gateway_in(folder: Path, faults: Faults | None = None, being_written: bool = False) -> Gateway:
    return Gateway(
        folder / "demo",
        "demo",
        login_of("demo", "secret"),
        Ledger(folder / "ledger.jsonl"),
        faults or Faults(Site.faults()),
        lambda path: being_written,
        100,
    )


def wire(body: str = TWO) -> str:
    login = login_of("demo", "secret")
    return f"api_id:{login.api_id}\nuser:{login.user}\npassword:{login.password}\n{body}"


def test_files_are_deleted_48_hours_after_their_last_modification(tmp_path: Path) -> None:
    gateway, now = gateway_in(tmp_path), datetime.now(UTC)
    (gateway.home / "a.txt").write_text(wire())
    assert gateway.scan(now) == 1
    assert gateway.scan(now + timedelta(hours=47)) == 0
    assert names_in(gateway.home) == {"a.txt", "a.txt.log"}
    assert gateway.scan(now + timedelta(hours=49)) == 0
    assert names_in(gateway.home) == set()
    assert gateway.state()["taken"] == 0


def test_it_can_be_eager(tmp_path: Path) -> None:
    faults, now = Faults(Site.faults()), datetime.now(UTC)
    gateway = gateway_in(tmp_path, faults, being_written=True)
    (gateway.home / "a.txt").write_text(wire())
    assert gateway.scan(now) == 0
    faults.set("clickatell:eager")
    assert gateway.scan(now) == 1


def test_a_renamed_file_is_taken_again(tmp_path: Path) -> None:
    gateway, now = gateway_in(tmp_path), datetime.now(UTC)
    (gateway.home / "a.part").write_text(wire())
    gateway.scan(now)
    (gateway.home / "a.part").replace(gateway.home / "a.txt")
    assert gateway.scan(now) == 1


def test_a_delayed_message_records_the_time_it_is_texted_at(tmp_path: Path) -> None:
    gateway, now = gateway_in(tmp_path), datetime.now(UTC)
    (gateway.home / "a.txt").write_text(wire(f"deliv_time:90\n{ONE}"))
    gateway.scan(now)
    assert [line["at"] for line in read_ledger(tmp_path / "ledger.jsonl")] == [
        (now + timedelta(minutes=90)).isoformat()
    ]


@pytest.mark.parametrize("fault", ["", "clickatell:general-log", "clickatell:late-log"])
def test_it_finishes_what_it_began_after_dying_at_any_step(fault: str, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for folder, power_cut in power_cuts(tmp_path):
        faults = Faults(Site.faults())
        if fault:
            faults.set(fault)
        gateway = gateway_in(folder, faults)
        (gateway.home / "a.txt").write_text(wire())
        with power_cut:
            for _ in range(4):
                gateway.scan(now)
        again = gateway_in(folder, faults)
        for _ in range(4):
            again.scan(now)
        assert [line["msisdn"] for line in read_ledger(folder / "ledger.jsonl")] == ["27825550100", "27825550101"]
        log = "history.log" if fault == "clickatell:general-log" else "a.txt.log"
        assert names_in(again.home) == {"a.txt", log}, folder.name
        assert (again.home / log).read_text().count("ID: ") == 2, folder.name
        assert again.state()["credit"] == 98, folder.name
