"""All statuses of a campaign and a batch; the models, constraints, transitions, filters and the balance use these."""

from django.db.models import TextChoices

from providers.base import Ending, Result


class CampaignKind(TextChoices):
    REGULAR = "regular", "Campaign"
    TEST = "test", "Test handover"


class LettersChoice(TextChoices):
    """What happens to texts with letters that the provider lacks."""

    REFUSE = "refuse", "Refuse the campaign until they are edited"
    REPLACE = "replace", "Replace them with similar letters"
    SKIP = "skip", "Skip these people"
    REPLACE_OR_SKIP = "replace_or_skip", "Replace them, and skip people whose letters have no replacement"


#: The choices that replace letters.
REPLACES = (LettersChoice.REPLACE, LettersChoice.REPLACE_OR_SKIP)
#: The choices that skip people.
SKIPS = (LettersChoice.SKIP, LettersChoice.REPLACE_OR_SKIP)


class CanaryRelease(TextChoices):
    """What the recipients after the first ones wait for."""

    PERSON = "person", "Until somebody continues"
    ACCEPTANCE = "acceptance", "Until the provider has accepted the first ones"


class CampaignStatus(TextChoices):
    DRAFT = "draft", "Draft"
    FREEZING = "freezing", "Preparing"
    FROZEN = "frozen", "Waiting for approval"
    APPROVED = "approved", "Approved"
    HELD = "held", "Held"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    CLOSED = "closed", "Finished"
    CANCELLED = "cancelled", "Cancelled"


#: A campaign in one of these has recipients, or is copying them from its lists, and may still text them.
ACTIVE = (
    CampaignStatus.FREEZING,
    CampaignStatus.FROZEN,
    CampaignStatus.APPROVED,
    CampaignStatus.HELD,
    CampaignStatus.RUNNING,
    CampaignStatus.PAUSED,
)


class BatchStatus(TextChoices):
    PREPARED = "prepared", "Not handed over yet"
    UPLOADING = "uploading", "Uploading"
    COMMITTING = "committing", "Committing"
    HANDED_OVER = "handed_over", "Handed over"
    PROCESSING = "processing", "Processing"
    ACCEPTED = "accepted", "Accepted"
    REJECTED = "rejected", "Rejected"
    UNCLEAR = "unclear", "Needs decision"
    HELD = "held", "Held"
    SUPERSEDED = "superseded", "Superseded"
    CANCELLED = "cancelled", "Cancelled"


class AttemptEnding(TextChoices):
    """``providers.base.Ending`` with words to show."""

    NONE = Ending.NONE.value, "Not known"
    DONE = Ending.DONE.value, "Done"
    REFUSED = Ending.REFUSED.value, "Refused"
    UNREACHABLE = Ending.UNREACHABLE.value, "Unreachable"
    UNCLEAR = Ending.UNCLEAR.value, "Unclear"


class ExcludedReason(TextChoices):
    """Why a person on a chosen list gets no text."""

    OPTED_OUT = "opted_out", "Opted out"
    OPTED_OUT_LATER = "opted_out_later", "Opted out after submission"
    DUPLICATE = "duplicate", "Already on an earlier list"
    MISSING_FIELD = "missing_field", "Missing value"
    EXCLUDED_LIST = "excluded_list", "On an excluded list"
    RECENTLY_CONTACTED = "recently_contacted", "Texted recently"
    UNSUPPORTED_LETTERS = "unsupported_letters", "Letters that the provider lacks"
    IN_FOLLOW_UP_CHAIN = "in_follow_up_chain", "Reached by another campaign of the chain"
    OUTSIDE_WINDOW = "outside_window", "Outside the allowed hours"
    REACHED_LATER = "reached_later", "Reached by another campaign of the chain after submission"


#: The reasons that are given after the freeze; a campaign has a counter of the same name for each.
EXCLUDED_LATER = (ExcludedReason.OPTED_OUT_LATER, ExcludedReason.OUTSIDE_WINDOW, ExcludedReason.REACHED_LATER)


class RecipientResult(TextChoices):
    """``providers.base.Result`` with words to show."""

    ROW_ERROR = Result.ROW_ERROR.value, "Failed number"
    ACCEPTED = Result.ACCEPTED.value, "Accepted"


class ReplyAction(TextChoices):
    """What was done about a person's reply."""

    TO_READ = "to_read", "To read"
    READ = "read", "Read"
    OPTED_OUT = "opted_out", "Opted out"


class ReplySource(TextChoices):
    """How a reply reached Baton."""

    PUSH = "push", "Pushed by the provider"
    UPLOAD = "upload", "Uploaded export"


class NoticeKind(TextChoices):
    """What people are told about."""

    FINISHED = "finished", "A campaign finished"
    WAITS_FOR_APPROVAL = "waits_for_approval", "A campaign waits for your approval"
    APPROVED = "approved", "Your campaign was approved"
    SENT_BACK = "sent_back", "Your campaign was sent back"
    BATCH_UNCLEAR = "batch_unclear", "A file needs a decision"
    BATCH_REJECTED = "batch_rejected", "A file was rejected"
    ACCOUNT_STOPPED = "account_stopped", "An account was stopped"


class AlarmKind(TextChoices):
    """What the operations team is told about at once, and again when it is over."""

    ACCOUNT_STOPPED = "account_stopped", "Account stopped"
    BATCH_UNCLEAR = "batch_unclear", "File needs a decision"
    CAMPAIGN_PAUSED = "campaign_paused", "Campaign paused by Baton"
    BOOKS = "books", "The numbers do not add up"
    WORKER = "worker", "Worker stalled"
    QUEUE = "queue", "Jobs wait too long"
    CLOCK = "clock", "Clock stalled"
    HOST = "host", "Host silent"
    DISK = "disk", "Disk nearly full"
    REDIS = "redis", "Redis does not answer"


#: The alarms about the installation itself. The overview lists the others by campaign, file and account.
SYSTEM_ALARMS = (
    AlarmKind.WORKER,
    AlarmKind.QUEUE,
    AlarmKind.CLOCK,
    AlarmKind.HOST,
    AlarmKind.DISK,
    AlarmKind.REDIS,
)


class AlarmChannel(TextChoices):
    """How an alarm leaves Baton."""

    EMAIL = "email", "Email"
    WEBHOOK = "webhook", "Webhook"


class ExportStatus(TextChoices):
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class RetentionKind(TextChoices):
    """The kinds of personal data that are erased after a time; ``settings.RETENTION_DAYS`` has the days of each."""

    UPLOADS = "uploads", "Uploaded files"
    LEFT_OUT = "left_out", "Rows left out of imports"
    PROVIDER_FILES = "provider_files", "Files handed over, and evidence"
    RECIPIENTS = "recipients", "Numbers and fields of recipients"
    REPLIES = "replies", "Replies"


class ErasureStatus(TextChoices):
    """How far the erasure of a person is. ``BLOCKED``: a campaign or an import still needs the number."""

    RUNNING = "running", "Running"
    BLOCKED = "blocked", "Not possible yet"
    DONE = "done", "Done"


#: The reason of a campaign that a user paused. With any other reason, Baton paused it.
PAUSED_BY_USER = "paused"
#: The reason of a draft that an approver sent back.
SENT_BACK = "rejected"
#: The reason of batches and campaigns about which a journal knows more than the restored database.
RESTORED = "restored"
#: The reason of a batch that a person decided.
DECIDED = "decided"
