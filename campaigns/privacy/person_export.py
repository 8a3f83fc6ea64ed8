"""Everything Baton has about one person, for that person: their right of access, in a form that machines can read."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from campaigns.audience.spec import text_to_show
from campaigns.models import Recipient, Reply
from campaigns.outcomes import current_generations, own_outcomes, state_of
from campaigns.tables import OUTCOME_WORDS
from contacts import person
from contacts.fields import FIELD_LABELS
from contacts.models import Consent, Contact, Suppression
from contacts.pseudonyms import pseudonym


def export_of(msisdn: str, now: datetime) -> dict[str, Any]:
    """What is stored about a number (digits), as JSON can hold it; times are UTC in ISO 8601.

    Of erased data, it says only that it was erased: ``erased`` is true.
    """
    both = (msisdn, pseudonym(msisdn))
    return {
        "number": msisdn,
        "exported_at": now.isoformat(),
        "lists": [_contact(row) for row in Contact.objects.filter(msisdn=msisdn).select_related("list")],
        "imports": [
            {"file": row.import_of.original_name, "row": row.row, "at": _iso(row.import_of.created_at)}
            for row in person.staged_rows(msisdn)
        ],
        "opt_outs": [_opt_out(row) for row in Suppression.objects.filter(msisdn=msisdn).order_by("pk")],
        "consents": [
            {"at": _iso(row.created_at), "proof": row.note}
            for row in Consent.objects.filter(msisdn=msisdn).order_by("pk")
        ],
        "texts": list(_texts(both)),
        "replies": [_reply(row) for row in Reply.objects.filter(msisdn__in=both).order_by("pk")],
    }


def count(export: dict[str, Any]) -> int:
    """How many things an export holds."""
    return sum(len(value) for value in export.values() if isinstance(value, list))


def _contact(row: Contact) -> dict[str, Any]:
    fields = {"phone": row.phone, "customer_id": row.customer_id, "message": row.message}
    named = {FIELD_LABELS[name]: value for name, value in fields.items() if value}
    return {"list": row.list.name, "added_at": _iso(row.created_at), "fields": named | dict(row.labelled_values())}


def _opt_out(row: Suppression) -> dict[str, Any]:
    return {
        "recorded_at": _iso(row.created_at),
        "opted_out_on": row.opted_out_on.isoformat() if row.opted_out_on else None,
        "source": row.get_source_display(),
        "proof": row.note,
        "lifted_at": _iso(row.lifted_at),
    }


def _reply(row: Reply) -> dict[str, Any]:
    return {"at": _iso(row.received_at or row.recorded_at), "text": row.text, "erased": row.erased_at is not None}


def _texts(msisdns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The texts of campaigns that included the person, also those that were never handed over."""
    rows = Recipient.objects.filter(msisdn__in=msisdns).select_related("campaign__account").order_by("pk")
    for row in rows:
        campaign = row.campaign
        batches = campaign.batches.filter(number=row.batch_number) if row.batch_number else []
        current = current_generations(batches).get(row.batch_number or 0)
        outcome, detail = state_of(campaign, row, own_outcomes([row]).get(row.pk), current)
        values = {label: getattr(row, field) for field, label in campaign.value_labels().items()}
        yield {
            "campaign": campaign.name,
            "sender": campaign.sender,
            "text": text_to_show(row),
            "erased": row.is_erased,
            "fields": {} if row.is_erased else {label: value for label, value in values.items() if value},
            "provider": campaign.account.adapter.label if campaign.account_id else "",
            "handed_over_at": _iso(current.handed_over_at if current else None),
            "outcome": OUTCOME_WORDS[outcome],
            "detail": detail,
        }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
