"""Evidence in: what file names and the bottom of a rejected file mean for a batch. Pure."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any

from providers.adapters.gatewayapi.wire import handed_over
from providers.adapters.gatewayapi.words import (
    ABOUT_A_NUMBER,
    ABOUT_THE_ACCOUNT,
    ABOUT_THE_FILE,
    CODE,
    LEAVES_OPEN,
    UNKNOWN,
    WORDS,
    causes,
    state_of,
)
from providers.base import (
    Attempt,
    Interpretation,
    Observation,
    ObservedFile,
    Outcome,
    Payload,
    ProviderState,
    Result,
    Staged,
)

_NUMBER = re.compile(r"(?<!\d)(?:\+|00)?(\d{7,15})(?!\d)")
_MANY_DIGITS = re.compile(r"\d{5,}")
# In characters.
_LONGEST_CAUSE = 4000
# The cause may be written after the rename to .rejected; a file without a cause waits this long for it.
_CAUSE_PATIENCE = timedelta(seconds=60)


def interpret(payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> Interpretation:
    """Return what the file names mean. The rules are in order of precedence.

    A file that was once observed as ``.success`` stays accepted. ``.rejected`` counts only while no server shows the
    file as ready or processing. Any of these names on any server takes precedence over the source on another.
    """
    if not observations:
        return Interpretation(ProviderState.UNKNOWN)
    reader = Reader(payload, attempts)
    for observation in observations:
        reader.add(observation)
    return reader.interpret()


def _interpret(
    payload: Payload, attempts: Sequence[Attempt], evidence: "_Evidence", latest: Observation
) -> Interpretation:
    if evidence.succeeded:
        return _accepted(evidence)
    if evidence.rejected and not evidence.is_under_way:
        return _rejected(payload, evidence)
    if "processing" in evidence.states or evidence.rejected:
        return Interpretation(
            ProviderState.PROCESSING,
            "processing",
            "GatewayAPI is processing the file; after internal errors it tries up to 5 more times, 30 minutes apart.",
            alarm=_revived(evidence),
        )
    if "ready" in evidence.states:
        return Interpretation(ProviderState.TAKEN, "ready", "GatewayAPI has the file and has not started on it yet.")
    if evidence.unknown_name:
        return Interpretation(
            ProviderState.UNKNOWN,
            UNKNOWN,
            f"GatewayAPI shows the file as {evidence.unknown_name}, which Baton does not know.",
        )
    return _source(payload, attempts, latest)


@dataclass(frozen=True)
class _Evidence:
    """Everything that was observed of a batch, by what the file names say.

    ``states``, ``succeeded`` (names) and ``rejected`` are from all observations. From the latest one are
    ``is_rejected_now``, ``unknown_name`` (a name with no known state), and the servers that show the file as succeeded
    (``succeeded_on``) and as ready or processing (``under_way_on``).
    """

    states: frozenset[str]
    succeeded: frozenset[str]
    rejected: "_Rejected | None"
    rejected_since: datetime
    seen_at: datetime
    succeeded_on: frozenset[str]
    under_way_on: frozenset[str]
    is_rejected_now: bool
    unknown_name: str

    @property
    def is_under_way(self) -> bool:
        return bool(self.under_way_on)


@dataclass(frozen=True)
class _Rejected:
    """A rejected file: its name, the digest of its newest content, and what GatewayAPI added to it.

    ``tail`` is None if no content was read.
    """

    name: str
    digest: str = ""
    tail: "_Tail | None" = None


class Reader:
    """Reads the bottom of each rejected file once; see ``providers.base.Reader``."""

    def __init__(self, payload: Payload, attempts: Sequence[Attempt], state: Any = None) -> None:
        self.payload, self.attempts = payload, attempts
        self.states: set[str] = set()
        self.succeeded: set[str] = set()
        self.rejected: _Rejected | None = None
        self.rejected_since: datetime | None = None
        self.latest = Observation(datetime.min, ())
        if state:
            states, succeeded, (name, digest), tail, since = state
            self.states, self.succeeded = set(states), set(succeeded)
            self.rejected = _Rejected(name, digest, _Tail(*tail) if tail else None) if name else None
            self.rejected_since = datetime.fromisoformat(since) if since else None

    def add(self, observation: Observation) -> bool:
        self.latest = observation
        for file in observation.files:
            state = state_of(file.name, self.payload.stem)
            self.states.add(state)
            if state == "success":
                self.succeeded.add(file.name.lower())
            elif state == "rejected":
                self.rejected_since = min(self.rejected_since or observation.seen_at, observation.seen_at)
                self._add_rejected(file)
        return True

    def _add_rejected(self, file: ObservedFile) -> None:
        """Take the newest content; a later poll that could not read it does not replace it."""
        if file.body is None:
            self.rejected = self.rejected or _Rejected(file.name)
            return
        digest = hashlib.sha256(b"%d\n%s" % (file.size, file.body)).hexdigest()
        if self.rejected is None or (self.rejected.name, self.rejected.digest) != (file.name, digest):
            self.rejected = _Rejected(file.name, digest, _tail(self.payload.body, file))

    def interpret(self) -> Interpretation:
        latest = self.latest
        now = [(state_of(file.name, self.payload.stem), file) for file in latest.files]
        inert = re.compile(re.escape(self.payload.stem) + r"-a\d+\.csv", re.IGNORECASE)
        evidence = _Evidence(
            frozenset(self.states),
            frozenset(self.succeeded),
            self.rejected,
            min(self.rejected_since or latest.seen_at, latest.seen_at),
            latest.seen_at,
            frozenset(file.host for state, file in now if state == "success"),
            frozenset(file.host for state, file in now if state in ("ready", "processing")),
            any(state == "rejected" for state, _ in now),
            next((file.name for state, file in now if not state and not inert.fullmatch(file.name)), ""),
        )
        return _interpret(self.payload, self.attempts, evidence, latest)

    def state(self) -> Any:
        rejected = self.rejected
        return [
            sorted(self.states),
            sorted(self.succeeded),
            [rejected.name, rejected.digest] if rejected else ["", ""],
            astuple(rejected.tail) if rejected and rejected.tail else None,
            self.rejected_since.isoformat() if self.rejected_since else "",
        ]


def _accepted(evidence: _Evidence) -> Interpretation:
    alarms = []
    if len(evidence.succeeded) > 1:
        alarms.append("GatewayAPI shows this file as processed more than once: people may have been texted twice.")
    if evidence.rejected:
        alarms.append(
            "GatewayAPI showed this file both as rejected and as processed. It counts as accepted; "
            "check there what happened to it before anybody is texted again."
        )
    # Two servers may disagree for a moment, but one server that shows both has two files.
    if evidence.succeeded_on & evidence.under_way_on:
        alarms.append("GatewayAPI has processed this file and is processing it again: people may be texted twice.")
    return Interpretation(
        ProviderState.ACCEPTED,
        "success",
        "GatewayAPI processed the file and queued its messages.",
        alarm=" ".join(alarms),
    )


def _revived(evidence: _Evidence) -> str:
    if evidence.rejected and not evidence.is_rejected_now:
        return (
            "GatewayAPI had rejected this file and is processing it again: somebody renamed it there. "
            "Its recipients may be texted after all."
        )
    return ""


def _source(payload: Payload, attempts: Sequence[Attempt], latest: Observation) -> Interpretation:
    """Return whether the one pinned source is untouched on every server that answered. No other name was observed."""
    arrivable = [attempt for attempt in attempts if attempt.may_have_arrived]
    pinned = {attempt.staged for attempt in arrivable or attempts[-1:]}
    staged = next(iter(pinned)) if len({source.name for source in pinned}) == 1 else Staged()
    seen = [file for file in latest.files if staged.name and file.name == staged.name]
    if not seen:
        return Interpretation(ProviderState.ABSENT if latest.hosts else ProviderState.UNKNOWN)
    whole = {file.host for file in seen if file.size == staged.size == len(payload.body)}
    if whole == {file.host for file in seen} == set(latest.hosts):
        return Interpretation(ProviderState.STAGED, "staged", "The uploaded file is at GatewayAPI and was not renamed.")
    return Interpretation(
        ProviderState.UNKNOWN,
        "servers_disagree",
        "GatewayAPI's servers disagree: the uploaded file is incomplete, or missing from one of them.",
    )


@dataclass(frozen=True)
class _Tail:
    """The text that GatewayAPI added below the rows of the file.

    ``is_certain`` is false where its beginning is only guessed. ``line`` is the number of its first line in the file, 0
    if it is not known.
    """

    text: str
    is_certain: bool
    line: int = 0

    @classmethod
    def of(cls, raw: bytes, is_certain: bool, line: int = 0) -> "_Tail":
        text = _decode(raw)
        return cls(text, is_certain, line) if len(text) <= _LONGEST_CAUSE else cls(text[-_LONGEST_CAUSE:], False)


def _rejected(payload: Payload, evidence: _Evidence) -> Interpretation:
    file = evidence.rejected
    tail = (file and file.tail) or _Tail("", False)
    if not file or not tail.text.strip():
        if evidence.seen_at - evidence.rejected_since < _CAUSE_PATIENCE:
            return Interpretation(
                ProviderState.PROCESSING,
                "rejected_waiting",
                "GatewayAPI rejected the file; the cause has not arrived yet.",
            )
        return _unclear(UNKNOWN, "GatewayAPI rejected the file and gives no cause that Baton can read.")
    cause = _without_texts(tail.text, payload)
    outcomes = _outcomes(cause, tail, file.name, payload) if tail.is_certain else ()
    shown = _shown(cause, tail.is_certain)
    codes = causes(cause)
    names_a_number = any(number in handed_over(payload).numbers for number in _NUMBER.findall(cause))
    leaves_open = any(LEAVES_OPEN.search(line) for line in cause.splitlines())
    reason = next((code for code in codes if code in WORDS), UNKNOWN)
    is_account = tail.is_certain and not ABOUT_THE_ACCOUNT.isdisjoint(codes)
    is_plain = tail.is_certain and not leaves_open and not names_a_number
    if codes and is_plain and all(code in ABOUT_THE_FILE for code in codes):
        sentence = f"{WORDS[reason]} It says: {shown}"
        return Interpretation(ProviderState.REJECTED, reason, sentence, outcomes, account=is_account)
    sentences = [
        "GatewayAPI rejected the file, and whether part of it was texted is not known.",
        "" if tail.is_certain else "Baton cannot tell where the cause begins.",
        WORDS.get(reason, ""),
        f"It says: {shown}",
    ]
    return _unclear(reason, " ".join(sentence for sentence in sentences if sentence), outcomes, is_account)


def _unclear(
    reason: str, sentence: str, outcomes: tuple[Outcome, ...] = (), is_account: bool = False
) -> Interpretation:
    return Interpretation(ProviderState.UNKNOWN, reason, sentence, outcomes, unclear=True, account=is_account)


def _tail(uploaded: bytes, file: ObservedFile) -> _Tail:
    """Return what GatewayAPI added: the file minus what was uploaded, or else what is below the last uploaded line.

    assumption: it is not documented what the cause looks like, that it begins on a new line, or whether the rows above
    it stay the same byte for byte. ``file.body`` may hold only the bottom of the file.
    """
    body = file.body or b""
    missing = max(file.size - len(body), 0)
    rest = uploaded[missing:].rstrip(b"\r\n")
    for whole, ours in ((body, rest), (_unix(body), _unix(rest))):
        if ours and whole.startswith(ours):
            return _Tail.of(whole[len(ours) :], True, uploaded.rstrip(b"\r\n").count(b"\n") + 1)
    own = [line for line in _unix(uploaded).split(b"\n") if line.strip()]
    lines = _unix(body).split(b"\n")
    known = frozenset(own)
    for index in reversed(range(len(lines))):
        if lines[index] in known:
            # If this is not the last uploaded line, uploaded rows that were changed may follow it.
            is_last = lines[index] == own[-1]
            return _Tail.of(b"\n".join(lines[index + 1 :]), is_last, 0 if missing else index + 2)
    return _Tail.of(b"\n".join(lines[-20:]), False)


def _unix(body: bytes) -> bytes:
    return body.replace(b"\r\n", b"\n")


def _decode(tail: bytes) -> str:
    try:
        return tail.decode("utf-8-sig")
    except UnicodeDecodeError:
        return tail.decode("cp1252", "replace")


def _without_texts(tail: str, payload: Payload) -> str:
    """Return the tail without the texts of messages that it quotes, which are not part of the cause."""
    quoted = [text for text in handed_over(payload).texts if len(text) > 5]
    forms_of_texts = {form for text in quoted for form in (text, text.replace('"', '""')) if form in tail}
    for form in sorted(forms_of_texts, key=len, reverse=True):
        # So that line numbers stay the same.
        tail = tail.replace(form, "…" + "\n" * form.count("\n"))
    return tail


def _shown(cause: str, is_certain: bool) -> str:
    """Return the cause for people, short and without phone numbers; its end if its beginning is not certain."""
    words = " ".join(_MANY_DIGITS.sub("…", cause).split())
    if len(words) > 200:
        words = f"{words[:200]}…" if is_certain else f"…{words[-200:]}"
    return f"“{words}”"


def _outcomes(cause: str, tail: _Tail, source: str, payload: Payload) -> tuple[Outcome, ...]:
    """Return an outcome for each line that has one number of the batch and one code about a number."""
    found: dict[str, Outcome] = {}
    for index, line in enumerate(cause.split("\n")):
        codes = {f"0x{digits.upper()}" for digits in CODE.findall(line)}
        numbers = set(_NUMBER.findall(line)) & handed_over(payload).numbers
        if len(codes) == 1 and codes <= ABOUT_A_NUMBER.keys() and len(numbers) == 1:
            (code,), (msisdn,) = codes, numbers
            number = tail.line + index if tail.line else 0
            found[msisdn] = Outcome(
                msisdn,
                Result.ROW_ERROR,
                code,
                ABOUT_A_NUMBER[code],
                opted_out=code == "0x0215",
                source=source,
                line=number,
            )
    return tuple(found.values())
