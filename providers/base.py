"""The provider seam: plain dataclasses in, plain dataclasses out, and the seven verbs of an adapter.

Pure verbs (``spec_problems``, ``problems``, ``render``, ``interpret``) touch no network, clock or database. ``stage``
is inert and repeatable, ``commit`` is the point of no return, ``poll`` and ``check`` only read.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from django import forms

from providers import gsm


@dataclass(frozen=True)
class CampaignSpec:
    """What a campaign asks of the adapter.

    ``template`` is the text with bare ``@@value1@@``..``@@value6@@`` fields, or ``""`` when it cannot be said as one
    template and every text must be rendered. ``start_at`` is set only when handed over early; both times are UTC.
    ``account`` holds the account's settings without secrets: objections may ask them, bytes never depend on them.
    """

    template: str
    sender: str
    start_at: datetime | None = None
    end_at: datetime | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """One recipient: ``msisdn`` digits with country code and no plus, ``text`` the finished text.

    ``values`` holds ``value1``..``value6`` for the fields the template uses, fallbacks filled in. ``own_text`` is the
    person's own text or ``""``; where set it is also the finished text. ``reference`` is unique in the campaign.
    """

    msisdn: str
    text: str
    values: Mapping[str, str]
    own_text: str
    customer_id: str
    reference: str


@dataclass(frozen=True)
class Payload:
    """What is handed over for one batch: a file name, its bytes, and the key (1..2147483647) of the batch.

    ``stem`` is the derived name without any ending. For Clickatell ``body`` lacks the credential lines.
    """

    stem: str
    name: str
    body: bytes
    key: int


@dataclass(frozen=True)
class Staged:
    """What ``stage`` left at the provider: nothing can be texted by it. Empty where a provider has no stage."""

    name: str = ""
    host: str = ""
    size: int = 0


@dataclass(frozen=True)
class Receipt:
    """The provider's answer to a commit; ``raw`` holds the bytes it was read from."""

    provider_ref: str = ""
    raw: bytes = b""


class Ending(StrEnum):
    """How an attempt ended; NONE until it is known (the worker died, or is still at it)."""

    NONE = "none"
    DONE = "done"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNCLEAR = "unclear"


#: Endings of which it is known that nothing arrived.
NOT_ARRIVED = (Ending.REFUSED, Ending.UNREACHABLE)


@dataclass(frozen=True)
class Attempt:
    """One try at the commit of a batch, stored before it. ``name`` is the remote name this attempt writes."""

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
        """Whether anything of it can be with the provider: it was neither refused nor left unreached."""
        return self.ending not in NOT_ARRIVED


@dataclass(frozen=True)
class ObservedFile:
    """One file seen at the provider. ``body`` is its content where it was read (at most 1 MB), else None."""

    folder: str
    name: str
    size: int
    modified_at: datetime | None = None
    body: bytes | None = None
    host: str = ""


@dataclass(frozen=True)
class Observation:
    """What one look saw: the hosts that answered and every entry that bears the batch's stem."""

    seen_at: datetime
    hosts: tuple[str, ...]
    files: tuple[ObservedFile, ...] = ()
    replies: tuple[bytes, ...] = ()


