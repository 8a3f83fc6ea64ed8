"""The meaning of GatewayAPI's file names and causes, rule by rule."""

from datetime import UTC, datetime, timedelta

import pytest

from providers.adapters.gatewayapi import WORDS, Adapter
from providers.base import (
    Attempt,
    CampaignSpec,
    Ending,
    Interpretation,
    Message,
    Observation,
    ObservedFile,
    Payload,
    ProviderState,
    Staged,
)

STEM = "c1-b1-g1-0a1b2c3d"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NUMBERS = ["4510203040", "46735551020", "17325551020"]
TEXT = 'Insufficient credit? "Low" class\n0x0218 in row 1'
A, B = "a:21", "b:21"


def rendered(text: str = TEXT, **options: str) -> Payload:
    people = [Message(number, f"{text} {number[:2]}", {}, "", "", f"r{number[:2]}") for number in NUMBERS]
    return Adapter().render(STEM, 7, CampaignSpec("", "", options=options), people)


PAYLOAD = rendered()
SIZE = len(PAYLOAD.body)
SOURCE = f"{STEM}-a1.csv"
READY = f"{STEM}.csv.utf8.ready"
PROCESSING = f"{STEM}.csv.utf8.20261121T120000.processing"
SUCCESS = f"{STEM}.csv.utf8.20261121T120000.success"
REJECTED = f"{STEM}.csv.utf8.20261121T120000.rejected"


def attempt(number: int = 1, ending: Ending = Ending.UNCLEAR, source: str = SOURCE) -> Attempt:
    return Attempt(number, source, A, Staged(source, A, SIZE), NOON, ending=ending)


def file(name: str, host: str = A, size: int = SIZE, body: bytes | None = None) -> ObservedFile:
    return ObservedFile("", name, len(body) if body is not None else size, None, body, host)


def poll(*files: ObservedFile, after: int = 0, hosts: tuple[str, ...] = (A,)) -> Observation:
    return Observation(NOON + timedelta(seconds=after), hosts, files)


def read(
    *observations: Observation, attempts: tuple[Attempt, ...] = (attempt(),), payload: Payload = PAYLOAD
) -> Interpretation:
    return Adapter().interpret(payload, attempts, observations)


# -- where the file is


def test_nothing_was_polled_yet() -> None:
    assert read().state is ProviderState.UNKNOWN


def test_nowhere_is_absent_and_nothing_more() -> None:
    interpretation = read(poll())
    assert (interpretation.state, interpretation.unclear) == (ProviderState.ABSENT, False)


@pytest.mark.parametrize(
    ("name", "state"),
    [
        (READY, ProviderState.TAKEN),
        (PROCESSING, ProviderState.PROCESSING),
        (SUCCESS, ProviderState.ACCEPTED),
    ],
)
def test_the_name_shows_the_state(name: str, state: ProviderState) -> None:
    interpretation = read(poll(file(name)))
    assert (interpretation.state, interpretation.unclear, interpretation.alarm) == (state, False, "")


@pytest.mark.parametrize(
    "name",
    [
        f"{STEM}.csv.utf8.success",
        f"{STEM}.csv.utf8.SUCCESS".upper(),
        f"{STEM}.csv.utf8.success.20261121T120000",
        f"{STEM}.csv.utf8.success20261121T120000",
        f"20261121T120000.{STEM}.csv.utf8.success",
        f"{STEM}.csv.utf8.ready.20261121T120000.processing.20261121T120500.success",
        f"{STEM}.20261121T120000.csv.excel.success",
    ],
)
def test_the_timestamp_may_be_anywhere_or_missing(name: str) -> None:
    assert read(poll(file(name))).state is ProviderState.ACCEPTED


@pytest.mark.parametrize("name", [f"{STEM}.csv.utf8.successor", f"{STEM}.csv.failed", f"{STEM}.csv.utf8"])
def test_an_undocumented_name_is_unknown_and_permits_nothing(name: str) -> None:
    interpretation = read(poll(file(name), file(SOURCE)))
    assert (interpretation.state, interpretation.reason) == (ProviderState.UNKNOWN, "UNKNOWN")
    assert name in interpretation.sentence


