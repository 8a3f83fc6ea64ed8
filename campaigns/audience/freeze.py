"""The freeze: copy the audience of a campaign into recipients that no longer change, and measure every text."""

from array import array
from collections import Counter
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count

from campaigns.audience.approval import approval_hash
from campaigns.audience.ceilings import refuse_above_ceiling
from campaigns.audience.check import refuse_foreign_fields, usable_text_of
from campaigns.audience.erased import refuse_erased
from campaigns.audience.people import is_freezing, refuse_lost
from campaigns.audience.reach import frozen_groups
from campaigns.audience.readiness import refuse_times
from campaigns.audience.rows import frozen_rows
from campaigns.audience.sources import copy_people
from campaigns.audience.spec import composer_of
from campaigns.audience.statistics import measure_texts
from campaigns.audience.versions import erase_old_numbers, record_version, stored_numbers
from campaigns.chain import why_not_freeze
from campaigns.lifecycle import require_permission, transition
from campaigns.models import Campaign, Recipient
from campaigns.statuses import EXCLUDED_LATER
from contacts.errors import Refusal
from providers.locks import Lock

#: Recipients deleted in one transaction, so that web requests can write in between.
CHUNK = 20_000
#: Recipients skipped in one statement.
SKIPPED_AT_ONCE = 5_000


def begin_freeze(campaign: Campaign, user: Any, now: datetime) -> None:
    """Move a draft to ``freezing``; the freeze itself is a job.

    Raises Refusal if the text, the lists, the account or the times cannot be used. Nothing is written then.
    """
    require_permission(user, "campaigns.change_campaign")
    usable_text_of(campaign)
    refuse_foreign_fields(campaign)
    refuse_erased(campaign, now)
    refuse_times(campaign, now)
    if campaign.chain_root_id and (why_not := why_not_freeze(campaign)):
        raise Refusal("follow_up_active", why_not)
    try:
        with transaction.atomic():
            transition(
                campaign, Campaign.Status.FREEZING, user=user, frozen_by=user, freeze_progress=0, problems=[], counts={}
            )
    except IntegrityError as error:
        # Another follow-up was submitted since the question above: one_follow_up_of_a_chain_is_active.
        if campaign.chain_root_id and (why_not := why_not_freeze(campaign)):
            raise Refusal("follow_up_active", why_not) from error
        raise


