"""Random phone numbers as people write them, and random cells that are none, for the tests of ``contacts.phones``."""

import random
from collections.abc import Callable

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
#: From the numbering plans: how many digits a mobile number has without any prefix, and how they begin.
PLANS: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "ZA": ((9,), ("6", "7", "81", "82", "83", "84")),
    "GB": ((10,), ("74", "75", "77", "78", "79")),
    "US": ((10,), ("2", "3", "4", "5", "6", "7", "8", "9")),
    "DE": ((10, 11), ("15", "160", "162", "163", "17")),
    "FR": ((9,), ("6", "7")),
    "ES": ((9,), ("6", "7")),
    "IT": ((10,), ("32", "33", "34", "35", "36", "37", "38", "39")),
    "NL": ((9,), ("6",)),
    "DK": ((8,), ("2", "3", "4", "5", "6")),
    "PL": ((9,), ("45", "50", "51", "53", "57", "60", "66", "69", "72", "73", "78", "79", "88")),
    "IN": ((10,), ("6", "7", "8", "9")),
    "PK": ((10,), ("3",)),
    "NG": ((10,), ("70", "80", "81", "90")),
    "KE": ((9,), ("1", "7")),
    "GH": ((9,), ("2", "5")),
    "EG": ((10,), ("10", "11", "12", "15")),
    "BR": ((11,), ("119", "219", "479", "859")),
    "MX": ((10,), ("55", "33", "81")),
    "AU": ((9,), ("4",)),
    "ID": ((9, 10, 11, 12), ("81", "82", "83", "85", "87", "89")),
}
COUNTRIES = list(PLANS)


def code_of(country: str) -> str:
    return str(phonenumbers.country_code_for_region(country))


def random_mobile(chance: random.Random, country: str) -> str:
    """National digits of a mobile number of ``country``, without the trunk prefix."""
    lengths, starts = PLANS[country]
    while True:
        length, start = chance.choice(lengths), chance.choice(starts)
        national = start + "".join(chance.choices("0123456789", k=length - len(start)))
        # In Germany the prefix decides the length: 0176, 01609 and 015 have one digit more than the others.
        if country == "DE" and (national.startswith(("15", "176", "1609"))) != (length == 11):
            continue
        if _is_mobile(f"+{code_of(country)}{national}"):
            return national


def spellings(country: str, national: str) -> list[str]:
    """A mobile number as people and spreadsheets write it, in all ways that can mean only this number."""
    code = code_of(country)
    number = phonenumbers.parse(f"+{code}{national}")
    abroad = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    home = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    plain_home = "".join(filter(str.isdigit, home))
    arabic = home.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    fullwidth = plain_home.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    return [
        *(abroad, home, plain_home, national, code + national, f"+{code}{national}", f"00{code}{national}"),
        *(abroad.replace(" ", "-"), home.replace(" ", "-"), home.replace(" ", "\u00a0"), abroad.replace(" ", ".")),
        *(home.replace(" ", "\u2009").replace("-", "\u2011"), f"\u202a{abroad}\u202c", f"\u200e{plain_home}\ufeff"),
        *(arabic, fullwidth, f"tel:+{code}{national}", f"p:+{code}{national}", f'="{plain_home}"', f"'{plain_home}"),
        *(f"{code}{national}.0", f"(+{code}) {national}", f"  {home}\t", f'"{home}"', f"=+{code}{national}"),
    ]


def identity_number(chance: random.Random) -> str:
    """Of South Africa: date of birth, serial number, citizenship, and Luhn's check digit."""
    digits = f"{_year(chance) % 100:02}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    digits += f"{chance.randint(0, 9999):04}{chance.choice('01')}8"
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


def date(chance: random.Random) -> str:
    year, month, day = _year(chance), chance.randint(1, 12), chance.randint(1, 28)
    form = chance.choice(_DATES)
    return form.format(y=year, m=month, d=day, s=year % 100)


def amount(chance: random.Random) -> str:
    value = round(10 ** chance.uniform(2, 7.5), 2)
    form = chance.choice(_AMOUNTS)
    continental = f"{value:,.2f}".translate(str.maketrans(",.", ".,"))
    return form.format(value, continental, f"{value:,.2f}".replace(",", " ").replace(".", ","))


def truncated_mobile(chance: random.Random, country: str) -> str:
    """A mobile number of ``country`` that lacks one to four digits at the end, with the trunk prefix, + or 00."""
    national = random_mobile(chance, country)
    while len(national) > min(PLANS[country][0]):
        national = random_mobile(chance, country)
    home = phonenumbers.format_number(
        phonenumbers.parse(f"+{code_of(country)}{national}"), chance.choice((PhoneNumberFormat.NATIONAL, 1, 0))
    )
    missing = chance.randint(1, 4)
    while missing:
        missing -= home[-1].isdigit()
        home = home[:-1].rstrip(" -")
    return home if chance.random() < 0.5 else "".join(character for character in home if character in "+0123456789")


#: Cells that are no mobile numbers, by kind.
OTHERS: dict[str, Callable[[random.Random, str], str]] = {
    "identity number": lambda chance, country: identity_number(chance),
    "date": lambda chance, country: date(chance),
    "amount": lambda chance, country: amount(chance),
    "truncated mobile": truncated_mobile,
}


_DATES = (
    *("{y}-{m:02}-{d:02}", "{d:02}/{m:02}/{y}", "{m}/{d}/{y}", "{d:02}.{m:02}.{y}", "{d}.{m}.{y}", "{y}/{m:02}/{d:02}"),
    *("{y}{m:02}{d:02}", "{d:02}{m:02}{y}", "{d:02}-{m:02}-{y}", "{d:02}/{m:02}/{s:02}", "{d:02} {m:02} {y}"),
    *(
        "{y}-{m:02}-{d:02} 12:30:00",
        "{y}-{m:02}-{d:02}T12:30:00Z",
        "{d} May {y}",
        "May {d}, {y}",
        "{y}{m:02}{d:02}123059",
    ),
)
_AMOUNTS = (
    *("{0:.2f}", "{0:,.2f}", "{0:,.0f}", "{0:.4f}", "{1}", "{2}", "-{0:.2f}", "-{0:.0f}", "({0:,.2f})", "{0:.2f}%"),
    *(
        "R {0:,.2f}",
        "R{0:.2f}",
        "$ {0:,.2f}",
        "€ {1}",
        "{0:,.2f} €",
        "ZAR {0:.0f}",
        "{0:.0f} USD",
        "{2} kr",
        "₹{0:,.0f}",
    ),
    *("KSh {0:,.0f}", "{0:.0f}.-"),
)


def _year(chance: random.Random) -> int:
    return chance.randint(1930, 2035)


def _is_mobile(text: str) -> bool:
    number = phonenumbers.parse(text)
    return phonenumbers.number_type(number) in MOBILE