def test_a_state_that_was_once_observed_does_not_go_back() -> None:
    assert read(poll(file(PROCESSING)), poll(after=5)).state is ProviderState.PROCESSING
    assert read(poll(file(PROCESSING)), poll(file(READY), after=5)).state is ProviderState.PROCESSING
    assert read(poll(file(READY)), poll(file(SOURCE), after=5)).state is ProviderState.TAKEN
    assert read(poll(file(SUCCESS)), poll(file(PROCESSING, B), after=5)).state is ProviderState.ACCEPTED
    assert read(poll(file(SUCCESS)), poll(after=5)).state is ProviderState.ACCEPTED


# -- the pinned source


def test_the_source_on_every_server_that_answered_is_staged() -> None:
    assert read(poll(file(SOURCE))).state is ProviderState.STAGED
    assert read(poll(file(SOURCE), file(SOURCE, B), hosts=(A, B))).state is ProviderState.STAGED


def test_the_source_on_one_of_two_servers_is_not_known() -> None:
    interpretation = read(poll(file(SOURCE), hosts=(A, B)))
    assert (interpretation.state, interpretation.reason) == (ProviderState.UNKNOWN, "servers_disagree")


def test_a_source_of_another_size_is_not_the_pinned_one() -> None:
    assert read(poll(file(SOURCE, size=SIZE - 1))).state is ProviderState.UNKNOWN
    cut = read(poll(file(SOURCE), file(SOURCE, B, size=0), hosts=(A, B)))
    assert cut.state is ProviderState.UNKNOWN


@pytest.mark.parametrize("name", [READY, PROCESSING, SUCCESS, REJECTED])
def test_a_successor_on_any_server_wins_over_a_source_on_another(name: str) -> None:
    interpretation = read(poll(file(SOURCE), file(name, B), hosts=(A, B)))
    assert interpretation.state not in (ProviderState.STAGED, ProviderState.ABSENT)


def test_only_the_pinned_source_counts() -> None:
    left_over = file(f"{STEM}-a1.csv")
    again = (attempt(1, Ending.UNREACHABLE), attempt(2, source=f"{STEM}-a2.csv"))
    assert read(poll(left_over), attempts=again).state is ProviderState.ABSENT
    assert read(poll(left_over, file(f"{STEM}-a2.csv")), attempts=again).state is ProviderState.STAGED


def test_a_repeated_rename_has_the_same_source() -> None:
    again = (attempt(1), attempt(2))
    assert read(poll(file(SOURCE)), attempts=again).state is ProviderState.STAGED
    assert read(poll(), attempts=again).state is ProviderState.ABSENT


def test_two_sources_that_may_have_been_renamed_permit_nothing() -> None:
    both = (attempt(1), attempt(2, source=f"{STEM}-a2.csv"))
    assert read(poll(file(SOURCE), file(f"{STEM}-a2.csv")), attempts=both).state is ProviderState.ABSENT


def test_an_attempt_known_from_the_journal_only_has_no_source() -> None:
    forgotten = Attempt(1, SOURCE, A, Staged(), NOON)
    assert read(poll(file(SOURCE)), attempts=(forgotten,)).state is ProviderState.ABSENT


# -- contradictions


def test_success_wins_over_rejected_with_an_alarm() -> None:
    cause = file(REJECTED, body=PAYLOAD.body + b"Insufficient credit")
    for observations in ([poll(cause, file(SUCCESS))], [poll(cause), poll(file(SUCCESS), after=5)]):
        interpretation = read(*observations)
        assert interpretation.state is ProviderState.ACCEPTED
        assert "both as rejected and as processed" in interpretation.alarm


def test_two_files_processed_raise_an_alarm() -> None:
    twice = read(poll(file(SUCCESS), file(SUCCESS.replace("T120000", "T120500"))))
    assert twice.state is ProviderState.ACCEPTED
    assert "twice" in twice.alarm
    assert read(poll(file(SUCCESS), file(SUCCESS, B), hosts=(A, B))).alarm == ""


