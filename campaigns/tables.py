"""The tables of the campaign pages, and the one place that says how a status is displayed."""

from typing import Any

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.audience.texts import replace_fields
from campaigns.models import Batch, Campaign, Recipient, Template
from contacts import phones
from contacts.elements import chip
from contacts.fields import FIELD_LABELS
from contacts.tables import TemplateColumn

CAMPAIGN_KINDS: dict[str, str] = {
    Campaign.Status.DRAFT: "waiting",
    Campaign.Status.FREEZING: "running",
    Campaign.Status.FROZEN: "decision",
    Campaign.Status.APPROVED: "waiting",
    Campaign.Status.HELD: "decision",
    Campaign.Status.RUNNING: "running",
    Campaign.Status.PAUSED: "decision",
    Campaign.Status.CLOSED: "accepted",
    Campaign.Status.CANCELLED: "excluded",
}
BATCH_KINDS: dict[str, str] = {
    Batch.Status.PREPARED: "waiting",
    Batch.Status.UPLOADING: "waiting",
    Batch.Status.COMMITTING: "provider",
    Batch.Status.HANDED_OVER: "provider",
    Batch.Status.PROCESSING: "provider",
    Batch.Status.ACCEPTED: "accepted",
    Batch.Status.REJECTED: "rejected",
    Batch.Status.UNCLEAR: "decision",
    Batch.Status.HELD: "decision",
    Batch.Status.SUPERSEDED: "excluded",
    Batch.Status.CANCELLED: "excluded",
}
#: The outcome of one recipient, as the tiles, the filter and the table show it.
OUTCOME_WORDS = {
    "accepted": "Accepted",
    "with_provider": "With provider",
    "needs_decision": "Needs decision",
    "row_error": "Failed number",
    "rejected": "Rejected",
    "waiting": "Not handed over yet",
    "excluded": "Skipped",
    "cancelled": "Cancelled",
}
OUTCOME_KINDS = {
    "accepted": "accepted",
    "with_provider": "provider",
    "needs_decision": "decision",
    "row_error": "rejected",
    "rejected": "rejected",
    "waiting": "waiting",
    "excluded": "excluded",
    "cancelled": "excluded",
}
#: The outcome of recipients without one of their own, by the status of their batch.
OUTCOME_OF_BATCH: dict[str, str] = {
    Batch.Status.PREPARED: "waiting",
    Batch.Status.UPLOADING: "waiting",
    Batch.Status.COMMITTING: "with_provider",
    Batch.Status.HANDED_OVER: "with_provider",
    Batch.Status.PROCESSING: "with_provider",
    Batch.Status.ACCEPTED: "accepted",
    Batch.Status.REJECTED: "rejected",
    Batch.Status.UNCLEAR: "needs_decision",
    Batch.Status.HELD: "needs_decision",
    Batch.Status.CANCELLED: "cancelled",
}
#: Words for reason codes that do not read well; any other code is shown with spaces for underscores.
REASON_WORDS = {
    "approval_differs": "Not as approved",
    "bytes_differ": "The stored file was changed",
    "connect_failed": "No connection",
    "connect_timeout": "No connection in time",
    "errors_by_inner_name": "Errors for a file with that name",
    "folder_forbidden": "No access to the folder",
    "host_key_changed": "The server's key changed",
    "host_key_unknown": "The server's key is not confirmed",
    "host_private": "Host on a private network",
    "no_ftp_answer": "No FTP server answers",
    "no_ssh_answer": "No SSH server answers",
    "opted_out_later": "Opted out after submission",
    "prepared": "File created",
    "plain_http_refused": "Unencrypted HTTP refused",
    "rename_broken": "The rename was interrupted",
    "rename_source_missing": "The file to rename is missing",
    "reply_timeout": "No answer in time",
    "sftp_refused": "SFTP refused",
    "size_unsupported": "The server reports no sizes",
    "tls_failed": "Encryption failed",
    "tls_refused": "Encryption refused",
    "tls_required": "Encryption required",
    "upload_broken": "The upload was interrupted",
    "upload_cut": "The upload was cut short",
    "upload_vanished": "The uploaded file is gone",
    "worker_died": "The worker ended",
}
#: Columns of the table of recipients that say who somebody is.
SHOWN_FIELDS = 3
EXCLUDED_WORDS: dict[str, str] = dict(Recipient.Excluded.choices)

_FIGURE = {"td": {"class": "figure"}, "th": {"class": "figure"}}
_NOT_ON_A_PHONE = {"td": {"class": "figure not-on-a-phone"}, "th": {"class": "figure"}}
_NOWRAP = {"td": {"class": "nowrap"}}
_WORDS = {"td": {"class": "words"}}


