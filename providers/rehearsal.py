"""Shows the sandbox providers and switches their faults, over HTTP with the sandbox's control server.

This is the only way in which production code uses the sandbox. Its answers may have any form: unexpected parts are
left out of the page.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from django.utils.text import slugify

from providers import timing

#: In bytes; far more than a sandbox answers.
LARGEST_ANSWER = 5_000_000


#: The heading of faults for which the provider names none.
_OTHER = "Other faults"


class SandboxTrouble(Exception):
    """The sandbox does not answer, or refuses a request; the message is for people."""


@dataclass(frozen=True)
class Fault:
    """A fault that can be switched on. ``times`` is how often it will still occur, None if until it is switched off."""

    name: str
    words: str
    is_on: bool
    times: int | None = None

    @property
    def anchor(self) -> str:
        """Where the page has it."""
        return slugify(self.name.replace(":", "-"))

    @property
    def order(self) -> str:
        """The sort key: the name, with numbers in numerical order (22 before 100)."""
        return re.sub(r"\d+", lambda number: number[0].zfill(5), self.name)


@dataclass(frozen=True)
class FaultGroup:
    """The faults under one heading of the page."""

    heading: str
    faults: tuple[Fault, ...]

    @property
    def anchor(self) -> str:
        """Where the page has it."""
        return f"faults-{slugify(self.heading)}"


@dataclass(frozen=True)
class SandboxAccount:
    """An account at a sandbox provider; ``credit`` is None if it is not known, ``facts`` are labels and counts."""

    name: str
    credit: Any
    facts: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class SandboxProvider:
    slug: str
    label: str
    accounts: tuple[SandboxAccount, ...]
    groups: tuple[FaultGroup, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(fault for group in self.groups for fault in group.faults)

    @property
    def faults_on(self) -> int:
        return sum(fault.is_on for fault in self.faults)


@dataclass(frozen=True)
class Rehearsal:
    """The present state of the sandbox; ``texted`` is the number of messages in its ledger."""

    providers: tuple[SandboxProvider, ...]
    texted: int

    @property
    def faults_on(self) -> int:
        return sum(provider.faults_on for provider in self.providers)


def poll(url: str) -> Rehearsal:
    """Return the state of the sandbox whose control server is at ``url``. Raises SandboxTrouble."""
    state, faults = _ask(url, "GET", "/state"), _ask(url, "GET", "/faults")
    known, on = _mapping(faults.get("known")), _mapping(faults.get("on"))
    states = _mapping(state.get("providers"))
    providers = [_provider(slug, provider_state, known, on) for slug, provider_state in states.items()]
    elsewhere = {name: words for name, words in known.items() if name.partition(":")[0] not in states}
    if elsewhere:
        providers.append(SandboxProvider("", "Other", (), _groups(elsewhere, on, {})))
    texted = _mapping(state.get("ledger")).get("count")
    return Rehearsal(tuple(providers), texted if isinstance(texted, int) else 0)


def switch_on(url: str, name: str, times: int | None) -> None:
    """Switch a fault on for its next ``times`` uses; None means until it is switched off. Raises SandboxTrouble."""
    _ask(url, "POST", "/faults", {"name": name, "times": times})


def switch_off(url: str, name: str = "") -> None:
    """Switch one fault off, or all of them. Raises SandboxTrouble."""
    _ask(url, "DELETE", f"/faults/{quote(name, safe='')}" if name else "/faults")


def _ask(url: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    # Only to the address in the settings: no proxy, and no redirect to another address.
    try:
        with httpx.Client(timeout=timing.SANDBOX_SECONDS, trust_env=False, follow_redirects=False) as client:
            answer = client.request(method, url.rstrip("/") + path, json=body)
            document = answer.json() if len(answer.content) <= LARGEST_ANSWER else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise SandboxTrouble("The sandbox does not answer. Start it, or ask the person who runs it.") from error
    if not isinstance(document, dict):
        raise SandboxTrouble("What answers at the sandbox's address is not a sandbox.")
    if answer.status_code != httpx.codes.OK:
        raise SandboxTrouble(str(document.get("error") or "The sandbox refused the request and does not say why."))
    return document


def _provider(slug: str, answer: Any, known: Mapping[str, Any], on: Mapping[str, Any]) -> SandboxProvider:
    fields = _mapping(answer)
    accounts = fields.get("accounts")
    own = {name: words for name, words in known.items() if name.partition(":")[0] == slug}
    return SandboxProvider(
        slug=slug,
        label=str(fields.get("label") or slug),
        accounts=tuple(_account(account) for account in accounts) if isinstance(accounts, list) else (),
        groups=_groups(own, on, _mapping(fields.get("fault_groups"))),
    )


def _groups(known: Mapping[str, Any], on: Mapping[str, Any], headings: Mapping[str, Any]) -> tuple[FaultGroup, ...]:
    """Return every fault of ``known`` once: under the heading that lists its name, or under "Other faults"."""
    left = {name: Fault(name, str(words), name in on, on.get(name)) for name, words in known.items()}
    groups = []
    for heading, names in [*headings.items(), (_OTHER, list(left))]:
        faults = [left.pop(name) for name in names if name in left] if isinstance(names, list) else []
        if faults:
            groups.append(FaultGroup(str(heading), tuple(sorted(faults, key=lambda fault: fault.order))))
    return tuple(groups)


def _account(answer: Any) -> SandboxAccount:
    fields = _mapping(answer)
    facts = [(folder, len(names)) for folder, names in _mapping(fields.get("files")).items() if isinstance(names, list)]
    name = fields.get("username") or fields.get("name") or fields.get("account") or "Account"
    return SandboxAccount(str(name), fields.get("credit", fields.get("credits")), tuple(facts))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