def test_processed_and_in_processing_on_one_server_raise_an_alarm() -> None:
    interpretation = read(poll(file(SUCCESS), file(PROCESSING.replace("T12", "T13"))))
    assert interpretation.state is ProviderState.ACCEPTED
    assert "twice" in interpretation.alarm


def test_two_servers_that_disagree_raise_none() -> None:
    assert read(poll(file(SUCCESS), file(PROCESSING, B), hosts=(A, B))).alarm == ""


def test_rejected_counts_only_when_no_server_shows_it_under_way() -> None:
    cause = file(REJECTED, body=PAYLOAD.body + b"Insufficient credit")
    interpretation = read(poll(cause, file(PROCESSING, B), hosts=(A, B)))
    assert (interpretation.state, interpretation.alarm) == (ProviderState.PROCESSING, "")
    assert read(poll(file(PROCESSING)), poll(cause, after=5)).state is ProviderState.REJECTED
    assert read(poll(cause), poll(after=5)).state is ProviderState.REJECTED


def test_a_rejected_file_that_somebody_makes_ready_again_is_under_way_with_an_alarm() -> None:
    cause = file(REJECTED, body=PAYLOAD.body + b"Insufficient credit")
    interpretation = read(poll(cause), poll(file(READY), after=60))
    assert interpretation.state is ProviderState.PROCESSING
    assert "processing it again" in interpretation.alarm


# -- the cause of a rejected file


def rejected(
    tail: str | bytes, *, body: bytes | None = None, payload: Payload = PAYLOAD, after: int = 0
) -> Interpretation:
    added = tail.encode() if isinstance(tail, str) else tail
    whole = (payload.body if body is None else body) + added
    return read(poll(file(REJECTED, body=whole), after=after), payload=payload)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ("0x0216", "0x0216"),
        ("Insufficient credit (0x0216)", "0x0216"),
        ("Error 0x0218: Unknown message class id 9", "0x0218"),
        ("0x021e Message class premium is not configured for you", "0x021E"),
        ("0x0220 Unsupported parameter destination", "0x0220"),
        ("0x0222 Missing required parameter message", "0x0222"),
        ("Insufficient credit", "credit"),
        ("Error: not enough funds on the account.", "credit"),
        ("Unknown column 'mesage'", "columns"),
        ("Row 1: the header is missing the column msisdn", "columns"),
        ("The class must be the same for all messages in the file", "class"),
        ("Invalid sender", "sender"),
        ("Could not decode the file as utf-8", "encoding"),
        ("'utf-8' codec can't decode byte 0xe5", "encoding"),
        ("File too large, at most 30 MB", "size"),
        ("0x0206 Insufficient resources, the file is larger than 30 MB", "size"),
        ("0x0208 Invalid argument, class must be the same for all messages", "class"),
        ("Error code: 0x0216\r\nInsufficient credit", "0x0216"),
        ("Error code: 0x0208\r\nInvalid argument, sender", "sender"),
        ('{"code": "0x0216", "message": "Insufficient credit"}', "0x0216"),
        ('"0x0216","Insufficient credit"', "0x0216"),
    ],
)
def test_a_cause_that_says_what_is_wrong_with_the_file_rejects_it(cause: str, reason: str) -> None:
    interpretation = rejected(f"The file could not be processed.\n{cause}\n")
    assert (interpretation.state, interpretation.reason, interpretation.unclear) == (
        ProviderState.REJECTED,
        reason,
        False,
    )
    assert interpretation.sentence.startswith(WORDS[reason])
    assert cause.partition(" ")[0] in interpretation.sentence
    assert interpretation.outcomes == ()


@pytest.mark.parametrize(
    "cause",
    [
        "Something went wrong",
        "0x0201",
        "0x0206 Insufficient resources",
        "0x0208 Invalid argument, msisdn",
        "0x0208 Invalid argument, sender: row 2",
        "0x0312 Filtered on content",
        "Insufficient credit (0x0216), 0x0101",
        "0x0310 A message contains the same recipient more than once",
        "0x0215",
        "Internal error: could not read the class",
        "Insufficient credit in row 4012",
        "Insufficient credit, row 2",
        "Rows 1 to 3 have an invalid sender",
        "Insufficient credit after 4011 messages",
        "4011 messages were accepted, then there was insufficient credit",
        "Insufficient credit, the file was partially processed",
        "Insufficient credit for some of the messages",
        f"Insufficient credit at {NUMBERS[1]}",
        "Your credits: 200",
    ],
)
def test_any_other_cause_is_unclear_and_shown(cause: str) -> None:
    interpretation = rejected(f"{cause}\n")
    assert (interpretation.state, interpretation.unclear) == (ProviderState.UNKNOWN, True)
    assert interpretation.sentence.endswith(f"{cause.replace(NUMBERS[1], '…')}”")


