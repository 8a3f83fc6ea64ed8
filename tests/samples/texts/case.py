"""A text file and what reading it must give."""

from dataclasses import dataclass, field

from contacts.sheet_reader.types import Options

NAMES = ("Thandi", "Sipho", "Zoë", "Pieter", "Ayesha", "Łukasz")


@dataclass(frozen=True)
class TextCase:
    """``rows``: the cells of the rows below the header ([] for a blank one). ``problems``: code by row and column.

    ``lines``: rows of the file, which must be those read and those left out; by default its lines up to the last that
    is not blank. ``refusal``: the code and a word of the sentence, for a file that is refused as a whole.
    """

    name: str
    content: str | bytes
    header_row: int = 1
    header: tuple[str, ...] = ("Name", "Cell")
    rows: list[list[str]] = field(default_factory=list)
    problems: dict[tuple[int, int], str] = field(default_factory=dict)
    swallowed: int = 0
    lines: int | None = None
    file: str = "list.csv"
    options: Options = Options()  # noqa: RUF009
    encoding: str = "utf-8"
    refusal: tuple[str, str] | None = None

    @property
    def data(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.encode(self.encoding)


def phone(number: int) -> str:
    return f"08255501{number:02}"


def people(count: int = 3) -> list[list[str]]:
    return [[NAMES[number % 4], phone(number)] for number in range(count)]


def joined(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    return "".join(delimiter.join(row) + end for row in rows)