class CampaignTable(tables.Table):
    """Rows are Campaigns. The view adds the ``summary`` of its result to each."""

    name = tables.Column(verbose_name="Campaign")
    status = tables.Column()
    recipients = tables.Column(accessor="counts", verbose_name="Recipients", orderable=False, attrs=_FIGURE)
    accepted = tables.Column(empty_values=(), orderable=False, attrs=_FIGURE)
    failed = tables.Column(empty_values=(), orderable=False, attrs=_FIGURE)
    effective_start_at = TemplateColumn(
        "{% load badges %}{% if record.effective_start_at and not record.is_early %}"
        "{{ record.effective_start_at|zoned }}{% else %}{{ record.start_at|zoned|default:'Once approved' }}{% endif %}",
        verbose_name="Start",
    )
    created_at = TemplateColumn("{% load badges %}{{ record.created_at|day }}", verbose_name="Made", attrs=_NOWRAP)

    class Meta:
        attrs = {"aria-label": "Campaigns"}
        row_attrs = {"class": "row-link"}

    def render_name(self, record: Campaign) -> SafeString:
        return format_html(
            '<a class="row-anchor" href="{}">{}</a><br><span class="quiet small">{}</span>',
            record.get_absolute_url(),
            record.name,
            record.account or "No account yet",
        )

    def render_status(self, record: Campaign) -> SafeString:
        # The numbers have columns of their own.
        summary = record.summary  # type: ignore[attr-defined]
        return chip(summary.kind or CAMPAIGN_KINDS[record.status], summary.short or record.get_status_display())

    def render_recipients(self, value: dict[str, Any]) -> str:
        return f"{value['included']:,}" if value else "—"

    def render_accepted(self, record: Campaign) -> str:
        return self._count(record, record.summary.accepted)  # type: ignore[attr-defined]

    def render_failed(self, record: Campaign) -> str:
        return self._count(record, record.summary.failed)  # type: ignore[attr-defined]

    def _count(self, record: Campaign, count: int) -> str:
        """The count, or a dash for a campaign that has handed nothing over yet."""
        return f"{count:,}" if record.started_at else "—"


class TemplateTable(tables.Table):
    name = tables.Column(verbose_name="Template")
    text = tables.Column(orderable=False, attrs=_WORDS)
    sender = tables.Column()
    updated_at = TemplateColumn("{% load badges %}{{ record.updated_at|zoned }}", verbose_name="Changed", attrs=_NOWRAP)

    class Meta:
        attrs = {"aria-label": "Templates"}
        row_attrs = {"class": "row-link"}

    def render_name(self, record: Template) -> SafeString:
        return format_html('<a class="row-anchor" href="{}">{}</a>', record.get_absolute_url(), record.name)

    def render_text(self, value: str, record: Template) -> str:
        shown = replace_fields(value, lambda field, fallback: f"[{record.labels.get(field) or FIELD_LABELS[field]}]")
        return shown if len(shown) <= 80 else f"{shown[:79]}…"


def shown_fields(labels: dict[str, str]) -> dict[str, str]:
    """The fields that show who a recipient is, with their labels: the customer ID, then the labelled values."""
    return {"customer_id": FIELD_LABELS["customer_id"], **labels}


class RecipientTable(tables.Table):
    """Rows are Recipients. The view adds ``outcome`` and ``detail`` to each. ``labels``: see Campaign.value_labels.

    Of the values, the first ones that fit are shown; all of them are on the page of the recipient.
    """

    msisdn = tables.Column(verbose_name="Number", attrs=_NOWRAP)
    outcome = tables.Column(orderable=False)
    detail = tables.Column(verbose_name="Why", orderable=False, attrs=_WORDS)
    batch_number = tables.Column(verbose_name="File", attrs=_NOT_ON_A_PHONE)

    class Meta:
        attrs = {"aria-label": "Recipients"}
        row_attrs = {"class": "row-link"}
        empty_text = "No recipients match this filter."

    def __init__(self, *args: Any, labels: dict[str, str], **kwargs: Any) -> None:
        shown = dict(list(shown_fields(labels).items())[:SHOWN_FIELDS])
        columns = [(field, tables.Column(verbose_name=label)) for field, label in shown.items()]
        super().__init__(*args, extra_columns=columns, sequence=("msisdn", *shown, "..."), **kwargs)

    def render_msisdn(self, record: Recipient) -> SafeString:
        page = reverse("campaigns:recipient", args=[record.campaign_id, record.pk])
        # The table is replaced by its own links; this one leaves the page.
        link = '<a class="row-anchor" href="{}" hx-boost="false">{}</a>'
        return format_html(link, page, phones.formatted(record.msisdn))

    def render_outcome(self, value: str) -> SafeString:
        return chip(OUTCOME_KINDS[value], OUTCOME_WORDS[value])

    def render_batch_number(self, value: int) -> str:
        return str(value)
