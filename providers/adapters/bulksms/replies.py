"""BulkSMS's pushes of replies. Documents: "Receiving messages by HTTP push" (EAPI) and "Webhooks" (JSON API)."""

from collections.abc import Mapping
from dataclasses import replace

from providers import replies
from providers.replies import GMT_PLUS_2, PushedReply, ReplyShape

#: HTTP push: ``msisdn`` is the number that the reply was sent to, ``sender`` the person's. get_inbox: times are GMT+2.
PUSH = ReplyShape("sender", "message", "msg_id", "received_time", needs=("msg_id",), zone=GMT_PLUS_2)
#: Webhooks: the same structure as that of sent messages, in which ``from`` and ``body`` are plain or objects.
HOOKS = (
    ReplyShape("from.address", "body.value", "id", "submission.date", needs=("type",)),
    ReplyShape("from", "body", "id", "submission.date", needs=("type",)),
)
SETUP = (
    "In your BulkSMS profile, set this address for incoming messages (HTTP push), or add a webhook for received "
    "messages in the web app. Texts must be repliable: they need no sender of their own."
)


def read(fields: Mapping[str, str]) -> PushedReply | None:
    """The reply in ``fields``, None if they hold none.

    HTTP push: 8-bit and 16-bit texts are hexadecimal, and a long reply arrives in parts. Webhooks: only messages of the
    type RECEIVED are replies; a status report holds our own text.
    """
    found = replies.read(fields, (PUSH,))
    if found is not None:
        is_part = _number(fields.get("concat_num_segments", "")) > 1
        return replace(found, text=_text(found.text, fields.get("dca", "")), is_part=is_part)
    if fields.get("type", "").upper() == "RECEIVED":
        return replies.read(fields, HOOKS)
    return None


def _text(text: str, coding: str) -> str:
    encoding = {"16bit": "utf-16-be", "8bit": "latin-1"}.get(coding.strip().lower())
    if encoding is None:
        return text
    try:
        return bytes.fromhex(text).decode(encoding).replace("\0", "")
    except ValueError:
        return text


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
