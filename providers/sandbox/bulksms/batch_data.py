"""Reads the CSV in ``batch_data`` as forgivingly as BulkSMS documents it."""

import re
from collections.abc import Iterator

_QUOTED = re.compile(r'[ \t]*"((?:[^"\\]+|\\.|"")*+)"[ \t]*', re.DOTALL)
_QUOTE = re.compile(r'[ \t]*"')
_BARE = re.compile(r"((?:[^,\\\r\n]+|\\\r\n|\\.)*+)", re.DOTALL)
_ROW_END = re.compile(r"\r\n|\r|\n|\Z")
_ESCAPE = re.compile(r'\\(\r\n|[,"\'\\\n\r])')
_ESCAPE_OR_DOUBLED = re.compile(r'\\(\r\n|["\'\\\n\r])|"(")')


def rows(data: str) -> Iterator[list[str] | None]:
    """Yield the rows of ``batch_data``, None for a line that cannot be read; blank lines are skipped.

    send_batch: quotes and line breaks are escaped with a backslash, and "most common formats should be supported":
    unquoted fields, doubled quotes, line breaks inside quotes, any line ending.
    """
    position = 0
    while position < len(data):
        row, position = _row(data, position)
        if row != [""]:
            yield row


def _row(data: str, position: int) -> tuple[list[str] | None, int]:
    fields = []
    while True:
        if quoted := _QUOTED.match(data, position):
            fields.append(_ESCAPE_OR_DOUBLED.sub(lambda found: found[1] or found[2], quoted[1]))
            position = quoted.end()
        elif _QUOTE.match(data, position):
            # The quote is never closed: this line is lost, but the next one may be good.
            return None, _next_line(data, position)
        else:
            bare = _BARE.match(data, position)
            assert bare
            fields.append(_ESCAPE.sub(r"\1", bare[1]))
            position = bare.end()
        if data.startswith(",", position):
            position += 1
        elif end := _ROW_END.match(data, position):
            return fields, end.end()
        else:
            return None, _next_line(data, position)


def _next_line(data: str, position: int) -> int:
    end = data.find("\n", position)
    return len(data) if end < 0 else end + 1
