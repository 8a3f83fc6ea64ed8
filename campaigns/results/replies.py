"""Replies of people: recorded once, with the whole text as proof. One that only says STOP opts its sender out.

Any other text is for people to read: "please stop calling" and "STOP 12345" change nothing by themselves, and neither
does START, because only a person's recorded consent lifts an opt-out.
"""

import hashlib
import json
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction

from campaigns.models import Reply, ReplyAddress
from campaigns.statuses import ReplyAction, ReplySource
from contacts import phones, suppression
from contacts.models import Suppression
from contacts.pseudonyms import keyed_hash
from providers import registry, vault
from providers import replies as pushes
from providers.models import Account
from providers.replies import PushedReply

#: Replies recorded in one transaction.
CHUNK = 1_000
_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")


@dataclass(frozen=True)
class Received:
    """A reply and the bytes that prove it."""

    reply: PushedReply
    raw: bytes


@dataclass
class Counts:
    """Replies that were read: ``opted_out`` and ``to_read`` are new, ``repeated`` were recorded before."""

    opted_out: int = 0
    to_read: int = 0
    repeated: int = 0


# -- what a reply says ------------------------------------------------------------------------------------------------


def is_opt_out(text: str) -> bool:
    """Whether ``text`` is nothing but one of ``settings.OPT_OUT_WORDS``.

    Case, line breaks, invisible characters, and punctuation and symbols around the word do not matter.
    """
    return bool(said := plain(text)) and said in {plain(word) for word in settings.OPT_OUT_WORDS}


def plain(text: str) -> str:
    """``text`` case-folded, with one space between words, without invisible characters and punctuation around it."""
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", text))
    text = "".join(letter for letter in text if letter.isspace() or unicodedata.category(letter)[0] != "C")
    text = " ".join(text.split()).casefold()
    start, end = 0, len(text)
    while start < end and _is_around(text[start]):
        start += 1
    while end > start and _is_around(text[end - 1]):
        end -= 1
    return text[start:end]


def _is_around(letter: str) -> bool:
    # Emoji carry marks that only choose their look.
    return unicodedata.category(letter)[0] in "PSZM"


def msisdn_of(phone: str) -> str:
    """The digits of a sender with the country code, ``""`` if it is a name or a short code.

    Providers write the country code without a plus. A number that phonenumbers does not know is kept as it is: to
    record an opt-out that nobody asked for does less harm than to miss one.
    """
    digits = "".join(letter for letter in unicodedata.normalize("NFKC", phone) if letter.isdecimal())
    written = re.sub(r"^00", "", digits)
    for text in (f"+{written}", phone):
        try:
            return phones.parse(text, settings.DEFAULT_COUNTRY, phones.EVERYTHING)
        except phones.PhoneError:
            continue
    is_number = 9 <= len(written) <= 15 and not written.startswith("0") and not any(map(str.isalpha, phone))
    return written if is_number else ""


# -- recording --------------------------------------------------------------------------------------------------------


def read_push(account: Account, query: bytes, body: bytes) -> list[Received]:
    """The replies in a push: in the shapes of the account's provider, then of the others, then in the plain one.

    ``[]`` if it holds none, as a delivery report does not.
    """
    own = account.adapter
    others = [registry.adapter(slug) for slug in registry.all_adapters() if slug != own.slug]
    objects = pushes.fields_of(query, body)
    found = []
    for fields in objects:
        readings = (adapter.read_reply(fields) for adapter in (own, *others))
        reply = next(filter(None, readings), None) or pushes.read(fields, (pushes.PLAIN,))
        if reply is not None:
            found.append(Received(reply, json.dumps(fields).encode() if len(objects) > 1 else body or query))
    return found


def record(account: Account, received: Iterable[Received], source: str, now: datetime, user: Any = None) -> Counts:
    """Record replies, each once, and opt out the senders of those that say STOP.

    ``source`` is one of ``Reply.Source``. A reply and its opt-out are one transaction, so that a provider that repeats
    a push after a crash finds either both or neither.
    """
    counts = Counts()
    for chunk in _chunks(received):
        with transaction.atomic():
            # Taken first, as everywhere: another order could wait for a gate in a circle.
            suppression.share_opt_out_lock()
            _record_chunk(account, chunk, ReplySource(source), now, user, counts)
    return counts