class ProviderState(StrEnum):
    """Where a batch stands with the provider, as far as it can be known."""

    UNKNOWN = "unknown"
    ABSENT = "absent"
    STAGED = "staged"
    TAKEN = "taken"
    PROCESSING = "processing"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Outcome:
    """The provider's word on one recipient.

    ``result`` is ``row_error`` or ``accepted``. ``code`` is the provider's own word, ``sentence`` says it in plain
    English. ``opted_out`` is true when the provider reports an opt-out, which Baton records as its own. ``source`` and
    ``line`` name the file and the line (1-based, 0 where there is none) that prove it. ``delivery`` is ``delivered``,
    ``undelivered`` or ``""`` where it is not known.
    """

    msisdn: str
    result: str
    code: str = ""
    sentence: str = ""
    opted_out: bool = False
    source: str = ""
    line: int = 0
    delivery: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Interpretation:
    """What the sightings of a batch mean.

    ``reason`` is a code and ``sentence`` its plain words.
    ``alarm`` is a sentence for a person where evidence contradicts itself. ``unclear`` is true when only a person can
    decide. ``account`` is true when the account itself was refused (login, credit): then it is stopped as well.
    ``waits`` is true while a word of the provider's is still to come that may permit a repeat: until then there
    is none. It never stays true for long.
    """

    state: ProviderState
    reason: str = ""
    sentence: str = ""
    outcomes: tuple[Outcome, ...] = ()
    unclear: bool = False
    alarm: str = ""
    account: bool = False
    waits: bool = False


@dataclass(frozen=True)
class Problem:
    """Why a text or an order cannot go this way: a code to count, a sentence to show, the characters at fault."""

    code: str
    sentence: str
    field: str = ""
    characters: str = ""


@dataclass(frozen=True)
class Check:
    """One line of *Test connection*: ``passed`` is None where it could not be tried.

    ``is_warning`` marks what does not keep the account from working and should be looked at all the same.
    """

    code: str
    label: str
    passed: bool | None
    sentence: str
    is_warning: bool = False


class GuardKind(StrEnum):
    """What keeps a repeated commit from texting twice."""

    KEY = "key"
    RENAME = "rename"
    NONE = "none"


@dataclass(frozen=True)
class Guard:
    """The provider's own protection against duplicates and how long Baton relies on it after the first intent.

    ``pause`` is how long after an attempt the next may come at the earliest.
    """

    kind: GuardKind
    window: timedelta = timedelta(0)
    pause: timedelta = timedelta(seconds=60)

    @classmethod
    def key(cls, window: timedelta, pause: timedelta = timedelta(seconds=60)) -> "Guard":
        """A name or number the provider remembers for ``window``: the same again is dropped by it."""
        return cls(GuardKind.KEY, window, pause)

    @classmethod
    def rename(cls) -> "Guard":
        """One pinned source that a rename uses up: it can succeed only once.

        Two looks that see the source untouched, ``pause`` apart, permit the same rename again.
        """
        return cls(GuardKind.RENAME)

    @classmethod
    def none(cls) -> "Guard":
        """Nothing: absence of evidence is always unclear."""
        return cls(GuardKind.NONE)


@dataclass(frozen=True)
class Limits:
    """What a provider takes: rows and bytes a payload, its alphabet, and connections an account may hold.

    ``alphabet`` is ``gsm`` or ``gsm+ucs2``. ``newline_units`` is what a line break costs in septets.
    ``values`` is how many fields its own template knows (0 where every text is rendered).
    """

    rows: int
    bytes: int
    alphabet: str = "gsm"
    newline_units: int = 1
    connections: int = 1
    values: int = 0
    start_ahead: timedelta | None = None


class Remote(Protocol):
    """An open transport: the account's settings with secrets in the clear, and the hosts it may talk to."""

    settings: Mapping[str, Any]

    def hosts(self) -> tuple[str, ...]: ...


class Transport(Protocol):
    """A way to a provider. ``connect`` is a context manager that yields a Remote; it raises Trouble."""

    @staticmethod
    def connect(settings: Mapping[str, Any]) -> AbstractContextManager[Any]: ...


