"""The meaning of SMSPortal's three folders, rule by rule."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from providers.adapters.smsportal import WORDS, Adapter
from providers.base import (
    Attempt,
    CampaignSpec,
    Ending,
    Interpretation,
    Message,
    Observation,
    ObservedFile,
    ProviderState,
    Staged,
)

STEM = "c1-b1-g1-0a1b2c3d"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NUMBERS = ["27825550101", "27825550102", "27825550103", "27825550104"]
PAYLOAD = Adapter().render(
    STEM, 7, CampaignSpec("Hi", ""), [Message(number, "Hi", {}, "", "", "") for number in NUMBERS]
)


def attempt(number: int, ending: Ending = Ending.DONE) -> Attempt:
    return Attempt(number, f"{STEM}-a{number}.zip", "host", Staged(), NOON, ending=ending)


def file(folder: str, name: str, body: str | bytes | None = None, size: int | None = None) -> ObservedFile:
    content = body.encode() if isinstance(body, str) else body
    return ObservedFile(folder, name, len(content or b"") if size is None else size, None, content, "host")


def zipped(folder: str, number: int) -> ObservedFile:
    return file(folder, f"{STEM}-a{number}.zip")


def failed(number: int, code: str) -> list[ObservedFile]:
    report = json.dumps({"fileName": f"{STEM}.json", "errorCode": code, "errorReport": {"faults": []}})
    return [zipped("Errors", number), file("Errors", f"{STEM}-a{number}.zip.report.json", report)]


def poll(*files: ObservedFile, after: int = 0) -> Observation:
    return Observation(NOON + timedelta(seconds=after), ("host",), files)


def read(attempts: list[Attempt], *observations: Observation) -> Interpretation:
    return Adapter().interpret(PAYLOAD, attempts, observations)


def faults(interpretation: Interpretation) -> dict[str, str]:
    assert all(outcome.result == "row_error" for outcome in interpretation.outcomes)
    return {outcome.msisdn: outcome.code for outcome in interpretation.outcomes}


# -- where the file is


def test_nothing_was_polled_yet() -> None:
    assert read([attempt(1)]).state is ProviderState.UNKNOWN


def test_nowhere_is_absent_and_nothing_more() -> None:
    interpretation = read([attempt(1)], poll())
    assert interpretation.state is ProviderState.ABSENT
    assert not interpretation.unclear


def test_in_send_sms_it_is_taken() -> None:
    assert read([attempt(1)], poll(zipped("Send_SMS", 1))).state is ProviderState.TAKEN


def test_in_processed_it_is_accepted() -> None:
    interpretation = read([attempt(1)], poll(zipped("Send_SMS", 1)), poll(zipped("Processed", 1)))
    assert interpretation.state is ProviderState.ACCEPTED
    assert interpretation.outcomes == ()
    assert interpretation.alarm == ""


@pytest.mark.parametrize("name", [f"20261121_{STEM}-a1.zip", f"{STEM}-a1.zip.done", f"{STEM}.json", f"x-{STEM}.json"])
def test_the_name_may_have_grown(name: str) -> None:
    assert read([attempt(1)], poll(file("Processed", name))).state is ProviderState.ACCEPTED


def test_what_was_once_seen_in_processed_stays_accepted() -> None:
    assert read([attempt(1)], poll(zipped("Processed", 1)), poll()).state is ProviderState.ACCEPTED


@pytest.mark.parametrize("ending", [Ending.NONE, Ending.UNCLEAR, Ending.DONE])
def test_an_attempt_in_processed_wins_over_another_in_errors(ending: Ending) -> None:
    interpretation = read(
        [attempt(1, ending), attempt(2)], poll(zipped("Processed", 1), *failed(2, "File.DuplicateFound"))
    )
    assert interpretation.state is ProviderState.ACCEPTED
    assert interpretation.alarm == ""


def test_two_attempts_in_processed_raise_an_alarm() -> None:
    interpretation = read(
        [attempt(1, Ending.UNCLEAR), attempt(2)], poll(zipped("Processed", 1), zipped("Processed", 2))
    )
    assert interpretation.state is ProviderState.ACCEPTED
    assert "twice" in interpretation.alarm


def test_processed_and_an_error_on_the_same_attempt_raise_an_alarm() -> None:
    interpretation = read([attempt(1)], poll(zipped("Processed", 1), *failed(1, "InsufficientCredits")))
    assert interpretation.state is ProviderState.ACCEPTED
    assert "InsufficientCredits" in interpretation.alarm


def test_attempt_ten_is_not_attempt_one() -> None:
    interpretation = read([attempt(1, Ending.UNCLEAR), attempt(10)], poll(*failed(10, "InsufficientCredits")))
    assert interpretation.state is not ProviderState.REJECTED


# -- whole-file errors


@pytest.mark.parametrize(
    "code",
    [
        "InsufficientCredits",
        "IncorrectScheduledDate",
        "RequiredParameter.Missing",
        "File.InvalidVersion",
        "EmptySend.NoValidMessages",
    ],
)
def test_an_error_on_the_only_attempt_rejects_the_file(code: str) -> None:
    interpretation = read([attempt(1)], poll(*failed(1, code)))
    assert interpretation.state is ProviderState.REJECTED
    assert interpretation.reason == code
    assert interpretation.sentence == WORDS[code]
    assert not interpretation.unclear
    assert interpretation.account is (code == "InsufficientCredits")


@pytest.mark.parametrize("code", ["InternalServerError", "File.ParseError"])
def test_errors_after_which_some_may_have_been_texted_are_unclear(code: str) -> None:
    interpretation = read([attempt(1)], poll(*failed(1, code)))
    assert interpretation.unclear
    assert interpretation.reason == code
    assert interpretation.state is ProviderState.UNKNOWN


def test_an_unknown_code_is_unclear_and_never_accepted() -> None:
    interpretation = read([attempt(1)], poll(*failed(1, "File.OnHoliday")))
    assert interpretation.unclear
    assert interpretation.reason == "UNKNOWN"
    assert "File.OnHoliday" in interpretation.alarm


def test_a_known_cause_beside_a_grave_one_does_not_hide_it() -> None:
    report = "InsufficientCredits\nInternalServerError"
    interpretation = read([attempt(1)], poll(file("Errors", f"{STEM}-a1.zip.txt", report)))
    assert interpretation.unclear
    assert interpretation.reason == "InternalServerError"


def test_an_error_without_a_report_waits_a_minute_and_is_then_unclear() -> None:
    entry = zipped("Errors", 1)
    assert read([attempt(1)], poll(entry)).state is ProviderState.PROCESSING
    late = read([attempt(1)], poll(entry), poll(entry, after=60))
    assert late.unclear
    assert late.reason == "UNKNOWN"


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ("row 3: MSISDN.NoNetworkFound", "MSISDN.NoNetworkFound"),
        ("27990000000;MSISDN.Optout", "MSISDN.Optout"),
        (json.dumps({"faults": [{"row": 3, "code": "MSISDN.Optout"}]}), "MSISDN.Optout"),
    ],
)
def test_an_error_about_one_unnamed_recipient_is_no_rejection(report: str, code: str) -> None:
    files = (zipped("Errors", 1), file("Errors", f"{STEM}-a1.zip.report", report))
    assert read([attempt(1)], poll(*files)).state is ProviderState.PROCESSING
    late = read([attempt(1)], poll(*files), poll(*files, after=60))
    assert (late.state, late.unclear, late.reason, late.outcomes) == (ProviderState.UNKNOWN, True, code, ())
    assert late.sentence == (
        f"SMSPortal put the file into Errors, and the report mentions only single recipients ({code}): "
        "what happened to the others is not known. Baton does not recognise at least one of them."
    )


def test_an_error_about_the_file_counts_beside_one_about_an_unnamed_recipient() -> None:
    report = "row 1: MSISDN.Optout\nEmptySend.NoValidMessages"
    interpretation = read([attempt(1)], poll(file("Errors", f"{STEM}-a1.zip.txt", report)))
    assert (interpretation.state, interpretation.reason) == (ProviderState.REJECTED, "EmptySend.NoValidMessages")


@pytest.mark.parametrize(
    "about_the_file", ["InternalServerError", "File.ParseError", "File.OnHoliday", "File.DuplicateFound", ""]
)
def test_an_unclear_file_settles_only_recipients_its_report_is_certain_about(about_the_file: str) -> None:
    report = (
        f"{about_the_file}\n{NUMBERS[0]};InternalServerError\n{NUMBERS[0]};MSISDN.Optout\n"
        f"{NUMBERS[1]};MSISDN.NoNetworkFound\n{NUMBERS[2]};InternalServerError\n{NUMBERS[3]};MSISDN.Odd"
    )
    entry = file("Errors", f"{STEM}-a1.zip.txt", report)
    interpretation = read([attempt(1)], poll(entry), poll(entry, after=60))
    assert interpretation.unclear
    assert faults(interpretation) == {NUMBERS[0]: "MSISDN.Optout", NUMBERS[1]: "MSISDN.NoNetworkFound"}
    assert [outcome.msisdn for outcome in interpretation.outcomes if outcome.opted_out] == [NUMBERS[0]]


def test_an_opt_out_is_kept_when_the_failed_attempt_cannot_be_identified() -> None:
    entry = file("Errors", f"{STEM}.json.report.txt", f"{NUMBERS[0]} MSISDN.Optout")
    interpretation = read([attempt(1, Ending.UNCLEAR), attempt(2)], poll(entry))
    assert (interpretation.reason, faults(interpretation)) == ("errors_by_inner_name", {NUMBERS[0]: "MSISDN.Optout"})


def test_the_report_may_come_before_the_file() -> None:
    report = failed(1, "InsufficientCredits")[1]
    assert read([attempt(1)], poll(report)).state is ProviderState.REJECTED


def test_an_inner_name_in_errors_identifies_an_only_attempt() -> None:
    entry = file("Errors", f"{STEM}.json.report.txt", "InsufficientCredits")
    assert read([attempt(1)], poll(entry)).state is ProviderState.REJECTED


def test_an_inner_name_in_errors_is_unclear_with_several_attempts() -> None:
    entry = file("Errors", f"{STEM}.json.report.txt", "InsufficientCredits")
    interpretation = read([attempt(1, Ending.UNCLEAR), attempt(2)], poll(entry))
    assert interpretation.unclear
    assert interpretation.reason == "errors_by_inner_name"


@pytest.mark.parametrize("ending", [Ending.REFUSED, Ending.UNREACHABLE])
def test_an_attempt_that_left_no_file_does_not_count(ending: Ending) -> None:
    entry = file("Errors", f"{STEM}.json.report.txt", "InsufficientCredits")
    assert read([attempt(1, ending), attempt(2)], poll(entry)).state is ProviderState.REJECTED


def test_no_rejection_while_another_attempt_waits_or_is_unexplained() -> None:
    attempts = [attempt(1, Ending.UNCLEAR), attempt(2)]
    refused = failed(2, "InsufficientCredits")
    assert read(attempts, poll(zipped("Send_SMS", 1), *refused)).state is ProviderState.UNKNOWN
    assert read(attempts, poll(*refused)).state is ProviderState.PROCESSING


# -- interrupted attempts and duplicates


@pytest.mark.parametrize("ending", [Ending.NONE, Ending.UNCLEAR, Ending.DONE])
def test_corrupt_is_no_rejection(ending: Ending) -> None:
    """The gateway may have read a zip that was still being written, also where its upload then ended well."""
    interpretation = read([attempt(1, ending)], poll(*failed(1, "File.Corrupt")))
    assert interpretation.state is ProviderState.ABSENT
    assert not interpretation.unclear
    assert interpretation.dropped
    assert ("before its upload had ended" in interpretation.sentence) == (ending is Ending.DONE)


def test_while_another_attempt_may_have_arrived_not_everything_was_dropped() -> None:
    interpretation = read([attempt(1), attempt(2)], poll(*failed(1, "File.Corrupt")))
    assert (interpretation.state, interpretation.dropped) == (ProviderState.ABSENT, False)
    interpretation = read([attempt(1), attempt(2)], poll(*failed(1, "File.Corrupt"), *failed(2, "File.Corrupt")))
    assert (interpretation.state, interpretation.dropped) == (ProviderState.ABSENT, True)


def test_corrupt_does_not_hide_the_reason_of_another_attempt() -> None:
    files = (*failed(1, "InsufficientCredits"), *failed(2, "File.Corrupt"))
    interpretation = read([attempt(1), attempt(2)], poll(*files))
    assert (interpretation.state, interpretation.reason) == (ProviderState.REJECTED, "InsufficientCredits")


@pytest.mark.parametrize("ending", [Ending.NONE, Ending.UNCLEAR])
def test_while_the_report_on_an_interrupted_attempt_is_awaited_nothing_is_repeated(ending: Ending) -> None:
    """A report may say that the upload was dropped, which permits another, or that some were texted, which does not."""
    interpretation = read([attempt(1, ending)], poll(zipped("Errors", 1)))
    assert (interpretation.state, interpretation.waits) == (ProviderState.UNKNOWN, True)
    interpretation = read([attempt(1, ending)], poll(zipped("Errors", 1)), poll(zipped("Errors", 1), after=60))
    assert (interpretation.unclear, interpretation.waits) == (True, False)


def test_after_an_interrupted_attempt_the_next_one_decides() -> None:
    attempts = [attempt(1, Ending.UNCLEAR), attempt(2)]
    torn = failed(1, "File.Corrupt")
    assert read(attempts, poll(*torn, zipped("Processed", 2))).state is ProviderState.ACCEPTED
    assert read(attempts, poll(*torn, *failed(2, "InsufficientCredits"))).reason == "InsufficientCredits"
    assert read(attempts, poll(*torn)).state is ProviderState.ABSENT


def test_a_duplicate_of_the_only_attempt_is_an_alarm() -> None:
    interpretation = read([attempt(1)], poll(*failed(1, "File.DuplicateFound")))
    assert interpretation.unclear
    assert interpretation.alarm


def test_a_duplicate_follows_another_attempts_error() -> None:
    attempts = [attempt(1, Ending.UNCLEAR), attempt(2)]
    interpretation = read(attempts, poll(*failed(1, "InsufficientCredits"), *failed(2, "File.DuplicateFound")))
    assert interpretation.state is ProviderState.REJECTED
    assert interpretation.reason == "InsufficientCredits"


@pytest.mark.parametrize("ending", [Ending.UNCLEAR, Ending.DONE])
def test_a_duplicate_with_only_corrupt_beside_it_is_unclear(ending: Ending) -> None:
    interpretation = read(
        [attempt(1, ending), attempt(2)], poll(*failed(1, "File.Corrupt"), *failed(2, "File.DuplicateFound"))
    )
    assert interpretation.unclear
    assert interpretation.reason == "File.DuplicateFound"


def test_duplicates_only_are_unclear() -> None:
    attempts = [attempt(1, Ending.UNCLEAR), attempt(2)]
    interpretation = read(attempts, poll(*failed(1, "File.DuplicateFound"), *failed(2, "File.DuplicateFound")))
    assert interpretation.unclear


def test_a_duplicate_is_never_a_rejection_while_the_other_attempt_is_unexplained() -> None:
    interpretation = read([attempt(1, Ending.UNCLEAR), attempt(2)], poll(*failed(2, "File.DuplicateFound")))
    assert interpretation.state is ProviderState.PROCESSING


# -- single numbers

JSON_REPORT = json.dumps(
    {
        "fileName": f"{STEM}.json",
        "messages": 1,
        "errorReport": {
            "noNetwork": 1,
            "faults": [
                {"rawDestination": NUMBERS[0], "customerId": NUMBERS[3], "status": "MSISDN.NoNetworkFound"},
                {"rawDestination": f"+{NUMBERS[1]}", "status": "MSISDN.Optout", "errorMessage": "opted out"},
                {"rawDestination": "27990000000", "status": "MSISDN.Optout"},
            ],
        },
    },
    indent=2,
)
CSV_REPORT = (
    "Customer;MSISDN;Error\r\n"
    f"{NUMBERS[3]};{NUMBERS[0]};MSISDN.NoNetworkFound\r\n"
    f";{NUMBERS[1]};msisdn.optout\r\n"
    ";27990000000;MSISDN.Optout\r\n"
)
TEXT_REPORT = (
    "Fault report of 20261121\n"
    f"{NUMBERS[0]} failed: MSISDN.NoNetworkFound\n"
    f"MSISDN.Optout {NUMBERS[1]}\n"
    "MSISDN.Optout 27990000000\n"
)
EXPECTED = {NUMBERS[0]: "MSISDN.NoNetworkFound", NUMBERS[1]: "MSISDN.Optout"}


@pytest.mark.parametrize(
    "report",
    [
        JSON_REPORT.encode(),
        b"\xef\xbb\xbf" + JSON_REPORT.encode(),
        CSV_REPORT.encode(),
        TEXT_REPORT.encode(),
        TEXT_REPORT.encode("utf-16"),
    ],
)
@pytest.mark.parametrize("folder", ["Processed", "Errors"])
def test_a_fault_report_names_our_numbers(report: bytes, folder: str) -> None:
    interpretation = read([attempt(1)], poll(zipped("Processed", 1), file(folder, f"{STEM}-a1.zip.report", report)))
    assert interpretation.state is ProviderState.ACCEPTED
    assert faults(interpretation) == EXPECTED
    by_number = {outcome.msisdn: outcome for outcome in interpretation.outcomes}
    assert by_number[NUMBERS[1]].opted_out
    assert not by_number[NUMBERS[0]].opted_out
    assert by_number[NUMBERS[0]].source == f"{STEM}-a1.zip.report"


def test_text_and_csv_faults_name_their_line() -> None:
    for report, line in ((TEXT_REPORT, 2), (CSV_REPORT, 2)):
        interpretation = read([attempt(1)], poll(zipped("Processed", 1), file("Processed", f"{STEM}-a1.txt", report)))
        assert {outcome.msisdn: outcome.line for outcome in interpretation.outcomes}[NUMBERS[0]] == line


@pytest.mark.parametrize(("twin", "expected"), [("27825550105", {NUMBERS[0]: "MSISDN.Optout"}), ("44825550101", {})])
def test_a_number_may_be_in_national_form_where_only_one_ends_like_it(twin: str, expected: dict[str, str]) -> None:
    people = [Message(number, "Hi", {}, "", "", "") for number in [*NUMBERS, twin]]
    payload = Adapter().render(STEM, 7, CampaignSpec("Hi", ""), people)
    report = file("Errors", f"{STEM}-a1.zip.txt", "0825550101;MSISDN.Optout")
    interpretation = Adapter().interpret(payload, [attempt(1)], [poll(zipped("Processed", 1), report)])
    assert interpretation.state is ProviderState.ACCEPTED
    assert faults(interpretation) == expected


def test_an_unknown_code_on_a_number_is_unknown_with_an_alarm() -> None:
    report = json.dumps({"faults": [{"rawDestination": NUMBERS[0], "status": "InvalidDestination"}]})
    interpretation = read([attempt(1)], poll(zipped("Processed", 1), file("Processed", f"{STEM}-a1.json", report)))
    assert faults(interpretation) == {NUMBERS[0]: "UNKNOWN"}
    assert "InvalidDestination" in interpretation.outcomes[0].sentence
    assert interpretation.alarm


def test_a_number_in_a_list_of_no_faults_is_no_fault() -> None:
    report = json.dumps({"sent": [{"destination": NUMBERS[0], "status": "OK"}]})
    interpretation = read([attempt(1)], poll(zipped("Processed", 1), file("Processed", f"{STEM}-a1.json", report)))
    assert interpretation.outcomes == ()


def test_our_own_file_unpacked_is_no_report() -> None:
    own = f'version: 7\n{{"message_template": "File.Corrupt", "contacts": [{{"msisdn": "{NUMBERS[0]}"}}]}}'
    interpretation = read([attempt(1)], poll(file("Processed", f"{STEM}.json", own)))
    assert interpretation.state is ProviderState.ACCEPTED
    assert interpretation.outcomes == ()
    assert interpretation.alarm == ""


def test_a_truncated_report_is_read_as_far_as_it_goes_and_reported() -> None:
    cut = JSON_REPORT[: JSON_REPORT.index("MSISDN.Optout") - 20]
    interpretation = read(
        [attempt(1)], poll(zipped("Processed", 1), file("Processed", f"{STEM}-a1.json", cut, size=len(JSON_REPORT)))
    )
    assert faults(interpretation) == {NUMBERS[0]: "MSISDN.NoNetworkFound"}
    assert "longer than Baton reads" in interpretation.alarm


def test_another_attempts_report_says_nothing_about_the_numbers() -> None:
    other = file("Errors", f"{STEM}-a2.zip.txt", f"File.DuplicateFound\n{NUMBERS[0]} MSISDN.Optout")
    interpretation = read([attempt(1, Ending.UNCLEAR), attempt(2)], poll(zipped("Processed", 1), other))
    assert interpretation.state is ProviderState.ACCEPTED
    assert interpretation.outcomes == ()


def test_all_eleven_codes_of_the_document_have_a_plain_sentence() -> None:
    assert len(WORDS) == 11


def test_an_interrupted_upload_that_waits_does_not_count_as_whole() -> None:
    interpretation = read([attempt(1, Ending.UNCLEAR)], poll(zipped("Send_SMS", 1)))
    assert (interpretation.state, interpretation.reason, interpretation.unclear) == (
        ProviderState.UNKNOWN,
        "waiting_after_break",
        False,
    )
    assert read([attempt(1, Ending.DONE)], poll(zipped("Send_SMS", 1))).state is ProviderState.TAKEN