def freeze(campaign_id: int, now: datetime, lock: Lock | None = None) -> None:
    """Copy the audience of a campaign that is ``freezing``, measure every text, and move it to ``frozen``.

    A freeze that died starts again from nothing. If the campaign may not be frozen, or if the audience changed during
    the freeze, it returns to draft with the reason and the first recipients with problems. ``lock`` is the campaign's
    lock, or None if nobody else can be working on it. If the lock is lost the campaign stays freezing. Raises LockLost.
    """
    campaign = Campaign.objects.select_related("account", "frozen_by").get(pk=campaign_id)
    if campaign.status != Campaign.Status.FREEZING:
        return
    delete_recipients(campaign, lock)
    try:
        text = usable_text_of(campaign)
        refuse_foreign_fields(campaign)
        copied = copy_people(campaign, text, lock)
        if not is_freezing(campaign):
            _forget_if_given_up(campaign, lock)
            return
        # After the copy: a campaign is marked as erased before its first number is replaced.
        refuse_erased(campaign, now)
        composer = composer_of(campaign, text)
        problems = composer.adapter.spec_problems(composer.spec)
        if problems:
            raise Refusal(problems[0].code, " ".join(problem.sentence for problem in problems))
        measured = measure_texts(campaign, composer, frozen_rows(campaign))
        _skip(measured.skipped_ids, lock)
        reasons = Counter(dict(campaign.recipients.values_list("excluded_reason").annotate(n=Count("id"))))
        if (reasons.total(), reasons.pop("", 0)) != (copied, measured.included):
            raise Refusal("copy_differs", "The audience changed while it was being copied. Submit it again.")
        if measured.problem_count:
            campaign.problems = measured.problems
            many = "1 text" if measured.problem_count == 1 else f"{measured.problem_count:,} texts"
            raise Refusal(
                "texts_refused",
                f"{many} cannot go through {campaign.account}. Edit the text or the contacts,"
                " or choose another account.",
            )
        if not measured.included:
            raise Refusal("empty_audience", "Nobody is left to text: everybody who was chosen is excluded.")
        refuse_above_ceiling(campaign, measured.parts, measured.cost)
        groups = frozen_groups(campaign, now)
    except Refusal as refusal:
        give_up_freeze(campaign.pk, refusal.sentence, refusal.code, campaign.problems, lock)
        return
    campaign.audience_digest = measured.digest
    campaign.counts = {
        "selected": copied,
        "excluded": dict(reasons),
        "included": measured.included,
        "parts": measured.parts,
        "histogram": {str(parts): n for parts, n in sorted(measured.histogram.items())},
        "least": measured.least,
        "typical": measured.typical,
        "most": measured.most,
        "longest": measured.kinds["longest"].first,
        "expensive": measured.expensive,
        "letters": measured.letters,
        "kinds": {name: [kind.count, kind.first] for name, kind in measured.kinds.items() if name != "longest"},
        "text_faults": {code: count for code, (count, _) in measured.text_faults.items()},
        **groups,
    }
    if measured.cost:
        campaign.counts["cost"] = measured.cost.as_json()
    if not is_freezing(campaign):
        _forget_if_given_up(campaign, lock)
        return
    cleared: dict[str, Any] = {reason.value: 0 for reason in EXCLUDED_LATER}
    with stored_numbers(campaign, lambda: refuse_lost(lock)) as numbers, transaction.atomic():
        record_version(campaign, numbers, now)
        transition(
            campaign,
            Campaign.Status.FROZEN,
            user=campaign.frozen_by,
            counts=campaign.counts,
            audience_digest=campaign.audience_digest,
            approval_hash=approval_hash(campaign),
            frozen_at=now,
            **cleared,
            canary_released_at=None,
            nobody_waits_up_to="",
            problems=[],
        )
    erase_old_numbers()


def _skip(ids_by_reason: "dict[str, array[int]]", lock: Lock | None) -> None:
    """Exclude the recipients with these ids, a chunk in a transaction. Raises LockLost."""
    for reason, ids in ids_by_reason.items():
        for at in range(0, len(ids), SKIPPED_AT_ONCE):
            with transaction.atomic():
                Recipient.objects.filter(pk__in=ids[at : at + SKIPPED_AT_ONCE]).update(excluded_reason=reason)
                refuse_lost(lock)


def give_up_freeze(
    campaign_id: int,
    sentence: str,
    code: str = "freeze_failed",
    problems: Any = (),
    lock: Lock | None = None,
) -> None:
    """Return a campaign that is ``freezing`` to draft, with the reason. ``lock`` is as in ``freeze``."""
    campaign = Campaign.objects.get(pk=campaign_id)
    if campaign.status == Campaign.Status.FREEZING:
        delete_recipients(campaign, lock)
        transition(campaign, Campaign.Status.DRAFT, reason=code, sentence=sentence, problems=list(problems))


def delete_recipients(campaign: Campaign, lock: Lock | None = None) -> None:
    """Delete the recipients of a campaign that is no longer, or not yet, frozen. In short transactions.

    If ``lock`` is lost, recipients that another worker has copied since are kept. Raises LockLost.
    """
    while True:
        first = list(campaign.recipients.order_by("id").values_list("id", flat=True)[CHUNK - 1 : CHUNK])
        rows = campaign.recipients.filter(id__lte=first[0]) if first else campaign.recipients.all()
        with transaction.atomic():
            rows._raw_delete(rows.db)
            # Not earlier: another worker could start and copy people between the answer and the deletion.
            refuse_lost(lock)
        if not first:
            return


def _forget_if_given_up(campaign: Campaign, lock: Lock | None) -> None:
    """Delete the recipients of a freeze that a user ended. A freeze that another worker finished keeps its own."""
    ended = Campaign.objects.filter(
        pk=campaign.pk, status__in=(Campaign.Status.DRAFT, Campaign.Status.CANCELLED)
    ).first()
    if ended:
        # A draft may be freezing again by now. A cancelled campaign never will be, so no lock is needed.
        delete_recipients(campaign, lock if ended.status == Campaign.Status.DRAFT else None)
