"""Frozen recipients become batches, each with its name and bytes fixed before anything is handed over."""

from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from campaigns.audience.approval import refuse_unapproved
from campaigns.audience.rows import ID, MSISDN, READ, Row
from campaigns.chain import reached_elsewhere
from campaigns.handover import canary
from campaigns.handover.limits import expires_at_of
from campaigns.handover.portions import Portions, most_rows
from campaigns.handover.progress import no_progress_sentence
from campaigns.handover.rendering import Rendered, RenderingProcess, is_worth_a_process, render
from campaigns.lifecycle import StaleTransition, lock_campaign, record_event, transition
from campaigns.models import Batch, Campaign, Recipient
from campaigns.querysets import RecipientQuerySet
from campaigns.statuses import ExcludedReason
from contacts.errors import Refusal
from contacts.garbage import rare_garbage_collection
from providers.base import Payload

#: What became of people who must not be texted any more, for the history.
_LEFT = {
    ExcludedReason.OPTED_OUT_LATER: "opted out after submission and {verb} removed.",
    ExcludedReason.REACHED_LATER: "{verb} removed, because another campaign of the chain reached them after all.",
}


def create_batches(campaign_id: int, now: datetime) -> int:
    """Create batches for every waiting recipient of an approved or running campaign; return how many were created.

    The first one moves the campaign to ``running``. Recipients who opted out since the freeze, or whom another campaign
    of the chain reached after all, are excluded here. After a crash this continues where it stopped. The caller holds
    the campaign's lock. Raises Refusal if the campaign is no longer what was approved.

    In a staggered campaign, batches are created only for recipients who may be texted now, and for as many as its pace
    and its canary allow; the sweep calls this again for the others. Then it also raises Refusal if it is called too
    late, or if the others can never be texted.
    """
    campaign = Campaign.objects.select_related("account").get(pk=campaign_id)
    if campaign.status == Campaign.Status.APPROVED:
        begins = campaign.effective_start_at
        if begins is None or not begins <= now <= begins + campaign.patience:
            return 0
        transition(campaign, Campaign.Status.RUNNING, started_at=now)
    made = 0
    refuse_unapproved(campaign)
    if campaign.is_staggered:
        refuse_late(campaign, now)
        _continue_after_canary(campaign, now)
    portions = Portions(campaign, now)
    portions.skip_those_outside()
    if campaign.is_staggered:
        # Also those who are in no batch yet after this; in any other campaign, everybody is in one.
        subtract_leavers(campaign, Recipient.objects.waiting_of(campaign))
    number = campaign.batches.order_by("-number").values_list("number", flat=True).first() or 0
    with closing(_render_all(campaign, portions, number)) as renderings:
        for rendered in renderings:
            number += 1
            _store(campaign, number, rendered, portions, now)
            portions.used(rendered.msisdns)
            made += 1
    if campaign.is_staggered:
        portions.plan_next(made)
    return made


def _render_all(campaign: Campaign, portions: Portions, number: int) -> Generator[Rendered]:
    """Render the batches after ``number``. The caller stores each before it asks for the next."""
    taken = _take(campaign, portions)
    if portions.have_one_order and len(taken) == portions.most_rows and is_worth_a_process(taken):
        yield from _render_ahead(campaign, portions, number, taken)
        return
    while taken:
        number += 1
        with rare_garbage_collection():
            rendered = render(campaign, number, 1, taken)
        yield rendered
        taken = _take(campaign, portions)


def _render_ahead(campaign: Campaign, portions: Portions, number: int, taken: list[Row]) -> Generator[Rendered]:
    """As ``_render_all``, in another process: it renders each batch while the one before is stored."""
    with RenderingProcess(campaign) as process:
        process.begin(number + 1, taken)
        while taken:
            number += 1
            ahead = _take(campaign, portions, after=taken[-1][MSISDN])
            rendered = process.rendered()
            if rendered.rows < len(taken):
                # Not everybody fitted into this file.
                ahead = _take(campaign, portions, after=rendered.msisdns[-1])
            if ahead:
                process.begin(number + 1, ahead)
            if not _is_running(campaign):
                return
            yield rendered
            taken = ahead


def _take(campaign: Campaign, portions: Portions, after: str = "") -> list[Row]:
    """The recipients for the next batch, without those who must not be texted any more."""
    while _is_running(campaign):
        with rare_garbage_collection():
            taken = portions.take(after)
        if not taken:
            break
        if not subtract_leavers(campaign, portions.waiting_between(taken[0][MSISDN], taken[-1][MSISDN])):
            return taken
        # Without those who left, there is room for others.
    return []


