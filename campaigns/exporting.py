"""Exports the recipients of a campaign: who they are, their exact text, and what came of it.

The headings are those that ``contacts.columns.guess`` knows, so that a file can be imported again.
"""

from bisect import bisect_left
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import IO, Any

from django.core.cache import cache
from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from redis.exceptions import RedisError

from campaigns import outcomes, timing
from campaigns.audience.spec import composer_of
from campaigns.audience.texts import compile_text
from campaigns.models import Batch, Campaign, Export, Recipient, RecipientOutcome
from campaigns.querysets import between
from campaigns.results.already_read import recall
from campaigns.tables import OUTCOME_WORDS
from contacts.columns import CUSTOMER_ID_HEADING, NUMBER_HEADING, OWN_TEXT_HEADING, RESULT_HEADINGS
from contacts.fields import FIELD_LABELS, VALUE_FIELDS
from contacts.sheet_writer import csv_lines, iso_local, write_xlsx
from contacts.snapshots import snapshot
from providers.locks import hold

#: Recipients whose outcomes one query reads.
CHUNK = 2_000
#: Up to this many recipients, the download begins at once; more of them would keep a web process busy for long.
AT_ONCE = 20_000
SHEET_TITLE = "Recipients"


def header_of(campaign: Campaign) -> list[str]:
    """The headings of the file; values have the labels of the campaign's lists."""
    return [
        NUMBER_HEADING,
        CUSTOMER_ID_HEADING,
        *_values_of(campaign).values(),
        OWN_TEXT_HEADING,
        *RESULT_HEADINGS,
    ]


def _values_of(campaign: Campaign) -> dict[str, str]:
    """The value fields that are exported: those with a label, and those that the text uses."""
    labels = campaign.value_labels()
    used = compile_text(campaign.text).fields if campaign.text.strip() else ()
    return {field: labels.get(field, FIELD_LABELS[field]) for field in VALUE_FIELDS if field in labels or field in used}


def lines(campaign_id: int, wanted: Mapping[str, Any]) -> Generator[list[str], None, None]:
    """A line for each recipient that matches ``wanted``, the cleaned data of RecipientFilter, by file and number.

    All from one snapshot: no line shows a recipient before, and another after, a rebuild.
    """
    with snapshot():
        campaign = Campaign.objects.select_related("account").get(pk=campaign_id)
        batches = list(campaign.batches.all())
        rows = outcomes.filtered(campaign, batches, wanted)
        yield from _Lines(campaign, batches).of(rows)


