"""The tables of campaigns: what is composed, whom it texts, the files handed over, and what came back."""

from campaigns.models.batches import Attempt, Batch, Event, Evidence, RecipientOutcome
from campaigns.models.campaigns import (
    Campaign,
    CampaignExclusion,
    CampaignList,
    CampaignVersion,
    TestNumber,
    default_patience,
)
from campaigns.models.monitoring import Alarm, AlarmMessage, Heartbeat
from campaigns.models.notices import Export, Notice, NoticeChoice
from campaigns.models.privacy import Erasure, Purge
from campaigns.models.recipients import CampaignPerson, PersonData, Recipient
from campaigns.models.replies import Reply, ReplyAddress
from campaigns.models.templates import Template, TemplateVersion

__all__ = [
    "Alarm",
    "AlarmMessage",
    "Attempt",
    "Batch",
    "Campaign",
    "CampaignExclusion",
    "CampaignList",
    "CampaignPerson",
    "CampaignVersion",
    "Erasure",
    "Event",
    "Evidence",
    "Export",
    "Heartbeat",
    "Notice",
    "NoticeChoice",
    "PersonData",
    "Purge",
    "Recipient",
    "RecipientOutcome",
    "Reply",
    "ReplyAddress",
    "Template",
    "TemplateVersion",
    "TestNumber",
    "default_patience",
]
