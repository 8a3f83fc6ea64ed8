"""Running campaigns without progress: when patience is over, Baton asks a person instead of continuing."""

from datetime import datetime

from django.db.models import Max
from django.utils.text import Truncator

from campaigns.handover.limits import PUT_OFF, verdict_on
from campaigns.handover.portions import are_due, open_since
from campaigns.models import Attempt, Batch, Campaign
from campaigns.timing import duration_in_words
from providers.base import NOT_ARRIVED

#: Withdrawal reasons caused by the campaign, not the provider.
_NO_CAUSE = ("no_progress", "not_running", "approval_differs", *PUT_OFF)
#: Characters of a cause that are shown with the pause; the file's own page shows all of it.
CAUSE_LENGTH = 200


def no_progress_sentence(campaign: Campaign, now: datetime) -> str:
    """Why a running campaign must not continue by itself, as a sentence; ``""`` while its patience lasts.

    Patience counts from the latest of: its start (the approval, when handed over early), the creation of its first
    batch, the last gate whose attempt may have arrived, and a person's decision to continue. In a staggered campaign it
    also counts from when something not yet handed over could be: its allowed hours began, the pace had room, or its
    batch was created. Waiting for these is not a lack of progress. The sentence names the cause, where one is known.
    Reads attempts, batches and the history, and changes nothing.
    """
    # The latest gate does not count if nothing arrived: while a provider is down, every try passes a gate.
    arrived = Attempt.objects.filter(batch__campaign=campaign).exclude(ending__in=NOT_ARRIVED)
    last_gate_at = arrived.aggregate(latest=Max("started_at"))["latest"]
    moments = [campaign.effective_start_at, campaign.started_at, last_gate_at, campaign.resumed_at]
    if campaign.is_staggered:
        moments += [campaign.batches_made_at, campaign.canary_released_at]
    since = max((moment for moment in moments if moment), default=now)
    if now - since <= campaign.patience:
        return ""
    if campaign.is_spread:
        allowed = _allowed_since(campaign, now)
        since = max([since, *allowed])
        if not allowed or now - since <= campaign.patience:
            return ""
    sentence = f"Nothing could be handed over for {duration_in_words(now - since)}."
    if campaign.account.is_stopped:
        sentence += f" {campaign.account} is stopped: {campaign.account.stopped_sentence}"
    elif cause := _last_cause(campaign, since):
        sentence += f" Last error: {cause}"
    return sentence


def _allowed_since(campaign: Campaign, now: datetime) -> list[datetime]:
    """Since when each due batch, and any of the waiting recipients, may be handed over; [] if none of them may."""
    allowed: list[datetime] = []
    left = campaign.batches.filter(status__in=(Batch.Status.PREPARED, Batch.Status.UPLOADING), due_at__lte=now)
    for batch in left:
        verdict = verdict_on(batch, campaign, now)
        if not verdict.code or verdict.due_at is None:
            allowed.append(verdict.since or batch.created_at)
    if are_due(campaign, now):
        opened_at = open_since(campaign, now)
        if opened_at:
            allowed.append(max(opened_at, campaign.batches_due_at or opened_at))
    return allowed


def _last_cause(campaign: Campaign, since: datetime) -> str:
    """The sentence of the newest failed try after ``since``, shortened where it is long; ``""`` if there was none."""
    # From the history: the sentence of the batch itself is replaced once the next try begins.
    withdrawn = campaign.events.filter(
        from_status__in=(Batch.Status.UPLOADING, Batch.Status.COMMITTING),
        to_status=Batch.Status.PREPARED,
        at__gte=since,
    )
    with_cause = withdrawn.exclude(sentence="").exclude(reason__in=_NO_CAUSE)
    sentence = with_cause.order_by("-id").values_list("sentence", flat=True).first() or ""
    return Truncator(sentence).chars(CAUSE_LENGTH)
