"""The names and keys of batches, derived from the installation key so that they never differ and never collide."""

import hashlib
import hmac

from django.conf import settings

from campaigns.models import Batch

LARGEST_KEY = 2_147_483_647


def derive_stem(campaign_id: int, number: int, generation: int) -> str:
    """``c12-b3-g1-77d0a1b2``: the same on every call in this installation, and never another installation's."""
    name = f"c{campaign_id}-b{number}-g{generation}"
    return f"{name}-{_mac(name)[:8]}"


def derive_key(account_id: int, stem: str) -> int:
    """A number 1..2147483647 from the stem; salted again while another stem of the account has it."""
    salt = ""
    while True:
        key = int(_mac(f"key:{stem}{salt}")[:16], 16) % LARGEST_KEY + 1
        if not Batch.objects.filter(account_id=account_id, key=key).exclude(stem=stem).exists():
            return key
        salt += "+"


def _mac(text: str) -> str:
    return hmac.new(settings.INSTALLATION_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
