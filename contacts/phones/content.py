"""Cells that hold something else than a phone number, recognised by their form: dates, amounts, addresses, identity
numbers. Each is refused even if its digits could be read as a number."""

import ipaddress
import re
import unicodedata
from collections.abc import Callable

_MONTH = (
    r"(?:jan|feb|fev|fév|mar|mär|mrt|maa|apr|abr|avr|may|mai|mei|maj|mag|jun|jui|giu|jul|lug|aug|aoû|aou|ago|sep|set"
    r"|okt|oct|out|ott|nov|dec|dez|déc|dic|des)[^\W\d_]*\.?"
)
_ORDINAL = r"(?:st|nd|rd|th|er)?"
_TIME = r"\d{1,2}[:h]\d{2}(?:[:m]\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?|uhr|hrs?)?\s*(?:z|utc|gmt|[+-]\d{2}:?\d{2})?"
_DAY = r"(?:3[01]|[12]\d|0?[1-9])"
_YEAR = r"(?:1[89]|2[01])\d{2}"
_DATES = (
    rf"{_YEAR}(?P<a>[-/. ]){_DAY}(?P=a){_DAY}",
    rf"{_DAY}(?P<b>[-/. ]\s?){_DAY}(?P=b){_YEAR}\.?",
    rf"{_DAY}(?P<c>[-/.]\s?){_DAY}(?P=c)\d{{2}}\.?",
    rf"\d{{2}}(?P<d>[-/.]){_DAY}(?P=d){_DAY}",
    rf"{_YEAR}[-/](?:1[0-2]|0?[1-9])|(?:1[0-2]|0?[1-9])[-/]{_YEAR}",
    rf"(?:\d{{1,4}}{_ORDINAL}[\s.,/-]*(?:of |de |di )?)?{_MONTH}[\s.,/'-]*(?:de )?"
    rf"\d{{1,4}}{_ORDINAL}(?:[\s,./-]+\d{{2,4}})?",
    r"\d{2,4}\s*[年년]\s*\d{1,2}\s*[月월](?:\s*\d{1,2}\s*[日일])?",
)
_DATE = re.compile(
    rf"(?:[^\W\d_]{{2,10}}\.?,?\s+)?(?:{'|'.join(_DATES)})(?:[\s,t]+(?:at\s+|um\s+)?{_TIME})?|{_TIME}"
    rf"|{_YEAR}[-/. ][-/. \d]+(?: - |to|–|/){_YEAR}[-/. ][-/. \d]+|{_YEAR}-?W\d\d(?:-\d)?",
    re.IGNORECASE,
)
# Dates without separators: 20240501, 01052024 and, with a time, 20240501123000. Only years in which people of today
# were born or work: Danish mobile numbers, for one, have the same form.
_PLAIN_YEAR = r"(?:19\d{2}|20[0-3]\d)"
_DD = r"(?:0[1-9]|[12]\d|3[01])"
_MM = r"(?:0[1-9]|1[0-2])"
_PLAIN_DATE = re.compile(
    rf"{_PLAIN_YEAR}{_MM}{_DD}(?:t?(?:[01]\d|2[0-3])[0-5]\d[0-5]\dz?)?|(?:{_DD}{_MM}|{_MM}{_DD}){_PLAIN_YEAR}",
    re.IGNORECASE,
)

