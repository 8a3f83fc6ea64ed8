"""Repairs: text again those who got no text, or the rest of a campaign with another text.

Both make a draft of a follow-up: a campaign of the same chain with the same text, account and options, which is frozen
and approved like any other. It has only people who were certainly not reached (``chain``), and its freeze and its gate
check that again, so nobody is texted twice.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, Subquery, TextField, Value, When

from campaigns.audience.exclusion import insert_rows
from campaigns.chain import is_reached_elsewhere, lock_chain, may_have_been_reached, root_of, why_not_freeze
from campaigns.copying import COPIED, free_name
from campaigns.handover.restore import cancel_unless_journalled, journal_is_ahead, missing_intents
from campaigns.lifecycle import StaleTransition, campaign_lock_name, record_event, require_permission, transition
from campaigns.models import Batch, Campaign, CampaignPerson, Recipient, RecipientOutcome
from campaigns.statuses import BatchStatus, CampaignStatus
from contacts.errors import Refusal
from contacts.fields import FROZEN_FIELDS
from contacts.models import Suppression
from contacts.pseudonyms import MARK
from providers.locks import hold

#: The outcomes of people who got no text, with the words to choose from.
OUTCOMES = {
    "row_error": "Failed numbers: the provider refused the number",
    "rejected": "Rejected files: the provider refused the whole file",
    "cancelled": "Cancelled: never handed over",
}
#: Why somebody with such an outcome is not texted again.
BLOCKED = {
    "elsewhere": "already in another campaign of the chain that reached them or may reach them",
    "uncertain": "not certain: the file has an alarm or no final result, or an attempt may have reached them",
    "opted_out": "opted out since",
    "erased": "erased, so their number is not known any more",
}
#: The campaigns whose people can be texted again: those that have handed something over, or were cancelled.
_BEGUN = (CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.CLOSED, CampaignStatus.CANCELLED)
_NEVER_HANDED_OVER = "The campaign was cancelled before this person was in a file."
_CORRECTED = "Not handed over yet when the rest was corrected."
_COPIED_OF_PERSON = ("list_id", "contact_id", "msisdn", *FROZEN_FIELDS)


@dataclass(frozen=True)
class Cause:
    """The people with one outcome and cause: ``eligible`` of them can be texted again, the others are ``blocked``."""

    outcome: str
    code: str
    sentence: str
    eligible: int
    #: Numbers of people by a key of ``BLOCKED``.
    blocked: Mapping[str, int]

    @property
    def people(self) -> int:
        return self.eligible + sum(self.blocked.values())


def causes_of(campaign: Campaign) -> list[Cause]:
    """Why people of ``campaign`` got no text, most people first within each outcome."""
    found: list[Cause] = []
    for outcome in _possible_outcomes(campaign):
        rows: Any = _with_causes(campaign, outcome).order_by().values("code", "why", "blocked").annotate(n=Count("pk"))
        counted: dict[tuple[str, str], dict[str, int]] = {}
        for row in rows:
            counted.setdefault((row["code"], row["why"]), {})[row["blocked"]] = row["n"]
        causes = [Cause(outcome, code, why, numbers.pop("", 0), numbers) for (code, why), numbers in counted.items()]
        found += sorted(causes, key=lambda cause: -cause.people)
    return found


def _possible_outcomes(campaign: Campaign) -> list[str]:
    """The outcomes that somebody may have: without a look at recipients, so that the others cost no query over them."""
    statuses = set(campaign.batches.order_by().values_list("status", flat=True).distinct())
    if campaign.status == CampaignStatus.CANCELLED:
        statuses.add(BatchStatus.CANCELLED)
    return [outcome for outcome in OUTCOMES if outcome == "row_error" or outcome in statuses]


def why_not_follow_up(campaign: Campaign) -> str:
    """The sentence why there can be no follow-up of ``campaign`` now; ``""`` if there can be one."""
    if campaign.kind == Campaign.Kind.TEST:
        return "A test handover has no follow-up. Hand over a new test."
    if campaign.status not in _BEGUN:
        return f"{campaign} has not begun: nobody was left without a text yet."
    if campaign.recipients_erased_at:
        return f"The numbers of {campaign} were erased, so nobody can be texted again."
    return why_not_freeze(campaign)


def follow_up(
    campaign: Campaign,
    outcomes: Collection[str],
    user: Any,
    now: datetime,
    causes: Collection[tuple[str, str]] | None = None,
) -> Campaign:
    """Return a draft that texts again the people of ``campaign`` with one of ``outcomes`` (keys of ``OUTCOMES``).

    ``causes`` narrows them to these pairs of outcome and code. Only people who were certainly not reached are taken,
    each with the cause as the reason. Raises Refusal without the permission to add campaigns, if there can be no
    follow-up now, if nobody is left, and if the database was restored and a journal has files that it lacks.
    """
    require_permission(user, "campaigns.add_campaign")
    if why_not := why_not_follow_up(campaign):
        raise Refusal("no_follow_up", why_not)
    if journal_is_ahead(campaign):
        raise Refusal(
            "restored",
            "The database was restored from an older copy, and the journal lists files of this campaign or its"
            " follow-ups that are missing from it. Baton cannot tell who was texted, so it texts nobody again.",
        )
    with transaction.atomic():
        draft = _draft(campaign, "again", user, now)
        added = 0
        for outcome in OUTCOMES:
            if outcome in outcomes:
                people = _with_causes(campaign, outcome).filter(blocked="")
                if causes is not None:
                    people = people.filter(code__in=[code for kind, code in causes if kind == outcome])
                added += _add(draft, people)
        if not added:
            raise Refusal("nobody_left", "Nobody who was chosen can be texted again.")
        record_event(draft, "followed_up", f"Texts {_people(added)} of “{campaign}” again.", user=user)
    return draft


def correct_the_rest(campaign: Campaign, user: Any, now: datetime) -> Campaign:
    """Cancel the rest of a paused campaign, and return a draft of the people who were not handed over.

    These are the people without a file, and those of files that are prepared or held. People in files that
    are being uploaded or committed, or are unclear, stay where they are. All in one transaction under the campaign's
    lock. Raises Refusal if the campaign is not paused, or if nobody is left.
    """
    require_permission(user, "campaigns.change_campaign")
    require_permission(user, "campaigns.add_campaign")
    with hold(campaign_lock_name(campaign.pk)) as lock:
        if lock is None:
            raise Refusal("busy", "Baton is working on this campaign right now. Try again in a moment.")
        if journal_is_ahead(campaign):
            raise Refusal(
                "restored",
                "The database was restored from an older copy, and Baton cannot tell who was texted. Cancel the"
                " campaign instead.",
            )
        with transaction.atomic():
            return _move_rest(lock_chain(campaign), user, now)


def _move_rest(campaign: Campaign, user: Any, now: datetime) -> Campaign:
    if campaign.status != Campaign.Status.PAUSED:
        raise Refusal("not_paused", f"{campaign} is not paused. Pause it before you correct the rest.")
    draft = _draft(campaign, "rest", user, now)
    sentence = f"The rest is corrected in “{draft}” (campaign {draft.pk})."
    transition(campaign, Campaign.Status.CANCELLED, user=user, reason="corrected", sentence=sentence)
    numbers = []
    for batch in campaign.batches.filter(status__in=(BatchStatus.PREPARED, BatchStatus.HELD)).select_related("account"):
        if missing_intents(batch):
            # Only the journal knows that it may be with the provider. The sweep polls for it.
            continue
        # A worker that claims it at this moment is stopped at its gate, and its people stay in this campaign.
        with suppress(StaleTransition), transaction.atomic():
            cancel_unless_journalled(batch, now, user=user, reason="corrected", sentence=sentence)
            numbers.append(batch.number)
    is_rest = Q(batch_number=None) | Q(batch_number__in=numbers)
    people = _with_causes(campaign, "cancelled").filter(is_rest, blocked__in=("", "opted_out"))
    added = _add(draft, people.annotate(sentence=Value(_CORRECTED, output_field=TextField())), reason="sentence")
    if not added:
        raise Refusal("nobody_left", "Nobody is left: everybody was handed over, or is being handed over now.")
    record_event(draft, "corrected", f"The rest of “{campaign}”: {_people(added)}.", user=user)
    return draft


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _draft(campaign: Campaign, word: str, user: Any, now: datetime) -> Campaign:
    """A draft of a follow-up of ``campaign`` with its settings and nobody in it."""
    end_at = campaign.end_at if campaign.end_at and campaign.end_at > now else None
    draft = Campaign.objects.create(
        name=free_name(campaign.name, word),
        created_by=user,
        follows=campaign,
        chain_root_id=root_of(campaign),
        end_at=end_at,
        **{name: getattr(campaign, name) for name in COPIED},
    )
    draft.editors.add(user)
    return draft


def _with_causes(campaign: Campaign, outcome: str) -> Any:
    """The recipients of ``campaign`` with ``outcome``.

    They are annotated with ``code`` and ``why`` they got no text, and with why they are ``blocked``: ``""`` if not.
    """
    included = Recipient.objects.included().filter(campaign=campaign)
    own = RecipientOutcome.objects.filter(recipient=OuterRef("pk"))
    if outcome == "row_error":
        found = included.filter(outcomes__batch__campaign=campaign, outcomes__result=RecipientOutcome.Result.ROW_ERROR)
        cause: dict[str, Any] = {"code": F("outcomes__code"), "why": F("outcomes__sentence")}
    else:
        counted = campaign.batches.filter(status=outcome)
        wanted: Any = Q(batch_number__in=list(counted.values_list("number", flat=True))) & ~Exists(own)
        if outcome == "cancelled" and campaign.status == CampaignStatus.CANCELLED:
            wanted |= Q(batch_number=None)
        found = included.filter(wanted)
        of_file = Batch.objects.filter(campaign=OuterRef("campaign"), number=OuterRef("batch_number"), status=outcome)
        cause = {
            "code": _first(of_file, "reason", "never_handed_over"),
            "why": _first(of_file, "sentence", _NEVER_HANDED_OVER),
        }
    rules = [When(msisdn__startswith=MARK, then=Value("erased"))]
    elsewhere = is_reached_elsewhere(campaign)
    if elsewhere is not None:
        rules.append(When(elsewhere, Value("elsewhere")))
    rules.append(When(may_have_been_reached(), Value("uncertain")))
    active = Suppression.objects.active().filter(msisdn=OuterRef("msisdn"))
    rules.append(When(Exists(active), Value("opted_out")))
    return found.annotate(**cause, blocked=Case(*rules, default=Value(""), output_field=CharField()))


def _first(batches: Any, name: str, default: str) -> Case:
    value = Subquery(batches.values(name)[:1], output_field=TextField())
    return Case(When(batch_number=None, then=Value(default)), default=value, output_field=TextField())


def _add(draft: Campaign, people: Any, reason: str = "why") -> int:
    """Copy recipients, annotated with their causes, into people of the draft, inside the database; return how many."""
    columns = ("campaign_id", "recipient_id", "is_corrected", "code", "reason", *_COPIED_OF_PERSON)
    chosen = (
        people.annotate(of=Value(draft.pk), no=Value(False))
        .order_by("msisdn")
        .values_list("of", "pk", "no", "code", reason, *_COPIED_OF_PERSON)
    )
    return insert_rows(CampaignPerson, columns, chosen)
