"""Opens the connection of an account."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.conf import settings

from providers.errors import Refused
from providers.models import Account
from providers.vault import VaultError


@contextmanager
def connect(account: Account) -> Iterator[Any]:
    """Connect to the account's provider and yield the open remote, which is closed at the end of the block.

    Take ``locks.account_slot(account)`` first. Raises Refused or Unreachable. A host in a private or loopback range is
    Refused unless ``ALLOW_PRIVATE_HOSTS`` is set.
    """
    try:
        opened = account.open_settings()
    except VaultError as error:
        raise Refused("secrets_unreadable", str(error), account=True) from error
    opened["allow_private_hosts"] = settings.ALLOW_PRIVATE_HOSTS
    adapter = account.adapter
    with ExitStack() as stack:
        try:
            remote = stack.enter_context(adapter.transport_for(opened).connect(opened))
        except Refused as trouble:
            if trouble.code == "login_refused" and adapter.login_hint:
                raise Refused(
                    trouble.code, f"{trouble.sentence} {adapter.login_hint}", account=True, reply=trouble.reply
                ) from trouble
            raise
        yield remote
