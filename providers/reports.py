"""Splits a provider's report of undocumented form into pieces: JSON, CSV with a header, or text."""

import csv
import io
import json
import re
from collections import deque
from dataclasses import dataclass
from typing import Any

_NUMBER_KEY = re.compile("msisdn|destination|number|phone|recipient|cell", re.IGNORECASE)
_FAULT_LIST_KEY = re.compile("fault|error|invalid|reject", re.IGNORECASE)


@dataclass(frozen=True)
class Piece:
    """A part of a report about one subject: a JSON object, a row, or a line.

    ``number_words`` are the words that may contain the phone number. ``is_fault`` is true inside a list whose key is
    ``faults`` or similar. ``line`` counts from 1; it is 0 in JSON.
    """

    line: int
    words: str
    number_words: str
    is_fault: bool = False


def pieces(body: bytes) -> list[Piece]:
    """Return the pieces of a report. Never raises."""
    text = _decode(body)
    return _json_pieces(text) or _csv_pieces(text) or _text_pieces(text)


def _decode(body: bytes) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _json_pieces(text: str) -> list[Piece]:
    """One piece for each JSON object, with its own values only; [] if the text is not JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    pieces: list[Piece] = []
    todo: deque[tuple[Any, bool]] = deque([(document, False)])
    while todo:
        node, is_fault = todo.popleft()
        if isinstance(node, dict):
            words = {key: str(value) for key, value in node.items() if isinstance(value, str | int)}
            whole = " | ".join(words.values())
            number_words = " | ".join(value for key, value in words.items() if _NUMBER_KEY.search(key))
            pieces.append(Piece(0, whole, number_words or whole, is_fault))
            for key, value in node.items():
                todo.append((value, isinstance(value, list) and bool(_FAULT_LIST_KEY.search(key))))
        elif isinstance(node, list):
            todo.extend((item, is_fault) for item in node if isinstance(item, dict | list))
            pieces += [Piece(0, item, item, is_fault) for item in node if isinstance(item, str)]
    return pieces


def _csv_pieces(text: str) -> list[Piece]:
    """One piece for each row of a CSV whose first line names one column for the number; [] for any other text."""
    header = text.partition("\n")[0]
    delimiter = max(",;\t|", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = next(rows, [])
    columns = [index for index, name in enumerate(names) if _NUMBER_KEY.search(name)]
    if len(names) < 2 or len(columns) != 1 or re.search(r"\d{7}", header):
        return []
    column = columns[0]
    return [Piece(rows.line_num, " | ".join(row), row[column] if column < len(row) else "") for row in rows]


def _text_pieces(text: str) -> list[Piece]:
    """One piece for each line or, for truncated JSON, for each object."""
    if text.lstrip().startswith(("{", "[")):
        line, pieces = 1, []
        for chunk in text.split("}"):
            words = " ".join(chunk.split())
            pieces.append(Piece(line, words, words))
            line += chunk.count("\n")
        return pieces
    return [Piece(number, line, line) for number, line in enumerate(text.splitlines(), start=1)]
