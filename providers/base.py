"""The interface between Baton and a provider: the dataclasses that are passed, and the base class of adapters.

Pure methods (``spec_problems``, ``problems``, ``render``, ``interpret``) use no network, clock or database. ``stage``
has no effect on anybody and can be repeated, ``commit`` cannot be undone, ``poll`` and ``check`` only read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar, NamedTuple, Protocol

from django import forms

from providers import gsm, replies
from providers.causes import Cause
from providers.limits import Guard, Limits


@dataclass(frozen=True)
class CampaignSpec:
    """What a campaign asks of the adapter.

    ``template`` is the text with bare ``@@value1@@``..``@@value6@@`` fields, or ``""`` if the texts cannot be expressed
    as one template and each of them must be rendered. ``start_at`` is set only for a campaign that is handed over
    early; both times are UTC. ``account`` holds the account's settings without secrets: ``problems`` may depend on
    them, the rendered bytes never do.
    """

    template: str
    sender: str
    start_at: datetime | None = None
    end_at: datetime | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)


class Message(NamedTuple):
    """One recipient. ``msisdn`` is digits with the country code and without a plus; ``text`` is the finished text.

    ``values`` holds ``value1``..``value6`` for the fields that the template uses, with fallbacks filled in.
    ``own_text`` is the person's own text or ``""``; if set, it is also the finished text. ``reference`` is unique in
    the campaign.
    """

    msisdn: str
    text: str
    values: Mapping[str, str]
    own_text: str
    customer_id: str
    reference: str


@dataclass(frozen=True)
class Payload:
    """What is handed over for one batch: a file name, its bytes, and the batch's key (1..2147483647).

    ``stem`` is the batch's derived name without an ending. Where a file contains credentials, ``body`` lacks them.
    """

    stem: str
    name: str
    body: bytes
    key: int


@dataclass(frozen=True)
class Staged:
    """What ``stage`` left at the provider, from which nothing is texted yet. Empty if the provider has no stage.

    ``size`` is in bytes.
    """

    name: str = ""
    host: str = ""
    size: int = 0


@dataclass(frozen=True)
class Receipt:
    """The provider's answer to a commit; ``raw`` holds the bytes that it was read from."""

    provider_ref: str = ""
    raw: bytes = b""


class Ending(StrEnum):
    """How an attempt ended; NONE until it is known (the worker died, or is still running)."""

    NONE = "none"
    DONE = "done"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNCLEAR = "unclear"


#: Endings after which it is certain that nothing arrived.
NOT_ARRIVED = (Ending.REFUSED, Ending.UNREACHABLE)


@dataclass(frozen=True)
class Attempt:
    """One attempt to commit a batch, stored before it starts. ``name`` is the remote name that it writes."""

    number: int
    name: str
    host: str
    staged: Staged
    started_at: datetime
    ended_at: datetime | None = None
    ending: Ending = Ending.NONE
    receipt: Receipt = Receipt()

    @property
    def may_have_arrived(self) -> bool:
        """Whether the provider may have received any of it: it was neither refused nor ended as unreachable."""
        return self.ending not in NOT_ARRIVED


@dataclass(frozen=True)
class ObservedFile:
    """One file at the provider. ``size`` is in bytes, ``body`` is its content (at most 1 MB) or None if not read.

    ``version`` is that of the file when its body was downloaded (``version_of``), ``""`` if the body must not be used
    again.
    """

    folder: str
    name: str
    size: int
    modified_at: datetime | None = None
    body: bytes | None = None
    host: str = ""
    version: str = ""


@dataclass(frozen=True)
class Observation:
    """What one poll found: the hosts that answered, and every file whose name contains the batch's stem.

    ``replies`` are the answers of a provider that is asked instead of having its folder listed.
    """

    seen_at: datetime
    hosts: tuple[str, ...]
    files: tuple[ObservedFile, ...] = ()
    replies: tuple[bytes, ...] = ()


class ProviderState(StrEnum):
    """The state of a batch at the provider, as far as it is known."""

    UNKNOWN = "unknown"
    ABSENT = "absent"
    STAGED = "staged"
    TAKEN = "taken"
    PROCESSING = "processing"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Result(StrEnum):
    """What became of one recipient: the provider accepted the text or refused the row."""

    ACCEPTED = "accepted"
    ROW_ERROR = "row_error"