def test_a_code_that_decides_nothing_still_has_a_plain_sentence() -> None:
    assert WORDS["0x021D"] in rejected("0x021D SMS not enabled for account\n").sentence


def test_our_own_texts_are_no_cause() -> None:
    for quoted in (f"{TEXT} 45", f"{TEXT} 45".replace('"', '""')):
        interpretation = rejected(f'Cannot go on at "{quoted}"\n')
        assert (interpretation.reason, interpretation.unclear) == ("UNKNOWN", True)
        assert "Low" not in interpretation.sentence


def test_the_rows_above_are_no_cause_even_where_they_resemble_one() -> None:
    payload = rendered("0x0216 Insufficient credit")
    interpretation = rejected("Something else\n", payload=payload)
    assert (interpretation.reason, interpretation.unclear) == ("UNKNOWN", True)


@pytest.mark.parametrize(
    "above",
    [
        PAYLOAD.body.rstrip(b"\n"),
        PAYLOAD.body.replace(b"\n", b"\r\n"),
        PAYLOAD.body + b"\n\n",
        b"\xef\xbb\xbf" + PAYLOAD.body,
        PAYLOAD.body.replace(b"4510203040", b"4510203041"),
        PAYLOAD.body.replace(b'"userref"', b"userref"),
    ],
)
def test_the_cause_is_found_below_our_last_line_where_the_rows_changed(above: bytes) -> None:
    interpretation = rejected("\nInsufficient credit (0x0216)\n", body=above)
    assert (interpretation.state, interpretation.reason) == (ProviderState.REJECTED, "0x0216")


