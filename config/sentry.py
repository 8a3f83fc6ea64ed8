"""Reports errors to Sentry: where they occurred and their type, and nothing that may contain a phone number."""

from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.rq import RqIntegration

from contacts.log_context import current_ids

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

#: The fields of an event that are sent as they are.
_KEPT = ("event_id", "timestamp", "level", "platform", "logger", "server_name", "release", "environment", "sdk")
#: The fields of a stack frame that are sent: places in the code, no values.
_OF_FRAME = ("filename", "abs_path", "module", "function", "lineno", "in_app")


def start(dsn: str) -> None:
    """Begin to report the errors of this process, and of the jobs that it forks for."""
    sentry_sdk.init(
        dsn=dsn,
        integrations=[DjangoIntegration(), RqIntegration()],
        # Neither values of variables, nor bodies of requests, nor what happened before.
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        send_default_pii=False,
        max_breadcrumbs=0,
        before_send=without_data,
    )


def without_data(event: "Event", hint: "Hint") -> "Event":
    """The event with types and places only: an exception's message and a request's address may hold a phone number."""
    given: dict[str, Any] = dict(event)
    kept: dict[str, Any] = {name: given[name] for name in _KEPT if name in given}
    kept["tags"] = {name: str(value) for name, value in current_ids().items()}
    values = given.get("exception", {}).get("values", [])
    if values:
        kept["exception"] = {"values": [_of_exception(value) for value in values]}
    elif "logentry" in given:
        # The message before its arguments are filled in.
        kept["logentry"] = {"message": given["logentry"].get("message", "")}
    return kept  # type: ignore[return-value]


def _of_exception(value: dict[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames", [])
    places = [{name: frame[name] for name in _OF_FRAME if name in frame} for frame in frames]
    return {"type": value.get("type"), "module": value.get("module"), "stacktrace": {"frames": places}}
