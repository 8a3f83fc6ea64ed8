"""Each step of a start is printed with its seconds, or as failed."""

import pytest

from config import terminal
from config.errors import CannotStart


def test_a_step_ends_with_its_seconds_and_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.step("Importing") as shown:
        shown.began -= 1.5
        shown.tick()
        shown.tick()
        shown.result = "2 rows read"
    assert capsys.readouterr().out == "  Importing .done (1.5 s): 2 rows read\n"


def test_the_details_of_a_step_are_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.step("Running") as shown:
        shown.detail("first")
        shown.detail("second")
    assert capsys.readouterr().out == "  Running \n    first\n    second\n  done (0.0 s)\n"


@pytest.mark.parametrize("error", [CannotStart, SystemExit])
def test_a_step_that_cannot_be_done_has_failed(error: type[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(error), terminal.step("Starting"):
        raise error("why")
    assert capsys.readouterr().out == "  Starting failed\n"