_AMOUNT = r"(?:\d{1,3}(?:[ ,.'’]\d{2,3})+|\d+)(?:[.,]\d+)?"
_CURRENCY = (
    r"(?:Rs?\.?|Rp\.?|RM|kr\.?|K?Shs?\.?|USh|TSh|zł|zl|Kč|Ft|lei|лв\.?|руб\.?|р\.?|Fr\.?|CFA|FCFA"
    r"|B/\.?|S/\.?|Bs\.?|Dhs?\.?|SR|QR|Nfk|Br|Birr|P|K|N|E|L|M|GH|euros?|dollars?|rands?|naira|rupees?|pounds?"
    r"|ZAR|USD|EUR|GBP|KES|NGN|GHS|UGX|TZS|ZMW|BWP|NAD|MZN|MWK|RWF|ETB|EGP|MAD|DZD|TND|XOF|XAF|INR|PKR|BDT|LKR|NPR|CNY"
    r"|RMB|JPY|KRW|HKD|TWD|SGD|MYR|IDR|THB|VND|PHP|AUD|NZD|CAD|MXN|BRL|ARS|CLP|COP|PEN|UYU|CHF|SEK|NOK|DKK|ISK|PLN|CZK"
    r"|HUF|RON|BGN|RSD|TRY|ILS|AED|SAR|QAR|KWD|BHD|OMR|JOD|RUB|UAH|KZT|BTC)"
)
_MONEY = re.compile(
    rf"[-(+]?\s*(?:{_CURRENCY}\s*[-(]?\s*{_AMOUNT}\s*-?|{_AMOUNT}\s*(?:{_CURRENCY}|[.,]?-+))\s*\)?",
    re.IGNORECASE,
)
# What every match of _MONEY has: a letter, or a dash at the end.
_MAY_BE_MONEY = re.compile(r"[^\W\d_]|-\s*\)?\Z")
_PERCENT = re.compile(
    rf"[-+(]?\s*{_AMOUNT}\s*(?:[%‰‱]|percent|pct|per\s?cent|prozent|persent)\)?|[%]\s*{_AMOUNT}", re.IGNORECASE
)
_NEGATIVE = re.compile(r"-\s*\(?\s*[\d\s.,'’/()-]+|[\d\s.,'’()-]*\d\s*-")
# Accountants write a negative number in brackets. A phone number in brackets starts with a zero or a plus.
_NEGATIVE_IN_BRACKETS = re.compile(r"\(\s*(?!0\d|\+)[\d\s.,'’-]+\)")
_DECIMAL = re.compile(
    r"[+-]?(?:(?:0|[1-9]\d*)?[.,]\d+|[1-9]\d{0,2}(?:[ ,'’]\d{3})+\.\d{1,2}|[1-9]\d{0,2}(?:[ .'’]\d{3})+,\d{1,2})"
)
_DEGREES = r"[+-]?\d{1,3}[.,]\d+\s*[NSEWO]?"
_COORDINATES = re.compile(rf"[(\[]?\s*{_DEGREES}\s*[,; /]\s*{_DEGREES}\s*[)\]]?|.*\d\s*[°º].*", re.IGNORECASE)
_THOUSANDS = re.compile(
    r"\+?[1-9]\d{0,2}(?:,\d{3})+|\+?[1-9]\d{0,2}(?:['’`´]\d{3})+|\+?[1-9]\d{0,2}(?:_\d{3})+"
    # 825.550.100 may be a phone number as people in some countries write it; 27.825.550.100 is divided into thousands.
    r"|[1-9]\d{0,1}(?:\.\d{3}){2,}|[1-9]\d{2}(?:\.\d{3}){3,}"
    # As in India: 82,55,50,100.
    r"|[1-9]\d{0,1}(?:,\d{2})+,\d{3}"
)
_EXTENSION = re.compile(
    r"\(?\s*\+?\d[\d\s().\-/]*[,;(\s]*(?:extension|extn|ext|ex|xtn|x|poste|anexo|ramal|interno|int|durchwahl|dw|nebenstelle|app|apparaat"
    r"|toestel|tst|toest|post|bijlijn|uitb|uitbreiding|wew|доб|вн|分机|内線|#|~|,,|;|p|w)\s*[.:=#]*\s*\d{1,6}\s*\)?",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"#+|#\s*[^\d\s+].*|(?:err|error|fehler|erreur|fout)\s*[:.]?\s*\d{0,4}!?|=?\s*#[^\d\s].*", re.IGNORECASE
)


def code_of(cell: str) -> str:
    """The code of what a normalised cell holds instead of a phone number; "" if it may be a phone number."""
    contents = _CONTENTS_OF_DIGITS if cell.isdecimal() else _CONTENTS
    return next((code for code, holds in contents if holds(cell)), "")


def is_spreadsheet_error(text: str) -> bool:
    """Whether ``text`` is an error value such as #N/A, #DIV/0! and Err:502, or ### for a column that is too narrow."""
    return _ERROR.fullmatch(text) is not None


def has_extension(cell: str) -> bool:
    """Whether a number is followed by a word for an extension, or by # or x, and digits."""
    return _EXTENSION.fullmatch(cell) is not None


def _is_ip_address(cell: str) -> bool:
    if "." not in cell and ":" not in cell:
        return False
    address = re.sub(r"^[a-z]+://|/\d{1,3}$", "", cell.casefold().strip("[]"))
    address = re.sub(r"^([\d.]+):\d{1,5}$", r"\1", address)
    # 20.12.34.56 is how people in some countries write a number of eight digits.
    if re.fullmatch(r"(?:\d\d\.){3}\d\d", address):
        return False
    try:
        ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return not address.isdigit()


def _is_date(cell: str) -> bool:
    return bool(_DATE.fullmatch(cell) or _PLAIN_DATE.fullmatch(cell))


def _is_amount(cell: str) -> bool:
    if "$" in cell or (not cell.isascii() and any(unicodedata.category(character) == "Sc" for character in cell)):
        return True
    patterns = [_PERCENT, _NEGATIVE, _NEGATIVE_IN_BRACKETS, _COORDINATES]
    patterns += [_MONEY] if _MAY_BE_MONEY.search(cell) else []
    # +27.825550100 is how domain registries write a phone number.
    is_decimal = _DECIMAL.fullmatch(cell) is not None and not re.fullmatch(r"\+\d{1,3}\.\d{6,}", cell)
    return is_decimal or any(pattern.fullmatch(cell) for pattern in patterns)


def _is_divided_into_thousands(cell: str) -> bool:
    return _THOUSANDS.fullmatch(cell) is not None


