"""Puts the table of the last run into docs/performance.md: ``python -m benchmarks.document``."""

import json
import re
from pathlib import Path

from benchmarks.results import Result, as_markdown
from config.installation import BASE_DIR, data_directory

PAGE = BASE_DIR / "docs" / "performance.md"
BEGIN, END = "<!-- table -->", "<!-- end of the table -->"


def with_table(text: str, results: list[Result]) -> str:
    """The page with the table of ``results`` between its two marks."""
    table = f"{BEGIN}\n{as_markdown(results)}\n{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: table, text, flags=re.DOTALL)


def main(page: Path = PAGE) -> None:
    """Write the page anew from ``bench.json``."""
    rows = json.loads((data_directory() / "bench.json").read_text())
    page.write_text(with_table(page.read_text(), [Result(**row) for row in rows]))


if __name__ == "__main__":
    main()
