"""What an approver signs: the approval hash over the campaign, and the digest of its recipients."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter

from campaigns.audience.rows import CHUNK, ID, MSISDN, READ, Row, frozen_rows, kept_rows
from campaigns.models import Campaign
from campaigns.statuses import REPLACES
from contacts.errors import Refusal
from providers.letters import fingerprint

_SIGNED = itemgetter(slice(MSISDN, None))
_ESCAPES = {0x1A: "\x1a0", 0x1E: "\x1a1", 0x1F: "\x1a2"}


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
    return _digest(frozen_rows(campaign))


def kept_digest(campaign: Campaign, replaced: Mapping[int, Row] | None = None) -> str:
    """The digest of the recipients as they are now, in the order of their ids.

    ``replaced``: rows by id that count instead of the stored ones. It takes the place of ``audience_digest`` once a
    recipient was erased: what was erased cannot be digested again, and everything else still can.
    """
    rows = kept_rows(campaign)
    return _digest((replaced.get(row[ID], row) for row in rows) if replaced else rows)


def _digest(rows: Iterator[Row]) -> str:
    digest = AudienceDigest()
    while chunk := list(islice(rows, CHUNK)):
        digest.add(chunk)
    return digest.hexdigest()


def is_as_frozen(campaign: Campaign) -> bool:
    """Whether the recipients are those that were frozen, as far as they were not erased.

    True for a campaign without a digest, and while its recipients are being erased.
    """
    if campaign.kept_digest:
        return kept_digest(campaign) == campaign.kept_digest
    if not campaign.audience_digest or campaign.recipients_erased_at:
        return True
    return audience_digest(campaign) == campaign.audience_digest


class AudienceDigest:
    """The sha256 over the number and the frozen columns of each recipient, in UTF-8 and in the order they are added.

    Every value but the last of a recipient ends with U+001F, the last one with U+001E. Where a value contains one of
    these characters or U+001A, U+001A and a digit replace it. So no two audiences have the same bytes.
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, rows: Sequence[Row]) -> None:
        """Add rows (see READ) without their ids; how many are added at once makes no difference."""
        if not rows:
            return
        joined = "\x1e".join(map("\x1f".join, map(_SIGNED, rows))) + "\x1e"
        separators = joined.count("\x1e"), joined.count("\x1f")
        if "\x1a" in joined or separators != (len(rows), len(rows) * (len(READ) - 2)):
            joined = "".join(map(escaped, rows))
        self._sha256.update(joined.encode("utf-8", "surrogatepass"))

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def escaped(row: Row) -> str:
    """What AudienceDigest adds for one row, before it is encoded."""
    return "\x1f".join(value.translate(_ESCAPES) for value in _SIGNED(row)) + "\x1e"
