"""How late work may be: beyond a campaign's patience Baton asks a person instead of handing over by itself."""

from datetime import datetime, timedelta

from django.db.models import Max
from django.utils.text import Truncator

from campaigns.models import Attempt, Batch, Campaign
from providers.base import NOT_ARRIVED

#: Why a try was withdrawn that is the campaign's own state, and says nothing of the provider.
_NO_CAUSE = ("no_progress", "not_running", "approval_differs")
#: Signs of a cause that are said with the pause; the file's own page has all of it.
CAUSE_LENGTH = 200


def no_progress_sentence(campaign: Campaign, now: datetime) -> str:
    """Why a running campaign is not to go on by itself, as a sentence; ``""`` while its patience lasts.

    Patience begins with the latest of: its start (handed over early: the approval), its first cut, the last gate that
    something may have come of, and a person's word that it go on. The sentence names the cause, where one is known.
    Reads attempts and the history, and changes nothing.
    """
    # The latest gate may have led nowhere: while a provider is down each try passes one.
    fruitful = Attempt.objects.filter(batch__campaign=campaign).exclude(ending__in=NOT_ARRIVED)
    last_gate_at = fruitful.aggregate(latest=Max("started_at"))["latest"]
    moments = (campaign.effective_start_at, campaign.started_at, last_gate_at, campaign.resumed_at)
    since = max((moment for moment in moments if moment), default=now)
    if now - since <= campaign.patience:
        return ""
    sentence = f"Nothing could be handed over for {duration_in_words(now - since)}."
    if campaign.account.is_stopped:
        sentence += f" {campaign.account} is stopped: {campaign.account.stopped_sentence}"
    elif cause := _last_cause(campaign, since):
        sentence += f" The last try: {cause}"
    return sentence


def _last_cause(campaign: Campaign, since: datetime) -> str:
    """What the newest try that led nowhere said, cut short where it is long; ``""`` where none did after ``since``."""
    # Out of the history: a file forgets what its last try said once the next has begun.
    withdrawn = campaign.events.filter(
        from_status__in=(Batch.Status.UPLOADING, Batch.Status.COMMITTING),
        to_status=Batch.Status.PREPARED,
        at__gte=since,
    )
    told = withdrawn.exclude(sentence="").exclude(reason__in=_NO_CAUSE)
    sentence = told.order_by("-id").values_list("sentence", flat=True).first() or ""
    return Truncator(sentence).chars(CAUSE_LENGTH)


def duration_in_words(lapse: timedelta) -> str:
    """``35 minutes``, ``5 hours`` or ``3 days``, whichever says most in few words; rounded down."""
    minutes = int(lapse.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes" if minutes != 1 else "1 minute"
    if minutes < 48 * 60:
        return f"{minutes // 60} hours"
    return f"{minutes // (24 * 60)} days"
