"""A campaign and its recipients as an adapter sees them: plain dataclasses.

The preview, the measured parts, the files and the check of a ledger all take a text from ``Composer``, the only place
where fields are filled in and letters are replaced.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from campaigns.audience.texts import Text, compile_text, with_fallback_in
from campaigns.models import Campaign, Recipient
from campaigns.statuses import REPLACES, ExcludedReason, LettersChoice
from contacts.errors import Refusal
from contacts.fields import FROZEN_FIELDS
from providers import letters
from providers.base import BaseAdapter, CampaignSpec, Message
from providers.messages import Messages

#: The columns of a row, in its order.
READ = ("id", "msisdn", *FROZEN_FIELDS)
#: What ``values_list(*READ)`` yields, or any tuple of the same values. The id is None if the recipient is not saved.
Row = tuple[Any, ...]
#: Where a row has them.
ID, MSISDN = READ.index("id"), READ.index("msisdn")

_SKIPS = (LettersChoice.SKIP, LettersChoice.REPLACE_OR_SKIP)


class RecipientRow(NamedTuple):
    """A row with names: what is read of a recipient, without a model instance."""

    id: int | None
    msisdn: str
    customer_id: str
    value1: str
    value2: str
    value3: str
    value4: str
    value5: str
    value6: str
    message: str


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
        self._replaces, self._skips = choice in REPLACES, choice in _SKIPS
        # What an adapter lacks depends on options and account, never on the template.
        self.spec = spec
        self.text = source.with_words(self._replace) if self._replaces else source
        self.spec = replace(spec, template=self.text.bare)

    def messages(self, rows: Iterable[Row]) -> Iterator[Message]:
        """What ``message`` returns for each of ``rows`` (see READ)."""
        for row in rows:
            yield self.message(RecipientRow._make(row))

    def compose_all(self, rows: Sequence[Row]) -> Messages:
        """What ``messages`` yields for ``rows``, composed column by column, which takes a fraction of the time."""
        if not rows:
            return Messages.of([])
        columns: dict[str, Sequence[Any]] = dict(zip(READ, zip(*rows, strict=True), strict=True))
        own_texts = _with_line_feeds_in(columns["message"])
        written = {name: _with_line_feeds_in(columns[name]) for name in self.text.fields}
        texts = self.text.personalise_all(written, len(rows))
        if any(own_texts):
            texts = [own_text or text for own_text, text in zip(own_texts, texts, strict=True)]
        fallbacks = self.text.fallbacks
        messages = Messages(
            msisdns=columns["msisdn"],
            texts=texts,
            values={name: with_fallback_in(column, fallbacks.get(name)) for name, column in written.items()},
            own_texts=own_texts,
            customer_ids=columns["customer_id"],
            references=[str(pk or msisdn) for pk, msisdn in zip(columns["id"], columns["msisdn"], strict=True)],
        )
        lacked = set(self.lacking("".join(texts)) if self._replaces else "")
        if not lacked:
            return messages
        pairs = zip(rows, messages, strict=True)
        return Messages.of(
            [
                message if lacked.isdisjoint(message.text) else self.message(RecipientRow._make(row))
                for row, message in pairs
            ]
        )

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

    def _replace(self, words: str) -> str:
        return letters.replace(words, self.lacking)

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


def row_of(recipient: Recipient) -> Row:
    """A recipient as a row of READ; its id is None if it is not saved."""
    return tuple(getattr(recipient, name) for name in READ)


def finished_text(campaign: Campaign, recipient: Recipient) -> str:
    """The text as the recipient reads it: the person's own, or the campaign's with the fields filled in."""
    return composer_of(campaign).message(recipient).text


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


def _with_line_feeds_in(column: Sequence[str]) -> Sequence[str]:
    return [_with_line_feeds(text) for text in column] if "\r" in "".join(column) else column


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
