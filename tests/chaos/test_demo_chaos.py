"""How the chaos run of the demo evaluates its figures."""

from typing import Any

import pytest

from tests.chaos import demo

EARLIER, LATER = "2026-10-01T08:00:00+00:00", "2026-10-01T08:00:01+00:00"
NUMBER = "27821234567"


def test_nobody_may_be_texted_twice_by_one_provider() -> None:
    lines = [{"provider": provider, "msisdn": NUMBER} for provider in ("smsportal", "bulksms", "smsportal")]
    assert demo.texted_twice(lines) == 1


@pytest.mark.parametrize(
    ("texted", "intents", "expected"),
    [
        ([NUMBER], {NUMBER: LATER}, 1),
        ([NUMBER], {NUMBER: EARLIER}, 0),
        ([NUMBER], {}, 1),
        ([], {NUMBER: LATER}, 0),
        ([], {}, 0),
    ],
)
def test_who_opted_out_before_the_intent_may_not_be_texted(
    texted: list[str], intents: dict[str, str], expected: int
) -> None:
    opted_out_at = "2026-10-01T10:00:00.500000+02:00"
    lines = [{"provider": "smsportal", "msisdn": msisdn} for msisdn in [*texted, "27820000000"]]
    assert demo.texted_anyway(lines, {NUMBER: opted_out_at}, intents) == expected


def begun(batched: int, accepted: int) -> dict[str, Any]:
    return {"batched": batched, "outcomes": {"accepted": accepted}}


def test_a_run_in_which_enough_happened_proves_something() -> None:
    assert demo.too_little([begun(5, 5), begun(5, 0)], killed=1, opted_out=1) == []


@pytest.mark.parametrize(
    ("campaigns", "killed", "opted_out", "sentence"),
    [
        ([begun(5, 5), begun(0, 0)], 1, 1, "Only 1 campaigns were run: at least two are needed."),
        ([begun(5, 0), begun(5, 0)], 1, 1, "Not one recipient was accepted."),
        ([begun(5, 5), begun(5, 0)], 0, 1, "Not one process was killed."),
        ([begun(5, 5), begun(5, 0)], 1, 0, "Nobody opted out."),
    ],
)
def test_a_run_in_which_too_little_happened_fails(
    campaigns: list[dict[str, Any]], killed: int, opted_out: int, sentence: str
) -> None:
    assert demo.too_little(campaigns, killed, opted_out) == [sentence]
    assert len(demo.too_little([], 0, 0)) == 4