@dataclass(frozen=True)
class Outcome:
    """What the provider reports about one recipient.

    ``code`` is the provider's own code, ``sentence`` explains it in plain English. ``opted_out`` is true if the
    provider reports an opt-out, which Baton then records as its own. ``source`` and ``line`` name the file and the line
    (from 1; 0 if there is none) that prove it. ``delivery`` is ``delivered``, ``undelivered``, or ``""`` if it is not
    known.
    """

    msisdn: str
    result: Result
    code: str = ""
    sentence: str = ""
    opted_out: bool = False
    source: str = ""
    line: int = 0
    delivery: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Interpretation:
    """What the observations of a batch mean.

    ``reason`` is a code and ``sentence`` explains it. ``alarm`` is a sentence for people if the evidence contradicts
    itself; ``note`` is a sentence for the history that asks nobody to act. ``unclear`` is true if only a person can
    decide. ``account`` is true if the account itself was refused (login, credit); it is then stopped as well. ``waits``
    is true while the provider may still report something that allows another attempt: no attempt is made before that,
    and the wait is short. ``dropped`` is true if the provider reported that it dropped the file of every attempt
    unread, so that no attempt can have texted anybody: the commit is then repeated if the guard permits, also after the
    hand-over.
    """

    state: ProviderState
    reason: str = ""
    sentence: str = ""
    outcomes: tuple[Outcome, ...] = ()
    unclear: bool = False
    alarm: str = ""
    account: bool = False
    waits: bool = False
    note: str = ""
    dropped: bool = False


@dataclass(frozen=True)
class Problem:
    """Why a provider cannot take a text or a campaign: a code to count, a sentence to show, the characters at fault."""

    code: str
    sentence: str
    field: str = ""
    characters: str = ""


@dataclass(frozen=True)
class Check:
    """One line of *Test connection*; ``passed`` is None if it could not be tried.

    ``is_warning`` marks something that a person should know although the account works. ``credit`` is the credit that
    is left, in the provider's own unit, as a decimal number such as ``"120.50"``; ``""`` on every other line.
    """

    code: str
    label: str
    passed: bool | None
    sentence: str
    is_warning: bool = False
    credit: str = ""


class Reader(Protocol):
    """Reads a batch's observations one at a time, oldest first, and remembers what they mean instead of their bytes.

    ``BaseAdapter.interpret`` over the same observations says the same: it is the simple form.
    """

    def add(self, observation: Observation) -> bool:
        """Take one more. False if this adapter has to read all of them at once; then nothing more is asked."""
        ...

    def interpret(self) -> Interpretation:
        """What all observations mean; at least one was added to this object."""
        ...

    def state(self) -> Any:
        """What ``BaseAdapter.reader`` needs to continue from here, as JSON can store it."""
        ...


