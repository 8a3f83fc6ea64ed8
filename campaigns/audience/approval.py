"""What an approver signs: the approval hash over the campaign, and the digest of its recipients."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from campaigns.models import Campaign, Recipient
from campaigns.statuses import REPLACES
from contacts.errors import Refusal
from contacts.fields import FROZEN_FIELDS
from providers.letters import fingerprint

_READ = ("id", "msisdn", *FROZEN_FIELDS)


def approval_hash(campaign: Campaign) -> str:
    """What an approver signs: the sha256 over canonical JSON of everything that decides who is texted what, how and
    when.

    Secrets and host keys are not part of it. The start is part of it only when the campaign is handed over early.
    Otherwise Baton holds the batches, and a new start changes nobody's text.
    """
    account = campaign.account
    signed = {
        "text": campaign.text,
        "sender": campaign.sender,
        "account": account.pk,
        "provider": account.provider,
        "host": account.host,
        "login": account.login,
        "options": campaign.options,
        "window": campaign.window,
        # A release that replaces letters in another way changes the texts, so they must be approved again.
        "letters": [campaign.letters, fingerprint() if campaign.letters in REPLACES else ""],
        "ceiling": campaign.parts_ceiling,
        "cost_ceiling": str(campaign.cost_ceiling) if campaign.cost_ceiling is not None else None,
        "pace": campaign.pace,
        "canary": [campaign.canary, campaign.canary_waits_for] if campaign.canary else None,
        "start": campaign.start_at.isoformat() if campaign.is_early and campaign.start_at else None,
        "end": campaign.end_at.isoformat() if campaign.end_at else None,
        "counts": campaign.counts,
        "audience": campaign.audience_digest,
    }
    return hashlib.sha256(json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def is_as_approved(campaign: Campaign) -> bool:
    """Whether the campaign is still exactly what was approved."""
    return approval_hash(campaign) == campaign.approval_hash


def refuse_unapproved(campaign: Campaign) -> None:
    """Raise Refusal ``approval_differs`` if the campaign is no longer what was approved."""
    if not is_as_approved(campaign):
        raise Refusal(
            "approval_differs", "This campaign is no longer what was approved. Cancel it and create it again."
        )


def audience_digest(campaign: Campaign) -> str:
    """Compute the digest that the freeze stored again, from the recipients as they are now."""
    digest = hashlib.sha256()
    for recipient in frozen_recipients(campaign):
        add_to_digest(digest, recipient)
    return digest.hexdigest()


def frozen_recipients(campaign: Campaign) -> Iterator[Recipient]:
    """The recipients that the freeze included, in msisdn order, streamed."""
    rows = Recipient.objects.frozen().filter(campaign_id=campaign.pk)
    return rows.only(*_READ).order_by("msisdn").iterator(chunk_size=2000)


def add_to_digest(digest: Any, recipient: Recipient) -> None:
    """Add one recipient's frozen columns to the digest."""
    digest.update(
        json.dumps(
            [recipient.msisdn, *(getattr(recipient, name) for name in FROZEN_FIELDS)],
            separators=(",", ":"),
        ).encode()
    )
    digest.update(b"\n")
