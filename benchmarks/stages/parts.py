"""Count the parts of finished texts, some of them not GSM, against a look at every character."""

import re
from collections.abc import Callable, Iterator
from itertools import islice

from benchmarks.bench import Baseline, Bench
from benchmarks.people import people
from benchmarks.results import Result
from providers import gsm

_PLAIN = re.compile(f"[{re.escape(gsm.BASIC)}]*")


def texts(rows: int) -> list[str]:
    """Finished texts of so many people."""
    return [
        f"Hi {row[2]}, your balance is R {row[5]}. Our sale in {row[4]} ends on Sunday: STOP to opt out."
        for row in islice(people(rows), rows)
    ]


def naive_parts(text: str) -> int:
    """The parts of a text, by looking up each character."""
    units = 0
    for character in text:
        if character in gsm.BASIC:
            units += 1
        elif character in gsm.EXTENSION:
            units += 2
        else:
            length = len(text.encode("utf-16-le")) // 2
            return 1 if length <= 70 else -(-length // 67)
    return 1 if units <= 160 else -(-units // 153)


def measure(bench: Bench) -> Iterator[Result]:
    def of(count: Callable[[str], object]) -> Callable[[int], float]:
        def run(rows: int) -> float:
            finished = texts(rows)
            with bench.watch() as watch:
                for text in finished:
                    count(text)
            return watch.seconds

        return run

    yield from bench.compare(
        "measure parts", of(gsm.measure), Baseline("each character", of(naive_parts)), floor=of(_PLAIN.fullmatch)
    )
