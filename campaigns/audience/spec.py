"""A campaign and its recipients as an adapter sees them: plain dataclasses.

The preview, the measured parts, the files and the check of a ledger all take a text from ``Composer``, the only place
where fields are filled in and letters are replaced.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import itemgetter
from typing import Any

from campaigns.audience.rows import CUSTOMER_ID, OWN_TEXT, READ, RecipientRow, Row
from campaigns.audience.texts import Text, compile_text, with_fallback_in
from campaigns.models import Campaign, Recipient
from campaigns.statuses import REPLACES, SKIPS, ExcludedReason
from contacts.errors import Refusal
from providers import letters
from providers.base import BaseAdapter, CampaignSpec, Message
from providers.messages import Messages

#: Between the values of a plain row.
BETWEEN = "\x1f"
# Some providers refuse a longer one.
_LONGEST_ID = 100
#: Replaced texts that a composer keeps.
_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Composed:
    """One recipient's message.

    ``lacked`` are the characters of the person's own text, or of the values in the campaign's text, that the account
    lacks, as they were before any was replaced. ``excluded`` is the reason why the person gets no text because of such
    characters, or ``""``.
    """

    message: Message
    lacked: str = ""
    excluded: str = ""


class Composer:
    """Composes the messages of one campaign through one account.

    ``source`` is the campaign's text as it was written; ``text`` and ``spec`` have the letters replaced, if so chosen.
    """

    def __init__(self, source: Text, adapter: BaseAdapter, spec: CampaignSpec, choice: str) -> None:
        self.source = source
        self.adapter = adapter
        self._replaces, self._skips = choice in REPLACES, choice in SKIPS
        # Many people have the same names.
        self._replace: Callable[[str], str] = lru_cache(_KEPT)(lambda words: letters.replace(words, self.lacking))
        # What an adapter lacks depends on options and account, never on the template.
        self.spec = spec
        self.text = source.with_words(self._replace) if self._replaces else source
        self.spec = replace(spec, template=self.text.bare)
        # The finished text, as a format for the values of a plain row.
        self._format = "".join(
            literal.replace("%", "%%") + ("%s" if field else "") for literal, field, _ in self.text.pieces
        )
        #: What fills the fields of a row's text from left to right, with BETWEEN in between, if all of it is plain and
        #: there is no own text; otherwise None. Of plain rows, texts of equal length have equal parts and problems: see
        #: ``BaseAdapter.plain_characters``. No letter of them is replaced, and nobody is skipped because of one.
        self.plain: Callable[[Row], str | None] = _plain_reader(self.text, adapter.plain_characters(self.spec))

    def plain_text(self, plain: str) -> str:
        """The finished text of a plain row, from what ``plain`` returned for it."""
        return self._format % values_in(plain)

    def compose_all(self, rows: Sequence[Row]) -> Messages:
        """What ``message`` returns for each of ``rows`` (see READ), composed column by column.

        It takes a fraction of the time.
        """
        if not rows:
            return Messages.of([])
        columns: dict[str, Sequence[Any]] = dict(zip(READ, zip(*rows, strict=True), strict=True))
        own_texts = _with_line_feeds_in(columns["message"])
        written = {name: _with_line_feeds_in(columns[name]) for name in self.text.fields}
        if self._replaces:
            own_texts, written = self._replace_in_all(own_texts, written)
        texts = self.text.personalise_all(written, len(rows))
        if any(own_texts):
            texts = [own_text or text for own_text, text in zip(own_texts, texts, strict=True)]
        fallbacks = self.text.fallbacks
        return Messages(
            msisdns=columns["msisdn"],
            texts=texts,
            values={name: with_fallback_in(column, fallbacks.get(name)) for name, column in written.items()},
            own_texts=own_texts,
            customer_ids=columns["customer_id"],
            references=[str(pk or msisdn) for pk, msisdn in zip(columns["id"], columns["msisdn"], strict=True)],
        )

    def _replace_in_all(
        self, own_texts: Sequence[str], written: dict[str, Sequence[str]]
    ) -> tuple[Sequence[str], dict[str, Sequence[str]]]:
        """Own texts and columns of values with letters replaced where ``compose`` replaces them."""
        values = {name: self._replaced_in(column) for name, column in written.items()}
        if not any(own_texts):
            return own_texts, values
        # Beside an own text that lacks nothing, no value is replaced.
        keeps = [bool(own_text) and not self.lacking(own_text) for own_text in own_texts]
        values = {
            name: [old if keep else new for keep, old, new in zip(keeps, written[name], column, strict=True)]
            for name, column in values.items()
        }
        return self._replaced_in(own_texts), values

    def _replaced_in(self, column: Sequence[str]) -> Sequence[str]:
        """The column with ``_replace`` applied to each text: once to equal ones, and only to those that need it."""
        lacked = self.lacking("".join(column))
        if not lacked:
            return column
        needs = re.compile(f"[{re.escape(lacked)}]").search
        replaced = {text: self._replace(text) for text in set(column) if needs(text)}
        return [replaced.get(text, text) for text in column]

    def compose(self, recipient: Recipient | RecipientRow) -> Composed:
        """The recipient's message, with fallbacks filled in and letters replaced as the campaign chose."""
        text = self.text
        values = {name: _with_line_feeds(getattr(recipient, name)) for name in text.fields}
        own_text = _with_line_feeds(recipient.message)
        message = _message(text, recipient, values, own_text)
        if not self.lacking(message.text):
            return Composed(message)
        lacked = self.lacking(own_text or "".join(values.values()))
        if lacked and self._replaces:
            values = {name: self._replace(value) for name, value in values.items()}
            message = _message(text, recipient, values, self._replace(own_text))
        return Composed(message, lacked, self._exclude(message))

    def message(self, recipient: Recipient | RecipientRow) -> Message:
        """What ``compose`` returns as the message."""
        return self.compose(recipient).message

    def written(self, recipient: Recipient | RecipientRow) -> str:
        """The recipient's text before any letter is replaced."""
        values = {name: _with_line_feeds(getattr(recipient, name)) for name in self.source.fields}
        return _with_line_feeds(recipient.message) or self.source.personalise(values)

    def units(self, recipient: Recipient | RecipientRow) -> int:
        """How long the recipient's text is, in the units that the account counts."""
        return self.adapter.measure(self.spec, self.message(recipient).text).units

    def lacking(self, text: str) -> str:
        """The characters of a text that the account lacks, each once."""
        return self.adapter.lacking(self.spec, text)

    def replacements(self, characters: str) -> dict[str, str | None]:
        """What each of ``characters`` would be replaced with; None if there is no similar one."""
        return {character: letters.similar(character, self.lacking) for character in characters}

    def _exclude(self, message: Message) -> str:
        # A value of invisible characters only is empty once they are removed.
        if not message.own_text and not all(message.values[name] for name in self.text.required):
            return ExcludedReason.MISSING_FIELD.value
        if self._skips and self.lacking(message.text):
            return ExcludedReason.UNSUPPORTED_LETTERS.value
        return ""


