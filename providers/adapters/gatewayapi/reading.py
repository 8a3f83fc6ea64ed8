"""Evidence in: what the names at GatewayAPI and the bottom of a rejected file mean for a batch. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
    Staged,
)

_NUMBER = re.compile(r"(?<!\d)(?:\+|00)?(\d{7,15})(?!\d)")
_MANY_DIGITS = re.compile(r"\d{5,}")
_LONGEST_CAUSE = 4000
# The cause may be written after the rename: this long a rejected file without one is waited for.
_CAUSE_PATIENCE = timedelta(seconds=60)


def interpret(payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> Interpretation:
    """What the names mean; the rules stand in the order in which they win.

    ``.success`` once seen stays accepted. ``.rejected`` counts only while no server shows the file waiting or in
    processing. Any such name on any server wins over the source on another.
    """
    if not observations:
        return Interpretation(ProviderState.UNKNOWN)
    evidence = _Evidence.of(payload, observations)
    if evidence.succeeded:
        return _accepted(evidence)
    if evidence.rejected and not evidence.is_under_way:
        return _rejected(payload, evidence)
    if "processing" in evidence.states or evidence.rejected:
        return Interpretation(
            ProviderState.PROCESSING,
            "processing",
            "GatewayAPI is processing the file; after internal errors up to 5 times more, 30 minutes apart.",
            alarm=_revived(evidence),
        )
    if "ready" in evidence.states:
        return Interpretation(ProviderState.TAKEN, "ready", "GatewayAPI has the file and will begin with it.")
    if evidence.strange:
        return Interpretation(
            ProviderState.UNKNOWN,
            UNKNOWN,
            f"GatewayAPI shows the file as {evidence.strange}, which Baton does not know.",
        )
    return _source(payload, attempts, observations[-1])


@dataclass(frozen=True)
class _Evidence:
    """All that was ever seen of a batch, by what its names say.

    ``states``, ``succeeded`` (names) and ``rejected`` are of all sightings. Of the latest are ``is_rejected_now``,
    ``strange`` (a name that says nothing known), and the servers that show so: ``succeeded_on``, ``under_way_on``.
    """

    states: frozenset[str]
    succeeded: frozenset[str]
    rejected: ObservedFile | None
    rejected_since: datetime
    seen_at: datetime
    succeeded_on: frozenset[str]
    under_way_on: frozenset[str]
    is_rejected_now: bool
    strange: str

    @property
    def is_under_way(self) -> bool:
        return bool(self.under_way_on)

    @classmethod
    def of(cls, payload: Payload, observations: Sequence[Observation]) -> "_Evidence":
        latest = observations[-1]
        states, succeeded = set(), set()
        rejected: ObservedFile | None = None
        rejected_since = latest.seen_at
        for observation in observations:
            for file in observation.files:
                state = state_of(file.name, payload.stem)
                states.add(state)
                if state == "success":
                    succeeded.add(file.name.lower())
                elif state == "rejected":
                    rejected_since = min(rejected_since, observation.seen_at)
                    # The newest content; a later look that could not read it takes nothing away.
                    rejected = file if rejected is None or file.body is not None else rejected
        now = [(state_of(file.name, payload.stem), file) for file in latest.files]
        inert = re.compile(re.escape(payload.stem) + r"-a\d+\.csv", re.IGNORECASE)
        return cls(
            frozenset(states),
            frozenset(succeeded),
            rejected,
            rejected_since,
            latest.seen_at,
            frozenset(file.host for state, file in now if state == "success"),
            frozenset(file.host for state, file in now if state in ("ready", "processing")),
            any(state == "rejected" for state, _ in now),
            next((file.name for state, file in now if not state and not inert.fullmatch(file.name)), ""),
        )


def _accepted(evidence: _Evidence) -> Interpretation:
    alarms = []
    if len(evidence.succeeded) > 1:
        alarms.append("GatewayAPI shows this file as processed more than once: people may have been texted twice.")
    if evidence.rejected:
        alarms.append(
            "GatewayAPI showed this file as rejected as well as processed. It counts as accepted; "
            "look there what became of it before anybody is texted again."
        )
    # Two servers may disagree for a moment; one that shows both has two files.
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
    """Whether the one pinned source lies untouched on every server that answered. No other name was seen."""
    arrivable = [attempt for attempt in attempts if attempt.may_have_arrived]
    pinned = {attempt.staged for attempt in arrivable or attempts[-1:]}
    staged = next(iter(pinned)) if len({source.name for source in pinned}) == 1 else Staged()
    seen = [file for file in latest.files if staged.name and file.name == staged.name]
    if not seen:
        return Interpretation(ProviderState.ABSENT if latest.hosts else ProviderState.UNKNOWN)
    whole = {file.host for file in seen if file.size == staged.size == len(payload.body)}
    if whole == {file.host for file in seen} == set(latest.hosts):
        return Interpretation(
            ProviderState.STAGED, "staged", "The uploaded file lies at GatewayAPI and was not renamed."
        )
    return Interpretation(
        ProviderState.UNKNOWN,
        "servers_disagree",
        "GatewayAPI's servers do not agree: the uploaded file is not whole, or not on each of them.",
    )


@dataclass(frozen=True)
class _Tail:
    """What stands below our rows. ``line`` is the number of its first line in the file, 0 where it is not known."""

    text: str
    is_certain: bool
    line: int = 0

    @classmethod
    def of(cls, raw: bytes, is_certain: bool, line: int = 0) -> "_Tail":
        text = _decode(raw)
        return cls(text, is_certain, line) if len(text) <= _LONGEST_CAUSE else cls(text[-_LONGEST_CAUSE:], False)


def _rejected(payload: Payload, evidence: _Evidence) -> Interpretation:
    file = evidence.rejected
    tail = _tail(payload.body, file) if file and file.body is not None else _Tail("", False)
    if not file or not tail.text.strip():
        if evidence.seen_at - evidence.rejected_since < _CAUSE_PATIENCE:
            return Interpretation(
                ProviderState.PROCESSING, "rejected_waiting", "GatewayAPI rejected the file; its cause is awaited."
            )
        return _unclear(UNKNOWN, "GatewayAPI rejected the file and gives no cause that Baton can read.")
    said = _without_texts(tail.text, payload)
    outcomes = _outcomes(said, tail, file.name, payload) if tail.is_certain else ()
    shown = _shown(said, tail.is_certain)
    codes = causes(said)
    names_a_number = any(number in handed_over(payload).numbers for number in _NUMBER.findall(said))
    leaves_open = any(LEAVES_OPEN.search(line) for line in said.splitlines())
    reason = next((code for code in codes if code in WORDS), UNKNOWN)
    is_account = tail.is_certain and not ABOUT_THE_ACCOUNT.isdisjoint(codes)
    is_plain = tail.is_certain and not leaves_open and not names_a_number
    if codes and is_plain and all(code in ABOUT_THE_FILE for code in codes):
        said = f"{WORDS[reason]} It says: {shown}"
        return Interpretation(ProviderState.REJECTED, reason, said, outcomes, account=is_account)
    sentences = [
        "GatewayAPI rejected the file, and whether part of it was texted is not known.",
        "" if tail.is_certain else "Where its cause begins cannot be told.",
        WORDS.get(reason, ""),
        f"It says: {shown}",
    ]
    return _unclear(reason, " ".join(sentence for sentence in sentences if sentence), outcomes, is_account)


def _unclear(
    reason: str, sentence: str, outcomes: tuple[Outcome, ...] = (), is_account: bool = False
) -> Interpretation:
    return Interpretation(ProviderState.UNKNOWN, reason, sentence, outcomes, unclear=True, account=is_account)


def _tail(uploaded: bytes, file: ObservedFile) -> _Tail:
    """What GatewayAPI added: the file minus what was uploaded, else what stands below our last line.

    assumption: the form of the cause is not documented, nor that it begins on a line of its own, nor whether the rows
    above it stay byte for byte. ``file.body`` may hold the bottom only.
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
            # Below another line than our last one may stand rows of ours that were changed on the way.
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
    """The tail without texts of ours that it quotes: what we wrote to people is no word of GatewayAPI's."""
    quoted = [text for text in handed_over(payload).texts if len(text) > 5]
    forms_of_texts = {form for text in quoted for form in (text, text.replace('"', '""')) if form in tail}
    for form in sorted(forms_of_texts, key=len, reverse=True):
        # Lines keep their numbers.
        tail = tail.replace(form, "…" + "\n" * form.count("\n"))
    return tail


def _shown(said: str, is_certain: bool) -> str:
    """The cause for people, short and without a phone number; its bottom where it is not known where it begins."""
    words = " ".join(_MANY_DIGITS.sub("…", said).split())
    if len(words) > 200:
        words = f"{words[:200]}…" if is_certain else f"…{words[-200:]}"
    return f"“{words}”"


def _outcomes(said: str, tail: _Tail, source: str, payload: Payload) -> tuple[Outcome, ...]:
    """A number of ours beside one code that is about a number: that number's fault and nobody else's."""
    found: dict[str, Outcome] = {}
    for index, line in enumerate(said.split("\n")):
        codes = {f"0x{digits.upper()}" for digits in CODE.findall(line)}
        numbers = set(_NUMBER.findall(line)) & handed_over(payload).numbers
        if len(codes) == 1 and codes <= ABOUT_A_NUMBER.keys() and len(numbers) == 1:
            (code,), (msisdn,) = codes, numbers
            number = tail.line + index if tail.line else 0
            found[msisdn] = Outcome(
                msisdn, "row_error", code, ABOUT_A_NUMBER[code], opted_out=code == "0x0215", source=source, line=number
            )
    return tuple(found.values())
