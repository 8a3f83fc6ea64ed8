"""What the texts of an audience cost, and which of them an adapter refuses."""

import hashlib
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from typing import Any

from campaigns.audience.approval import add_to_digest
from campaigns.audience.letter_counts import LetterCounts
from campaigns.audience.spec import Composed, Composer
from campaigns.audience.texts import has_foreign_field, has_literal_field
from campaigns.audience.warnings import OPT_OUT_WORDING, TEXT_FAULTS
from campaigns.models import Campaign, Recipient
from contacts.number_facts import number_facts
from providers.base import Message, Problem
from providers.prices import Cost, CostCounter, PriceTable, table_of

#: Problems kept for people to read, and recipients of each kind kept for the preview.
SHOWN = 100
#: The kinds of recipients: longest texts, most parts, characters that the account lacks, a field that is empty, and a
#: text of their own.
KINDS = ("longest", "parts", "replaced", "empty", "own")

#: The parts of a sentence that differ from text to text: numbers, and words in quotation marks.
_PARTICULARS = re.compile(r"\d[\d,]*|“[^”]*”")


@dataclass
class Kind:
    """Recipients of one kind: how many, and where the first ones are: their ids, or positions if they are not saved."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, where: int) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(where)


@dataclass
class Measured:
    """What the texts of an audience cost: ``least``, ``typical`` (the median) and ``most`` in units, ``histogram``
    recipients by parts.

    ``unicode`` counts texts that do not go as GSM. ``reasons`` has ``(refused texts, first sentence)`` by problem;
    together they are ``problem_count``.
    """

    included: int = 0
    parts: int = 0
    histogram: dict[int, int] = field(default_factory=dict)
    least: int = 0
    typical: int = 0
    most: int = 0
    unicode: int = 0
    longest: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    problem_count: int = 0
    reasons: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    #: (number of texts, msisdn of the first) by the code of what they should not contain.
    text_faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: How many people have characters that the account lacks, and how many have each of them in each field; see
    #: LetterCounts.
    lacking: int = 0
    letters: dict[str, dict[str, int]] = field(default_factory=dict)
    #: (texts, additional parts) by the character that costs them; see LetterCounts.
    expensive: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: The people who are skipped because of their letters, by reason: how many, and the ids of those that are saved.
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_ids: "dict[str, array[int]]" = field(default_factory=dict)
    #: Kinds of recipients for the preview: how many there are of each, and where the first ones are.
    kinds: dict[str, Kind] = field(default_factory=dict)
    #: None if the account has no prices.
    cost: Cost | None = None
    digest: str = ""


class TextStatistics:
    """Measures finished texts one after another with one adapter's own rules."""

    def __init__(self, composer: Composer, prices: PriceTable) -> None:
        self.composer = composer
        self.adapter = composer.adapter
        self.spec = composer.spec
        self._letters = LetterCounts(composer)
        self._optional = [name for name in composer.source.fields if name not in composer.source.required]
        self._measured = Measured(kinds={name: Kind() for name in KINDS})
        self._cost = CostCounter(prices)
        self._units: Counter[int] = Counter()
        self._histogram: Counter[int] = Counter()
        self._most_parts = 0
        self._longest: list[tuple[int, int, dict[str, Any]]] = []

    def add(self, recipient: Recipient, composed: Composed, position: int) -> None:
        """Measure one recipient's finished text and collect its problems. ``position`` counts recipients from 1."""
        measured, message = self._measured, composed.message
        if composed.lacked:
            measured.lacking += 1
            self._letters.add_lacked(recipient)
        if composed.excluded:
            self._exclude(recipient, composed.excluded)
            return
        size = self.adapter.measure(self.spec, message.text)
        measured.included += 1
        measured.parts += size.parts
        self._cost.add(message.msisdn, size.parts)
        measured.unicode += size.alphabet != "gsm"
        self._histogram[size.parts] += 1
        if size.parts > self._most_parts:
            self._most_parts, measured.kinds["parts"] = size.parts, Kind()
        self._units[size.units] += 1
        if (size.parts > 1 and size.units != len(message.text)) or size.alphabet != "gsm":
            self._letters.add_expensive(message.text, size)
        self._sort(recipient, composed, position, size.parts)
        if len(self._longest) < 10 or size.units > self._longest[0][0]:
            entry = {
                "id": recipient.pk,
                "position": position,
                "msisdn": recipient.msisdn,
                "units": size.units,
                "text": message.text,
            }
            keep = heappush if len(self._longest) < 10 else heappushpop
            keep(self._longest, (size.units, -measured.included, entry))
        for code, pattern in TEXT_FAULTS.items():
            if pattern.search(message.text):
                self.add_fault(code, message.msisdn)
        if recipient.message:
            self._check_own(message)
        found = self.adapter.problems(self.spec, message)
        if has_literal_field(message.text) and not any("@@value1@@" in problem.sentence for problem in found):
            found = [*found, Problem("literal_field", "The finished text still contains a field such as @@value1@@.")]
        if found:
            self._add_problems(message.msisdn, found)

    def add_fault(self, code: str, msisdn: str) -> None:
        """Count a text that has what the warning with this code is about."""
        count, first = self._measured.text_faults.get(code, (0, msisdn))
        self._measured.text_faults[code] = (count + 1, first)

    def _check_own(self, message: Message) -> None:
        """Check a text that replaces the campaign's for what the campaign's text is checked for."""
        if has_foreign_field(message.text):
            self.add_fault("own_foreign_field", message.msisdn)
        if not OPT_OUT_WORDING.search(message.text):
            self.add_fault("own_no_opt_out_wording", message.msisdn)

    def result(self) -> Measured:
        """Return the statistics of all texts added so far, without a digest."""
        measured = self._measured
        measured.histogram = dict(sorted(self._histogram.items()))
        measured.least = min(self._units, default=0)
        measured.typical = _median(self._units)
        measured.letters = self._letters.by_field
        measured.expensive = self._letters.expensive
        measured.longest = [entry for _, _, entry in sorted(self._longest, key=lambda item: (-item[0], -item[1]))]
        measured.kinds["longest"] = Kind(
            len(measured.longest), [row["id"] or row["position"] for row in measured.longest]
        )
        measured.most = max(self._units, default=0)
        measured.cost = self._cost.result()
        return measured

    def _exclude(self, recipient: Recipient, reason: str) -> None:
        measured = self._measured
        measured.skipped[reason] = measured.skipped.get(reason, 0) + 1
        if recipient.pk:
            measured.skipped_ids.setdefault(reason, array("q")).append(recipient.pk)

    def _sort(self, recipient: Recipient, composed: Composed, position: int, parts: int) -> None:
        """Note the kinds that a recipient belongs to."""
        kinds, where = self._measured.kinds, recipient.pk or position
        if parts == self._most_parts:
            kinds["parts"].add(where)
        if composed.lacked:
            kinds["replaced"].add(where)
        if recipient.message:
            kinds["own"].add(where)
        elif self._optional and not all(getattr(recipient, name) for name in self._optional):
            kinds["empty"].add(where)

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
    fixed = _PARTICULARS.sub("", problem.sentence)
    plain = (letter for letter in fixed if letter.isascii() and (letter.isalnum() or letter not in problem.characters))
    return problem.code, " ".join("".join(plain).split())


def measure_texts(campaign: Campaign, composer: Composer, recipients: Iterator[Recipient]) -> Measured:
    """Render, measure and check every text once, streaming. The digest is of those who are not skipped."""
    statistics = TextStatistics(composer, table_of(campaign.account))
    digest = hashlib.sha256()
    for position, recipient in enumerate(recipients, start=1):
        composed = composer.compose(recipient)
        statistics.add(recipient, composed, position)
        if composed.excluded:
            continue
        add_to_digest(digest, recipient)
        if number_facts(recipient.msisdn)[1] == "fixed_line":
            statistics.add_fault("landline", recipient.msisdn)
    measured = statistics.result()
    measured.digest = digest.hexdigest()
    return measured


def _median(counted: Counter[int]) -> int:
    """The lower median of numbers that are counted; 0 if there are none."""
    left = (counted.total() + 1) // 2
    for number in sorted(counted):
        left -= counted[number]
        if left <= 0:
            return number
    return 0
