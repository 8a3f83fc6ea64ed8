import json
from pathlib import Path

from providers.sandbox.ledger import Ledger, Line, read_ledger


def line(msisdn: str) -> Line:
    return Line("2026-03-01T12:00:00+00:00", "smsportal", "demo", "a.json", msisdn, "Fixed", "Hello €", "r1", "0a1b")


def numbers(path: Path) -> list[str]:
    return [message["msisdn"] for message in read_ledger(path)]


def test_it_writes_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).add("smsportal/demo", "1", [line("27825550100")])
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "at": "2026-03-01T12:00:00+00:00",
        "provider": "smsportal",
        "account": "demo",
        "file": "a.json",
        "msisdn": "27825550100",
        "sender": "Fixed",
        "text": "Hello €",
        "reference": "r1",
        "sha256": "0a1b",
    }


def test_it_drops_an_incomplete_take(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.add("smsportal/demo", "1", [line("27825550100")])
    ledger.add("smsportal/demo", "2", [line("27825550101"), line("27825550102")])
    whole = path.read_bytes()
    # Exactly between two lines: nothing in the file itself shows that something is missing.
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))

    again = Ledger(path)
    assert numbers(path) == ["27825550100"]
    again.add("smsportal/demo", "2", [line("27825550101"), line("27825550102")])
    assert path.read_bytes() == whole
    assert again.count == 3


def test_it_adds_nothing_when_a_writer_repeats_its_latest_take(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).add("smsportal/demo", "1", [line("27825550100")])
    Ledger(path).add("smsportal/other", "9", [line("27825550101")])
    again = Ledger(path)
    again.add("smsportal/demo", "1", [line("27825550100")])
    assert numbers(path) == ["27825550100", "27825550101"]


def test_it_leaves_out_a_line_that_is_still_being_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    Ledger(path).add("smsportal/demo", "1", [line("27825550100")])
    with path.open("ab") as file:
        file.write(b'{"at": "2026')
    assert numbers(path) == ["27825550100"]
