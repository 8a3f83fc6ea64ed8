"""Read phone numbers as they are typed, one in a hundred of them bad, against phonenumbers alone."""

from collections.abc import Iterator

import phonenumbers

from benchmarks.bench import Baseline, Bench
from benchmarks.people import phone
from benchmarks.results import Result
from contacts import phones


def measure(bench: Bench) -> Iterator[Result]:
    def product(rows: int) -> float:
        cells = [phone(n) for n in range(rows)]
        good = 0
        with bench.watch() as watch:
            for cell in cells:
                try:
                    phones.parse(cell, "ZA")
                    good += 1
                except phones.PhoneError:
                    continue
        assert good == rows - rows // 100
        return watch.seconds

    def library(rows: int) -> float:
        cells = [phone(n) for n in range(rows)]
        mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
        with bench.watch() as watch:
            for cell in cells:
                try:
                    number = phonenumbers.parse(cell, "ZA")
                except phonenumbers.NumberParseException:
                    continue
                if phonenumbers.number_type(number) in mobile:
                    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return watch.seconds

    def floor(rows: int) -> float:
        cells = [phone(n) for n in range(rows)]
        with bench.watch() as watch:
            for cell in cells:
                "".join(filter(str.isdecimal, cell))
        return watch.seconds

    yield from bench.compare("check numbers", product, Baseline("phonenumbers", library, faster=10), floor=floor)
