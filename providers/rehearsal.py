"""Rehearse bad days: look at the sandbox's pretend providers and switch their faults, over its control server's HTTP.

Production knows the sandbox by this alone; what it answers is shown, never trusted to have a certain shape.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from django.utils.text import slugify

SECONDS = 5.0
#: More than any sandbox has to say.
LARGEST_ANSWER = 5_000_000


#: The heading of faults for which the provider names none.
_OTHER = "Other faults"


class SandboxTrouble(Exception):
    """The sandbox does not answer, or does not do what it was asked; the text is for people."""


@dataclass(frozen=True)
class Fault:
    """Something that can go wrong on request. ``times`` is how often it still will, None until it is cleared."""

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
        """By this they are sorted: by name, and 22 before 100."""
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
class PretendAccount:
    """An account with a pretend provider; ``credit`` is None where it is not told, ``facts`` are label and count."""

    name: str
    credit: Any
    facts: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class PretendProvider:
    slug: str
    label: str
    accounts: tuple[PretendAccount, ...]
    groups: tuple[FaultGroup, ...]

    @property
    def faults(self) -> tuple[Fault, ...]:
        return tuple(fault for group in self.groups for fault in group.faults)

    @property
    def faults_on(self) -> int:
        return sum(fault.is_on for fault in self.faults)


@dataclass(frozen=True)
class Rehearsal:
    """The sandbox as it is now; ``texted`` counts the messages in its ledger."""

    providers: tuple[PretendProvider, ...]
    texted: int

    @property
    def faults_on(self) -> int:
        return sum(provider.faults_on for provider in self.providers)


def poll(url: str) -> Rehearsal:
    """Ask the sandbox whose control server is at ``url`` how it stands. Raises SandboxTrouble."""
    state, faults = _ask(url, "GET", "/state"), _ask(url, "GET", "/faults")
    known, on = _mapping(faults.get("known")), _mapping(faults.get("on"))
    providers = [_provider(slug, said, known, on) for slug, said in _mapping(state.get("providers")).items()]
    elsewhere = {
        name: words for name, words in known.items() if name.partition(":")[0] not in _mapping(state.get("providers"))
    }
    if elsewhere:
        providers.append(PretendProvider("", "Other", (), _groups(elsewhere, on, {})))
    texted = _mapping(state.get("ledger")).get("count")
    return Rehearsal(tuple(providers), texted if isinstance(texted, int) else 0)


def switch_on(url: str, name: str, times: int | None) -> None:
    """Switch a fault on for its next ``times`` uses, None until it is cleared. Raises SandboxTrouble."""
    _ask(url, "POST", "/faults", {"name": name, "times": times})


def switch_off(url: str, name: str = "") -> None:
    """Switch one fault off, or all of them. Raises SandboxTrouble."""
    _ask(url, "DELETE", f"/faults/{quote(name, safe='')}" if name else "/faults")


def _ask(url: str, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
    # Straight to the address that the installation names: no proxy, no redirect to somewhere else.
    try:
        with httpx.Client(timeout=SECONDS, trust_env=False, follow_redirects=False) as client:
            answer = client.request(method, url.rstrip("/") + path, json=document)
            said = answer.json() if len(answer.content) <= LARGEST_ANSWER else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise SandboxTrouble("The sandbox does not answer. Start it, or ask whoever runs it.") from error
    if not isinstance(said, dict):
        raise SandboxTrouble("Something answers in the sandbox's place that is no sandbox.")
    if answer.status_code != httpx.codes.OK:
        raise SandboxTrouble(str(said.get("error") or "The sandbox refused it and does not say why."))
    return said


def _provider(slug: str, said: Any, known: Mapping[str, Any], on: Mapping[str, Any]) -> PretendProvider:
    told = _mapping(said)
    accounts = told.get("accounts")
    own = {name: words for name, words in known.items() if name.partition(":")[0] == slug}
    return PretendProvider(
        slug=slug,
        label=str(told.get("label") or slug),
        accounts=tuple(_account(account) for account in accounts) if isinstance(accounts, list) else (),
        groups=_groups(own, on, _mapping(told.get("fault_groups"))),
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


def _account(said: Any) -> PretendAccount:
    told = _mapping(said)
    facts = [(folder, len(names)) for folder, names in _mapping(told.get("files")).items() if isinstance(names, list)]
    name = told.get("username") or told.get("name") or told.get("account") or "Account"
    return PretendAccount(str(name), told.get("credit", told.get("credits")), tuple(facts))


def _mapping(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}