@pytest.mark.parametrize(
    "above", [b"", PAYLOAD.body.replace(b"\n", b" "), PAYLOAD.body[: SIZE // 2], PAYLOAD.body.replace(b'"', b"'")]
)
def test_without_our_last_line_nothing_is_certain(above: bytes) -> None:
    interpretation = rejected("\nInsufficient credit (0x0216)\n", body=above)
    assert (interpretation.state, interpretation.unclear) == (ProviderState.UNKNOWN, True)
    assert "Baton cannot tell where the cause begins" in interpretation.sentence
    assert "0x0216" in interpretation.sentence


@pytest.mark.parametrize("encoding", ["utf8", "cp1252", "excel"])
def test_the_cause_is_found_in_each_dialect(encoding: str) -> None:
    payload = rendered("Grüße", encoding=encoding)
    name = payload.name.replace(".ready", ".20261121T120000.rejected")
    tail = "Unzulässig: unknown class „ä“\n".encode("cp1252")
    interpretation = read(poll(file(name, body=payload.body + tail)), payload=payload)
    assert (interpretation.state, interpretation.reason) == (ProviderState.REJECTED, "class")
    assert "Unzulässig" in interpretation.sentence


@pytest.mark.parametrize("encoding", ["utf8", "excel"])
def test_the_cause_may_be_glued_to_our_last_row(encoding: str) -> None:
    payload = rendered(encoding=encoding)
    unix = payload.body.replace(b"\r\n", b"\n")
    for above in (unix, unix.replace(b"\n", b"\r\n")):
        interpretation = rejected("0x0216 Insufficient credit\n", body=above.rstrip(b"\r\n"), payload=payload)
        assert (interpretation.state, interpretation.reason) == (ProviderState.REJECTED, "0x0216")


def test_the_bottom_of_the_file_is_enough() -> None:
    whole = PAYLOAD.body + b"Insufficient credit (0x0216)\n"
    bottom = ObservedFile("", REJECTED, len(whole), None, whole[60:], A)
    assert read(poll(bottom)).state is ProviderState.REJECTED


def test_a_cause_is_awaited_for_a_minute() -> None:
    for early in (file(REJECTED), file(REJECTED, body=PAYLOAD.body), file(REJECTED, body=PAYLOAD.body + b"\n")):
        waiting = read(poll(early))
        assert (waiting.state, waiting.reason, waiting.unclear) == (
            ProviderState.PROCESSING,
            "rejected_waiting",
            False,
        )
        late = read(poll(early), poll(early, after=60))
        assert (late.state, late.reason, late.unclear) == (ProviderState.UNKNOWN, "UNKNOWN", True)


def test_a_cause_once_read_is_kept() -> None:
    cause = file(REJECTED, body=PAYLOAD.body + b"0x0216\n")
    assert read(poll(cause), poll(file(REJECTED), after=5)).state is ProviderState.REJECTED


def test_an_overlong_cause_is_unclear() -> None:
    interpretation = rejected("Insufficient credit (0x0216)\n" + "at some line\n" * 1000)
    assert interpretation.unclear


def test_no_phone_number_is_shown() -> None:
    interpretation = rejected("Blocked: +45 12345678 and 4599887766\n")
    assert "5678" not in interpretation.sentence
    assert "7766" not in interpretation.sentence


def test_a_cause_that_names_nobody_is_not_applied_to_one_number() -> None:
    for code in ("0x0215", "0x0217", "0x021F"):
        assert "this number" not in rejected(f"{code} some words\n").sentence


@pytest.mark.parametrize(
    ("cause", "is_account"),
    [
        ("Insufficient credit (0x0216)", True),
        ("Not enough credit", True),
        ("0x0216 after row 7", True),
        ("0x022A Account frozen", True),
        ("0x021D SMS not enabled", True),
        ("0x0210 Invalid username", True),
        ("0x0218 Unknown class", False),
        ("0x0312 Filtered", False),
    ],
)
def test_a_cause_about_the_account_says_so(cause: str, is_account: bool) -> None:
    assert rejected(f"{cause}\n").account is is_account


def test_an_uncertain_cause_stops_no_account() -> None:
    assert not rejected("0x0216\n", body=b"something else\n").account


# -- single numbers


def test_a_number_of_ours_beside_a_blacklist_code_is_that_numbers_fault() -> None:
    interpretation = rejected(f"Not processed\n0x0215 MSISDN {NUMBERS[1]} blacklisted\n0x0217 {NUMBERS[2]}\n")
    assert (interpretation.state, interpretation.unclear) == (ProviderState.UNKNOWN, True)
    assert [(o.msisdn, o.result, o.code, o.opted_out) for o in interpretation.outcomes] == [
        (NUMBERS[1], "row_error", "0x0215", True),
        (NUMBERS[2], "row_error", "0x0217", False),
    ]
    first = interpretation.outcomes[0]
    assert (first.source, first.line) == (REJECTED, PAYLOAD.body.count(b"\n") + 2)
    assert first.sentence == "GatewayAPI has this number on its blacklist."
    assert NUMBERS[1] not in interpretation.sentence


@pytest.mark.parametrize(
    "tail",
    [
        "0x0215 MSISDN 4599999999 blacklisted",
        f"0x0215\n{NUMBERS[0]}",
        f"0x0215 {NUMBERS[0]} {NUMBERS[1]}",
        f"0x0215 0x0216 {NUMBERS[0]}",
        f"0x0216 {NUMBERS[0]}",
        "0x0215 row 2",
    ],
)
def test_anything_less_certain_names_no_number(tail: str) -> None:
    interpretation = rejected(f"{tail}\n")
    assert interpretation.outcomes == ()
    assert interpretation.unclear


def test_nobody_is_named_where_the_cause_is_not_certain() -> None:
    interpretation = rejected(f"0x0215 {NUMBERS[0]}\n", body=b"something else\n")
    assert interpretation.outcomes == ()


def test_every_cause_that_rejects_has_a_plain_sentence() -> None:
    assert all(sentence.startswith("GatewayAPI ") and sentence.endswith(".") for sentence in WORDS.values())