def _record_chunk(
    account: Account, chunk: Sequence[Received], source: ReplySource, now: datetime, user: Any, counts: Counts
) -> None:
    rows: dict[str, Reply] = {}
    for one in chunk:
        row = _row(account, one, source, now, user)
        rows.setdefault(row.fingerprint, row)
    known = set(
        Reply.objects.filter(account=account, fingerprint__in=rows).values_list("fingerprint", flat=True).iterator()
    )
    new = [row for row in rows.values() if row.fingerprint not in known]
    Reply.objects.bulk_create(new, ignore_conflicts=True)
    # Without an id and a time, a repeat cannot be told from a second STOP after a consent.
    stops = [
        row
        for row in rows.values()
        if row.action == ReplyAction.OPTED_OUT and (row.fingerprint not in known or not _is_unique(row))
    ]
    if stops:
        notes = {row.msisdn: proof(row, account) for row in stops}
        suppression.suppress_with_proof(notes, Suppression.Source.REPLY, user)
    counts.repeated += len(chunk) - len(new)
    for row in new:
        if row.action == ReplyAction.OPTED_OUT:
            counts.opted_out += 1
        else:
            counts.to_read += 1


def _row(account: Account, one: Received, source: ReplySource, now: datetime, user: Any) -> Reply:
    reply = one.reply
    msisdn = msisdn_of(reply.phone)
    acts = bool(msisdn) and not reply.is_part and is_opt_out(reply.text)
    return Reply(
        account=account,
        msisdn=msisdn,
        phone=reply.phone[:60],
        text=reply.text,
        received_at=reply.received_at,
        recorded_at=now,
        provider_ref=reply.reference[:100],
        fingerprint=fingerprint(reply, msisdn, now),
        source=source,
        action=ReplyAction.OPTED_OUT if acts else ReplyAction.TO_READ,
        acted_by=user if acts else None,
        acted_at=now if acts else None,
        raw=one.raw,
    )


def fingerprint(reply: PushedReply, msisdn: str, now: datetime) -> str:
    """A keyed hash that is equal for the same reply: of its sender, text, and the provider's id, or else its time.

    It stays when the reply is erased, so that a repeat is still recognised; nobody can tell the sender
    without the key.

    A reply with neither is taken for a repeat of an equal one of the same day (UTC).
    """
    time = reply.received_at.isoformat() if reply.received_at else reply.time
    which = ["id", reply.reference] if reply.reference else ["time", time] if time else ["day", now.date().isoformat()]
    return keyed_hash(json.dumps([msisdn or reply.phone, reply.text.strip(), *which]))


def _is_unique(row: Reply) -> bool:
    return bool(row.provider_ref or row.received_at)


def proof(reply: Reply, account: Account) -> str:
    """The note of an opt-out by this reply: account, time, text. The reply itself keeps a text that is too long."""
    at = reply.received_at or reply.recorded_at
    return f"Reply through {account.name}, {at:%Y-%m-%d %H:%M} UTC: “{reply.text.strip()}”"[:500]


def _chunks(received: Iterable[Received]) -> Iterator[list[Received]]:
    rest = iter(received)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


# -- what people decide -----------------------------------------------------------------------------------------------


def opt_out(reply: Reply, user: Any, now: datetime) -> bool:
    """Opt out the sender, whatever the reply says; return whether the number was not opted out before.

    Raises ValueError for a reply without a number, or an erased one.
    """
    if not reply.msisdn or reply.erased_at:
        raise ValueError("This reply has no number.")
    with transaction.atomic():
        suppression.share_opt_out_lock()
        added, _ = suppression.suppress([reply.msisdn], Suppression.Source.REPLY, proof(reply, reply.account), user)
        _act(reply, ReplyAction.OPTED_OUT, user, now)
    return bool(added)


def mark_read(reply: Reply, user: Any, now: datetime) -> bool:
    """Record that a person has read the reply; return whether it was still to read."""
    return _act(reply, ReplyAction.READ, user, now)


def _act(reply: Reply, action: ReplyAction, user: Any, now: datetime) -> bool:
    earlier = [ReplyAction.TO_READ] if action == ReplyAction.READ else [ReplyAction.TO_READ, ReplyAction.READ]
    waiting = Reply.objects.filter(pk=reply.pk, action__in=earlier)
    return bool(waiting.update(action=action, acted_by=user, acted_at=now))


# -- the secret address of an account ---------------------------------------------------------------------------------


def new_address(account: Account, user: Any, now: datetime) -> str:
    """Give the account a new token for its address and return it. The earlier one stops working."""
    token = secrets.token_urlsafe(32)
    ReplyAddress.objects.update_or_create(
        account=account,
        defaults={
            "token_hash": _hash(token),
            "token": vault.encrypt({"reply_token": token}),
            "created_at": now,
            "created_by": user,
        },
    )
    return token


def token_of(address: ReplyAddress) -> str:
    """The token of an address, to show it. Raises vault.VaultError if its key is gone."""
    return str(vault.decrypt(address.token)["reply_token"])


def account_of(token: str) -> Account | None:
    """The account whose address has this token."""
    address = ReplyAddress.objects.filter(token_hash=_hash(token)).select_related("account").first()
    return address.account if address else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
