"""Read phone numbers as they are typed, one in a hundred of them bad, against phonenumbers alone.

Half of them are plain digits; the others have separators, a plus of another country or what a spreadsheet does to them.
"""

from collections.abc import Iterator

import phonenumbers

from benchmarks.bench import Baseline, Bench
from benchmarks.people import msisdn, phone
from benchmarks.results import Result
from contacts import phones

#: ``a`` to ``c``: the digits of a South African number without any prefix, in three groups.
_NOTATIONS = (
    *("{a}{b}{c}", "0{a}{b}{c}", "27{a}{b}{c}", "0{a}{b}{c}", "27{a}{b}{c}", "+27{a}{b}{c}", "+27 {a} {b} {c}"),
    *("'0{a}{b}{c}", "27{a}{b}{c}.0", "0{a}-{b}-{c}", "(0{a}) {b} {c}", "+447512 {a}{c}", "+49 171 {b}{c}"),
)


def cell(n: int) -> str:
    """The number of person ``n`` in one of the notations; one in a hundred cannot be used."""
    if n % 100 == 99:
        return phone(n)
    digits = msisdn(n + 1)[2:]
    return _NOTATIONS[n % len(_NOTATIONS)].format(a=digits[:2], b=digits[2:5], c=digits[5:])


def measure(bench: Bench) -> Iterator[Result]:
    def product(rows: int) -> float:
        cells = [cell(n) for n in range(rows)]
        good = 0
        with bench.watch() as watch:
            for text in cells:
                try:
                    phones.parse(text, "ZA")
                    good += 1
                except phones.PhoneError:
                    continue
        assert good == rows - rows // 100
        return watch.seconds

    def library(rows: int) -> float:
        cells = [cell(n) for n in range(rows)]
        mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
        with bench.watch() as watch:
            for text in cells:
                try:
                    number = phonenumbers.parse(text, "ZA")
                except phonenumbers.NumberParseException:
                    continue
                if phonenumbers.number_type(number) in mobile:
                    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return watch.seconds

    def floor(rows: int) -> float:
        cells = [cell(n) for n in range(rows)]
        with bench.watch() as watch:
            for text in cells:
                "".join(filter(str.isdecimal, text))
        return watch.seconds

    yield from bench.compare("check numbers", product, Baseline("phonenumbers", library, faster=10), floor=floor)
