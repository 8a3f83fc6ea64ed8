"""How one send_batch request is parsed and processed, without any socket."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.sandbox.bulksms.batch_data import rows
from providers.sandbox.bulksms.codes import Failed
from providers.sandbox.bulksms.gateway import status_after
from providers.sandbox.bulksms.submission import LARGEST_BATCH, Submission, read_submission
from providers.sandbox.bulksms.texts import seven_bit, truncate

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HEADER = "msisdn,message\n"


def read(lines: str, header: str = HEADER, **fields: str) -> Submission:
    return read_submission({"batch_data": header + lines, **fields}, NOW)


def texts(lines: str, header: str = HEADER, **fields: str) -> list[tuple[str, str]]:
    return [(text.msisdn, text.text) for text in read(lines, header, **fields).texts]


def code_of(lines: str, **fields: str) -> int:
    with pytest.raises(Failed) as failed:
        read(lines, **fields)
    return failed.value.code


# -- the CSV ---------------------------------------------------------------------------------------------------------


def test_it_reads_the_documents_examples() -> None:
    assert texts('"111111111","Hi there"\n"333333333","Hello again"\n') == [
        ("111111111", "Hi there"),
        ("333333333", "Hello again"),
    ]
    escaped = '"333333333","Hello again. Here is some \\"quoted text\\".\\\nThis text follows a newline"'
    assert texts(escaped) == [
        ("333333333", 'Hello again. Here is some "quoted text".\nThis text follows a newline'),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('"27825550100","a,b"', "a,b"),
        ('"27825550100","a""b"', 'a"b'),
        ('"27825550100","a\\\\b"', "a\\b"),
        ('"27825550100","a\\\\"', "a\\"),
        ('"27825550100","it\\\'s"', "it's"),
        ('"27825550100","a\nb"', "a\nb"),
        ('"27825550100","C:\\new"', "C:\\new"),
        ("27825550100,plain words", "plain words"),
        ("27825550100, led by a space", " led by a space"),
        ("27825550100,a\\,b", "a,b"),
        ('"27825550100" , "spaces around"', "spaces around"),
        ('27825550100,inner "quotes"', 'inner "quotes"'),
    ],
)
def test_it_reads_most_common_formats(line: str, message: str) -> None:
    found = [row for row in rows(line) if row]
    assert found[0][1] == message


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_it_takes_each_kind_of_row_end_and_skips_blank_lines(end: str) -> None:
    assert list(rows(f"a,b{end}{end}c,d{end}")) == [["a", "b"], ["c", "d"]]


@given(st.lists(st.lists(st.text(), min_size=2, max_size=4), max_size=4))
def test_what_is_escaped_as_documented_comes_back(table: list[list[str]]) -> None:
    def escaped(field: str) -> str:
        return '"' + field.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\\n") + '"'

    assert list(rows("".join(",".join(map(escaped, row)) + "\n" for row in table))) == table


@given(st.text(alphabet='",\\\n\r a1'))
def test_it_reads_any_text_to_its_end(data: str) -> None:
    assert len(list(rows(data))) <= len(data)


@pytest.mark.parametrize(
    "bad",
    [
        '"27825550100"',
        '"27825550100","a","b"',
        '"27825550100",""',
        '"+27825550100","plus"',
        '"0825550100","leading zero"',
        '"words","a"',
        '"27825599903","magic"',
        '"27825599904","magic"',
        '"27825550100","rubbish" behind',
    ],
)
def test_it_drops_a_bad_line_silently(bad: str) -> None:
    assert texts(f'"27825550198","before"\n{bad}\n"27825550199","after"\n') == [
        ("27825550198", "before"),
        ("27825550199", "after"),
    ]


def test_a_quote_that_is_never_closed_costs_its_line_only() -> None:
    assert texts('"27825550100","open\n27825550101,next\n') == [("27825550101", "next")]


def test_a_batch_without_a_good_line_or_a_header_fails() -> None:
    assert code_of('"words","a"\n') == 24
    assert code_of("") == 24
    with pytest.raises(Failed):
        read_submission({}, NOW)
    with pytest.raises(Failed):
        read_submission({"batch_data": '"27825550100","a"\n'}, NOW)


def test_too_many_messages_fail() -> None:
    assert len(read("27825550100,a\n" * LARGEST_BATCH).texts) == LARGEST_BATCH
    assert code_of("27825550100,a\n" * (LARGEST_BATCH + 1)) == 201


def test_a_column_overrides_the_parameter() -> None:
    header = "source_id,message,msisdn,sender,mystery\n"
    found = read("r1,Hi,27825550100,,x\n,Hi,27825550101,Row,x\n", header, sender="Batch", source_id="all").texts
    assert [(text.source_id, text.sender) for text in found] == [("r1", "Batch"), ("all", "Row")]


# -- the texts -------------------------------------------------------------------------------------------------------


def test_it_shows_what_a_phone_would_show() -> None:
    assert seven_bit("é£ñ¡@_{}~|^[]\\\n") == "é£ñ¡@_{}~|^[]\\\n"
    assert seven_bit(bytes([0xD0, 0xDE, 0xAC, 0xC2, 0xDB, 0xBA, 0xDD, 0xCA, 0xD4, 0xB1]).decode("latin-1")) == (
        "ΔΦΓΛΩΠΨΣΘΞ"
    )
    assert seven_bit("ç á °\t\x80") == "c a ?.."
    # Sent as UTF-8 by mistake.
    assert seven_bit("é".encode().decode("latin-1")) == "A?"


@pytest.mark.parametrize(
    ("text", "most", "length", "parts"),
    [
        ("a" * 160, 1, 160, 1),
        ("a" * 161, 1, 160, 1),
        ("a" * 161, 2, 161, 2),
        ("a" * 306, 3, 306, 2),
        ("a" * 307, 2, 306, 2),
        ("a" * 307, 3, 307, 3),
        ("~" * 80, 1, 80, 1),
        ("~" * 81, 1, 80, 1),
        ("a" * 152 + "~" + "a" * 152, 3, 305, 3),
        ("a" * 152 + "~" + "a" * 152, 2, 304, 2),
    ],
)
def test_it_truncates_what_does_not_fit(text: str, most: int, length: int, parts: int) -> None:
    assert truncate(text, most) == (text[:length], parts)


def test_long_texts_need_two_parameters() -> None:
    line = f"27825550100,{'a' * 400}\n"
    assert len(texts(line)[0][1]) == 160
    assert len(texts(line, allow_concat_text_sms="1")[0][1]) == 306
    assert len(texts(line, allow_concat_text_sms="1", concat_text_sms_max_parts="3")[0][1]) == 400
    assert read(line, allow_concat_text_sms="1", concat_text_sms_max_parts="3").cost == 3


def test_it_reads_unicode_as_hexadecimal_octets() -> None:
    hello = "Hi \N{EURO SIGN} \N{GRINNING FACE}"
    assert texts(f"27825550100,{hello.encode('utf-16-be').hex()}\n", dca="16bit") == [("27825550100", hello)]
    assert texts(f"27825550100,{'0041' * 70}\n", dca="16bit") == [("27825550100", "A" * 70)]


@pytest.mark.parametrize("message", ["0041" * 71, "004", "words", "d83d", ""])
def test_it_drops_what_is_no_unicode(message: str) -> None:
    assert code_of(f"27825550100,{message}\n", dca="16bit") == 24


def test_it_corrects_values_that_are_too_long_or_unknown() -> None:
    found = read("27825550100,a\n", sender="Twelve chars", source_id="x" * 21, dca="9bit", stop_dup_id="0").texts[0]
    assert (found.sender, found.source_id) == ("Twelve char", "x" * 20)
    assert read("27825550100,a\n", stop_dup_id="2147483648").stop_dup_id == 0
    assert read("27825550100,a\n", stop_dup_id="2147483647").stop_dup_id == 2147483647


def test_repliable_and_sender_exclude_each_other() -> None:
    assert code_of("27825550100,a\n", repliable="1", sender="Shop") == 24
    assert read("27825550100,a\n", repliable="0", sender="Shop").texts[0].sender == "Shop"


# -- times -----------------------------------------------------------------------------------------------------------


def test_it_schedules() -> None:
    later = NOW + timedelta(hours=2)
    assert read("27825550100,a\n", send_time_unixtime=str(int(later.timestamp()))).due_at == later
    assert read("27825550100,a\n", send_time="2026-03-01 14:00:00").due_at == later


@pytest.mark.parametrize("moment", ["2026-03-01 11:00:00", "2026-02-30 11:00:00", "tomorrow"])
def test_a_time_that_is_past_or_no_time_means_at_once(moment: str) -> None:
    assert read("27825550100,a\n", send_time=moment).due_at is None


def test_nothing_is_scheduled_beyond_two_years() -> None:
    beyond = int((NOW + timedelta(days=731)).timestamp())
    assert code_of("27825550100,a\n", send_time_unixtime=str(beyond)) == 24


def test_a_status_becomes_final_later() -> None:
    ages = [timedelta(0), timedelta(seconds=1), timedelta(seconds=3)]
    assert [status_after(age, 11) for age in ages] == [0, 10, 11]
    assert [status_after(age, 53) for age in ages] == [0, 10, 53]
    assert [status_after(age, 31) for age in ages] == [31, 31, 31]
    assert [status_after(age, 0) for age in ages] == [0, 0, 0]
    assert [status_after(age, 11, is_wanted=False) for age in ages] == [0, 10, 10]
