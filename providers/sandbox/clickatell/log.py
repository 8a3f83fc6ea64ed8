"""Writes the history log file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from providers.sandbox.clickatell.codes import CODES
from providers.sandbox.clickatell.files import FileResult


@dataclass(frozen=True)
class LogStyle:
    """How log lines look.

    assumption: the document gives neither the log's file name nor the format of its lines; the words after the time are
    those that, according to the error code page, are the same for all interfaces.
    """

    is_bare: bool = False
    lead: str = ""
    between: str = " "

    def line(self, at: datetime, words: str, msisdn: str) -> str:
        time = [] if self.is_bare else [f"{at:%Y-%m-%d %H:%M:%S}"]
        to = [f"To: {msisdn}"] if msisdn else []
        return self.lead + self.between.join([*time, words, *to]) + "\n"


def log_of(file_result: FileResult, identities: Sequence[str], at: datetime, style: LogStyle) -> list[str]:
    """Return the log lines of a file; ``identities`` holds the message id, 32 hexadecimal digits, of each result."""
    if file_result.error:
        words = CODES.get(file_result.error, "Mystery")
        return [
            style.line(at, f"ERR: {file_result.error}, {words}{file_result.detail and f' ({file_result.detail})'}", "")
        ]
    is_single = style.is_bare and len(file_result.results) == 1
    lines = []
    for result, identity in zip(file_result.results, identities, strict=True):
        words = f"ERR: {result.code}, {CODES[result.code]}" if result.code else f"ID: {identity}"
        lines.append(style.line(at, words, "" if is_single else result.msisdn))
    return lines