class BaseAdapter:
    """How to work with one provider. ``providers.registry`` finds the subclass named ``Adapter`` by its file name.

    Stateless: one instance may serve many batches at once.
    """

    slug: ClassVar[str] = ""
    label: ClassVar[str]
    transport: ClassVar[Any]
    limits: ClassVar[Limits]
    guard: ClassVar[Guard]
    #: A batch about which the provider reports nothing for longer than this after the hand-over is unclear.
    give_up_after: ClassVar[timedelta]
    #: What "accepted" means at this provider, for people.
    accepted_means: ClassVar[str] = ""
    #: How the provider reports results, for people: a row of the capability table.
    evidence: ClassVar[str] = ""
    #: How a repeated hand-over is kept from texting anybody twice, for people: a row of the capability table.
    guard_words: ClassVar[str] = ""
    #: Whether the provider can hold a file until a start time (hand over early).
    starts_later: ClassVar[bool] = False
    #: What to check if the provider refuses the login, for people.
    login_hint: ClassVar[str] = ""
    #: How to make the provider push replies to an address of Baton's, for people; "" if it cannot.
    reply_setup: ClassVar[str] = ""
    #: How the provider pushes replies.
    reply_shapes: ClassVar[tuple[replies.ReplyShape, ...]] = ()
    #: The provider's codes in plain words, and what kind of cause each of them is. ``causes`` has every code that the
    #: adapter can give as a reason or an outcome, except for those of ``providers.causes.CONNECTION``.
    words: ClassVar[Mapping[str, str]] = {}
    causes: ClassVar[Mapping[str, Cause]] = {}
    SettingsForm: ClassVar[type[forms.Form]]
    OptionsForm: ClassVar[type[forms.Form]]

    def host(self, settings: Mapping[str, Any]) -> str:
        """The hosts that an account connects to, for people and for the approval hash; never a secret."""
        return f"{settings.get('host', '')}:{settings.get('port', '')}"

    def login(self, settings: Mapping[str, Any]) -> str:
        """The account's name at the provider, for people and for the approval hash; never a secret."""
        return str(settings.get("username", ""))

    def transport_for(self, settings: Mapping[str, Any]) -> Any:
        """The ``providers.transports.Transport`` that an account with these settings uses."""
        return self.transport

    def measure(self, spec: CampaignSpec, text: str) -> gsm.Measure:
        """What this provider counts for a finished text: alphabet, units and parts. Pure.

        For characters of GSM's basic table, other than a line feed, only their number matters.
        """
        return gsm.measure(text, self.limits.newline_units)

    def count_parts(self, spec: CampaignSpec, texts: Sequence[str]) -> Counter[int]:
        """How many of these finished texts have how many parts, as ``measure`` counts each of them. Pure."""
        return gsm.count_parts(texts, partial(self.measure, spec))

    def lacking(self, spec: CampaignSpec, text: str) -> str:
        """The characters of a text that this account cannot take with the campaign's options, each once. Pure.

        Each character is judged by itself, so several texts may be asked about as one.
        ``problems`` refuses a text that has any. ``providers.letters`` may replace them.
        """
        return gsm.unsupported(text) if self.limits.alphabet == "gsm" else ""

    def plain_characters(self, spec: CampaignSpec) -> str:
        """The characters of values about which this provider has no rule but how many of them there are. Pure.

        The promise, for the values of one campaign's messages without own texts that consist of these characters, with
        spaces only in between them: ``lacking`` finds none of them, each counts as one unit, and ``problems`` are the
        same for all messages whose texts are equally long. ``""`` if each message must be looked at.
        """
        return ""

    def read_reply(self, fields: Mapping[str, str]) -> replies.PushedReply | None:
        """The reply in a push with these fields (names in lower case); None if they hold none. Pure."""
        return replies.read(fields, self.reply_shapes)

    def rehearsal(self, spec: CampaignSpec) -> str:
        """A sentence for people if this campaign is a rehearsal that texts nobody, else ``""``. Pure."""
        return ""

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        """Why the provider cannot take this campaign, whoever the recipients are (sender, times, options). Pure."""
        return []

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        """Why the provider cannot take this text; called for every recipient before anything is frozen. Pure."""
        raise NotImplementedError

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        """The bytes of one batch. Pure: the same arguments give the same bytes."""
        raise NotImplementedError

    def attempt_name(self, payload: Payload, number: int) -> str:
        """The remote name that attempt ``number`` (from 1) of this payload writes. Pure."""
        return payload.name

    def stage(self, remote: Any, payload: Payload, attempt_name: str) -> Staged:
        """Upload the bytes in such a way that nothing is texted yet. Can be repeated. Raises Trouble."""
        return Staged()

    def commit(self, remote: Any, payload: Payload, attempt: Attempt) -> Receipt:
        """Start the texting, which cannot be undone; called once the intent is stored.

        Raises Refused, Unreachable or Unclear.
        """
        raise NotImplementedError

    def poll(self, remote: Any, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """Find out what the provider shows of this batch; only reads. ``now`` is UTC. Raises Unreachable or Refused."""
        raise NotImplementedError

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        """What the observations, oldest first, mean for this batch. Pure."""
        raise NotImplementedError

    def reader(self, payload: Payload, attempts: Sequence[Attempt], state: Any = None) -> Reader | None:
        """A Reader that has read nothing, or that continues from the ``state()`` of another one. Pure.

        The state of one is used only with the same payload and the same attempts. None if the adapter has no Reader;
        then every poll reads all observations.
        """
        return None

    def check(self, remote: Any, now: datetime) -> list[Check]:
        """*Test connection* on an open remote; only reads. ``now`` is UTC. Raises Trouble.

        The one exception is a scratch file, if the provider's document promises that such a file is ignored.
        """
        raise NotImplementedError

    def survey(self, remote: Any, now: datetime) -> Observation | None:
        """List every file in the account's folders, Baton's or not: names, sizes and times; no file is opened.

        ``hosts`` are those that answered. None if the provider has no folder. Only reads; ``now`` is UTC. Raises
        Unreachable or Refused.
        """
        return None

    @property
    def keeps_folder(self) -> bool:
        """Whether there is a folder that ``survey`` can show."""
        return type(self).survey is not BaseAdapter.survey

    def quote(self, remote: Any, spec: CampaignSpec, message: Message) -> str | None:
        """What the provider says this text would cost, in its own words; None if it cannot be asked. Only reads."""
        return None
