"""What a campaign and its recipients look like to an adapter: plain dataclasses."""

from campaigns.audience.texts import Text, compile_text
from campaigns.models import Campaign, Recipient
from contacts.errors import Refusal
from providers.base import CampaignSpec, Message


def compose_spec(campaign: Campaign, text: Text) -> CampaignSpec:
    """What the campaign asks of its adapter. The start goes with it only when handed over early."""
    return CampaignSpec(
        template=text.bare,
        sender=campaign.sender,
        start_at=campaign.start_at if campaign.is_early else None,
        end_at=campaign.end_at,
        options=campaign.options,
        account=campaign.account.settings,
    )


def rehearsal_of(campaign: Campaign) -> str:
    """The sentence that says so where the campaign is a rehearsal that texts nobody, else ``""``; asks no provider."""
    try:
        text = compile_text(campaign.text)
    except Refusal:
        # Nothing can be handed over with it, and its page says so already.
        return ""
    return campaign.account.adapter.rehearsal(compose_spec(campaign, text))


def own_text_of(recipient: Recipient) -> str:
    """The person's own text with line feeds only, or ``""``."""
    return _with_line_feeds(recipient.message)


def finished_text(text: Text, recipient: Recipient) -> str:
    """The text as the recipient reads it: the person's own, or the campaign's with the fields filled in."""
    return own_text_of(recipient) or text.personalise(_values_of(recipient))


def message_of(text: Text, recipient: Recipient) -> Message:
    """One recipient as the adapter sees it; the values are those the text uses, with fallbacks filled in."""
    values = _values_of(recipient)
    return Message(
        msisdn=recipient.msisdn,
        text=finished_text(text, recipient),
        values={name: value or text.fallbacks.get(name, "") for name, value in values.items() if name in text.fields},
        own_text=own_text_of(recipient),
        customer_id=recipient.customer_id,
        reference=str(recipient.pk or recipient.msisdn),
    )


def _values_of(recipient: Recipient) -> dict[str, str]:
    return {name: _with_line_feeds(value) for name, value in recipient.values().items()}


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
