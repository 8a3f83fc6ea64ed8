"""The people of the benchmarks: eight columns, some names with letters beyond ASCII, one number in a hundred bad.

Equal for every run. Person n has the number of ``msisdn(n)``, unique up to ten million.
"""

from collections.abc import Iterator

HEADER = ("Phone", "Customer ID", "First name", "Surname", "Town", "Balance", "Expires on", "Branch")
#: The fields that the columns are mapped to, in their order.
FIELDS = ("phone", "customer_id", "value1", "value2", "value3", "value4", "value5", "value6")
LABELS = dict(zip(FIELDS[2:], HEADER[2:], strict=True))
PREFIXES = ("72", "73", "74", "76", "79", "82", "83", "84")
FIRST_NAMES = (
    *("Thandi", "Sipho", "Anna", "Pieter", "Zanele", "Johan", "André", "Mary", "Søren", "Ayanda", "José", "Lerato"),
    *("Nomvula", "Günther", "Kagiso", "Renée", "Fatima", "Bongani", "Marlène", "Themba", "Zoë", "Precious", "Łukasz"),
)
SURNAMES = (
    *("Nkosi", "van der Merwe", "Müller", "Dlamini", "Naidoo", "O'Neill", "Botha", "Mokoena", "Peña", "Khumalo"),
    *("Smith", "Fourie", "Govender", "Sithole", "Venter", "Ndlovu", "Jansen van Rensburg", "Zulu", "Pillay"),
)
TOWNS = ("Cape Town", "Durban", "Pretoria", "Gqeberha", "Paarl", "Bloemfontein", "Polokwane", "Kimberley", "George")
BAD_NUMBERS = ("12345", "n/a", "082 555 01", "0000000000", "see notes")
TEXT = (
    "Hi @@value1|friend@@, your balance is R @@value4|0@@. Our sale in @@value3|town@@ ends on Sunday: STOP to opt out."
)


def msisdn(n: int) -> str:
    """The digits of the number of person ``n``, with the country code."""
    return f"27{PREFIXES[n % len(PREFIXES)]}{n * 7_368_787 % 10_000_000:07}"


def phone(n: int) -> str:
    """The number of person ``n`` as a sheet has it: in one of three notations, or one that cannot be used."""
    if n % 100 == 99:
        return BAD_NUMBERS[n // 100 % len(BAD_NUMBERS)]
    digits = msisdn(n)
    if n % 10 == 0:
        return f"+27 {digits[2:4]} {digits[4:7]} {digits[7:]}"
    return digits if n % 2 else f"0{digits[2:]}"


def people(rows: int) -> Iterator[tuple[str, ...]]:
    """The cells of so many people."""
    for n in range(rows):
        yield (
            phone(n),
            str(10_000_000 + n),
            FIRST_NAMES[n % len(FIRST_NAMES)],
            SURNAMES[n % len(SURNAMES)],
            TOWNS[n % len(TOWNS)],
            f"{n * 7919 % 100_000 / 100:.2f}",
            f"2027-{n % 12 + 1:02}-{n % 28 + 1:02}",
            f"Branch {n % 250}",
        )
