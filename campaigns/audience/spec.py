"""A campaign and its recipients as an adapter sees them: plain dataclasses."""

from campaigns.audience.texts import Text, compile_text
from campaigns.models import Campaign, Recipient
from contacts.errors import Refusal
from providers.base import CampaignSpec, Message


def compose_spec(campaign: Campaign, text: Text) -> CampaignSpec:
    """What the campaign asks of its adapter. The start is included only when handed over early."""
    return CampaignSpec(
        template=text.bare,
        sender=campaign.sender,
        start_at=campaign.start_at if campaign.is_early else None,
        end_at=campaign.end_at,
        options=campaign.options,
        account=campaign.account.settings,
    )


def rehearsal_of(campaign: Campaign) -> str:
    """The sentence that this campaign is a rehearsal that texts nobody, or ``""``; no provider is asked."""
    if campaign.account_id is None:
        return ""
    try:
        text = compile_text(campaign.text)
    except Refusal:
        # Nothing can be handed over with such a text, and the campaign's page already says so.
        return ""
    return campaign.account.adapter.rehearsal(compose_spec(campaign, text))


def own_text_of(recipient: Recipient) -> str:
    """The person's own text with line feeds only, or ``""``."""
    return _with_line_feeds(recipient.message)


def finished_text(text: Text, recipient: Recipient) -> str:
    """The text as the recipient reads it: the person's own, or the campaign's with the fields filled in."""
    return own_text_of(recipient) or text.personalise(_values_of(recipient))


def message_of(text: Text, recipient: Recipient) -> Message:
    """One recipient as the adapter sees it. The values are those the text uses, with fallbacks filled in."""
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
