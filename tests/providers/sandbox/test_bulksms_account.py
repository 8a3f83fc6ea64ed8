"""What one account stores: credit, quota, stop_dup_id, scheduled batches; at whatever instant the process dies."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.sandbox.bulksms import Site
from providers.sandbox.bulksms.codes import Answer, Failed
from providers.sandbox.bulksms.gateway import Gateway
from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger, read_ledger
from tests.providers.sandbox.power import power_cuts

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TWO = "msisdn,message\n27825550100,Hi\n27825550101,Hi\n"


def gateway_in(folder: Path, credit: int = 100, quota: int = 1000) -> Gateway:
    return Gateway(folder / "demo", "demo", Ledger(folder / "ledger.jsonl"), Faults(Site.faults()), credit, quota)


def numbers(folder: Path) -> list[str]:
    return [line["msisdn"] for line in read_ledger(folder / "ledger.jsonl")]


def code_of(gateway: Gateway, now: datetime = NOW, **fields: str) -> int:
    with pytest.raises(Failed) as failed:
        gateway.submit({"batch_data": TWO, **fields}, now)
    return failed.value.code


def test_it_answers_with_a_positive_batch_id_of_its_own(tmp_path: Path) -> None:
    gateway = gateway_in(tmp_path)
    first, second = gateway.submit({"batch_data": TWO}, NOW), gateway.submit({"batch_data": TWO}, NOW)
    assert first.line() == "0|IN_PROGRESS|30430"
    assert second.batch_id > first.batch_id > 0
    assert numbers(tmp_path) == ["27825550100", "27825550101"] * 2


def test_it_repeats_its_answer_to_a_stop_dup_id_for_some_hours(tmp_path: Path) -> None:
    first = gateway_in(tmp_path).submit({"batch_data": TWO, "stop_dup_id": "7"}, NOW)
    other = "msisdn,message\n27825550199,Other\n"
    # Also in a restarted process, and whatever the batch contains.
    again = gateway_in(tmp_path).submit({"batch_data": other, "stop_dup_id": "7"}, NOW + timedelta(hours=2))
    assert again == first
    assert numbers(tmp_path) == ["27825550100", "27825550101"]

    later = gateway_in(tmp_path).submit({"batch_data": other, "stop_dup_id": "7"}, NOW + timedelta(hours=3))
    assert later != first
    assert numbers(tmp_path)[2:] == ["27825550199"]


def test_it_does_not_remember_a_failure(tmp_path: Path) -> None:
    gateway = gateway_in(tmp_path, credit=2)
    assert code_of(gateway, batch_data=TWO + "27825550102,Hi\n", stop_dup_id="7") == 25
    assert gateway.submit({"batch_data": TWO, "stop_dup_id": "7"}, NOW).code == 0
    assert gateway.credit() == 0
    assert code_of(gateway) == 25


def test_a_quota_lasts_a_day(tmp_path: Path) -> None:
    gateway = gateway_in(tmp_path, quota=3)
    gateway.submit({"batch_data": TWO}, NOW)
    assert code_of(gateway) == 27
    assert gateway.submit({"batch_data": TWO}, NOW + timedelta(days=1)).code == 0


def test_a_rehearsal_texts_nobody_and_costs_nothing(tmp_path: Path) -> None:
    gateway = gateway_in(tmp_path)
    answer = gateway.submit({"batch_data": TWO, "test_always_succeed": "1", "stop_dup_id": "7"}, NOW)
    assert answer.code == 0
    assert code_of(gateway, test_always_fail="1") == 22
    assert code_of(gateway, batch_data="", test_always_succeed="1") == 24
    assert numbers(tmp_path) == []
    assert gateway.credit() == 100
    assert {row["status_code"] for row in gateway.report({"batch_id": str(answer.batch_id)}, NOW)} == {"30"}
    # The real batch may follow.
    assert gateway.submit({"batch_data": TWO, "stop_dup_id": "7"}, NOW) != answer


def test_a_scheduled_batch_is_paid_at_once_and_texted_when_due(tmp_path: Path) -> None:
    gateway, due = gateway_in(tmp_path), NOW + timedelta(hours=1)
    answer = gateway.submit({"batch_data": TWO, "send_time_unixtime": str(int(due.timestamp()))}, NOW)
    assert answer == Answer(1, "SCHEDULED", 30430)
    assert gateway.credit() == 98
    assert gateway.scan(NOW + timedelta(minutes=59)) == 0
    with pytest.raises(Failed, match="no status yet"):
        gateway.report({"batch_id": "30430"}, NOW)
    assert numbers(tmp_path) == []

    gateway.submit({"batch_data": "msisdn,message\n27825550199,Between\n"}, NOW)
    assert gateway_in(tmp_path).scan(due) == 1
    assert gateway_in(tmp_path).scan(due) == 0
    assert numbers(tmp_path) == ["27825550199", "27825550100", "27825550101"]
    reported = gateway_in(tmp_path).report({"batch_id": "30430"}, due + timedelta(seconds=3))
    assert [row["status_code"] for row in reported] == ["11", "11"]


def test_a_report_leaves_out_dropped_lines_and_tells_who_was_not_reached(tmp_path: Path) -> None:
    endings = ["50100", "99901", "99902", "99903", "99904", "99905", "99906", "99907", "99908", "99909"]
    lines = "".join(f"278255{ending},Hi\n" for ending in endings)
    gateway = gateway_in(tmp_path)
    answer = gateway.submit({"batch_data": f"msisdn,message\n{lines}"}, NOW)
    rows = gateway.report({"batch_id": str(answer.batch_id)}, NOW + timedelta(seconds=3))
    assert {row["msisdn"][-5:]: int(row["status_code"]) for row in rows} == {
        "50100": 11,
        "99901": 31,
        "99902": 32,
        "99905": 53,
        "99906": 32,
        "99907": 57,
        "99908": 33,
        "99909": 0,
    }
    assert [number[-5:] for number in numbers(tmp_path)] == ["50100", "99905", "99907", "99909"]
    assert [row["msisdn"] for row in gateway.report({"batch_id": "30430", "msisdn": "27825599901"}, NOW)] == [
        "27825599901"
    ]


@pytest.mark.parametrize("is_scheduled", [False, True])
def test_it_finishes_what_it_began_after_dying_at_any_step(is_scheduled: bool, tmp_path: Path) -> None:
    due = NOW + timedelta(hours=1)
    fields = {"batch_data": TWO, "stop_dup_id": "7"}
    if is_scheduled:
        fields["send_time_unixtime"] = str(int(due.timestamp()))
    for folder, power_cut in power_cuts(tmp_path):
        gateway = gateway_in(folder)
        with power_cut:
            gateway.submit(fields, NOW)
            gateway.scan(due)
        again = gateway_in(folder)
        assert again.submit(fields, NOW).batch_id == 30430, folder.name
        again.scan(due)
        assert numbers(folder) == ["27825550100", "27825550101"], folder.name
        assert again.credit() == 98, folder.name