class _Lines:
    """Turns recipients of one campaign into lines."""

    def __init__(self, campaign: Campaign, batches: Sequence[Batch]) -> None:
        self.campaign = campaign
        self.fields = list(_values_of(campaign))
        self.current = outcomes.current_generations(batches)
        #: Everybody with the number of a batch was in its first generation.
        self.first_generations = sorted(
            (batch for batch in batches if batch.generation == 1), key=lambda batch: batch.number
        )
        self.by_id = {batch.pk: batch for batch in batches}
        self.numbers_of: tuple[int, list[str]] = (0, [])
        self.composer = composer_of(campaign) if campaign.text.strip() and campaign.account_id else None

    def of(self, rows: QuerySet[Recipient]) -> Iterator[list[str]]:
        # Each in the order of an index; together, a database would sort them all.
        in_files = (
            rows.filter(between([batch]), excluded_reason="", batch_number=batch.number).order_by("msisdn")
            for batch in self.first_generations
        )
        others = rows.filter(batch_number=None).order_by("msisdn", "id")
        found = chain.from_iterable(each.iterator(CHUNK) for each in (*in_files, others))
        while chunk := list(islice(found, CHUNK)):
            own = outcomes.own_outcomes(chunk)
            for row in chunk:
                yield self._line(row, own.get(row.pk))

    def _line(self, row: Recipient, own: RecipientOutcome | None) -> list[str]:
        current = self.current.get(row.batch_number or 0)
        outcome, detail = outcomes.state_of(self.campaign, row, own, current)
        batch = self.by_id.get(own.batch_id) if own else current
        code = row.excluded_reason or (own.code if own else "")
        if not code and batch and outcome in ("rejected", "needs_decision", "cancelled"):
            code = batch.reason
        return [
            row.msisdn,
            row.customer_id,
            *(getattr(row, field) for field in self.fields),
            row.message,
            *self._text_and_parts(row),
            OUTCOME_WORDS[outcome],
            code,
            detail,
            batch.name if batch else "",
            self._position(row, current) if batch and batch == current else "",
            iso_local(batch.handed_over_at) if batch else "",
            iso_local(own.at if own else batch.settled_at) if batch else "",
        ]

    def _text_and_parts(self, row: Recipient) -> tuple[str, str]:
        """The exact text and its parts; nothing for people who were excluded, who have none, or erased."""
        if row.excluded_reason or row.is_erased or self.composer is None:
            return "", ""
        text = self.composer.message(row).text
        return text, str(self.composer.adapter.measure(self.composer.spec, text).parts)

    def _position(self, row: Recipient, batch: Batch | None) -> str:
        """The line of the recipient in the file, from 1: its rows are in the order of the numbers."""
        if batch is None:
            return ""
        if self.numbers_of[0] != batch.pk:
            numbers = Recipient.objects.of_batch(batch).order_by("msisdn").values_list("msisdn", flat=True)
            self.numbers_of = (batch.pk, list(numbers))
        return str(bisect_left(self.numbers_of[1], row.msisdn) + 1)


# -- as a job ---------------------------------------------------------------------------------------------------------


def lock_name(export_id: int) -> str:
    return f"export-{export_id}"


def write(export_id: int, clock: timing.Clock) -> None:
    """Write the file of an export that is running, from its beginning; does nothing while another worker writes it."""
    with hold(lock_name(export_id)) as lock:
        export = Export.objects.select_related("campaign").filter(pk=export_id).first()
        if lock is None or export is None or export.status != Export.Status.RUNNING:
            return
        path = f"exports/{export.pk}.{export.format}"
        with TemporaryFile() as file:
            rows = _write_rows(export, file)
            file.seek(0)
            # A worker that died after this line left it.
            default_storage.delete(path)
            default_storage.save(path, File(file))
        Export.objects.filter(pk=export.pk).update(status=Export.Status.DONE, file=path, rows=rows, ended_at=clock())


def _write_rows(export: Export, file: IO[bytes]) -> int:
    """Write all rows to ``file``; return how many."""
    written = 0

    def counted() -> Iterator[list[str]]:
        nonlocal written
        for line in lines(export.campaign_id, export.filter):
            written += 1
            if written % CHUNK == 0:
                with suppress(RedisError):
                    cache.set(_progress_key(export.pk), written, timeout=3600)
            yield line

    header = header_of(export.campaign)
    if export.format == "csv":
        for line in csv_lines(header, counted()):
            file.write(line.encode())
    else:
        write_xlsx(file, header, counted(), SHEET_TITLE)
    return written


def progress(export: Export) -> int:
    """How many rows its worker has written so far; 0 while Redis does not answer."""
    return export.rows or int(recall(_progress_key(export.pk), 0))


def _progress_key(export_id: int) -> str:
    return f"export-{export_id}"


def give_up(export_id: int, now: datetime) -> None:
    """Mark a running export as failed."""
    Export.objects.filter(pk=export_id, status=Export.Status.RUNNING).update(status=Export.Status.FAILED, ended_at=now)


def delete_old(now: datetime) -> None:
    """Delete exports whose time is over, with their files: they hold phone numbers."""
    for export in Export.objects.filter(created_at__lt=now - timing.EXPORT_KEPT_FOR)[:50]:
        if export.file:
            export.file.delete(save=False)
        export.delete()
