"""The texts that each provider's sandbox reads from a payload: a second reading of every format."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl

from providers.base import Payload
from providers.sandbox.bulksms import submission
from providers.sandbox.clickatell import files as clickatell
from providers.sandbox.gatewayapi import files as gatewayapi
from providers.sandbox.smsportal import files as smsportal

_LOGIN = clickatell.Login("1", "user", "secret")
_LOGIN_LINES = b"api_id:1\nuser:user\npassword:secret\n"


def read_back(slug: str, payload: Payload, charset: str = "latin-1") -> dict[str, tuple[str, int]]:
    """Text and parts by msisdn. ``charset`` is how Clickatell reads the file. Fails if anything is refused."""
    now = datetime.now(UTC)
    if slug == "smsportal":
        taken = smsportal.check_file(payload.name, payload.body, now=now, remembered=(), opted_out=(), credit=1_000_000)
        assert not taken.error, taken.detail
        assert not taken.faults
        return {text.msisdn: (text.text, text.parts) for text in taken.texts}
    if slug == "gatewayapi":
        found = gatewayapi.check_file(payload.name, payload.body)
        assert not found.cause, found.detail
        return {text.msisdn: (text.text, text.parts) for text in found.texts}
    if slug == "clickatell":
        body = _LOGIN_LINES + payload.body
        read = clickatell.check_file(body, _LOGIN, opted_out=(), credit=1_000_000, charset=charset)
        assert not read.error, read.detail
        assert not [result.code for result in read.results if result.code]
        return {result.msisdn: (result.text, result.parts) for result in read.results}
    fields = dict(parse_qsl(payload.body.decode("ascii"), keep_blank_values=True, encoding="latin-1"))
    return {text.msisdn: (text.text, text.parts) for text in submission.read_submission(fields, now).texts}
