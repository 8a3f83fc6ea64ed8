"""Texts that a Clickatell file cannot express."""

import re

from providers import gsm
from providers.adapters.clickatell.wire import (
    charset_of,
    encode_hex,
    field_values,
    has_half_field,
    template_lines,
    touches_hash,
    uses_unicode,
)
from providers.base import CampaignSpec, Message, Problem

# "Using the FTP API": "each line can be up to 8192 bytes". assumption: the line break counts.
MAX_LINE_BYTES = 8192
# Also half of #field1#: a value must not form a field together with the text beside it.
_FIELD_LIKE = re.compile(r"#field\d|field\d+#", re.IGNORECASE)
SENDER = re.compile(r"[0-9]{1,16}|[A-Za-z0-9]{1,11}")
_BEYOND_LATIN_1 = re.compile("[" + "".join(c for c in gsm.BASIC + gsm.EXTENSION if ord(c) > 0xFF) + "]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def unicode_problems(message: Message) -> list[Problem]:
    found = []
    if "\r" in message.text:
        found.append(_carriage_return())
    if _SURROGATE.search(message.text):
        found.append(
            Problem("text_broken", "The text contains half of a character. Type that character again.", "text")
        )
    return found


def lacking_characters(spec: CampaignSpec, text: str) -> str:
    """Return the characters of ``text`` that the campaign's alphabet or the file's charset lacks, each once."""
    if uses_unicode(spec):
        return "\r" if "\r" in text else ""
    found = gsm.unsupported(text) + "".join(character for character in "\r\f" if character in text)
    if charset_of(spec) != "utf-8":
        found += "".join(dict.fromkeys(_BEYOND_LATIN_1.findall(text)))
    return found


def plain_characters(spec: CampaignSpec) -> str:
    """Return the GSM characters of one septet that are also one byte of a line. In GSM, none if the template has a #,
    which could form a field together with a value, or if the literals are not known.
    """
    if not uses_unicode(spec) and ("#" in spec.template or not spec.template):
        return ""
    charset = "ascii" if charset_of(spec) == "utf-8" else "iso-8859-1"
    return gsm.BASIC.encode(charset, "ignore").decode(charset).replace("#", "")


def gsm_problems(spec: CampaignSpec, message: Message) -> list[Problem]:
    """Return why a file cannot express this GSM text.

    The reasons are characters, line breaks in values, text that looks like a field, and spaces at the edges.
    """
    text, found = message.text, []
    if foreign := gsm.unsupported(text):
        sentence = (
            f"Clickatell takes GSM characters only, not {' '.join(foreign)}. Choose Unicode, or clean up the text."
        )
        found.append(Problem("text_not_gsm", sentence, "text", characters=foreign))
    if charset_of(spec) != "utf-8" and (beyond := "".join(dict.fromkeys(_BEYOND_LATIN_1.findall(text)))):
        sentence = f"A file in ISO-8859-1 cannot contain {' '.join(beyond)}. Choose Unicode, or clean up the text."
        found.append(Problem("text_not_in_charset", sentence, "text", characters=beyond))
    if "\r" in text:
        found.append(_carriage_return())
    if "\f" in text:
        found.append(Problem("text_form_feed", "The text contains a form feed. Remove it.", "text"))
    if literal := _FIELD_LIKE.search(text):
        # assumption: the document shows no way to write a field's name literally.
        sentence = f"Clickatell would read “{literal[0]}” as one of its own fields. Write it in another way."
        found.append(Problem("text_has_field", sentence, "text"))
    found += _break_problems(spec, message)
    # The documents show both "to: 4483..." and "text:This is", so it is not known whether a space at an edge counts.
    if any(line != line.strip(" ") for line in text.split("\n")):
        found.append(
            Problem(
                "text_edge_space",
                "A line of the text begins or ends with a space, which Clickatell may drop. Remove it.",
                "text",
            )
        )
    return found


def _break_problems(spec: CampaignSpec, message: Message) -> list[Problem]:
    """A line break is written as another ``text:`` line, which all messages of the file share, never in a value."""
    text = message.text
    if message.own_text:
        if "\n" in spec.template:
            sentence = "A personal text cannot share a file with a text of several lines. Choose Unicode."
            return [Problem("own_text_beside_lines", sentence, "own_text")]
    else:
        values = sorted(message.values.items())
        found = [
            Problem(
                "value_line_break", f"{_field_label(name)} contains a line break. Remove it, or choose Unicode.", name
            )
            for name, value in values
            if "\n" in value
        ]
        if "\n" in spec.template:
            if touches_hash(spec.template) or has_half_field(spec, message):
                sentence = (
                    "In a text of several lines, a # may not be next to a field, nor #field in a value, nor two fields "
                    "next to each other: Clickatell marks its own fields with #. Put a space between them, or choose "
                    "Unicode."
                )
                found.append(Problem("field_touches_hash", sentence, "text"))
            # Only the template can express several lines, so this value is on its own between two delimiters.
            found += [
                Problem(
                    "value_edge_space",
                    f"{_field_label(name)} begins or ends with a space, which Clickatell may drop. Remove it.",
                    name,
                )
                for name, value in values
                if value != value.strip(" ")
            ]
        if found or spec.template:
            return found
    if "\n" in text:
        sentence = "A personal text cannot contain a line break. Remove the line break, or choose Unicode."
        return [Problem("text_line_break", sentence, "own_text" if message.own_text else "text")]
    return []


def _carriage_return() -> Problem:
    return Problem("text_carriage_return", "The text contains a carriage return. Remove it.", "text")


def _field_label(name: str) -> str:
    return f"Value {name.removeprefix('value')}"


def longest_line_bytes(spec: CampaignSpec, message: Message) -> int:
    """Return the bytes of the longest line that any form needs for this message, including its line break."""
    text = message.text
    if uses_unicode(spec):
        return len(f"csv:{message.msisdn}|{encode_hex(text)}\n")
    lines = [f"csv:{message.msisdn}|{line}" for line in text.split("\n")]
    if spec.template and not message.own_text:
        lines.append("csv:" + "|".join([message.msisdn, *field_values(spec, message)]))
        lines += [f"text:{line}" for line in template_lines(spec.template)]
    return max(len(line.encode(charset_of(spec))) for line in lines) + 1
