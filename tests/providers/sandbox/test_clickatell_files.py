"""How one Clickatell file is parsed and processed, without any socket."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.sandbox.clickatell.codes import CODES
from providers.sandbox.clickatell.files import FileResult, Login, check_file, parts_of
from providers.sandbox.clickatell.log import LogStyle, log_of

LOGIN = Login("1234", "shop-api", "api-secret")
HEAD = "api_id:1234\nuser:shop-api\npassword:api-secret\n"
ONE = "to:27825550100\n"


def result_of(body: str, *, head: str = HEAD, credit: int = 1000, opted_out: tuple[str, ...] = ()) -> FileResult:
    return check_file((head + body).encode("latin-1"), LOGIN, opted_out=opted_out, credit=credit)


def texts(body: str) -> list[tuple[str, str]]:
    result = result_of(body)
    assert result.error == "", result.detail
    return [(result.msisdn, result.text) for result in result.texted]


def codes(body: str, credit: int = 1000, opted_out: tuple[str, ...] = ()) -> list[str]:
    return [result.code for result in result_of(body, credit=credit, opted_out=opted_out).results]


# -- the two forms ---------------------------------------------------------------------------------------------------


def test_it_reads_the_examples_of_the_basic_form() -> None:
    several = "text:This is my message being sent to 3 mobile numbers.\nto:279990001\nto:279990002\nto:279990003\n"
    assert texts(several) == [
        (number, "This is my message being sent to 3 mobile numbers.")
        for number in ("279990001", "279990002", "279990003")
    ]
    assert texts("to: 448311234567\ntext: This is my first ftp to SMS message") == [
        ("448311234567", "This is my first ftp to SMS message")
    ]


def test_it_reads_the_example_of_the_batch_form() -> None:
    body = (
        "text:Hi #field1#, your balance is #field2#, please come to the office on #field3#\n"
        "delimiter:|\n"
        "csv:1234567891|Fred|$15.50|Mondays, Wednesdays and Friday\n"
        "csv:1234567892|Jane|$299.45|Tuesday, Thursday and Saturday\n"
    )
    assert texts(body) == [
        ("1234567891", "Hi Fred, your balance is $15.50, please come to the office on Mondays, Wednesdays and Friday"),
        ("1234567892", "Hi Jane, your balance is $299.45, please come to the office on Tuesday, Thursday and Saturday"),
    ]


def test_values_are_separated_by_commas_unless_the_file_sets_another_delimiter() -> None:
    assert texts("text:#field1#\ncsv:27825550100,one,two\n") == [("27825550100", "one")]
    assert texts("delimiter:\x1f\ntext:#field1#\ncsv:27825550100\x1fone,two\n") == [("27825550100", "one,two")]


def test_a_value_is_not_filled_in_again_and_a_missing_one_is_empty() -> None:
    assert texts("text:#field1#-#field2#-#field3#\ncsv:27825550100,#field2#,b\n") == [("27825550100", "#field2#-b-")]
    assert texts(f"{ONE}text:#field1#\n") == [("27825550100", "#field1#")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_it_takes_each_kind_of_line_end_and_the_keys_in_any_case_and_order(end: str) -> None:
    body = f"TEXT:a\n\n{ONE}{HEAD}text:b".replace("\n", end)
    assert [result.text for result in result_of(body, head="").texted] == ["a\nb"]


def test_only_one_space_after_the_colon_is_dropped() -> None:
    assert texts(f"{ONE}text:  a : to:1 \n") == [("27825550100", " a : to:1 ")]


@given(st.text(alphabet=st.characters(max_codepoint=255, exclude_characters="\r")))
def test_the_content_of_a_text_is_never_a_parameter(text: str) -> None:
    lines = "".join(f"text: {line}\n" for line in text.split("\n"))
    file_result = result_of(f"{ONE}concat:35\n{lines}")
    assert [result.msisdn for result in file_result.results] == ["27825550100"]
    if result := next(iter(file_result.texted), None):
        assert all(seen in (meant, "?") for seen, meant in zip(result.text, text, strict=True))


@given(st.binary())
def test_it_has_a_result_for_any_bytes(body: bytes) -> None:
    assert check_file(body, LOGIN, opted_out=(), credit=1).error in CODES


# -- refused files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("", "108"),
        (HEAD.replace("1234", "1235"), "108"),
        (HEAD.replace("shop-api", "other"), "001"),
        (HEAD.replace("api-secret", "other"), "001"),
        (HEAD.replace("password:api-secret\n", ""), "001"),
    ],
)
def test_it_asks_each_file_who_it_is_from(head: str, code: str) -> None:
    assert result_of(f"{ONE}text:Hi\n", head=head).error == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (f"{ONE}text:Hi\nmystery:1\n", "101"),
        (f"{ONE}text:Hi\ncsvtemplate:1\n", "101"),
        (f"{ONE}text:Hi\nno colon\n", "100"),
        (f"{ONE}text:Hi\napi_id:1234\n", "101"),
        (f"{ONE}text:{'a' * 8188}\n", "100"),
        (f"{ONE}", "107"),
        ("text:Hi\n", "101"),
        (f"{ONE}text:Hi\ncsv:27825550100,a\n", "101"),
        ("text:Hi\ndelimiter:||\ncsv:27825550100\n", "101"),
        (f"{ONE}text:Hi\ndeliv_time:10081\n", "120"),
        (f"{ONE}text:Hi\ndeliv_time:soon\n", "120"),
        (f"{ONE}text:Hi\nfrom:Twelve12chars\n", "106"),
        (f"{ONE}text:Hi\nfrom:my shop\n", "106"),
        (f"{ONE}text:Hi\nfrom:12345678901234567\n", "106"),
        (f"{ONE}text:Hi\nclimsgid:{'a' * 33}\n", "101"),
        (f"{ONE}text:Hi\nclimsgid:a-b\n", "101"),
        (f"{ONE}text:Hi\nconcat:36\n", "101"),
        (f"{ONE}text:Hi\nvalidity:0\n", "101"),
        (f"{ONE}text:Hi\ncallback:8\n", "101"),
        (f"{ONE}text:Hi\nqueue:4\n", "101"),
        (f"{ONE}text:Hi\nmo:2\n", "101"),
        (f"{ONE}text:Hi\nmsg_type:SMS_LOUD\n", "101"),
    ],
)
def test_it_refuses_the_whole_file(body: str, code: str) -> None:
    assert result_of(body).error == code


def test_it_takes_every_parameter_of_the_document() -> None:
    body = (
        "from:Shop1234567\nclimsgid:c1b1g1\nconcat:3\ndeliv_time:10080\nvalidity:1440\ncallback:7\ndeliv_ack:1\n"
        "escalate:1\nmax_credits:3\nqueue:1\nreq_feat:16399\nmo:0\nmsg_type:SMS_FLASH\nunicode:0\n"
    )
    result = result_of(f"{body}{ONE}text:{'a' * 459}\n")
    assert (result.error, result.sender, result.reference, result.delay, result.cost) == (
        "", "Shop1234567", "c1b1g1", 10080, 3,
    )  # fmt: skip


def test_a_line_of_8192_bytes_is_taken() -> None:
    assert texts(f"{ONE}concat:35\ntext:{'a' * 5000}\n")[0][1] == "a" * 5000
    assert codes(f"{ONE}concat:35\ntext:{'a' * 8187}\n") == ["113"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("27825599901", "114"),
        ("27825599902", "122"),
        ("27825599903", "105"),
        ("27825599906", "121"),
        ("27825599907", "128"),
        ("+27825550100", "105"),
        ("0825550100", "105"),
        ("27825550100,27825550101", "105"),
        ("", "105"),
        ("27825550199", "122"),
    ],
)
def test_it_leaves_out_one_number_and_texts_the_others(number: str, code: str) -> None:
    body = f"{ONE}to:{number}\nto:27825550102\ntext:Hi\n"
    assert codes(body, opted_out=("27825550199",)) == ["", code, ""]


def test_a_text_may_take_three_parts_unless_the_file_sets_another_limit() -> None:
    assert codes(f"{ONE}text:{'a' * 459}\n") == [""]
    assert codes(f"{ONE}text:{'a' * 460}\n") == ["113"]
    assert codes(f"{ONE}concat:1\ntext:{'a' * 161}\n") == ["113"]
    assert codes(f"{ONE}concat:4\ntext:{'a' * 460}\n") == [""]


def test_it_texts_what_the_credit_pays_for() -> None:
    assert codes(f"{ONE}{ONE}{ONE}text:Hi\n", credit=2) == ["", "", "301"]


@pytest.mark.parametrize(
    ("text", "is_unicode", "parts"),
    [
        ("a" * 160, False, 1),
        ("a" * 158 + "\n", False, 1),
        ("a" * 159 + "\n", False, 2),
        ("~" * 81, False, 2),
        ("a" * 306, False, 2),
        ("a" * 307, False, 3),
        ("a" * 70, True, 1),
        ("a" * 71, True, 2),
        ("a" * 135, True, 3),
        ("\N{GRINNING FACE}" * 35, True, 1),
        ("\N{GRINNING FACE}" * 36, True, 2),
    ],
)
def test_it_counts_parts(text: str, is_unicode: bool, parts: int) -> None:
    assert parts_of(text, is_unicode) == parts


def test_it_reads_unicode_as_hexadecimal_units() -> None:
    meant = "Hi ç\n\N{GRINNING FACE}"
    assert texts(f"{ONE}unicode:1\ntext:{meant.encode('utf-16-be').hex()}\n") == [("27825550100", meant)]
    filled = f"unicode:1\ntext:0048#field1#\ncsv:27825550100,{'é'.encode('utf-16-be').hex()}\n"
    assert texts(filled) == [("27825550100", "Hé")]


@pytest.mark.parametrize("text", ["Hi", "004", "d83d"])
def test_it_refuses_what_is_no_unicode(text: str) -> None:
    assert codes(f"{ONE}unicode:1\ntext:{text}\n") == ["116"]


def test_what_gsm_lacks_becomes_a_question_mark() -> None:
    assert texts(f"{ONE}text:é£ñ ç\t\n") == [("27825550100", "é£ñ ??")]


# -- the log ---------------------------------------------------------------------------------------------------------


def test_log_lines_use_the_wording_of_the_error_code_page() -> None:
    at, identities = datetime(2026, 11, 21, 10, 0, 1, tzinfo=UTC), ["a" * 32, "b" * 32]
    result = result_of(f"{ONE}to:123\ntext:Hi\n")
    assert log_of(result, identities, at, LogStyle()) == [
        f"2026-11-21 10:00:01 ID: {'a' * 32} To: 27825550100\n",
        "2026-11-21 10:00:01 ERR: 105, Invalid Destination Address To: 123\n",
    ]
    refused = result_of("", head="")
    assert log_of(refused, [], at, LogStyle()) == ["2026-11-21 10:00:01 ERR: 108, Invalid or missing API ID\n"]
    lonely = result_of(f"{ONE}text:Hi\n")
    assert log_of(lonely, ["a" * 32], at, LogStyle(is_bare=True)) == [f"ID: {'a' * 32}\n"]
