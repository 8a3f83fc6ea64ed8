"""A Reader, whose state is stored between two polls, says what ``interpret`` says of all observations at once."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers import registry
from providers.base import (
    Attempt,
    CampaignSpec,
    Ending,
    Message,
    Observation,
    ObservedFile,
    Payload,
    Receipt,
    Staged,
)

STEM = "c1-b1-g1-0a1b2c3d"
OTHER = "c2-b1-g1-99999999-a1.txt"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NUMBERS = ["27825550101", "27825550102", "27825550103", "27825550104"]
#: The cases of each provider; each has a few polls, and its reader is compared after each of them.
CASES = 80
Poll = Callable[[random.Random, datetime], Observation]


def payload_of(slug: str, chance: random.Random) -> Payload:
    people = NUMBERS[: chance.choice([1, 3, 4])]
    text = chance.choice(["Hi", "Hi @@value1@@"])
    messages = [
        Message(number, text.replace("@@value1@@", number[-3:]), {"value1": number[-3:]}, "", "", number)
        for number in people
    ]
    return registry.adapter(slug).render(STEM, 7, CampaignSpec(text, ""), messages)


def attempts_of(slug: str, chance: random.Random, payload: Payload) -> list[Attempt]:
    adapter = registry.adapter(slug)
    attempts = []
    for number in range(1, chance.choice([2, 2, 3])):
        ending = chance.choice([Ending.DONE, Ending.DONE, Ending.UNCLEAR, Ending.NONE, Ending.REFUSED])
        staged = Staged(f"{STEM}-a1.csv", "a:21", len(payload.body)) if slug == "gatewayapi" else Staged("", "h", 60)
        receipt = Receipt("30430", chance.choice([b"0|IN_PROGRESS|30430", b"1|SCHEDULED|30430"]))
        started = NOON + timedelta(minutes=number - 1)
        name = adapter.attempt_name(payload, number)
        attempts.append(Attempt(number, name, "h", staged, started, started, ending, receipt))
    return attempts


class Folder:
    """A provider's folder in which logs and reports grow, are restarted, are moved and vanish."""

    def __init__(self, chance: random.Random, payload: Payload) -> None:
        self.chance, self.payload = chance, payload
        self.bodies: dict[tuple[str, str], bytes] = {}
        self.sizes: dict[tuple[str, str], int] = {}

    def grow(self, place: tuple[str, str], more: bytes) -> None:
        chance = self.chance
        body = self.bodies.get(place, b"\xef\xbb\xbf" if chance.random() < 0.05 else b"")
        fate = chance.random()
        if fate < 0.07:
            body = b""
        elif fate < 0.12 and body:
            body = body[: chance.randrange(len(body))]
        self.bodies[place] = body + (more[: chance.randrange(len(more))] if chance.random() < 0.15 else more)

    def seen(self, host: str = "h") -> list[ObservedFile]:
        files = []
        for (folder, name), body in self.bodies.items():
            is_read = self.chance.random() < 0.9
            size = len(body) + (7 if self.chance.random() < 0.1 else 0)
            changed = NOON + timedelta(seconds=self.chance.choice([-60, 0, 30]))
            files.append(ObservedFile(folder, name, size, changed, body if is_read else None, host))
        for (folder, name), size in self.sizes.items():
            files.append(ObservedFile(folder, name, size, NOON, None, host))
        return [file for file in files if self.chance.random() < 0.95]


