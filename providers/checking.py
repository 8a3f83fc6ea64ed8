"""*Test connection*: test an account, store the results, and confirm a server's key."""

from dataclasses import asdict
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from providers.base import Check
from providers.connections import connect
from providers.errors import Refused, Trouble
from providers.locks import account_slot
from providers.models import Account

NO_CREDIT_CHECK = "No credit check: this provider offers none."
BUSY = "All connections of this account are in use. Try again in a minute."


class Health(NamedTuple):
    """The health of an account: the ``kind`` of its chip, the word on the chip, and a sentence."""

    kind: str
    word: str
    sentence: str


def health(account: Account) -> Health:
    """Return the account's health from what is stored, without connecting.

    A provider that was polled for a campaign's file has accepted the login.
    """
    failed = [check for check in account.check_result if check["passed"] is False]
    if account.is_stopped:
        return Health("decision", "Stopped", account.stopped_sentence)
    if not account.is_active:
        return Health("excluded", "Not in use", "It is not offered to new campaigns.")
    if not account.checked_at and account.polled_at:
        return Health("accepted", "Working", "Files have been handed over through it.")
    if not account.checked_at:
        return Health("waiting", "Not tested", "The connection has not been tested yet.")
    if failed:
        return Health("rejected", "Test failed", failed[0]["sentence"])
    warned = [check for check in account.check_result if check.get("is_warning")]
    if warned:
        return Health("decision", "Working, with warnings", warned[0]["sentence"])
    return Health("accepted", "Working", "The last connection test passed.")


def credit_of(account: Account) -> Decimal | None:
    """The credit that the last test found, in the provider's own unit; None if it is not known."""
    found = [check["credit"] for check in account.check_result if check.get("credit")]
    return Decimal(found[0]) if found else None


def test_connection(account: Account) -> list[Check]:
    """Test the account and store each line of the result; a test without a failure starts a stopped account.

    If all of the account's connections are in use, nothing is tested or stored, and the only line returned says so.
    """
    with account_slot(account) as slot:
        if slot is None:
            return [Check("busy", "Connection", None, BUSY)]
        checks = _check(account)
    account.checked_at = timezone.now()
    account.check_result = [asdict(check) for check in checks]
    account.save(update_fields=["checked_at", "check_result"])
    if all(check.passed is not False for check in checks):
        account.start()
    return checks


def needs_host_key(account: Account) -> bool:
    """Whether the account's server has a key that must be confirmed before the first login, and it is not confirmed."""
    return pins_host_key(account) and not account.host_key


def pins_host_key(account: Account) -> bool:
    """Whether the account's transport identifies its server by a key."""
    return hasattr(_transport(account), "host_key")


def fetch_host_key(account: Account) -> str:
    """Return the server's present key, as ``"ssh-ed25519 AAAA..."``, without logging in. Raises Trouble."""
    with account_slot(account) as slot:
        if slot is None:
            raise Refused("busy", BUSY)
        opened = {**account.settings, "allow_private_hosts": settings.ALLOW_PRIVATE_HOSTS}
        return str(_transport(account).host_key(opened))


def confirm_host_key(account: Account, host_key: str) -> None:
    """Pin the server's key: from now on Baton does not log in to a server with another key."""
    account.host_key = host_key
    account.save(update_fields=["host_key", "updated_at"])


def _transport(account: Account) -> Any:
    return account.adapter.transport_for(account.settings)


def _check(account: Account) -> list[Check]:
    try:
        with connect(account) as remote:
            checks = account.adapter.check(remote, timezone.now())
    except Trouble as trouble:
        return [Check(trouble.code, "Connection", False, trouble.sentence)]
    if any(check.code == "credits" for check in checks) or any(check.passed is False for check in checks):
        return checks
    return [*checks, Check("credits", "Credit", None, NO_CREDIT_CHECK)]
