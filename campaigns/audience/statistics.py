"""What the texts of an audience cost, and which of them an adapter refuses."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from typing import Any

from campaigns.audience.approval import add_to_digest
from campaigns.audience.spec import message_of
from campaigns.audience.texts import Text, has_literal_field
from campaigns.audience.warnings import TEXT_FAULTS
from campaigns.models import Campaign, Recipient
from contacts.number_facts import number_facts
from providers.base import BaseAdapter, CampaignSpec, Message, Problem
from providers.prices import Cost, CostCounter, PriceTable, table_of

#: Problems kept for people to read.
SHOWN = 100


#: The parts of a sentence that differ from text to text: numbers, and words in quotation marks.
_PARTICULARS = re.compile(r"\d[\d,]*|“[^”]*”")


@dataclass
class Measured:
    """What the texts of an audience cost: ``least`` and ``most`` in units, ``histogram`` recipients by parts.

    ``unicode`` counts texts that do not go as GSM. ``reasons`` has ``(refused texts, first sentence)`` by problem;
    together they are ``problem_count``.
    """

    included: int = 0
    parts: int = 0
    histogram: dict[int, int] = field(default_factory=dict)
    least: int = 0
    most: int = 0
    unicode: int = 0
    longest: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    problem_count: int = 0
    reasons: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    #: (number of texts, msisdn of the first) by the code of what they should not contain.
    text_faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: None if the account has no prices.
    cost: Cost | None = None
    digest: str = ""


class TextStatistics:
    """Measures finished texts one after another with one adapter's own rules."""

    def __init__(self, adapter: BaseAdapter, spec: CampaignSpec, prices: PriceTable) -> None:
        self.adapter = adapter
        self.spec = spec
        self._measured = Measured()
        self._cost = CostCounter(prices)
        self._histogram: Counter[int] = Counter()
        self._longest: list[tuple[int, int, dict[str, Any]]] = []
        self._least: int | None = None

    def add(self, recipient: Recipient, message: Message) -> None:
        """Measure one recipient's finished text and collect its problems."""
        size = self.adapter.measure(self.spec, message.text)
        measured = self._measured
        measured.included += 1
        measured.parts += size.parts
        self._cost.add(message.msisdn, size.parts)
        measured.unicode += size.alphabet != "gsm"
        self._histogram[size.parts] += 1
        self._least = size.units if self._least is None else min(self._least, size.units)
        if len(self._longest) < 10 or size.units > self._longest[0][0]:
            entry = {"id": recipient.pk, "msisdn": recipient.msisdn, "units": size.units, "text": message.text}
            keep = heappush if len(self._longest) < 10 else heappushpop
            keep(self._longest, (size.units, -measured.included, entry))
        for code, pattern in TEXT_FAULTS.items():
            if pattern.search(message.text):
                self.add_fault(code, message.msisdn)
        found = self.adapter.problems(self.spec, message)
        if has_literal_field(message.text) and not any("@@value1@@" in problem.sentence for problem in found):
            found = [*found, Problem("literal_field", "The finished text still contains a field such as @@value1@@.")]
        if found:
            self._add_problems(message.msisdn, found)

    def add_fault(self, code: str, msisdn: str) -> None:
        """Count a text that has what the warning with this code is about."""
        count, first = self._measured.text_faults.get(code, (0, msisdn))
        self._measured.text_faults[code] = (count + 1, first)

    def result(self) -> Measured:
        """Return the statistics of all texts added so far, without a digest."""
        measured = self._measured
        measured.histogram = dict(sorted(self._histogram.items()))
        measured.least = self._least or 0
        measured.longest = [entry for _, _, entry in sorted(self._longest, key=lambda item: (-item[0], -item[1]))]
        measured.most = measured.longest[0]["units"] if measured.longest else 0
        measured.cost = self._cost.result()
        return measured

    def _add_problems(self, msisdn: str, found: Sequence[Problem]) -> None:
        measured = self._measured
        measured.problem_count += 1
        reason = _reason(found[0])
        count, sentence = measured.reasons.get(reason, (0, found[0].sentence))
        measured.reasons[reason] = (count + 1, sentence)
        if len(measured.problems) < SHOWN:
            measured.problems.append(
                {
                    "msisdn": msisdn,
                    "code": found[0].code,
                    "sentence": " ".join(problem.sentence for problem in found),
                    "characters": "".join(problem.characters for problem in found),
                }
            )


def _reason(problem: Problem) -> tuple[str, str]:
    """The code of a problem and the fixed part of its sentence, because one code may have several sentences."""
    said = _PARTICULARS.sub("", problem.sentence)
    plain = (letter for letter in said if letter.isascii() and (letter.isalnum() or letter not in problem.characters))
    return problem.code, " ".join("".join(plain).split())


def measure_texts(campaign: Campaign, text: Text, spec: CampaignSpec, recipients: Iterator[Recipient]) -> Measured:
    """Render, measure and check every text once, streaming."""
    statistics = TextStatistics(campaign.account.adapter, spec, table_of(campaign.account))
    digest = hashlib.sha256()
    for recipient in recipients:
        add_to_digest(digest, recipient)
        statistics.add(recipient, message_of(text, recipient))
        if number_facts(recipient.msisdn)[1] == "fixed_line":
            statistics.add_fault("landline", recipient.msisdn)
    measured = statistics.result()
    measured.digest = digest.hexdigest()
    return measured
