"""Bytes out: which texts GatewayAPI accepts, and the CSV file that is handed over. Pure."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from providers import gsm
from providers.adapters.gatewayapi.forms import CLASS
from providers.base import (
    CampaignSpec,
    Message,
    Payload,
    Problem,
)
from providers.messages import Messages

# assumption: a space is not alphanumeric; GatewayAPI's other documents allow it, and say that phones often hide it.
_SENDER = re.compile(r"[A-Za-z0-9]{1,11}|[0-9]{1,15}")
_REFERENCE = re.compile(r"[!-~]{0,64}")


@dataclass(frozen=True)
class Dialect:
    """One documented way to write the CSV: the ending of its name, and how rows become bytes."""

    ending: str
    charset: str
    delimiter: str
    row_end: str


# GatewayAPI FTP: LF is recommended for unix and CR LF for excel. assumption: how .excel combines with a charset is not
# documented, so the two are never combined; nor is a byte order mark mentioned, so none is written.
DIALECTS = {
    "utf8": Dialect("utf8.ready", "utf-8", ",", "\n"),
    "cp1252": Dialect("cp1252.ready", "cp1252", ",", "\n"),
    "excel": Dialect("excel.ready", "cp1252", ";", "\r\n"),
}


def spec_problems(spec: CampaignSpec) -> list[Problem]:
    """GatewayAPI FTP: sender "Up to 11 alphanumeric characters, or 15 digits"; one class; nothing about a start."""
    found = []
    if spec.sender and not _SENDER.fullmatch(spec.sender):
        found.append(_sender_problem(spec.sender))
    if message_class(spec) and not CLASS.fullmatch(message_class(spec)):
        found.append(Problem("class_invalid", "The message class is one word, for example standard.", "message_class"))
    if spec.start_at:
        found.append(
            Problem(
                "start_unsupported",
                "GatewayAPI starts at once and cannot hold a file until later: do not hand over early.",
                "start_at",
            )
        )
    return found


def problems(spec: CampaignSpec, message: Message) -> list[Problem]:
    """assumption: files take GSM characters only. GatewayAPI FTP: "CR+LF (\\r\\n) is two chars in the SMS"."""
    found = []
    if not message.text.strip():
        found.append(Problem("text_empty", "The text is empty.", "text"))
    if foreign := gsm.unsupported(message.text):
        shown = " ".join(foreign)
        sentence = f"GatewayAPI's files take GSM characters only; not {shown}"
        found.append(Problem("text_not_gsm", sentence, "text", characters=foreign))
    if "\r" in message.text:
        sentence = "The text contains a carriage return, which would be texted as a character. Use plain line breaks."
        found.append(Problem("text_has_cr", sentence, "text"))
    lacking = _lacking(message.text, dialect_of(spec).charset)
    if not foreign and lacking:
        shown = " ".join(lacking)
        sentence = f"The chosen file encoding lacks {shown}. Choose UTF-8, or change the text."
        found.append(Problem("text_not_cp1252", sentence, "text", characters=lacking))
    if not foreign and not lacking and spec.options.get("encoding") == "excel" and _is_ambiguous(message.text):
        sentence = "GatewayAPI would misread the accented letters of this text. Choose UTF-8."
        found.append(Problem("text_ambiguous", sentence, "text"))
    if not _REFERENCE.fullmatch(message.reference):
        # assumption: no length limit of userref is documented.
        found.append(
            Problem(
                "reference_long",
                "The reference is longer than 64 characters, or contains a space or a character outside ASCII.",
                "reference",
            )
        )
    return found


def lacking_characters(spec: CampaignSpec, text: str) -> str:
    """Return the characters of ``text`` that GSM or the file's encoding lacks, each once."""
    foreign = gsm.unsupported(text)
    beyond = _lacking(text, dialect_of(spec).charset)
    carriage_return = "\r" if "\r" in text else ""
    return "".join(dict.fromkeys(foreign + beyond + carriage_return))


def plain_characters(spec: CampaignSpec) -> str:
    """Return the GSM characters of one septet that the file's encoding has; for Excel only those of ASCII, because
    others decide whether a text is ambiguous.
    """
    charset = "ascii" if spec.options.get("encoding") == "excel" else dialect_of(spec).charset
    return gsm.BASIC.encode(charset, "ignore").decode(charset)


def render(stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
    """GatewayAPI FTP: a CSV that begins with the exact column names, quotes doubled. Empty columns are left out.

    ``class`` "must be the same for all messages in the file", so it is in every row or in none.
    """
    dialect, columns = dialect_of(spec), Messages.of(messages)
    fixed = {"sender": spec.sender, "class": message_class(spec)}
    used = {column: value for column, value in fixed.items() if value}
    names = dialect.delimiter.join([f'"{name}"' for name in ("userref", "msisdn", *used, "message")])
    same = [f'"{value}"'.replace("%", "%%") for value in _doubled(list(used.values()))]
    pattern = dialect.delimiter.join(['"%s"', '"%s"', *same, '"%s"'])
    rows = zip(_doubled(columns.references), _doubled(columns.msisdns), _doubled(columns.texts), strict=True)
    text = dialect.row_end.join([names, *map(pattern.__mod__, rows), ""])
    return Payload(stem, f"{stem}.csv.{dialect.ending}", text.encode(dialect.charset), key)


def _doubled(column: Sequence[str]) -> Sequence[str]:
    if '"' not in "".join(column):
        return column
    return [value.replace('"', '""') for value in column]


def message_class(spec: CampaignSpec) -> str:
    """Return the message class of every row, or ``""`` for no such column."""
    return str(spec.options.get("message_class") or "")


def dialect_of(spec: CampaignSpec) -> Dialect:
    """Return the dialect that the campaign chose, UTF-8 if it chose none."""
    return DIALECTS[str(spec.options.get("encoding") or "utf8")]


def _sender_problem(sender: str) -> Problem:
    replaced = "".join(dict.fromkeys(letter for letter in sender if letter.isalpha() and not letter.isascii()))
    if replaced:
        shown = " ".join(replaced)
        sentence = f"GatewayAPI would replace {shown} in the sender with other letters. Use a to z, A to Z and digits."
    else:
        sentence = "The sender may be up to 11 letters and digits without spaces, or up to 15 digits."
    return Problem("sender_invalid", sentence, "sender", characters=replaced)


def _is_ambiguous(text: str) -> bool:
    """Whether the text's Windows-1252 bytes are also valid UTF-8.

    GatewayAPI FTP: the encoding is detected if the file name does not give one, and the Excel dialect's name does not.
    A single text whose bytes are not UTF-8 decides it for the whole file; every text of a file is checked.
    """
    if text.isascii():
        return False
    try:
        text.encode("cp1252").decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _lacking(text: str, charset: str) -> str:
    """Return the characters of ``text`` that ``charset`` lacks, each once."""
    kept = text.encode(charset, "ignore").decode(charset)
    return "" if kept == text else "".join(dict.fromkeys(letter for letter in text if letter not in kept))


@dataclass(frozen=True)
class HandedOver:
    numbers: frozenset[str]
    texts: frozenset[str]


@lru_cache(maxsize=1)
def handed_over(payload: Payload) -> HandedOver:
    dialect = next(dialect for dialect in DIALECTS.values() if payload.name.endswith(dialect.ending))
    text = io.StringIO(payload.body.decode(dialect.charset), newline="")
    rows = list(csv.DictReader(text, delimiter=dialect.delimiter))
    return HandedOver(frozenset(row["msisdn"] for row in rows), frozenset(row["message"] for row in rows))
