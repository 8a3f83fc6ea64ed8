"""What an approver signs: the approval hash over the campaign, and the digest of its recipients."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from campaigns.audience.texts import FIELDS
from campaigns.models import Campaign, Recipient
from contacts.errors import Refusal

_READ = ("id", "msisdn", "customer_id", "name", *FIELDS, "message")


def approval_hash(campaign: Campaign) -> str:
    """What an approver signs: sha256 over canonical JSON of everything that decides who is texted what, how and when.

    Secrets and host keys are outside it. The start is in it only when handed over early; otherwise Baton holds the
    batches, and a new start changes nobody's text.
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
        "ceiling": campaign.parts_ceiling,
        "start": campaign.start_at.isoformat() if campaign.is_early and campaign.start_at else None,
        "end": campaign.end_at.isoformat() if campaign.end_at else None,
        "counts": campaign.counts,
        "audience": campaign.audience_digest,
    }
    return hashlib.sha256(json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def is_as_approved(campaign: Campaign) -> bool:
    """Whether the campaign, as it stands, is what was approved."""
    return approval_hash(campaign) == campaign.approval_hash


def refuse_unapproved(campaign: Campaign) -> None:
    """Raise Refusal ``approval_differs`` where the campaign, as it stands, is not what was approved."""
    if not is_as_approved(campaign):
        raise Refusal(
            "approval_differs", "What was approved is not what would be handed over now. Cancel it and make it anew."
        )


def audience_digest(campaign: Campaign) -> str:
    """Compute anew, from the recipients as they stand, the digest the freeze stored."""
    digest = hashlib.sha256()
    for recipient in frozen_recipients(campaign):
        add_to_digest(digest, recipient)
    return digest.hexdigest()


def frozen_recipients(campaign: Campaign) -> Iterator[Recipient]:
    """Those the freeze included, in msisdn order, streaming."""
    return (
        Recipient.objects.filter(campaign_id=campaign.pk, excluded_reason__in=("", Recipient.Excluded.OPTED_OUT_LATER))
        .only(*_READ)
        .order_by("msisdn")
        .iterator(chunk_size=2000)
    )


def add_to_digest(digest: Any, recipient: Recipient) -> None:
    """Add one recipient's frozen columns to the digest."""
    digest.update(
        json.dumps(
            [
                recipient.msisdn,
                recipient.customer_id,
                recipient.name,
                *(getattr(recipient, name) for name in FIELDS),
                recipient.message,
            ],
            separators=(",", ":"),
        ).encode()
    )
    digest.update(b"\n")
