"""What a campaign and its recipients look like to an adapter: plain dataclasses."""

from campaigns.models import Campaign, Recipient
from campaigns.texts import Text
from providers.base import Message, Order


def compose_order(campaign: Campaign, text: Text) -> Order:
    """What the campaign asks of its adapter. The start goes with it only when handed over early."""
    return Order(
        template=text.bare,
        sender=campaign.sender,
        start_at=campaign.start_at if campaign.is_early else None,
        end_at=campaign.end_at,
        options=campaign.options,
    )


def own_text_of(recipient: Recipient) -> str:
    """The person's own text with line feeds only, or ``""``."""
    return recipient.own_text.replace("\r\n", "\n").replace("\r", "\n")


def finished_text(text: Text, recipient: Recipient) -> str:
    """The text as the recipient reads it: the person's own, or the campaign's with the fields filled in."""
    return own_text_of(recipient) or text.personalise(recipient.values())


def message_of(text: Text, recipient: Recipient) -> Message:
    """One recipient as the adapter sees it; the values are those the text uses, with fallbacks filled in."""
    return Message(
        msisdn=recipient.msisdn,
        text=finished_text(text, recipient),
        values={name: getattr(recipient, name) or text.fallbacks.get(name, "") for name in text.fields},
        own_text=own_text_of(recipient),
        customer_id=recipient.customer_id,
        reference=str(recipient.pk or recipient.msisdn),
    )
