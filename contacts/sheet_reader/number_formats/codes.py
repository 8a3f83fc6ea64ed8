"""The number formats of a spreadsheet, such as ``#,##0.00;[Red]-#,##0.00``, split into sections and tokens.

The syntax is that of ECMA-376 part 1, section 18.8.31 (numFmts). Pure.
"""

import re
from dataclasses import dataclass, field

#: A kind and its text. Kinds: ``text`` (shown as it stands), ``letter`` (an unquoted letter without a meaning),
#: ``fill`` (repeated to the width of the column), ``digit`` (0, # or ?), ``point``, ``comma``, ``percent``,
#: ``exponent`` (E+ or E-), ``slash``, ``denominator`` (a fixed one), ``at``, ``general`` and ``date`` (yyyy, mm, [h],
#: AM/PM ...; in lower case).
Token = tuple[str, str]

ENGLISH = "en"

_COLOUR = re.compile(r"black|blue|cyan|green|magenta|red|white|yellow|colou?r ?\d{1,2}", re.IGNORECASE)
_CONDITION = re.compile(r"(<=|>=|<>|=|<|>) *(-?[\d.]+(?:e[+-]?\d+)?)", re.IGNORECASE)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CURRENCY = re.compile(r"\$([^-]*)(?:-(.*))?")
_DATE = re.compile(r"am/pm|a/p|y+|m+|d+|h+|s+|b+|e+|g+|a{3,}", re.IGNORECASE)
_EXPONENT = re.compile(r"e[+-]", re.IGNORECASE)
_DENOMINATOR = re.compile(r"/ *([1-9]\d{0,4})")
_LANGUAGE_CODE = re.compile(r"[0-9a-f]{1,8}", re.IGNORECASE)
_SINGLE = {"0": "digit", "#": "digit", "?": "digit", ".": "point", ",": "comma", "%": "percent", "@": "at"}
#: The low byte of a Windows language identifier that stands for English.
_ENGLISH_LANGUAGE = 0x09


class UnknownFormat(Exception):
    """A number format that Baton cannot render, or a value that the format cannot show."""


@dataclass
class Section:
    """One of the parts of a format that ``;`` separates.

    ``condition``: an operator and the number that a value is compared with. ``language``: of the names of months and
    days: ``ENGLISH``, or anything else for a language whose names Baton does not know.
    """

    tokens: list[Token] = field(default_factory=list)
    condition: tuple[str, float] | None = None
    language: str = ENGLISH

    def has(self, kind: str) -> bool:
        """Whether there is a token of that kind."""
        return any(each == kind for each, _ in self.tokens)

    def add_text(self, text: str) -> None:
        """Add text that is shown as it stands."""
        if text:
            self.tokens.append(("text", text))


def sections(code: str) -> list[Section]:
    """The sections of a format, at least one. Raises UnknownFormat."""
    found = [Section()]
    position = 0
    while position < len(code):
        if code[position] == ";":
            found.append(Section())
            position += 1
        else:
            position = _read_token(code, position, found[-1])
    if len(found) > 4:
        raise UnknownFormat(code)
    return found


def _read_token(code: str, position: int, section: Section) -> int:
    """Add the token at ``position`` to the section. Returns the position behind it."""
    character = code[position]
    if character == '"':
        end = code.find('"', position + 1)
        end = len(code) if end < 0 else end
        section.add_text(code[position + 1 : end])
        return end + 1
    if character in "\\_*":
        following = code[position + 1 : position + 2]
        if character == "\\":
            section.add_text(following)
        else:
            # "_x" is a space as wide as x.
            section.tokens.append(("text", " ") if character == "_" else ("fill", following))
        return position + 2
    if character == "[":
        end = code.find("]", position)
        if end < 0:
            raise UnknownFormat(code)
        _read_brackets(code[position + 1 : end], section)
        return end + 1
    return _read_unquoted(code, position, section)


def _read_unquoted(code: str, position: int, section: Section) -> int:
    character = code[position]
    if code[position : position + 7].lower() == "general":
        section.tokens.append(("general", ""))
        return position + 7
    if section.has("digit") and (exponent := _EXPONENT.match(code, position)):
        section.tokens.append(("exponent", exponent[0][1]))
        return exponent.end()
    if section.has("digit") and (denominator := _DENOMINATOR.match(code, position)):
        section.tokens += [("slash", "/"), ("denominator", denominator[1])]
        return denominator.end()
    if date := _DATE.match(code, position):
        section.tokens.append(("date", date[0] if "/" in date[0] else date[0].lower()))
        return date.end()
    if character == "/":
        section.tokens.append(("slash", "/"))
    elif character in _SINGLE:
        section.tokens.append((_SINGLE[character], character))
    elif character.isascii() and character.isalpha():
        section.tokens.append(("letter", character))
    else:
        section.add_text(character)
    return position + 1


def _read_brackets(content: str, section: Section) -> None:
    if _COLOUR.fullmatch(content):
        return
    if condition := _CONDITION.fullmatch(content):
        section.condition = (condition[1], float(condition[2]))
    elif _ELAPSED.fullmatch(content):
        section.tokens.append(("date", f"[{content.lower()}]"))
    elif currency := _CURRENCY.fullmatch(content):
        section.add_text(currency[1])
        if currency[2]:
            section.language = _language(currency[2])
    else:
        raise UnknownFormat(content)


def _language(tag: str) -> str:
    """``1C09`` and ``en-ZA`` are English. Raises UnknownFormat for digits other than 0-9 and foreign calendars."""
    tag = tag.partition(",")[0]
    if not _LANGUAGE_CODE.fullmatch(tag):
        return tag.lower().partition("-")[0]
    number = int(tag, 16)
    if number >> 24 > 1 or (number >> 16) & 0xFF > 1:
        raise UnknownFormat(tag)
    return ENGLISH if number & 0xFF == _ENGLISH_LANGUAGE else tag