def _has_footnote(cell: str) -> bool:
    # Square brackets are also what raised and circled digits were replaced with.
    if re.search(r"\[[^\]]*\d|\d\s*[*†‡§¶]+\s*$|\(\s*[*†‡§¶]+\s*\)", cell):
        return True
    bracketed = re.search(r"\d.*\(\s*\d{1,3}\s*\)\s*$", cell)
    # A single digit in brackets belongs to a number only as a zero in front, and after Argentina's calling code.
    single = re.search(r"\(\s*\d\s*\)", cell) and not re.match(r"\(0\)|\(?\+?\s*54\)?\s*\(\s*9\s*\)", cell)
    return bool(bracketed or single)


def _is_identity_number(cell: str) -> bool:
    if re.fullmatch(r"\d{6}[ -]?\d{4}[ -]?\d{2}[ -]?\d", cell) and _is_south_african_id(re.sub(r"\D", "", cell)):
        return True
    if cell.isdecimal():
        return False
    if not _IDENTITY_FORM.fullmatch(cell):
        return False
    return any(re.fullmatch(form, cell) and is_valid(re.sub(r"\D", "", cell)) for form, is_valid in _IDENTITY_NUMBERS)


def _is_south_african_id(digits: str) -> bool:
    """YYMMDD SSSS C A Z: a date of birth, a serial number, citizenship 0 to 2, a digit that is 8 or 9, and Luhn's check
    digit. Where one of the last two is wrong, it is taken for a typing error, except after a zero: Indonesian mobile
    numbers of 13 digits start like this."""
    has_date = re.fullmatch(rf"\d{{2}}{_MM}{_DD}", digits[:6]) is not None and digits[10] in "012"
    marks = (digits[11] in "89", _has_luhn_digit(digits))
    return has_date and (all(marks) if re.match("0[1-9]", digits) else any(marks))


def _is_card_number(cell: str) -> bool:
    digits = re.sub(r"[\s-]", "", cell)
    form = re.fullmatch(r"(?:4\d{15}|5[1-5]\d{14}|2[2-7]\d{14}|6\d{15}|3[47]\d{13}|3[0689]\d{12})", digits)
    return form is not None and _has_luhn_digit(digits)


def _has_luhn_digit(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _is_born_on_a_day(digits: str) -> bool:
    return re.fullmatch(rf"(?:{_MM}{_DD}|{_DD}{_MM})", digits[2:6]) is not None or bool(
        re.fullmatch(rf"{_DD}{_MM}", digits[:4])
    )


def _any(digits: str) -> bool:
    return True


# How identity numbers of other countries are written; their digits alone cannot be told from a phone number.
_IDENTITY_NUMBERS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    # United States.
    (r"\d{3}-\d{2}-\d{4}", _any),
    # Brazil: CPF and CNPJ.
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}", _any),
    (r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}", _any),
    # Nordic countries: date of birth and a serial number. Sweden writes the year first; the last digit is Luhn's check
    # digit, but a typing error in it makes no phone number.
    (r"\d{6}[-+]\d{4}", lambda digits: re.fullmatch(rf"{_MM}{_DD}", digits[2:6]) is not None),
    (r"\d{6}[-+]\d{4}", lambda digits: _is_born_on_a_day(digits) and (_has_luhn_digit(digits) or digits[0] in "0123")),
    (r"(?:19|20)\d{6}[-+]\d{4}", _any),
    # Malaysia and Korea.
    (r"\d{6}-\d{2}-\d{4}", _is_born_on_a_day),
    (r"\d{6}-[0-9]\d{6}", _is_born_on_a_day),
    # Pakistan, Thailand, the Emirates, Argentina, Zambia, Chile.
    (r"\d{5}-\d{7}-\d", _any),
    (r"\d-\d{4}-\d{5}-\d{2}-\d", _any),
    (r"784-\d{4}-\d{7}-\d", _any),
    (r"\d{2}-\d{8}-\d", _any),
    (r"\d{6}/\d{2}/\d", _any),
    (r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", _any),
    # Czechia and Slovakia.
    (r"\d{6}/\d{3,4}", lambda digits: re.fullmatch(rf"\d\d[0-8]\d{_DD}\d{{3,4}}", digits) is not None),
    # India: three groups of four digits. Nobody there divides a phone number like this.
    (r"91[6-9]\d[ -]\d{4}[ -]\d{4}", _any),
)

_IDENTITY_FORM = re.compile("|".join(form for form, _ in _IDENTITY_NUMBERS))

# In the order of testing. A form that two contents share has the code of the first.
_CONTENTS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("ip_address", _is_ip_address),
    ("date", _is_date),
    ("identity_number", _is_identity_number),
    ("card_number", _is_card_number),
    ("thousands_separators", _is_divided_into_thousands),
    ("amount", _is_amount),
    ("footnote", _has_footnote),
    ("extension", has_extension),
)
# The others have a sign or a letter.
_CONTENTS_OF_DIGITS = tuple(each for each in _CONTENTS if each[0] in ("date", "identity_number", "card_number"))
