"""How the GatewayAPI sandbox processes a file, each rule beside its wording in the document."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.sandbox.gatewayapi import Site
from providers.sandbox.gatewayapi.codes import CAUSES
from providers.sandbox.gatewayapi.files import LARGEST, check_file
from providers.sandbox.gsm import not_gsm

GSM = "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà^{}\\[~]|€\r\f\t".replace("\t", "")

# The document's examples; the header of the first lacks a quote there, which "must match exactly" does not permit.
UNIX = """\
"userref","msisdn","sender","class","message"
"test","4510203040","MyCompany","standard","I'm John Doe, who ""randomly"" quote things."
"""
EXCEL = """\
userref;msisdn;sender;class;message\r
"test";"4510203040";"MyCompany";"standard";"I'm John Doe, who ""randomly"" quote things."\r
"""


def rows(*lines: str, header: str = "msisdn,message") -> bytes:
    return "\n".join([header, *lines, ""]).encode()


def cause(name: str, body: bytes) -> str:
    return check_file(name, body).cause


@pytest.mark.parametrize(("name", "body"), [("a.ready", UNIX), ("a.excel.ready", EXCEL), ("a.csv.utf8.ready", UNIX)])
def test_it_reads_the_examples_of_the_document(name: str, body: str) -> None:
    (text,) = check_file(name, body.encode()).texts
    assert (text.msisdn, text.sender, text.reference) == ("4510203040", "MyCompany", "test")
    assert text.text == 'I\'m John Doe, who "randomly" quote things.'


def test_it_reads_the_example_with_optional_fields() -> None:
    header = "userref,msisdn,sender,class,message"
    (text,) = check_file("a.ready", rows(',"4512345678",,"standard","Optional fields"', header=header)).texts
    assert (text.msisdn, text.sender, text.reference, text.text) == ("4512345678", "", "", "Optional fields")


def test_the_header_as_it_is_printed_in_the_document_is_rejected() -> None:
    assert cause("a.ready", rows(header='"userref","msisdn","sender","class",message"')) == "columns"


def test_a_recipient_that_is_there_twice_rejects_the_file() -> None:
    assert cause("a.ready", rows("4510203040,a", "4510203041,b", "4510203040,c")) == "same-recipient"
    assert CAUSES["same-recipient"][0] == "0x0310"


@pytest.mark.parametrize(("name", "code"), [("unknown-user", "0x0210"), ("operator", "0x021F"), ("priority", "0x0311")])
def test_causes_that_no_file_has_can_be_forced_by_name(name: str, code: str) -> None:
    assert CAUSES[name][0] == code
    assert f"gatewayapi:reject:{name}" in Site.faults()


def test_a_class_must_be_the_same_in_every_row() -> None:
    # "it must be the same for all messages in the file"
    header = "msisdn,class,message"
    assert cause("a.ready", rows("4510203040,standard,a", "4510203041,,b", header=header)) == "different-classes"
    assert cause("a.ready", rows("4510203040,standard,a", "4510203041,premium,b", header=header)) == "different-classes"
    assert cause("a.ready", rows("4510203040,,a", "4510203041,,b", header=header)) == ""
    assert cause("a.ready", rows("4510203040,loud,a", header=header)) == "unknown-class"
    assert cause("a.ready", rows("4510203040,premium,a", header=header)) == ""


@pytest.mark.parametrize(
    "header",
    ["MSISDN,message", "msisdn,message ", " msisdn,message", "msisdn,message,x", "msisdn,message,message",
     "\ufeffmsisdn,message"],
)  # fmt: skip
def test_column_names_must_match_exactly(header: str) -> None:
    assert cause("a.utf8.ready", rows("4510203040,a" + "," * (header.count(",") - 1), header=header)) == "columns"


@pytest.mark.parametrize("header", ["msisdn,sender", "message", ""])
def test_both_required_columns_must_be_there(header: str) -> None:
    assert cause("a.ready", rows(header=header)) == "missing-parameter"


def test_nothing_at_all_is_no_file() -> None:
    assert cause("a.ready", b"") == "missing-parameter"
    assert cause("a.ready", rows()) == "missing-parameter"


@pytest.mark.parametrize("row", ['4510203040,""', ',"a"'])
def test_both_required_cells_must_be_filled(row: str) -> None:
    assert cause("a.ready", rows("4510203041,fine", row)) == "missing-parameter"
    assert "row 3" in check_file("a.ready", rows("4510203041,fine", row)).detail


@pytest.mark.parametrize("row", ["4510203040", "4510203040,a,b", ""])
def test_a_row_has_as_many_cells_as_there_are_columns(row: str) -> None:
    assert cause("a.ready", rows(row, "4510203041,fine")) == "columns"


@pytest.mark.parametrize(
    "msisdn", ["+4510203040", "004510203040", "45 10203040", "1234567890123456", "٤٥١٠٢٠٣٠٤٠", "x"]
)
def test_a_number_is_up_to_15_digits_with_its_country(msisdn: str) -> None:
    assert cause("a.utf8.ready", rows(f"{msisdn},a")) == "msisdn"
    assert cause("a.utf8.ready", rows("123456789012345,a")) == ""


@pytest.mark.parametrize(
    ("sender", "wanted"),
    [
        ("MyCompany11", ""),
        ("MyCompany123", "sender"),
        ("123456789012345", ""),
        ("1234567890123456", "sender"),
        ("My Company", "sender"),
        ("Bjørn", "sender"),
        ("+4510203040", "sender"),
    ],
)
def test_a_sender_is_11_letters_and_digits_or_15_digits(sender: str, wanted: str) -> None:
    assert cause("a.utf8.ready", rows(f"4510203040,a,{sender}", header="msisdn,message,sender")) == wanted


def test_a_backslash_does_not_escape() -> None:
    # "We do not support escaping double quotes by adding backslashes."
    assert cause("a.ready", rows(r'4510203040,"a \"quote\" b"')) == "columns"
    assert check_file("a.ready", rows(r'4510203040,"a \""quote\"" b"')).texts[0].text == r"a \"quote\" b"


def test_a_line_may_end_inside_quotes() -> None:
    # "CR+LF (\r\n) is two chars in the SMS"
    (text,) = check_file("a.ready", rows('4510203040,"' + "x" * 158 + '\r\n"')).texts
    assert (text.text[-2:], text.parts) == ("\r\n", 1)
    assert check_file("a.ready", rows('4510203040,"' + "x" * 159 + '\r\n"')).texts[0].parts == 2


def test_rows_end_in_lf_or_crlf_and_in_nothing_else() -> None:
    assert cause("a.ready", b"msisdn,message\r\n4510203040,a\r\n") == ""
    assert cause("a.ready", b"msisdn,message\r4510203040,a\r") == "columns"


def test_the_delimiter_is_that_of_the_name() -> None:
    # "Tab delimited files are not supported."
    assert cause("a.ready", rows("4510203040\ta", header="msisdn\tmessage")) == "columns"
    assert cause("a.ready", rows("4510203040;a", header="msisdn;message")) == "columns"
    assert cause("a.excel.ready", rows("4510203040,a")) == "columns"
    assert cause("a.excel.ready", rows("4510203040;a", header="msisdn;message")) == ""


def test_a_file_of_excel_itself_is_rejected() -> None:
    for start in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        assert cause("a.excel.ready", start + rows("4510203040,a")) == "columns"


def test_the_name_may_give_the_encoding() -> None:
    def said(name: str, body: bytes) -> str:
        result = check_file(name, body)
        return result.texts[0].text if result.texts else result.cause

    utf8, cp1252 = rows("4510203040,æé"), "msisdn,message\n4510203040,æé\n".encode("cp1252")
    assert said("a.utf8.ready", utf8) == said("a.cp1252.ready", cp1252) == "æé"
    assert said("a.ready", utf8) == said("a.ready", cp1252) == "æé"
    assert said("a.utf8.ready", cp1252) == "encoding"
    assert said("a.utf8.cp1252.ready", utf8) == "encoding"
    assert said("a.cp1252.ready", b"msisdn,message\n4510203040,\x81\n") == "encoding"


def test_detection_chooses_utf8_wherever_it_can_decode_the_file() -> None:
    # "Although auto detection is very good, there are a few rare edgecases."
    body = "msisdn;message\n4510203040;Ã¦\n".encode("cp1252")
    assert check_file("a.excel.ready", body).texts[0].text == "æ"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_detection_knows_the_marks_of_other_encodings(encoding: str) -> None:
    (text,) = check_file("a.ready", "msisdn,message\n4510203040,æ€\n".encode(encoding)).texts
    assert text.text == "æ€"


def test_a_character_outside_gsm_is_rejected() -> None:
    assert cause("a.utf8.ready", rows("4510203040,fine", "4510203041,😀")) == "message"


@pytest.mark.parametrize(("length", "wanted"), [(160, 1), (161, 2), (306, 2), (307, 3)])
def test_a_text_is_charged_by_its_parts(length: int, wanted: int) -> None:
    # "If longer than 160 normal chars, it will be split into parts of 153 normal chars."
    assert check_file("a.ready", rows(f"4510203040,{'x' * length}")).cost == wanted


def test_a_file_of_more_than_30_mb_is_rejected() -> None:
    body = rows("4510203040,a") + b"4510203041,b\n" * 2_500_000
    assert len(body) > LARGEST
    assert cause("a.ready", body) == "too-large"


def test_the_last_digits_of_a_number_choose_its_error() -> None:
    assert cause("a.ready", rows("4510299911,a")) == "destination"
    assert cause("a.ready", rows("4510299912,a")) == "blacklisted"


def test_every_cause_has_a_code_and_a_sentence() -> None:
    assert all(code.startswith("0x") and len(code) == 6 and words for code, words in CAUSES.values())


@given(st.lists(st.tuples(st.text(GSM, min_size=1), st.text(max_size=20)), min_size=1, max_size=5), st.booleans())
def test_whatever_is_properly_quoted_is_texted_as_it_is(messages: list[tuple[str, str]], is_excel: bool) -> None:
    written = io.StringIO(newline="")
    delimiter, end = (";", "\r\n") if is_excel else (",", "\n")
    out = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    out.writerow(["msisdn", "message", "userref"])
    out.writerows([4510203040 + place, text, reference] for place, (text, reference) in enumerate(messages))
    result = check_file(f"a{'.excel' * is_excel}.utf8.ready", written.getvalue().encode(errors="replace"))
    assert [text.text for text in result.texts] == [text for text, _ in messages]
    assert not any(not_gsm(text.text) for text in result.texts)
