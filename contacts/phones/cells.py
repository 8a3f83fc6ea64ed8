"""What a cell says, apart from its digits: which decoration belongs to a number, and what shows that it is none."""

import re
import unicodedata

import phonenumbers

from contacts.phones import content
from contacts.phones.refusals import PhoneError, refusal

_QUOTES = "'\"’‘‚‛`´ʼ“”„‟«»‹›"
_DASHES = re.compile(r"[\u2010-\u2015\u2043\u2212\u30fc\ufe58\ufe63]")
# Words and signs that only say that a phone number follows, such as tel: in links and p: in Facebook's lists of leads.
_LABEL = re.compile(
    r"(?:(?:tel|telephone|telefoon|telefon|phone|ph|p|mobile|mob|m|cell|cellphone|c|t|sms|smsto|callto|whatsapp|wa)"
    r"\s*[:.]+\s*(?://)?|[☎☏✆✉📞📱📲📟]\s*)+(?=[+(\d'\"])",
    re.IGNORECASE,
)
# A spreadsheet adds .0 to a whole number; 20123456.00 is an amount.
_POINT_ZERO = re.compile(r"(\+?[0-9]{6,}(?=.0\Z)|\+?[0-9]{9,})[.,]0+")
_SCIENTIFIC = re.compile(r"([+-]?)([0-9]{1,3})(?:[.,]([0-9]+))?\s*(?:[eE]\+?|[x×*]\s*10\s*\^?\s*)([0-9]{1,2})")
# A zero in brackets after the calling code, as in +27 (0)82 555 0100, is dialled only inside the country.
_TRUNK_ZERO = re.compile(
    r"^(\(?(?:\+|00)?[1-9][0-9]{0,2}\)?[\s.\-/]*|\(?(?:\+|00)[\s.]*[1-9][0-9]{0,2}\)?[\s.\-/]*)[(\[]\s*0\s*[)\]]"
)
#: A longer cell is no phone number, whatever it holds.
_MAX_LENGTH = 200
_GROUP = re.compile(r"\+?[0-9]+")
_DECORATION = re.compile(r"[\s().\-/_·•]")
_PLAIN = re.compile(r"\+?[0-9]+")
# 2.78E+10 in a numeric cell becomes 27800000000. Few real numbers end in six zeros; rounded ones do.
_ROUNDED = re.compile(r"\+?[1-9][0-9]{2,8}0{6,}")
_NO_NUMBER = {
    *("n/a", "na", "n.a", "n.a.", "n/d", "none", "nil", "null", "(null)", "nan", "no", "x", "tbc", "tba", "unlisted"),
    *("no phone", "no number", "no cell", "no mobile", "not available", "not applicable", "undefined", "geen", "keine"),
}


def normalised(text: str) -> str:
    """``text`` in plain characters, without what cannot change its meaning: invisible characters, the marks of texts in
    spreadsheets (``'0825550100``, ``="0825550100"``) and labels (``tel:``). Raised and circled digits become ``[2]``.

    Raises PhoneError ``missing``, ``spreadsheet_error`` and ``rounded_by_excel``.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", "".join(map(_plain_character, text)))
        text = _DASHES.sub("-", text)
    text = _unwrapped(text)
    if (not re.search(r"\w", text) and "#" not in text) or text.casefold() in _NO_NUMBER:
        raise refusal("missing")
    if content.is_spreadsheet_error(text):
        raise refusal("spreadsheet_error")
    if scientific := _SCIENTIFIC.fullmatch(text):
        text = _unrounded(*scientific.groups(default=""))
    if point_zero := _POINT_ZERO.fullmatch(text):
        text = point_zero[1]
    return _TRUNK_ZERO.sub(r"\1 ", text)


def refuse_other_content(cell: str) -> None:
    """Raises PhoneError if a normalised cell holds something else than a number: a date, an amount, an address..."""
    if len(cell) > _MAX_LENGTH:
        raise refusal("not_a_number")
    if code := content.code_of(cell):
        raise refusal(code)


def digits_of(cell: str) -> str | None:
    """The digits of a cell with a leading plus if it has one; None if anything but decoration is between them."""
    digits = re.sub(r"^\++(?=[0-9])", "+", _DECORATION.sub("", cell))
    return digits if _PLAIN.fullmatch(digits) else None


def groups(cell: str) -> list[str]:
    """The groups of digits in a cell, each with its plus: ``["+27", "82", "555", "0100"]``."""
    return _GROUP.findall(re.sub(r"\+\s+(?=[0-9])", "+", cell))


def has_odd_break(cell: str) -> bool:
    """Whether a line break or an unbalanced bracket divides a normalised cell, which never happens inside a number."""
    depth = 0
    for character in re.findall("[()]", cell):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return True
    return depth != 0 or len(cell.splitlines()) > 1


def ends_after_slash(cell: str) -> bool:
    """Whether a slash stands before the last group of digits, as before an extension or the end of a second number."""
    return re.search(r"/\s*[0-9]+\s*\Z", cell) is not None


def appears_rounded(cell: str) -> bool:
    """Whether a spreadsheet may have rounded the number when it showed it as 2.78E+10."""
    return _ROUNDED.fullmatch(cell) is not None


def kind_of_rest(cell: str, rest: str) -> str:
    """What the digits ``rest`` after a complete number are: ``footnote``, ``two_numbers`` or ``extension``."""
    if re.search(r"(?:[\[({<*]\s*[0-9]+\s*[\])}>]?|[0-9]\s*[\])}>])\s*$", cell):
        return "footnote"
    # 0171 2345678/9 stands for two numbers that differ in the last digit.
    if re.search(r"[/&,;|]\s*[1-9][0-9]*\s*$", cell):
        return "two_numbers"
    if re.search(r"[^\W\d_]", cell) and not content.has_extension(cell):
        return "words"
    return "extension"


def why_no_number(cell: str) -> PhoneError:
    """Why a cell with other characters than digits and decoration is refused."""
    count = sum(map(str.isdigit, cell))
    if count < 5:
        return refusal("not_a_number")
    if content.has_extension(cell):
        return refusal("extension")
    if re.search(r"[\[\]{}<>*†‡§¶]", cell):
        return refusal("footnote")
    if re.search(r"\d\s*,\s*\d", cell):
        return refusal("thousands_separators")
    return refusal("words")


def is_short_number(digits: str, country: str) -> bool:
    """Whether ``digits`` are an emergency or service number of ``country``, such as 112."""
    if not 3 <= len(digits) <= 6 or digits.startswith(("+", "0")):
        return False
    number = phonenumbers.PhoneNumber(
        country_code=phonenumbers.country_code_for_region(country), national_number=int(digits)
    )
    return phonenumbers.is_valid_short_number_for_region(number, country)


def _plain_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    # Raised and circled digits and fractions: after NFKC they could not be told from the digits of the number.
    if category == "No":
        return f"[{unicodedata.normalize('NFKC', character)}]"
    if category == "Cf" or "\ufe00" <= character <= "\ufe0f":
        return ""
    return {"٫": ".", "٬": ","}.get(character, character)


def _unwrapped(text: str) -> str:
    before = None
    while before != text:
        before = text
        text = text.strip().strip(_QUOTES).strip()
        text = text.removeprefix("=")
        text = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
        text = text.rstrip(" ,;:|/.") if re.search(r"\d\W*$", text) else text
    return text


def _unrounded(sign: str, first: str, rest: str, exponent: str) -> str:
    if len(rest) < int(exponent) or rest[int(exponent) :].strip("0"):
        raise refusal("rounded_by_excel")
    return ("-" if sign == "-" else "") + first + rest[: int(exponent)]