def composer_of(campaign: Campaign, text: Text | None = None) -> Composer:
    """The composer of a campaign with its own account. ``text`` is its compiled text. Raises Refusal without it."""
    return Composer(text or compile_text(campaign.text), campaign.account.adapter, _spec_of(campaign), campaign.letters)


def finished_text(campaign: Campaign, recipient: Recipient) -> str:
    """The text as the recipient reads it: the person's own, or the campaign's with the fields filled in."""
    return composer_of(campaign).message(recipient).text


def text_to_show(recipient: Recipient) -> str:
    """The text as the recipient reads it, or the campaign's without values where it can no longer be finished."""
    if not recipient.is_erased:
        # A text that can no longer be frozen is refused.
        with suppress(Refusal):
            return finished_text(recipient.campaign, recipient)
    return recipient.campaign.text


def rehearsal_of(campaign: Campaign) -> str:
    """The sentence that this campaign is a rehearsal that texts nobody, or ``""``; no provider is asked."""
    if campaign.account_id is None:
        return ""
    try:
        return campaign.account.adapter.rehearsal(composer_of(campaign).spec)
    except Refusal:
        # Nothing can be handed over with such a text, and the campaign's page already says so.
        return ""


def _spec_of(campaign: Campaign) -> CampaignSpec:
    """What the campaign asks of its adapter, without its text. The start is included only when handed over early."""
    return CampaignSpec(
        template="",
        sender=campaign.sender,
        start_at=campaign.start_at if campaign.is_early else None,
        end_at=campaign.end_at,
        options=campaign.options,
        account=campaign.account.settings,
    )


def _message(text: Text, recipient: Recipient | RecipientRow, values: dict[str, str], own_text: str) -> Message:
    """One recipient as the adapter sees it. The values are those the text uses, with fallbacks filled in."""
    return Message(
        msisdn=recipient.msisdn,
        text=own_text or text.personalise(values),
        values={name: values[name] or text.fallbacks.get(name, "") for name in text.fields},
        own_text=own_text,
        customer_id=recipient.customer_id,
        reference=str(recipient.id or recipient.msisdn),
    )


def values_in(plain: str) -> tuple[str, ...]:
    """The values in what ``Composer.plain`` returned; none of them is empty."""
    return tuple(plain.split(BETWEEN)) if plain else ()


def _plain_reader(text: Text, characters: str) -> Callable[[Row], str | None]:
    """The function ``Composer.plain`` for values of these characters, with spaces in between."""
    used = [(READ.index(field), fallback or "") for _, field, fallback in text.pieces if field]
    # An at sign could form a field together with the text beside it, and line breaks are changed by the composer.
    characters = "".join(set(characters) - set("@\r\n" + BETWEEN))
    if not characters:
        return lambda row: None
    if not used:
        return lambda row: None if row[OWN_TEXT] or len(row[CUSTOMER_ID]) > _LONGEST_ID else ""
    is_plain = re.compile(f"[{re.escape(characters)} {BETWEEN}]+").fullmatch
    values_of = itemgetter(*(at for at, _ in used), OWN_TEXT, CUSTOMER_ID)
    fallbacks = [fallback for _, fallback in used]
    before, after = f" {BETWEEN}", f"{BETWEEN} "

    def plain(row: Row) -> str | None:
        *values, own_text, customer_id = values_of(row)
        if own_text or len(customer_id) > _LONGEST_ID:
            return None
        if "" in values:
            values = [value or fallback for value, fallback in zip(values, fallbacks, strict=True)]
            if "" in values:
                return None
        joined = BETWEEN.join(values)
        if not is_plain(joined) or joined.count(BETWEEN) != len(values) - 1:
            return None
        has_edge_space = joined[0] == " " or joined[-1] == " " or before in joined or after in joined
        return None if has_edge_space else joined

    return plain


def _with_line_feeds_in(column: Sequence[str]) -> Sequence[str]:
    return [_with_line_feeds(text) for text in column] if "\r" in "".join(column) else column


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
