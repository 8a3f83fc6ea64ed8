"""The meaning of Clickatell's log and folder, rule by rule; and what a poll keeps of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.adapters.clickatell import Adapter
from providers.adapters.clickatell.words import STATUSES, WORDS
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
from providers.transports.files import Entry, ReadFiles

STEM = "c1-b1-g1-0a1b2c3d"
REFERENCE = "c1b1g10a1b2c3d"
UPLOAD = f"{STEM}-a1.txt"
OTHER = "c2-b1-g1-99999999-a1.txt"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NUMBERS = ["27825550101", "27825550102", "27825550103"]
PAYLOAD = Adapter().render(
    STEM, 7, CampaignSpec("Hi", ""), [Message(number, "Hi", {}, "", "", "") for number in NUMBERS]
)
ALONE = Adapter().render(STEM, 7, CampaignSpec("Hi", ""), [Message(NUMBERS[0], "Hi", {}, "", "", "")])
CREDENTIAL_BYTES = 60
WIRE_SIZE = len(PAYLOAD.body) + CREDENTIAL_BYTES
SETTINGS = {"api_id": "1234", "api_user": "me", "api_password": "api-s3cret", "password": "ftp-s3cret"}


def attempt(number: int = 1, ending: Ending = Ending.DONE) -> Attempt:
    staged = Staged("", "host", CREDENTIAL_BYTES)
    return Attempt(number, f"{STEM}-a{number}.txt", "host", staged, NOON, ending=ending)


UNCLEAR = attempt(ending=Ending.UNCLEAR)


def identity(number: int) -> str:
    return f"{number:032x}"


def taken(*places: int) -> list[str]:
    return [f"ID: {identity(place)} To: {NUMBERS[place]}" for place in places]


def log(*lines: str, name: str = f"{UPLOAD}.log", at: datetime | None = NOON) -> ObservedFile:
    body = "".join(f"{line}\n" for line in lines).encode()
    return ObservedFile("", name, len(body), at, body, "host")


def upload(size: int = WIRE_SIZE, number: int = 1) -> ObservedFile:
    return ObservedFile("", f"{STEM}-a{number}.txt", size, NOON, None, "host")


def poll(*files: ObservedFile, after: timedelta = timedelta(minutes=1)) -> Observation:
    return Observation(NOON + after, ("host",), files)


def read(*observations: Observation, attempts: list[Attempt] | None = None, payload: Any = PAYLOAD) -> Interpretation:
    return Adapter().interpret(payload, attempts or [attempt()], observations)


def errors(interpretation: Interpretation) -> dict[str, str]:
    return {outcome.msisdn: outcome.code for outcome in interpretation.outcomes if outcome.result == "row_error"}


def accepted(interpretation: Interpretation) -> set[str]:
    return {outcome.msisdn for outcome in interpretation.outcomes if outcome.result == "accepted"}


# -- every number has an answer


def test_an_id_for_every_number_is_accepted() -> None:
    interpretation = read(poll(upload(), log(*taken(0, 1, 2))))
    assert interpretation.state is ProviderState.ACCEPTED
    assert interpretation.outcomes == ()
    assert interpretation.alarm == ""
    assert not interpretation.unclear


def test_an_error_with_a_number_is_that_numbers() -> None:
    interpretation = read(poll(log(*taken(0, 1), f"ERR: 114, Cannot route message To: {NUMBERS[2]}")))
    assert interpretation.state is ProviderState.ACCEPTED
    (outcome,) = interpretation.outcomes
    assert (outcome.msisdn, outcome.result, outcome.code) == (NUMBERS[2], "row_error", "114")
    assert outcome.sentence == WORDS["114"]
    assert (outcome.source, outcome.line) == (f"{UPLOAD}.log", 3)
    assert not outcome.opted_out


def test_122_is_an_opt_out() -> None:
    interpretation = read(poll(log(*taken(0, 1), f"ERR: 122, Destination mobile opted out To: {NUMBERS[2]}")))
    assert [outcome.opted_out for outcome in interpretation.outcomes] == [True]


def test_every_number_refused_is_settled_too() -> None:
    interpretation = read(poll(log(*(f"ERR: 105, Invalid Destination Address To: {number}" for number in NUMBERS))))
    assert interpretation.state is ProviderState.ACCEPTED
    assert errors(interpretation) == dict.fromkeys(NUMBERS, "105")


def test_an_unknown_error_is_an_error_with_its_own_text() -> None:
    interpretation = read(poll(log(*taken(0, 1), f"ERR: 777, No signal on Mars To: {NUMBERS[2]}")))
    (outcome,) = interpretation.outcomes
    assert (outcome.result, outcome.code) == ("row_error", "UNKNOWN")
    assert "No signal on Mars" in outcome.sentence
    assert NUMBERS[2] not in outcome.sentence


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-21 12:00:03 ID: {id} To: {to}",
        "{upload}\t2026-11-21\tID: {id}\tTo: {to}",
        "12:00:03 | ID: {id} | To: {to}",
        "To: +{to}, ID: {id}",
        "12:00:03;{to};ID: {id};accepted",
        "[0001] apiMsgId: {id} to: 00{to}",
        "api_msg_id={id}&to={to}",
        "   id:{id}   to:{to}   ",
        "{reference} ID: {id} To: {to}",
    ],
)
def test_lines_may_be_surrounded_by_other_text(line: str) -> None:
    lines = [
        line.format(id=identity(place), to=number, upload=UPLOAD, reference=REFERENCE)
        for place, number in enumerate(NUMBERS)
    ]
    assert read(poll(log(*lines))).state is ProviderState.ACCEPTED
    assert read(poll(replace(log(*lines), body="\r\n".join(lines).encode()))).state is ProviderState.ACCEPTED
    refused = [lines[0], lines[1], f"x ERR: 121, Destination blocked | To: {NUMBERS[2]}"]
    assert errors(read(poll(log(*refused)))) == {NUMBERS[2]: "121"}


def test_one_line_may_contain_several_answers() -> None:
    assert read(poll(log(" ; ".join(taken(0, 1, 2))))).state is ProviderState.ACCEPTED


def test_numbers_before_several_answers_in_one_line_are_ignored() -> None:
    line = f"To: {NUMBERS[0]} ERR: 105, Invalid To: {NUMBERS[1]} ID: {identity(1)} To: {NUMBERS[2]} ID: {identity(2)}"
    interpretation = read(poll(log(line)))
    assert interpretation.unclear
    assert interpretation.outcomes == ()


def test_an_id_that_is_repeated_with_its_number_is_one_message() -> None:
    lines = [f"ID: {identity(0)}", f"ID: {identity(0)} To: {NUMBERS[0]}", f"ID: {identity(1)}"]
    assert read(poll(log(*lines))).state is ProviderState.PROCESSING


def test_ids_without_numbers_count() -> None:
    bare = [f"ID: {identity(place)}" for place in range(3)]
    assert read(poll(log(*bare))).state is ProviderState.ACCEPTED
    assert read(poll(log(*bare[:2]))).state is ProviderState.PROCESSING
    # The same message twice is one message.
    assert read(poll(log(bare[0], bare[0], bare[1]))).state is ProviderState.PROCESSING


def test_a_file_for_one_number_needs_none_in_its_log() -> None:
    assert read(poll(log(f"ID: {identity(1)}")), payload=ALONE).state is ProviderState.ACCEPTED
    interpretation = read(poll(log("ERR: 105, Invalid Destination Address")), payload=ALONE)
    assert interpretation.state is ProviderState.ACCEPTED
    assert errors(interpretation) == {NUMBERS[0]: "105"}
    assert read(poll(log("ERR: 108, Invalid or missing API ID")), payload=ALONE).state is ProviderState.REJECTED


# -- delivery


@pytest.mark.parametrize(
    ("status", "delivery"),
    [("004", "delivered"), ("005", "undelivered"), ("007", "undelivered"), ("009", "undelivered")]
    + [("010", "undelivered"), ("012", "undelivered"), ("002", ""), ("003", ""), ("006", ""), ("011", "")],
)
def test_a_later_status_is_a_detail_of_the_acceptance(status: str, delivery: str) -> None:
    interpretation = read(poll(log(*taken(0, 1, 2), f"ID: {identity(1)} Status: {status} Some words")))
    assert interpretation.state is ProviderState.ACCEPTED
    (outcome,) = interpretation.outcomes
    assert (outcome.msisdn, outcome.result, outcome.code) == (NUMBERS[1], "accepted", status)
    assert (outcome.delivery, outcome.sentence) == (delivery, STATUSES[status])
    assert outcome.line == 4


def test_the_last_status_counts() -> None:
    lines = [f"ID: {identity(0)} Status: {status} To: {NUMBERS[0]}" for status in ("002", "003", "004")]
    interpretation = read(poll(log(*taken(0, 1, 2))), poll(log(*taken(0, 1, 2), *lines), after=timedelta(minutes=9)))
    assert [(outcome.code, outcome.delivery) for outcome in interpretation.outcomes] == [("004", "delivered")]


def test_an_unknown_status_says_nothing() -> None:
    assert read(poll(log(*taken(0, 1, 2), f"ID: {identity(1)} Status: 099"))).outcomes == ()


# -- some numbers have no answer


def test_a_log_for_some_is_processing_and_keeps_what_it_proves() -> None:
    interpretation = read(poll(log(*taken(0), f"ERR: 114, Cannot route message To: {NUMBERS[1]}")))
    assert interpretation.state is ProviderState.PROCESSING
    assert not interpretation.unclear
    assert "1 of 3" in interpretation.sentence
    # Whoever decides about the rest must not decide about these.
    assert accepted(interpretation) == {NUMBERS[0]}
    assert errors(interpretation) == {NUMBERS[1]: "114"}


def test_a_log_that_stays_incomplete_is_for_a_person() -> None:
    files = log(*taken(0))
    interpretation = read(poll(files), poll(files, after=timedelta(hours=48)))
    assert interpretation.unclear
    assert interpretation.reason == "log_incomplete"
    assert "1 of 3 have a message id and 0 an error" in interpretation.sentence
    assert accepted(interpretation) == {NUMBERS[0]}


def test_errors_that_name_nobody_of_several_are_for_a_person() -> None:
    interpretation = read(poll(log(*taken(0, 1), "ERR: 105, Invalid Destination Address")))
    assert interpretation.unclear
    assert errors(interpretation) == {}
    assert accepted(interpretation) == set(NUMBERS[:2])


def test_a_log_that_only_names_the_file_proves_nothing() -> None:
    assert read(poll(log(f"STOR {UPLOAD} begun")), attempts=[UNCLEAR]).state is ProviderState.ABSENT
    assert read(poll(upload(10), log(f"STOR {UPLOAD}")), attempts=[UNCLEAR]).state is ProviderState.UNKNOWN


# -- an interrupted upload


ROWS = Adapter().render(
    STEM, 7, CampaignSpec("", ""), [Message(number, f"Hi {number}", {}, "", "", "") for number in NUMBERS]
)


@pytest.mark.parametrize(
    ("payload", "whose"), [(PAYLOAD, "all of those with an id"), (ROWS, "the last of those with an id")]
)
@pytest.mark.parametrize("was_seen", [True, False])
def test_answers_for_everybody_do_not_hide_that_a_text_may_be_truncated(
    payload: Any, whose: str, was_seen: bool
) -> None:
    part = [upload(CREDENTIAL_BYTES + len(payload.body) - 5)] if was_seen else []
    for ending in (Ending.UNCLEAR, Ending.NONE):
        interpretation = read(poll(*part, log(*taken(0, 1, 2))), attempts=[attempt(ending=ending)], payload=payload)
        assert (interpretation.state, interpretation.unclear) == (ProviderState.UNKNOWN, True)
        assert interpretation.reason == ("upload_cut" if was_seen else "upload_unproven")
        assert f"{whose} may have received a truncated text" in interpretation.sentence
        assert accepted(interpretation) == set(NUMBERS)


@pytest.mark.parametrize("part", [[upload(WIRE_SIZE - 5)], []])
def test_an_interrupted_upload_is_unclear_once_its_log_stops_growing(part: list[ObservedFile]) -> None:
    begun, grown = poll(*part, log(*taken(0))), poll(*part, log(*taken(0, 1)), after=timedelta(minutes=4))
    assert read(begun, grown, attempts=[UNCLEAR]).state is ProviderState.PROCESSING
    still = replace(grown, seen_at=NOON + timedelta(minutes=7))
    interpretation = read(begun, grown, still, attempts=[UNCLEAR])
    assert interpretation.unclear
    assert "2 of 3 have a message id" in interpretation.sentence
    assert accepted(interpretation) == set(NUMBERS[:2])
    in_the_end = replace(still, seen_at=NOON + timedelta(hours=48))
    assert read(begun, grown, in_the_end, attempts=[UNCLEAR]).reason == interpretation.reason


@pytest.mark.parametrize(
    ("payload", "apart", "truncated"),
    [
        (PAYLOAD, "all of those with an id may have received a truncated text", NUMBERS[:2]),
        (ROWS, "the last of those with an id may have received a truncated text", NUMBERS[1:2]),
    ],
)
def test_a_whole_file_whose_log_stands_still_was_read_while_it_was_uploaded(
    payload: Any, apart: str, truncated: list[str]
) -> None:
    whole = upload(len(payload.body) + CREDENTIAL_BYTES)
    begun, grown = (
        poll(whole, log(*taken(0))),
        poll(whole, log(*taken(0, 1)), after=timedelta(minutes=4)),
    )
    assert read(begun, grown, payload=payload).reason == "log_growing"
    almost = replace(grown, seen_at=NOON + timedelta(minutes=6, seconds=59))
    assert read(begun, grown, almost, payload=payload).state is ProviderState.PROCESSING
    still = replace(grown, seen_at=NOON + timedelta(minutes=7))
    interpretation = read(begun, grown, still, payload=payload)
    assert (interpretation.state, interpretation.unclear) == (ProviderState.UNKNOWN, True)
    assert interpretation.reason == "read_while_uploading"
    assert "The whole file arrived" in interpretation.sentence
    assert "2 of 3 have a message id" in interpretation.sentence
    assert apart in interpretation.sentence
    assert accepted(interpretation) == set(NUMBERS[:2])
    assert [each.msisdn for each in interpretation.outcomes if each.code == "TRUNCATED"] == truncated
    complete = poll(whole, log(*taken(0, 1, 2)), after=timedelta(minutes=8))
    assert read(begun, grown, still, complete, payload=payload).state is ProviderState.ACCEPTED


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("payload", "truncated"), [(PAYLOAD, NUMBERS), (ROWS, NUMBERS[2:])])
def test_a_log_for_everybody_that_is_older_than_the_end_of_the_upload_is_for_a_person(
    payload: Any, truncated: list[str]
) -> None:
    whole = upload(len(payload.body) + CREDENTIAL_BYTES)
    early = log(*taken(0, 1, 2), at=NOON - SECOND)
    for ending in (Ending.DONE, Ending.UNCLEAR):
        interpretation = read(poll(whole, early), attempts=[attempt(ending=ending)], payload=payload)
        assert (interpretation.unclear, interpretation.reason) == (True, "read_while_uploading")
        assert "The whole file arrived" in interpretation.sentence
        assert "3 of 3 have a message id" in interpretation.sentence
        assert [each.msisdn for each in interpretation.outcomes if each.code == "TRUNCATED"] == truncated
    # A status that the log gets later does not undo it.
    statuses = log(*taken(0, 1, 2), f"ID: {identity(0)} Status: 002", at=NOON + timedelta(minutes=5))
    assert read(poll(whole, early), poll(whole, statuses), payload=payload).reason == "read_while_uploading"


@pytest.mark.parametrize(
    "files",
    [
        [upload(), log(*taken(0, 1, 2), at=NOON)],
        [upload(), log(*taken(0, 1, 2), at=None)],
        [log(*taken(0, 1, 2), at=NOON - SECOND)],
        [replace(upload(), modified_at=None), log(*taken(0, 1, 2), at=NOON - SECOND)],
        # Written to after it was listed.
        [upload(), replace(log(*taken(0, 1, 2), at=NOON - SECOND), size=1)],
        # Another log has the last id.
        [upload(), log(*taken(0, 1), at=NOON - SECOND), log(*taken(2), name=f"{REFERENCE}.log", at=NOON + SECOND)],
        [upload(), log(UPLOAD, name="old.log", at=NOON - SECOND), log(*taken(0, 1, 2), at=NOON + SECOND)],
    ],
)
def test_a_log_that_is_not_known_to_be_older_than_the_end_of_the_upload_settles_it(files: list[ObservedFile]) -> None:
    begun = poll(upload(), log(f"STOR {UPLOAD}", name="old.log", at=NOON - SECOND))
    assert read(begun, poll(*files)).state is ProviderState.ACCEPTED


@pytest.mark.parametrize("ending", [Ending.DONE, Ending.UNCLEAR])
@pytest.mark.parametrize("code", ["100", "101", "107", "113", "116", "202"])
def test_an_error_that_is_not_true_of_the_whole_file_was_about_a_part_of_it(code: str, ending: Ending) -> None:
    attempts = [attempt(ending=ending)]
    error = f"ERR: {code}, Some words"
    interpretation = read(poll(upload(), log(error)), attempts=attempts)
    assert (interpretation.state, interpretation.unclear) == (ProviderState.UNKNOWN, True)
    assert interpretation.reason == "read_while_uploading"
    assert "The whole file arrived" in interpretation.sentence
    assert WORDS[code] in interpretation.sentence
    assert interpretation.outcomes == ()
    # Clickatell read the file again, or another error is true of it.
    again = poll(upload(), log(error, *taken(0, 1, 2)), after=timedelta(minutes=2))
    assert read(poll(upload(), log(error)), again, attempts=attempts).state is ProviderState.ACCEPTED
    assert read(poll(upload(), log(error, "ERR: 301, x")), attempts=attempts).state is ProviderState.REJECTED


@pytest.mark.parametrize(("code", "is_part"), [("107", True), ("116", True), ("113", False), ("105", False)])
def test_an_error_for_everybody_that_is_not_true_of_the_whole_text_was_about_a_part_of_it(
    code: str, is_part: bool
) -> None:
    interpretation = read(poll(upload(), log(*(f"ERR: {code}, x To: {number}" for number in NUMBERS))))
    assert interpretation.unclear is is_part
    assert (interpretation.reason, len(interpretation.outcomes)) == (
        ("read_while_uploading", 0) if is_part else ("logged", 3)
    )


def test_a_log_that_grows_for_others_only_counts_as_not_growing() -> None:
    heading, name = f"--- {UPLOAD} ---", "history.log"
    ours = [heading, *taken(0)]
    polls = [
        poll(log(*ours, name=name)),
        poll(
            log(*ours, f"--- {OTHER} ---", f"ID: {identity(9)} To: 27825559999", name=name), after=timedelta(minutes=5)
        ),
    ]
    assert read(*polls, attempts=[UNCLEAR]).reason == "upload_unproven"


def test_a_file_that_was_seen_whole_outweighs_earlier_observations() -> None:
    polls = [poll(upload(10)), poll(upload()), poll(log(*taken(0, 1, 2)))]
    assert read(*polls, attempts=[UNCLEAR]).state is ProviderState.ACCEPTED
    some = [*polls[:2], poll(log(*taken(0))), poll(log(*taken(0)), after=timedelta(minutes=3))]
    assert read(*some, attempts=[UNCLEAR]).state is ProviderState.PROCESSING
    still = read(*some, poll(log(*taken(0)), after=timedelta(hours=1)), attempts=[UNCLEAR])
    assert (still.reason, still.unclear) == ("read_while_uploading", True)


def test_a_file_of_a_size_nobody_expected_proves_nothing_of_its_texts() -> None:
    interpretation = read(poll(upload(WIRE_SIZE + 1), log(*taken(0, 1, 2))), attempts=[UNCLEAR])
    assert (interpretation.unclear, interpretation.reason) == (True, "upload_unproven")


def test_an_interrupted_upload_that_texted_nobody_is_not_unclear() -> None:
    refused = log(*(f"ERR: 105, Invalid Destination Address To: {number}" for number in NUMBERS))
    assert read(poll(upload(10), refused), attempts=[UNCLEAR]).state is ProviderState.ACCEPTED
    assert read(poll(upload(10), log("ERR: 107, Empty message")), attempts=[UNCLEAR]).state is ProviderState.REJECTED


# -- errors about the account


@pytest.mark.parametrize(
    ("code", "is_account"), [("001", True), ("007", True), ("108", True), ("301", True), ("101", False)]
)
def test_an_error_about_the_account_says_so(code: str, is_account: bool) -> None:
    assert read(poll(log(f"ERR: {code}, Some words"))).account is is_account
    beside_ids = read(poll(log(*taken(0), f"ERR: {code}, Some words")))
    assert (beside_ids.unclear, beside_ids.account) == (True, is_account)


def test_an_interrupted_login_says_nothing_about_the_account() -> None:
    cut = read(poll(log("ERR: 108, Some words")), attempts=[UNCLEAR])
    assert (cut.state, cut.account) == (ProviderState.REJECTED, False)


def test_numbers_refused_for_lack_of_credit_are_also_an_account_problem() -> None:
    interpretation = read(poll(log(*taken(0, 1), f"ERR: 301, No credit left To: {NUMBERS[2]}")))
    assert (interpretation.state, interpretation.reason, interpretation.account) == (
        ProviderState.ACCEPTED,
        "301",
        True,
    )
    assert errors(interpretation) == {NUMBERS[2]: "301"}
    assert not read(poll(log(*taken(0, 1), f"ERR: 302, Max allowed credit To: {NUMBERS[2]}"))).account


# -- errors about the whole file


@pytest.mark.parametrize("code", ["001", "007", "106", "108", "120", "123", "130", "301"])
def test_an_error_about_the_file_and_no_id_rejects_it(code: str) -> None:
    interpretation = read(poll(upload(), log(f"ERR: {code}, Some words")))
    assert interpretation.state is ProviderState.REJECTED
    assert (interpretation.reason, interpretation.sentence) == (code, WORDS[code])
    assert interpretation.outcomes == ()


def test_an_error_about_the_file_beside_ids_is_for_a_person() -> None:
    interpretation = read(poll(log(*taken(0, 1), "ERR: 301, No credit left")))
    assert interpretation.unclear
    assert interpretation.reason == "301"
    assert "2 of 3" in interpretation.sentence
    assert accepted(interpretation) == set(NUMBERS[:2])


def test_an_error_that_names_nobody_does_not_undo_an_answer_for_everybody() -> None:
    assert read(poll(log(*taken(0, 1, 2), "ERR: 301, No credit left"))).state is ProviderState.ACCEPTED


@pytest.mark.parametrize("code", ["777", "", "abc"])
def test_an_unknown_error_about_the_file_is_for_a_person(code: str) -> None:
    interpretation = read(poll(log(f"ERR: {code}, Unheard of")))
    assert interpretation.unclear
    assert interpretation.reason == "UNKNOWN"


@pytest.mark.parametrize("line", ["ERR: 901, Internal error", f"ERR: 901, Internal error To: {NUMBERS[2]}"])
def test_an_internal_error_is_for_a_person(line: str) -> None:
    interpretation = read(poll(log(*taken(0, 1), line)))
    assert interpretation.unclear
    assert interpretation.reason == "901"
    assert errors(interpretation) == {}
    assert accepted(interpretation) == set(NUMBERS[:2])
    assert read(poll(log(line))).unclear


# -- to whom the lines belong


def test_a_general_log_is_about_our_file_below_its_heading_only() -> None:
    theirs = [f"ERR: 122, Destination mobile opted out To: {number}" for number in NUMBERS]
    lines = [f"--- {OTHER} ---", *theirs, f"--- {UPLOAD} ---", *taken(0, 1, 2), f"--- {OTHER} ---", *theirs]
    interpretation = read(poll(log(*lines, name="history.log")))
    assert interpretation.state is ProviderState.ACCEPTED
    assert errors(interpretation) == {}


def test_a_general_log_is_about_our_file_in_lines_that_name_it() -> None:
    lines = [
        f"{OTHER} ERR: 122, Destination mobile opted out To: {NUMBERS[0]}",
        *(f"{UPLOAD} {line}" for line in taken(0, 1)),
        f"cliMsgId: {REFERENCE} ERR: 121, Destination blocked To: {NUMBERS[2]}",
        f"cliMsgId: 4711 ERR: 122, Destination mobile opted out To: {NUMBERS[1]}",
        # After a line that names our file, an unnamed one need not be ours.
        f"ERR: 122, Destination mobile opted out To: {NUMBERS[1]}",
    ]
    interpretation = read(poll(log(*lines, name="history.log")))
    assert interpretation.state is ProviderState.ACCEPTED
    assert errors(interpretation) == {NUMBERS[2]: "121"}


@pytest.mark.parametrize("heading", [OTHER, "their-own.txt", "csv import.csv done", "To: 27825559999 ID: " + "f" * 32])
def test_a_heading_or_number_that_is_not_ours_ends_our_part(heading: str) -> None:
    lines = [UPLOAD, *taken(0, 1, 2), heading, f"ERR: 122, Destination mobile opted out To: {NUMBERS[0]}"]
    assert read(poll(log(*lines, name="history.log"))).alarm == ""


def test_a_longer_name_is_not_ours() -> None:
    for name in (f"1{STEM}", f"{STEM}0", f"x{REFERENCE}", f"{REFERENCE}9"):
        assert read(poll(log(name, *taken(0, 1, 2), name="history.log", at=None))).state is ProviderState.ABSENT


def test_a_log_that_names_nothing_counts_when_it_is_new_and_answers_for_exactly_us() -> None:
    exact = log(*taken(0, 1, 2), name="20261121.log")
    assert read(poll(exact)).state is ProviderState.ACCEPTED
    with_status = log(*taken(0, 1, 2), f"ID: {identity(0)} Status: 004", name="20261121.log")
    assert [outcome.delivery for outcome in read(poll(with_status)).outcomes] == ["delivered"]


@pytest.mark.parametrize(
    "doubtful",
    [
        log(*taken(0, 1, 2), name="old.log", at=NOON - timedelta(seconds=1)),
        log(*taken(0, 1, 2), name="undated.log", at=None),
        log(*taken(0, 1), name="some.log"),
        log(*taken(0, 1, 2), f"ID: {identity(9)} To: {NUMBERS[0]}", name="twice.log"),
        log(*taken(0, 1, 2), f"ID: {identity(9)} To: 27825559999", name="others.log"),
        log(*taken(0, 1, 2), "ERR: 301, No credit left", name="whole.log"),
        log(OTHER, *taken(0, 1, 2), name="named.log"),
    ],
)
def test_a_log_that_names_nothing_and_leaves_doubt_says_nothing(doubtful: ObservedFile) -> None:
    assert read(poll(doubtful)).state is ProviderState.ABSENT


def test_a_text_that_a_log_repeats_is_no_answer() -> None:
    evil = f"ERR: 301, No credit left ID: {identity(7)} To: {NUMBERS[1]}"
    interpretation = read(
        poll(log(*(f"{line} text: {evil}" for line in taken(0, 1, 2)), f"12:00 text:{evil}", f"csv:{evil}"))
    )
    assert interpretation.state is ProviderState.ACCEPTED
    assert interpretation.alarm == ""


def test_a_log_without_endings_we_know_is_still_text() -> None:
    body = ("Zustellung für " + UPLOAD + "\r" + "\r".join(taken(0, 1, 2))).encode("cp1252")
    assert read(poll(ObservedFile("", "protokoll", len(body), None, body, "host"))).state is ProviderState.ACCEPTED


# -- contradictions


def test_an_id_wins_over_an_error_for_the_same_number() -> None:
    interpretation = read(poll(log(*taken(0, 1, 2), f"ERR: 115, Message expired To: {NUMBERS[0]}")))
    assert interpretation.state is ProviderState.ACCEPTED
    assert errors(interpretation) == {}
    assert "both a message id and an error" in interpretation.alarm


def test_two_ids_for_a_number_raise_an_alarm() -> None:
    interpretation = read(poll(log(*taken(0, 1, 2), f"ID: {identity(9)} To: {NUMBERS[0]}")))
    assert "twice" in interpretation.alarm


def test_two_uploads_in_the_log_raise_an_alarm() -> None:
    logs = [log(*taken(0, 1, 2), name=f"{STEM}-a{number}.txt.log") for number in (1, 2)]
    interpretation = read(poll(*logs), attempts=[attempt(1, Ending.UNREACHABLE), attempt(2)])
    assert interpretation.state is ProviderState.ACCEPTED
    assert "twice" in interpretation.alarm


@pytest.mark.parametrize("ending", [Ending.UNREACHABLE, Ending.UNCLEAR])
@pytest.mark.parametrize("is_one_log", [False, True])
def test_two_uploads_of_which_one_texted_nobody_are_no_alarm(ending: Ending, is_one_log: bool) -> None:
    empty, whole = ["ERR: 108, Invalid or missing API ID"], taken(0, 1, 2)
    logs = [log(*empty, name=f"{STEM}-a1.txt.log"), log(*whole, name=f"{STEM}-a2.txt.log")]
    if is_one_log:
        logs = [log(f"--- {STEM}-a1.txt", *empty, f"--- {STEM}-a2.txt", *whole, name="history.log")]
    interpretation = read(poll(*logs), attempts=[attempt(1, ending), attempt(2)])
    assert interpretation.state is ProviderState.ACCEPTED
    assert interpretation.alarm == ""
    assert "more than one upload" in interpretation.note


def test_two_uploads_that_texted_different_people_are_no_alarm() -> None:
    logs = [log(*taken(0), name=f"{STEM}-a1.txt.log"), log(*taken(1, 2), name=f"{STEM}-a2.txt.log")]
    interpretation = read(poll(*logs), attempts=[attempt(1, Ending.UNCLEAR), attempt(2)])
    assert (interpretation.state, interpretation.alarm) == (ProviderState.ACCEPTED, "")
    assert interpretation.note


@pytest.mark.parametrize("is_one_log", [False, True])
def test_two_uploads_that_texted_the_same_people_are_an_alarm(is_one_log: bool) -> None:
    first, second = [f"ID: {identity(9)} To: {NUMBERS[0]}"], taken(0, 1, 2)
    logs = [log(*first, name=f"{STEM}-a1.txt.log"), log(*second, name=f"{STEM}-a2.txt.log")]
    if is_one_log:
        logs = [log(f"--- {STEM}-a1.txt", *first, f"--- {STEM}-a2.txt", *second, name="history.log")]
    interpretation = read(poll(*logs), attempts=[attempt(1, Ending.UNCLEAR), attempt(2)])
    assert "texted twice" in interpretation.alarm
    assert interpretation.note == ""


def test_ids_without_a_number_in_two_uploads_are_an_alarm() -> None:
    logs = [log(f"ID: {identity(number)}", name=f"{STEM}-a{number}.txt.log") for number in (1, 2)]
    assert "twice" in read(poll(*logs), attempts=[attempt(1, Ending.UNCLEAR), attempt(2)]).alarm


def test_the_same_ids_in_a_second_log_that_names_no_upload_are_no_alarm() -> None:
    logs = [log(*taken(0, 1, 2)), log(*taken(0, 1, 2), name="report.txt")]
    assert read(poll(*logs)).alarm == ""


def test_an_upload_that_never_arrived_and_texted_somebody_beside_another_is_an_alarm() -> None:
    logs = [log(*taken(0), name=f"{STEM}-a1.txt.log"), log(*taken(1, 2), name=f"{STEM}-a2.txt.log")]
    interpretation = read(poll(*logs), attempts=[attempt(1, Ending.UNREACHABLE), attempt(2)])
    assert "never arrived" in interpretation.alarm


def test_an_upload_reported_both_missing_and_arrived_raises_an_alarm() -> None:
    interpretation = read(poll(log(*taken(0, 1, 2))), attempts=[attempt(1, Ending.UNREACHABLE), attempt(2)])
    assert "never arrived" in interpretation.alarm


def test_a_refusal_of_an_upload_that_never_arrived_is_for_a_person() -> None:
    attempts = [attempt(1, Ending.UNREACHABLE), attempt(2)]
    # A log that names no upload may be about either of them.
    interpretation = read(poll(log("ERR: 301, No credit left", name=f"{REFERENCE}.log")), attempts=attempts)
    assert (interpretation.state, interpretation.unclear) == (ProviderState.UNKNOWN, True)
    assert "possibly not its last upload" in interpretation.sentence
    # Baton has no record of this upload, so it may have been whole.
    unknown = read(poll(log("ERR: 301, No credit left", name=f"{STEM}-a3.txt.log")), attempts=attempts)
    assert unknown.unclear
    assert "never arrived" in unknown.alarm
    theirs = log("ERR: 301, No credit left", name=f"{STEM}-a2.txt.log")
    assert read(poll(theirs), attempts=attempts).state is ProviderState.REJECTED


@pytest.mark.parametrize("ending", [Ending.UNREACHABLE, Ending.REFUSED])
@pytest.mark.parametrize("error", ["ERR: 108, Invalid or missing API ID", "ERR: 901, Internal error", "ERR: 105, No"])
@pytest.mark.parametrize("payload", [PAYLOAD, ALONE])
def test_an_error_about_an_empty_file_waits_for_the_log_of_the_next_upload(
    payload: Any, error: str, ending: Ending
) -> None:
    attempts = [attempt(1, ending), attempt(2)]
    size = len(payload.body) + CREDENTIAL_BYTES
    first = poll(upload(0), upload(size, 2), log(error))
    for polls in ([first], [first, replace(first, seen_at=NOON + timedelta(hours=1))]):
        waiting = read(*polls, attempts=attempts, payload=payload)
        assert (waiting.state, waiting.unclear, waiting.alarm) == (ProviderState.TAKEN, False, "")
        assert "an empty file" in waiting.note
        assert (waiting.account, waiting.outcomes) == (False, ())
    people = range(1 if payload is ALONE else 3)
    answered = poll(log(error), log(*taken(*people), name=f"{STEM}-a2.txt.log"), after=timedelta(minutes=2))
    done = read(first, answered, attempts=attempts, payload=payload)
    assert (done.state, done.alarm, done.outcomes) == (ProviderState.ACCEPTED, "", ())
    assert "more than one upload" in done.note


def test_an_error_beside_ids_of_an_upload_that_never_arrived_still_counts() -> None:
    interpretation = read(
        poll(log(*taken(0), "ERR: 301, No credit left")), attempts=[attempt(1, Ending.UNREACHABLE), attempt(2)]
    )
    assert (interpretation.unclear, interpretation.reason) == (True, "301")
    assert "never arrived" in interpretation.alarm


def test_a_log_longer_than_baton_reads_raises_an_alarm() -> None:
    interpretation = read(poll(replace(log(*taken(0)), size=9_000_000)))
    assert "longer than Baton reads" in interpretation.alarm


# -- any log at all


FRAGMENTS = st.sampled_from(
    [
        *NUMBERS, "27825559999", "To: ", "ID: ", "ERR: ", *(identity(place) for place in range(3)), "105", "122", "301",
        "901", "777", "Status: 004", " ", ", ", "\n", UPLOAD, OTHER, REFERENCE, "text:", "\t",
    ]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=40).map("".join), st.sampled_from([f"{UPLOAD}.log", "history.log"]))
def test_a_log_settles_only_the_numbers_it_names(text: str, name: str) -> None:
    interpretation = read(poll(log(text, name=name)))
    named = {outcome.msisdn for outcome in interpretation.outcomes}
    assert named <= {number for number in NUMBERS if number in text}
    assert len(named) == len(interpretation.outcomes)
    if interpretation.state is ProviderState.ACCEPTED:
        assert text.count("ID: ") + text.count("ERR: ") >= len(NUMBERS)
    if interpretation.state is ProviderState.REJECTED:
        assert "ERR: " in text


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(body: bytes) -> None:
    read(poll(ObservedFile("", f"{UPLOAD}.log", len(body), NOON, body, "host")))


# -- over time


def test_a_log_that_was_deleted_still_counts() -> None:
    assert read(poll(log(*taken(0, 1, 2))), poll()).state is ProviderState.ACCEPTED


def test_a_log_that_was_restarted_is_read_together_with_its_earlier_content() -> None:
    first, second = log(*taken(0), name=f"{REFERENCE}.log"), log(*taken(1, 2), name=f"{REFERENCE}.log")
    assert read(poll(first), poll(second)).state is ProviderState.ACCEPTED


# -- the file itself


def test_nothing_was_polled_yet() -> None:
    assert Adapter().interpret(PAYLOAD, [attempt()], []).state is ProviderState.UNKNOWN


def test_nothing_there_is_absent_and_nothing_more() -> None:
    interpretation = read(poll(), attempts=[UNCLEAR])
    assert interpretation.state is ProviderState.ABSENT
    assert not interpretation.unclear


def test_the_whole_file_is_taken() -> None:
    assert read(poll(upload()), attempts=[UNCLEAR]).state is ProviderState.TAKEN


def test_a_file_seen_whole_and_gone_was_picked_up() -> None:
    assert read(poll(upload()), poll(), attempts=[UNCLEAR]).state is ProviderState.TAKEN


@pytest.mark.parametrize("size", [0, 10, WIRE_SIZE - 1, WIRE_SIZE + 1])
def test_a_file_of_another_size_proves_nothing(size: int) -> None:
    for observations in ([poll(upload(size))], [poll(upload(size)), poll()]):
        interpretation = read(*observations, attempts=[UNCLEAR])
        assert interpretation.state in (ProviderState.UNKNOWN, ProviderState.ABSENT)
        assert interpretation.outcomes == ()
    assert read(poll(upload(size)), attempts=[UNCLEAR]).reason == "waiting_after_break"


def test_the_size_counts_what_was_stored_at_the_time_of_the_attempt() -> None:
    start = NOON + timedelta(minutes=150)
    payload = Adapter().render(STEM, 7, CampaignSpec("Hi", "", start), [Message("27825550101", "Hi", {}, "", "", "")])
    absolute, minutes = len("deliv_at:2026-11-21T14:30:00Z"), len("deliv_time:150")
    size = CREDENTIAL_BYTES + len(payload.body) - absolute + minutes
    assert read(poll(upload(size)), attempts=[UNCLEAR], payload=payload).state is ProviderState.TAKEN
    assert read(poll(upload(size + 1)), attempts=[UNCLEAR], payload=payload).state is ProviderState.UNKNOWN


def test_the_size_of_a_restored_attempt_is_not_known() -> None:
    restored = replace(UNCLEAR, staged=Staged())
    assert read(poll(upload(len(PAYLOAD.body))), attempts=[restored]).state is ProviderState.UNKNOWN


def test_an_attempt_that_never_arrived_is_not_polled_for() -> None:
    assert read(poll(upload()), attempts=[attempt(ending=Ending.UNREACHABLE)]).state is ProviderState.ABSENT


# -- what a poll keeps


class Folder:
    """Stands in for the FTP session: files to list and read."""

    host = "host"
    unchecked_listing = ""
    settings = SETTINGS

    def __init__(self, **files: str) -> None:
        self.files = {name.replace("__", "."): body.encode() for name, body in files.items()}
        self.dates: dict[str, datetime | None] = {}
        self.read_names: list[str] = []
        self.already_read = ReadFiles()

    def put(self, name: str, body: str, at: datetime | None = NOON) -> "Folder":
        self.files[name] = body.encode()
        self.dates[name] = at
        return self

    def hosts(self) -> tuple[str, ...]:
        return ("host",)

    def listdir(self, folder: str = "") -> list[Entry]:
        return [Entry(name, len(body), self.dates.get(name, NOON)) for name, body in self.files.items()]

    def read(self, path: str, at_most: int) -> bytes | None:
        self.read_names.append(path)
        return self.files[path][:at_most]


def seen(folder: Folder) -> dict[str, bytes | None]:
    observation = Adapter().poll(folder, PAYLOAD, [attempt()], NOON)  # type: ignore[arg-type]
    assert observation.hosts == ("host",)
    return {file.name: file.body for file in observation.files}


def test_our_own_upload_is_listed_and_never_read_back() -> None:
    folder = Folder().put(UPLOAD, "password:api-s3cret").put(f"{STEM}-a2.txt", "")
    assert seen(folder) == {UPLOAD: None, f"{STEM}-a2.txt": None}
    assert folder.read_names == []


def test_other_batches_uploads_and_logs_are_left_alone() -> None:
    folder = Folder().put(OTHER, "x").put(f"{OTHER}.log", f"{UPLOAD} ID: {identity(0)}")
    assert seen(folder) == {}
    assert folder.read_names == []


@pytest.mark.parametrize("name", ["x", "HISTORY.LOG", "20261121", "log.txt", "was weiß ich", f"{REFERENCE}.rpt"])
def test_logs_are_found_whatever_their_name(name: str) -> None:
    body = "\n".join([UPLOAD, *taken(0, 1, 2)])
    folder = Folder().put(name, body, None)
    assert seen(folder) == {name: body.encode()}
    observation = Adapter().poll(folder, PAYLOAD, [attempt()], NOON)  # type: ignore[arg-type]
    assert read(observation).state is ProviderState.ACCEPTED


def test_a_file_that_does_not_mention_our_batch_is_not_kept() -> None:
    folder = Folder().put("readme", "Welcome").put("others.log", f"ID: {identity(0)} To: 27825559999")
    folder.put("mixed.log", "\n".join([*taken(0), f"ID: {identity(1)} To: 27825559999"]))
    folder.put("old.log", "\n".join(taken(0, 1, 2)), NOON - timedelta(hours=1))
    folder.put("another system's upload", f"to:{NUMBERS[0]}\ntext:Hi")
    assert seen(folder) == {}


def test_a_new_file_for_our_numbers_only_is_kept() -> None:
    assert list(seen(Folder().put("new.log", "\n".join(taken(0))))) == ["new.log"]


@pytest.mark.parametrize("name", ["../up", "a/b", "a\\b", "a\nb", "a\x00"])
def test_a_name_that_leads_elsewhere_is_left_alone(name: str) -> None:
    assert seen(Folder().put(name, UPLOAD)) == {}


def test_a_file_that_disappears_meanwhile_is_skipped() -> None:
    class Disappearing(Folder):
        def read(self, path: str, at_most: int) -> bytes | None:
            return None

    assert seen(Disappearing().put("x.log", UPLOAD)) == {}


def test_secrets_that_a_log_repeats_are_blanked_before_they_are_kept() -> None:
    body = f"{UPLOAD}\napi_id:1234\nuser:me\npassword:api-s3cret\nlogin ftp-s3cret ok\nPassword = other1 x\n"
    observation = Adapter().poll(Folder().put("x.log", body), PAYLOAD, [attempt()], NOON)  # type: ignore[arg-type]
    (file,) = observation.files
    assert file.body == f"{UPLOAD}\napi_id:1234\nuser:me\npassword:****\nlogin **** ok\nPassword = **** x\n".encode()
    assert file.size == len(file.body)


def test_a_short_secret_does_not_blank_numbers() -> None:
    class Weak(Folder):
        settings = SETTINGS | {"api_password": "2782"}

    body = "\n".join([UPLOAD, *taken(0, 1, 2)])
    assert seen(Weak().put("x.log", body)) == {"x.log": body.encode()}


# -- Test connection


def checks(folder: Folder, now: datetime = NOON) -> dict[str, bool | None]:
    folder.settings = SETTINGS | {"username": "1234"}
    found = Adapter().check(folder, now)  # type: ignore[arg-type]
    for check in found:
        assert check.label
        assert "s3cret" not in check.sentence
    return {check.code: check.passed for check in found}


def test_the_connection_is_tested_without_putting_anything_there() -> None:
    assert checks(Folder()) == {"login": True, "encryption": None, "folder": True, "clock": None, "api_login": None}
    assert checks(Folder().put("x", "")) == {
        "login": True,
        "encryption": None,
        "folder": True,
        "clock": None,
        "api_login": None,
    }


def test_a_file_from_the_future_shows_that_the_clocks_differ() -> None:
    assert checks(Folder().put("x", ""), NOON - timedelta(minutes=3))["clock"] is False
    assert checks(Folder().put("x", ""), NOON - timedelta(minutes=1))["clock"] is None
