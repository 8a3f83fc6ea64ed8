"""The format of Baton's log, and the ids in its lines."""

import json
import logging
import re
import traceback
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from contacts.log_context import add_ids, current_ids, log_about

GetResponse = Callable[[HttpRequest], HttpResponseBase]

#: Ids that a line may have, from the context or from ``extra``. Nothing else of ``extra`` is written: Django adds the
#: request there, whose address may hold a phone number.
IDS = ("request", "job", "campaign", "batch", "account", "import", "export", "action")

#: A request id that a proxy sends; anything else is replaced.
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
#: The beginnings of the addresses whose ``pk`` is the id of a campaign or a file.
_ROUTES = {"campaigns/<int:pk>/": "campaign", "batches/<int:pk>/": "batch", "exports/<int:pk>/": "export"}


def ids_of(record: logging.LogRecord) -> dict[str, str | int]:
    """The ids of a line: those of its context, and those given with it."""
    given = {name: getattr(record, name) for name in IDS if isinstance(getattr(record, name, None), str | int)}
    return {name: value for name, value in (current_ids() | given).items() if name in IDS}


class DiscreetFormatter(logging.Formatter):
    """Logs an exception's place and type, not its message: a database's message may hold a phone number."""

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        kind, _, trace = ei
        return "".join(traceback.format_tb(trace)) + (kind.__name__ if kind else "")

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = " ".join(f"{name}={value}" for name, value in ids_of(record).items())
        line = super().formatMessage(record)
        return f"{line} ({ids})" if ids else line


class JsonFormatter(DiscreetFormatter):
    """One JSON object on a line: time (UTC), level, logger, message, exception, and the ids."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **ids_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_request_id(get_response: GetResponse) -> GetResponse:
    """Middleware: the lines of a request contain its id, which the response returns as ``X-Request-ID``."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        sent = request.headers.get("X-Request-ID", "")
        request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        with log_about(request=request_id):
            response = get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response

    middleware.process_view = _log_campaign  # type: ignore[attr-defined]
    return middleware


def _log_campaign(request: HttpRequest, view: Callable[..., HttpResponseBase], args: Any, kwargs: Any) -> None:
    route = request.resolver_match.route if request.resolver_match else ""
    for beginning, name in _ROUTES.items():
        if route.startswith(beginning):
            add_ids(**{name: kwargs["pk"]})
