"""A provider's export of replies: a spreadsheet with columns for sender and text, and often for time and id."""

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from campaigns.models import Reply
from campaigns.results import replies
from campaigns.results.replies import Counts, Received
from contacts import sheets
from contacts.sheets import SheetError
from providers.models import Account
from providers.replies import GMT_PLUS_2, PushedReply, parse_time

#: Headings of each field, in lower case without spaces and punctuation; the first that a sheet has is used. An export
#: that has both "From" and "Number" means the sender by "From"; "Msisdn" is last, because at BulkSMS it is our number.
HEADINGS = {
    "phone": (
        *("from", "fromnumber", "sender", "sendernumber", "source", "originator", "phonenumber", "phone", "mobile"),
        *("mobilenumber", "cellphone", "cellnumber", "number", "msisdn"),
    ),
    "text": (
        *("text", "reply", "replytext", "message", "messagetext", "incomingdata", "incomingmessage", "content", "body"),
        *("replymessage", "sms"),
    ),
    "time": (
        *(
            "time",
            "timestamp",
            "received",
            "receivedat",
            "receivedtime",
            "datereceived",
            "incomingdatatime",
            "datetime",
        ),
        *("date", "senttime", "replydate"),
    ),
    "reference": ("id", "incomingid", "messageid", "msgid", "momsgid", "replymessageid", "replyid"),
}
MAX_ISSUES = 100


@dataclass
class Result:
    """Rows of an export: ``read`` = opted out + to read + repeated + ``without_number`` + ``blank``."""

    read: int = 0
    without_number: int = 0
    blank: int = 0
    counts: Counts = field(default_factory=Counts)
    #: The first rows without a number: row and what stands there.
    issues: list[tuple[int, str]] = field(default_factory=list)


def record(account: Account, path: Path, name: str, now: datetime, user: Any = None) -> Result:
    """Record the replies of the export at ``path``, uploaded as ``name``. Raises SheetError.

    The whole sheet is read before anything is recorded, so that a file that breaks off changes nothing.
    """
    result = Result()
    with sheets.open_sheet(path, name) as sheet:
        columns = find_columns(sheet.layout.header)
        received = list(_received(sheet, columns, name, result))
    result.counts = replies.record(account, received, Reply.Source.UPLOAD, now, user)
    return result


def find_columns(header: list[str]) -> dict[str, int]:
    """The column of each field. Raises SheetError if there is none for the sender or for the text."""
    titles = [_title(title) for title in header]
    found = {}
    for name, headings in HEADINGS.items():
        columns = [titles.index(heading) for heading in headings if heading in titles]
        if columns:
            found[name] = columns[0]
    for name, words in (("phone", "the sender’s number, such as From"), ("text", "the reply, such as Text")):
        if name not in found:
            raise SheetError(f"no_{name}_column", f"No column has a heading for {words}. Change the heading.")
    return found


def _title(title: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", title).casefold()))


def _received(sheet: sheets.Sheet, columns: dict[str, int], name: str, result: Result) -> Iterator[Received]:
    for row, cells, _ in sheet.rows():
        result.read += 1
        if not cells:
            result.blank += 1
            continue
        values = {field: cells[at].strip() if at < len(cells) else "" for field, at in columns.items()}
        if not values["phone"]:
            result.without_number += 1
            if len(result.issues) < MAX_ISSUES:
                result.issues.append((row, values["text"][:200]))
            continue
        time = values.get("time", "")
        # assumption: exports give times as the provider's pages show them; three of the four providers show GMT+2.
        at = parse_time(time, GMT_PLUS_2)
        reply = PushedReply(values["phone"], values["text"], values.get("reference", ""), at, time)
        yield Received(reply, json.dumps({"file": name, "row": row, "cells": cells}, ensure_ascii=False).encode())
