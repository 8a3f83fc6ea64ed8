"""Reads the faults in SMSPortal's reports about a file. Pure."""

import io
import json
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from providers import reports
from providers.adapters.smsportal import words
from providers.adapters.smsportal.words import UNKNOWN
from providers.base import ObservedFile, Payload

_NUMBER = re.compile(r"(?<!\d)(?:\+|00)?(\d{7,15})(?!\d)")


@dataclass(frozen=True)
class Fault:
    """An error code in a report, for one number of the batch or for none of them (``msisdn`` is ``""``).

    A code without a number is about the whole file, unless it is in ``ABOUT_ONE_RECIPIENT``: then it does not say
    which recipient. ``raw`` is the text around the code; ``source`` and ``line`` (from 1) say where it was found.
    """

    code: str
    raw: str
    msisdn: str
    source: str
    line: int


def is_handed_over_file(body: bytes) -> bool:
    """Whether this is the file that was handed over, unpacked: it contains every number and is not a report."""
    start = body[:20_000].decode("utf-8-sig", "replace").lower()
    return start.lstrip().startswith("version") and '"contacts"' in start


@lru_cache(maxsize=1)
def _spellings(body: bytes) -> dict[str, str]:
    """Return ``{spelling: msisdn}`` for each way in which a report may write a number that was handed over.

    assumption: the document does not show how a report writes numbers. Accepted are the number as it was handed over,
    and 0 instead of the country code if only one number has these last nine digits (as South African numbers do).
    """
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        content = archive.read(archive.namelist()[0])
    document = json.loads(content.partition(b"\n")[2])
    numbers = {contact["msisdn"] for contact in document["contacts"]}
    endings = Counter(number[-9:] for number in numbers)
    national = {f"0{number[-9:]}": number for number in numbers if endings[number[-9:]] == 1}
    return national | {number: number for number in numbers}


def parse_report(file: ObservedFile, payload: Payload) -> tuple[list[Fault], list[str]]:
    """Return the faults in a report, and the words in it that look like codes but are not listed.

    assumption: the form of the fault report is not documented. A known code next to a number of the batch is a fault of
    that number; a code without a number is a fault of the file, unless it is about one recipient.
    """
    spellings = _spellings(payload.body)
    faults: list[Fault] = []
    not_listed: list[str] = []
    for piece in reports.pieces(file.body or b""):
        found_numbers = _NUMBER.findall(piece.number_words)
        msisdn = next((spellings[found] for found in found_numbers if found in spellings), "")
        codes = words.listed(piece.words)
        unlisted = words.unlisted(piece.words)
        if unlisted or (piece.is_fault and msisdn and not codes):
            not_listed += unlisted or [piece.words[:60]]
            codes.append(UNKNOWN)
        # A number gets one fault: the first.
        for code in codes[:1] if msisdn else codes:
            faults.append(Fault(code, piece.words.strip()[:200], msisdn, file.name, piece.line))
    return faults, not_listed
