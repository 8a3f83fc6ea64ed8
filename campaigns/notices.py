"""Makes the notices: who should know what, once for each cause.

The sweep makes them from the events that have none yet, so that neither a crash nor a sweep that was down misses one.
Notices about files are made for all files of a campaign together: nobody needs the same sentence 500 times.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from campaigns import decisions, timing
from campaigns.history import counted, name_of
from campaigns.models import Batch, Campaign, Event, Notice, NoticeChoice
from campaigns.results import summary
from campaigns.statuses import SENT_BACK, NoticeKind
from providers.locks import hold
from providers.models import Account

#: Events that one transaction takes care of.
AT_ONCE = 1_000
#: A file in one of these waits for a person.
NEEDS_DECISION = (Batch.Status.UNCLEAR, Batch.Status.HELD)
#: Events that give a notice or close one. Most do neither and are never loaded.
MATTERS = (
    Q(batch=None) & ~Q(to_status="")
    | Q(to_status__in=(*NEEDS_DECISION, Batch.Status.REJECTED))
    | Q(from_status__in=NEEDS_DECISION)
)


@dataclass(frozen=True)
class Cause:
    """What happened, and who should know. ``key`` is unique; ``path`` is the page that the notice leads to."""

    kind: NoticeKind
    key: str
    sentence: str
    path: str
    people: frozenset[User]
    campaign: Campaign | None = None


def make_notices(now: datetime) -> int:
    """Make the notices of every event and every stopped account that have none yet; return how many.

    Does nothing while another process makes them.
    """
    made = 0
    with hold("notices") as lock:
        if lock is None:
            return 0
        while waiting := list(
            Event.objects.filter(is_noticed=False).order_by("id").values_list("pk", flat=True)[:AT_ONCE]
        ):
            rows = Event.objects.filter(pk__in=waiting)
            with transaction.atomic():
                events = list(rows.filter(MATTERS).select_related("campaign", "batch", "user").order_by("id"))
                made += _store(_causes(events), now)
                _close_done(events, now)
                rows.update(is_noticed=True)
        made += _store(_stopped_accounts(), now)
    return made


def delete_old(now: datetime) -> None:
    """Delete notices that were read and are over a year old.

    A notice of a stopped account stays: without it, one would be made again while the account is stopped.
    """
    old = Notice.objects.filter(created_at__lt=now - timing.READ_NOTICES_KEPT_FOR).exclude(read_at=None)
    old.exclude(kind=NoticeKind.ACCOUNT_STOPPED).delete()


def _store(causes: Iterable[Cause], now: datetime) -> int:
    """Write the notices that people chose and do not have yet."""
    made = 0
    for cause in causes:
        has_it = set(Notice.objects.filter(user__in=cause.people, cause=cause.key).values_list("user_id", flat=True))
        choices = {choice.user_id: choice for choice in NoticeChoice.objects.filter(user__in=cause.people)}
        rows = []
        for user in cause.people:
            choice = choices.get(user.pk)
            is_shown = choice is None or cause.kind in choice.shown
            is_mailed = bool(user.email) and (choice is None or cause.kind in choice.mailed)
            if user.pk in has_it or not (is_shown or is_mailed):
                continue
            rows.append(
                Notice(
                    user=user,
                    kind=cause.kind,
                    cause=cause.key,
                    campaign=cause.campaign,
                    sentence=cause.sentence,
                    path=cause.path,
                    created_at=now,
                    read_at=None if is_shown else now,
                    mailed_at=None if is_mailed else now,
                    mail_after=now,
                )
            )
        made += len(Notice.objects.bulk_create(rows))
    return made


def _causes(events: Sequence[Event]) -> list[Cause]:
    """The causes of ``events``, at most one of each kind for each campaign: the last event counts."""
    found: dict[tuple[NoticeKind, int], list[Event]] = defaultdict(list)
    for event in events:
        if kind := _kind_of(event):
            found[kind, event.campaign_id].append(event)
    causes = {key: cause for key, of_campaign in found.items() if (cause := _cause(key[0], of_campaign))}
    for (kind, pk), cause in causes.items():
        finished = causes.get((NoticeKind.FINISHED, pk))
        if kind == NoticeKind.BATCH_REJECTED and finished:
            causes[kind, pk] = replace(cause, people=cause.people - _told_by(finished))
    return list(causes.values())


def _told_by(finished: Cause) -> set[User]:
    """The people who need no notice about rejected files beside the one that the campaign finished."""
    choices = {choice.user_id: choice for choice in NoticeChoice.objects.filter(user__in=finished.people)}

    def is_told(choice: NoticeChoice | None) -> bool:
        return choice is None or all(
            NoticeKind.FINISHED in chosen or NoticeKind.BATCH_REJECTED not in chosen
            for chosen in (choice.shown, choice.mailed)
        )

    return {user for user in finished.people if is_told(choices.get(user.pk))}


def _kind_of(event: Event) -> NoticeKind | None:
    """What kind of notice an event gives, if any, however the campaign goes on."""
    if event.batch_id:
        if event.to_status in NEEDS_DECISION:
            return NoticeKind.BATCH_UNCLEAR
        return NoticeKind.BATCH_REJECTED if event.to_status == Batch.Status.REJECTED else None
    if event.to_status == Campaign.Status.CLOSED:
        return NoticeKind.FINISHED
    if event.campaign.kind == Campaign.Kind.TEST:
        return None
    if event.to_status == Campaign.Status.FROZEN:
        return NoticeKind.WAITS_FOR_APPROVAL
    if event.from_status == Campaign.Status.FROZEN and event.to_status == Campaign.Status.APPROVED:
        return NoticeKind.APPROVED
    if event.to_status == Campaign.Status.DRAFT and event.reason == SENT_BACK:
        return NoticeKind.SENT_BACK
    return None


def _cause(kind: NoticeKind, events: Sequence[Event]) -> Cause | None:
    """The cause that ``events`` of one campaign give together; None where nobody needs to know any more."""
    event, campaign = events[-1], events[-1].campaign
    path = campaign.get_absolute_url()
    if kind in (NoticeKind.BATCH_UNCLEAR, NoticeKind.BATCH_REJECTED):
        statuses = NEEDS_DECISION if kind == NoticeKind.BATCH_UNCLEAR else (Batch.Status.REJECTED,)
        files = {event.batch.pk: event.batch for event in events if event.batch and event.batch.status in statuses}
        if not files:
            return None
        people = people_of(campaign) | set(_users_who_may("campaigns.decide_batch"))
        sentence = _about_files(kind, campaign, list(files.values()))
        if any(batch.status == Batch.Status.UNCLEAR for batch in files.values()):
            path = reverse("campaigns:unclear", args=[campaign.pk])
    elif kind == NoticeKind.FINISHED:
        result = summary.of([campaign])[campaign.pk]
        # A file of a test that was rejected as a whole gives a notice of its own.
        if campaign.kind == Campaign.Kind.TEST and not campaign.batches.filter(row_errors__gt=0).exists():
            return None
        people, sentence = people_of(campaign), f"{campaign} {result.words[:1].lower()}{result.words[1:]}."
    elif kind == NoticeKind.WAITS_FOR_APPROVAL:
        if campaign.status != Campaign.Status.FROZEN:
            return None
        may = _users_who_may("campaigns.approve_campaign")
        people = {user for user in may if not decisions.why_not_approve(campaign, user)}
        count = campaign.counts.get("included", 0)
        sentence = f"{campaign} waits for your approval: {counted(count, 'recipient')}."
    else:
        people = people_of(campaign)
        done = "approved" if kind == NoticeKind.APPROVED else "sent back"
        sentence = f"{campaign} was {done}{f' by {name_of(event)}' if event.user else ''}."
    # Nobody is told what they did themselves.
    others = frozenset(user for user in people if user.pk != event.user_id)
    return Cause(kind, f"{kind.value}, campaign {campaign.pk}, event {event.pk}", sentence, path, others, campaign)


def _about_files(kind: NoticeKind, campaign: Campaign, files: Sequence[Batch]) -> str:
    if kind == NoticeKind.BATCH_REJECTED:
        verb = "was rejected" if len(files) == 1 else "were rejected"
    else:
        verb = "needs a decision" if len(files) == 1 else "need a decision"
    rows = sum(batch.rows - batch.row_errors - batch.accepted_rows for batch in files)
    return f"{counted(len(files), 'file')} of {campaign} {verb}: {counted(rows, 'recipient')}."


def _close_done(events: Sequence[Event], now: datetime) -> None:
    """Mark notices that ask for something as read once it was done, and send no e-mail about them any more."""
    left = {event.campaign for event in events if not event.batch_id and event.from_status == Campaign.Status.FROZEN}
    for campaign in left:
        if campaign.status != Campaign.Status.FROZEN:
            _close(Notice.objects.filter(campaign=campaign, kind=NoticeKind.WAITS_FOR_APPROVAL), now)
    for pk in {event.campaign_id for event in events if event.batch_id and event.from_status in NEEDS_DECISION}:
        if not Batch.objects.filter(campaign=pk, status__in=NEEDS_DECISION).exists():
            _close(Notice.objects.filter(campaign=pk, kind=NoticeKind.BATCH_UNCLEAR), now)


def _close(rows: QuerySet[Notice], now: datetime) -> None:
    rows.filter(read_at=None).update(read_at=now)
    rows.filter(mailed_at=None).update(mailed_at=now)


def _stopped_accounts() -> Iterable[Cause]:
    """A cause for each account that is stopped; its key has the time, so that the next stop is another cause."""
    for account in Account.objects.exclude(stopped_at=None):
        # What stops the account may end the campaign too, and at a moment that was read before the stop.
        stops = Event.objects.filter(reason="account_stopped", at__gte=account.stopped_at)
        is_concerned = Q(status__in=(Campaign.Status.RUNNING, Campaign.Status.PAUSED))
        is_concerned |= Q(closed_at__gte=account.stopped_at) | Q(pk__in=stops.values("campaign"))
        running = Campaign.objects.filter(is_concerned, account=account, kind=Campaign.Kind.REGULAR)
        people = set(_users_who_may("providers.change_account")).union(*map(people_of, running))
        key = f"{NoticeKind.ACCOUNT_STOPPED.value}, account {account.pk}, {account.stopped_at:%Y-%m-%dT%H:%M:%S.%f}"
        sentence = f"The account {account} is stopped: nothing is handed over through it."
        yield Cause(NoticeKind.ACCOUNT_STOPPED, key, sentence, account.get_absolute_url(), frozenset(people))


def people_of(campaign: Campaign) -> set[User]:
    """Who made, edited or submitted the campaign and can still log in."""
    is_one = Q(pk__in=(campaign.created_by_id, campaign.frozen_by_id)) | Q(pk__in=campaign.editors.values("pk"))
    return set(User.objects.filter(is_one, is_active=True))


def _users_who_may(permission: str) -> QuerySet[User]:
    """Active users with a permission of their own, of their role or of a superuser."""
    return User.objects.with_perm(permission, backend="django.contrib.auth.backends.ModelBackend")