def _is_running(campaign: Campaign) -> bool:
    return Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.RUNNING).exists()


def refuse_late(campaign: Campaign, now: datetime) -> None:
    """Raise Refusal ``no_progress`` if it is too late to continue without asking a person."""
    if sentence := no_progress_sentence(campaign, now):
        raise Refusal("no_progress", sentence)


def _continue_after_canary(campaign: Campaign, now: datetime) -> None:
    """Release the others if their campaign waits for the acceptance of its first files, and they were accepted."""
    if canary.others_wait(campaign) and canary.may_continue(campaign):
        with transaction.atomic():
            Campaign.objects.filter(pk=campaign.pk).update(canary_released_at=now)
            record_event(campaign, "canary_accepted", "The first files were accepted, so the others follow.")
        campaign.canary_released_at = now


def subtract_leavers(campaign: Campaign, recipients: RecipientQuerySet) -> int:
    """Exclude those of ``recipients`` who must not be texted any more, and count them by reason; return how many."""
    with transaction.atomic():
        return sum(_exclude(campaign, found, reason) for reason, found in _leavers(campaign, recipients))


def why_rebuild(campaign: Campaign, batch: Batch) -> tuple[str, str] | None:
    """Why the batch must be rebuilt without somebody, as a code and a sentence; None if nobody has left."""
    texts = Recipient.objects.of_batch(batch)
    if texts.opted_out().exists():
        return "opted_out", "A recipient opted out, so the batch was rebuilt without them."
    if reached_elsewhere(campaign, texts).exists():
        return (
            ExcludedReason.REACHED_LATER.value,
            "Another campaign of the chain reached a recipient after all, so the batch was rebuilt without them.",
        )
    return None


def _leavers(campaign: Campaign, recipients: RecipientQuerySet) -> list[tuple[ExcludedReason, RecipientQuerySet]]:
    """Those of ``recipients`` who must not be texted any more, by reason. A recipient may have several reasons."""
    return [
        (ExcludedReason.OPTED_OUT_LATER, recipients.opted_out()),
        (ExcludedReason.REACHED_LATER, reached_elsewhere(campaign, recipients)),
    ]


def _exclude(
    campaign: Campaign, recipients: RecipientQuerySet, reason: ExcludedReason, batch: Batch | None = None
) -> int:
    """Exclude ``recipients`` who are still included, and count them; return how many. Call it in a transaction."""
    gone = (
        Recipient.objects.included()
        .filter(pk__in=recipients.values("pk"))
        .update(excluded_reason=reason, batch_number=None)
    )
    if gone:
        count = getattr(lock_campaign(campaign.pk), reason) + gone
        setattr(campaign, reason, count)
        Campaign.objects.filter(pk=campaign.pk).update(**{reason.value: count})
        said = _LEFT[reason].format(verb="was" if gone == 1 else "were")
        record_event(campaign, reason, f"{gone:,} {said}", batch=batch)
    return gone


def supersede(batch: Batch, now: datetime, *, reason: str, sentence: str, user: Any = None) -> Batch | None:
    """Replace ``batch`` by its next generation, without those who left since (``why_rebuild``) or have an outcome.

    Superseding the batch and creating its successor at ``prepared`` is one transaction. If nobody is left, no successor
    is created and the batch becomes ``cancelled``. Returns the successor or None. The caller holds the locks of the
    batch and the campaign.
    """
    campaign = Campaign.objects.select_related("account").get(pk=batch.campaign_id)
    refuse_unapproved(campaign)
    left = Recipient.objects.open_in_batch(batch)
    # Each once, with the first reason.
    gone: dict[ExcludedReason, set[int]] = {}
    gone_ids: set[int] = set()
    for why, leaving in _leavers(campaign, left):
        gone[why] = set(leaving.values_list("pk", flat=True)) - gone_ids
        gone_ids |= gone[why]
    kept = [row for row in left.order_by("msisdn").values_list(*READ) if row[ID] not in gone_ids]
    rendered = render(campaign, batch.number, batch.generation + 1, kept) if kept else None
    if rendered and rendered.rows < len(kept):
        raise Refusal("does_not_fit", f"The next generation of {batch.name} no longer fits into one file.")
    path = _write(campaign, rendered) if rendered else ""
    with transaction.atomic():
        lock_campaign(campaign.pk)
        if rendered:
            transition(
                batch, Batch.Status.SUPERSEDED, reason=reason, sentence=sentence, user=user, due_at=None, poll_at=None
            )
        else:
            # Everybody without an outcome is excluded now, so only those with an outcome count here.
            counted = batch.row_errors + batch.accepted_rows
            transition(
                batch, Batch.Status.CANCELLED, reason=reason, sentence=sentence, user=user, due_at=None, rows=counted
            )
        if Recipient.objects.open_in_batch(batch).count() != len(kept) + len(gone_ids):
            # A poll has settled a recipient since they were read.
            raise StaleTransition(batch)
        for why, ids in gone.items():
            if _exclude(campaign, Recipient.objects.filter(pk__in=ids), why, batch) != len(ids):
                raise StaleTransition(batch)
        if not rendered:
            return None
        return _row(campaign, batch.number, batch.generation + 1, rendered, path, now)