def clickatell(chance: random.Random, payload: Payload, attempts: list[Attempt]) -> Poll:
    folder = Folder(chance, payload)
    logs = [("", name) for name in (f"{STEM}-a1.txt.log", "history.log", f"{STEM}-a2.txt.err", "other.log")]

    def line() -> bytes:
        number = chance.choice([*NUMBERS, *NUMBERS, "27829990000"])
        identity = f"{chance.randrange(6):032x}"
        text = chance.choice([
            f"ID: {identity} To: {number}", f"ID: {identity} To: {number}", f"ERR: 105, Invalid number To: {number}",
            f"ERR: {chance.choice(['122', '301', '901', '113', '105', '777'])}", f"ID: {identity} status: 004",
            f"To: {number} status: 003", f"--- {STEM}-a{chance.choice([1, 2, 3])}.txt", OTHER,
            "climsgid: c1b1g10a1b2c3d", f"text:{STEM} ID: {identity}", "something é", "\ud800", f"ID: {identity}",
        ])  # fmt: skip
        ends = chance.choice(["\n", "\n", "\n", "\r\n", "\r"])
        return f"{text}{ends}".encode("utf-8", "surrogatepass" if "\ud800" in text else "strict")

    def poll(chance: random.Random, now: datetime) -> Observation:
        for attempt in attempts:
            if chance.random() < 0.3:
                whole = attempt.staged.size + len(payload.body)
                folder.sizes["", attempt.name] = chance.choice([whole, whole, whole // 2])
            elif chance.random() < 0.3:
                folder.sizes.pop(("", attempt.name), None)
        for _ in range(chance.choice([0, 0, 1, 3])):
            folder.grow(chance.choice(logs[: chance.choice([1, 2, 4])]), line())
        return Observation(now, ("h",), tuple(folder.seen()))

    return poll


def smsportal(chance: random.Random, payload: Payload, attempts: list[Attempt]) -> Poll:
    folder = Folder(chance, payload)

    def poll(chance: random.Random, now: datetime) -> Observation:
        for attempt in attempts:
            if chance.random() < 0.4:
                for place in ("Send_SMS", "Processed", "Errors"):
                    folder.sizes.pop((place, attempt.name), None)
                folder.sizes[chance.choice(["Send_SMS", "Errors", "Errors", "Processed"]), attempt.name] = 100
            if chance.random() < 0.4:
                code = chance.choice(["File.Corrupt", "MSISDN.Optout", "InternalServerError", "File.New", "None"])
                more = f"{chance.choice([*NUMBERS, ''])} {code}\n".encode()
                folder.grow((chance.choice(["Errors", "Processed"]), f"{attempt.name}.report.txt"), more)
        if chance.random() < 0.05:
            folder.bodies["Errors", f"{STEM}.json"] = b'Version 1\n{"contacts": []}'
        return Observation(now, ("h",), tuple(folder.seen()))

    return poll


def gatewayapi(chance: random.Random, payload: Payload, attempts: list[Attempt]) -> Poll:
    def poll(chance: random.Random, now: datetime) -> Observation:
        files = []
        for host in ("a:21", "b:21")[: chance.choice([1, 2])]:
            name = chance.choice(
                ["-a1.csv", ".csv.ready", ".csv.processing", ".csv.rejected", ".csv.odd", ".csv.success"]
            )
            if name.endswith("rejected"):
                cause = chance.choice(["", "Unknown message class (0x0218)", "0x0215 27825550101", "row 3 failed"])
                body = payload.body + cause.encode()
                read = chance.choice([body, body, body[-40:], None])
                files.append(ObservedFile("", STEM + name, len(body), None, read, host))
            elif not (name.endswith("success") and chance.random() < 0.8):
                files.append(ObservedFile("", STEM + name, len(payload.body), None, None, host))
        return Observation(now, ("a:21", "b:21")[: chance.choice([1, 2])], tuple(files))

    return poll


def bulksms(chance: random.Random, payload: Payload, attempts: list[Attempt]) -> Poll:
    rows: dict[str, str] = {}

    def poll(chance: random.Random, now: datetime) -> Observation:
        if chance.random() < 0.6:
            number = chance.choice([*NUMBERS, *NUMBERS, *NUMBERS, "27829990000"])
            rows[number] = chance.choice(["0", "10", "11", "11", "22", "23", "999", "29"])
        lines = ["0|Returns to follow", "", *(f"{number}|{status}" for number, status in rows.items())]
        odd = [b"", b"40|later|", b"1001|none|", "\n".join([*lines, "<b>sorry</b>"]).encode()]
        reply = chance.choice([*["\n".join(lines).encode()] * 9, *odd])
        return Observation(now, ("h",), replies=(reply,) if chance.random() < 0.95 else ())

    return poll


POLLS = {"bulksms": bulksms, "clickatell": clickatell, "gatewayapi": gatewayapi, "smsportal": smsportal}


def observations_of(slug: str, seed: int) -> tuple[Payload, list[Attempt], list[Observation]]:
    """A batch's payload and attempts, and what some polls saw; some polls see the same as the one before."""
    chance = random.Random(f"{slug} {seed}")
    payload = payload_of(slug, chance)
    attempts = attempts_of(slug, chance, payload)
    poll = POLLS[slug](chance, payload, attempts)
    now = NOON + timedelta(seconds=5)
    seen: list[Observation] = []
    for _ in range(chance.randint(1, 8)):
        is_same = bool(seen) and chance.random() < 0.25
        seen.append(replace(seen[-1], seen_at=now) if is_same else poll(chance, now))
        now += timedelta(seconds=chance.choice([0, 10, 60, 200, 3_000]))
    return payload, attempts, seen


@pytest.mark.parametrize("slug", sorted(POLLS))
def test_reading_on_says_what_reading_everything_says(slug: str) -> None:
    adapter = registry.adapter(slug)
    reasons = set()
    for seed in range(CASES):
        payload, attempts, seen = observations_of(slug, seed)
        reader = adapter.reader(payload, attempts)
        for count, observation in enumerate(seen, start=1):
            assert reader is not None
            assert reader.add(observation)
            whole = adapter.interpret(payload, attempts, seen[:count])
            assert reader.interpret() == whole, f"{slug}, case {seed}, poll {count}"
            reasons.add((whole.state, whole.reason))
            reader = adapter.reader(payload, attempts, json.loads(json.dumps(reader.state())))
    # The cases say something.
    assert len(reasons) >= 6