class BaseAdapter:
    """One provider's ways. A subclass named ``Adapter`` in ``providers/adapters/<slug>.py`` is found by its file name.

    Stateless: one instance may serve many batches at once.
    """

    slug: ClassVar[str] = ""
    label: ClassVar[str]
    transport: ClassVar[Any]
    limits: ClassVar[Limits]
    guard: ClassVar[Guard]
    #: Silence longer than this after the hand-over is unclear.
    give_up_after: ClassVar[timedelta]
    #: What "accepted" means with this provider, for people.
    accepted_means: ClassVar[str] = ""
    #: How the provider's word comes back, for people: the last column of the capability table.
    evidence: ClassVar[str] = ""
    #: How the provider keeps a repeated hand-over from texting twice, for people.
    guard_words: ClassVar[str] = ""
    #: Whether the provider can hold a file until a start time (hand over early).
    starts_later: ClassVar[bool] = False
    #: What to look at when the provider refuses the login, for people.
    login_hint: ClassVar[str] = ""
    SettingsForm: ClassVar[type[forms.Form]]
    OptionsForm: ClassVar[type[forms.Form]]

    def host(self, settings: Mapping[str, Any]) -> str:
        """The host(s) an account talks to, for people and for the approval hash, never a secret."""
        return f"{settings.get('host', '')}:{settings.get('port', '')}"

    def login(self, settings: Mapping[str, Any]) -> str:
        """The account's name with the provider, for people and for the approval hash, never a secret."""
        return str(settings.get("username", ""))

    def transport_for(self, settings: Mapping[str, Any]) -> Any:
        """The Transport that an account with these settings uses."""
        return self.transport

    def measure(self, spec: CampaignSpec, text: str) -> gsm.Measure:
        """What this provider counts for a finished text: alphabet, units and parts. Pure."""
        return gsm.measure(text, self.limits.newline_units)

    def rehearsal(self, spec: CampaignSpec) -> str:
        """The sentence that says so where this order texts nobody and is a rehearsal, else ``""``. Pure."""
        return ""

    def spec_problems(self, spec: CampaignSpec) -> list[Problem]:
        """Why this order cannot go this way whatever the recipients (sender, times, options). Pure."""
        return []

    def problems(self, spec: CampaignSpec, message: Message) -> list[Problem]:
        """Why this text cannot go this way; asked for every recipient before anything is frozen. Pure."""
        raise NotImplementedError

    def render(self, stem: str, key: int, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
        """The bytes of one batch. Pure: same in, same bytes out."""
        raise NotImplementedError

    def attempt_name(self, payload: Payload, number: int) -> str:
        """The remote name that attempt ``number`` (from 1) of this payload writes. Pure."""
        return payload.name

    def stage(self, remote: Any, payload: Payload, attempt_name: str) -> Staged:
        """Bring the bytes near without anything being texted by it. Repeatable. Raises Trouble."""
        return Staged()

    def commit(self, remote: Any, payload: Payload, attempt: Attempt) -> Receipt:
        """The point of no return; called once the intent is stored. Raises Refused, Unreachable or Unclear."""
        raise NotImplementedError

    def poll(self, remote: Any, payload: Payload, attempts: Sequence[Attempt], now: datetime) -> Observation:
        """See what is there of this batch; reads only. ``now`` is UTC. Raises Unreachable or Refused."""
        raise NotImplementedError

    def interpret(
        self, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]
    ) -> Interpretation:
        """What the sightings, oldest first, mean for this batch. Pure."""
        raise NotImplementedError

    def check(self, remote: Any, now: datetime) -> list[Check]:
        """*Test connection* on an open remote; reads only. ``now`` is UTC. Raises Trouble.

        The one exception is an inert scratch file where the document promises that nothing picks it up.
        """
        raise NotImplementedError

    def survey(self, remote: Any, now: datetime) -> Observation | None:
        """Everything that lies in the account's folders, whosever it is: names, sizes and times; nothing is opened.

        ``hosts`` are those that answered. None where the provider keeps no folder. Reads only; ``now`` is UTC. Raises
        Unreachable or Refused.
        """
        return None

    @property
    def keeps_folder(self) -> bool:
        """Whether there is a folder that ``survey`` can show."""
        return type(self).survey is not BaseAdapter.survey

    def quote(self, remote: Any, spec: CampaignSpec, message: Message) -> str | None:
        """What the provider says this text would cost, in its own words; None where it cannot be asked. Reads only."""
        return None