def dry_run(campaign: Campaign) -> Iterator[Rendered]:
    """Yield the files that would be created now for the waiting recipients, byte for byte; nothing is written.

    In a staggered campaign these are the files if everybody's allowed hours were open and no canary held them back. If
    the campaign has batches, these come first, as they were rendered. Raises Refusal ``erased`` at one whose file was
    erased, and if recipients were.
    """
    number = 0
    people: Iterator[Row]
    for batch in campaign.batches.exclude(status=Batch.Status.SUPERSEDED).order_by("number"):
        number = batch.number
        if not batch.payload:
            raise Refusal("erased", f"The file {batch.name} was erased to protect personal data.")
        with default_storage.open(str(batch.payload)) as handle:
            payload = Payload(stem=batch.stem, name=batch.name, body=handle.read(), key=batch.key)
        texted = Recipient.objects.of_batch(batch).order_by("msisdn").values_list("msisdn", flat=True)
        yield Rendered(payload, list(texted), batch.parts)
    if campaign.recipients_erased_at or campaign.kept_digest:
        raise Refusal("erased", f"The numbers of recipients of {campaign} were erased.")
    waiting = Recipient.objects.waiting_of(campaign)
    gone = {pk for _, leaving in _leavers(campaign, waiting) for pk in leaving.values_list("pk", flat=True)}
    # Streamed, because somebody may look at the first file only.
    rows = waiting.order_by("msisdn").values_list(*READ).iterator(chunk_size=2000)
    people = (row for row in rows if row[ID] not in gone)
    while left := list(islice(people, most_rows(campaign))):
        number += 1
        rendered = render(campaign, number, 1, left)
        yield rendered
        people = chain(left[rendered.rows :], people)


def _store(campaign: Campaign, number: int, rendered: Rendered, portions: Portions, now: datetime) -> None:
    path = _write(campaign, rendered)
    with transaction.atomic():
        _row(campaign, number, 1, rendered, path, now)
        taken = 0
        for first, last in portions.stretches(rendered.msisdns):
            taken += portions.waiting_between(first, last).update(batch_number=number)
        if taken != rendered.rows:
            raise Refusal("changed_meanwhile", f"The recipients of {campaign} changed while batches were created.")
        if portions.window is None:
            portions.nobody_waits_up_to(rendered.msisdns[-1])


def _write(campaign: Campaign, rendered: Rendered) -> str:
    """Write the bytes to the storage. A file that no row names was left by a crash and is replaced."""
    path = str(Path("payloads", f"c{campaign.pk}", rendered.payload.name))
    if default_storage.exists(path):
        if Batch.objects.filter(payload=path).exists():
            raise Refusal(
                "payload_exists",
                f"{rendered.payload.name} was created by another worker in the meantime. Resume the campaign.",
            )
        default_storage.delete(path)
    return default_storage.save(path, ContentFile(rendered.payload.body))


def _row(campaign: Campaign, number: int, generation: int, rendered: Rendered, path: str, now: datetime) -> Batch:
    payload = rendered.payload
    batch = Batch.objects.create(
        campaign=campaign,
        account=campaign.account,
        number=number,
        generation=generation,
        stem=payload.stem,
        key=payload.key,
        name=payload.name,
        payload=path,
        sha256=rendered.sha256,
        size=len(payload.body),
        first_msisdn=rendered.msisdns[0],
        last_msisdn=rendered.msisdns[-1],
        rows=rendered.rows,
        parts=rendered.parts,
        due_at=now,
        expires_at=expires_at_of(campaign, rendered.msisdns, now),
    )
    record_event(
        campaign,
        "prepared",
        f"{payload.name} was created for {batch.rows:,} recipient{'' if batch.rows == 1 else 's'}.",
        batch=batch,
    )
    return batch
