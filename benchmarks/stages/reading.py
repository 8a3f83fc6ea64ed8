"""Read a sheet in the limited child process, row by row, against a bare read of the same file."""

import csv
from collections.abc import Iterator

import openpyxl
from python_calamine import CalamineWorkbook

from benchmarks.bench import Baseline, Bench, Timed
from benchmarks.results import Result
from contacts import sheets


def measure(bench: Bench, kind: str) -> Iterator[Result]:
    def product(rows: int) -> float:
        path = bench.sheet(kind, rows)
        with bench.watch() as watch, sheets.open_sheet(path, path.name) as sheet:
            found = sum(1 for _ in sheet.rows())
        assert found == rows
        return watch.seconds

    if kind == "csv":
        yield from bench.compare(
            "read csv", product, Baseline("csv.DictReader", _dict_reader(bench)), floor=_csv(bench)
        )
    else:
        bare = Baseline("openpyxl, read-only", openpyxl_of(bench))
        yield from bench.compare("read xlsx", product, bare, floor=_calamine(bench))


def openpyxl_of(bench: Bench) -> Timed:
    """openpyxl's bare read in its read-only mode."""

    def run(rows: int) -> float:
        path = bench.sheet("xlsx", rows)
        with bench.watch() as watch:
            book = openpyxl.load_workbook(path, read_only=True)
            for _ in book.worksheets[0].iter_rows(values_only=True):
                pass
            book.close()
        return watch.seconds

    return run


def _calamine(bench: Bench) -> Timed:
    def run(rows: int) -> float:
        path = bench.sheet("xlsx", rows)
        with bench.watch() as watch:
            for _ in CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows():
                pass
        return watch.seconds

    return run


def _csv(bench: Bench) -> Timed:
    def run(rows: int) -> float:
        path = bench.sheet("csv", rows)
        with bench.watch() as watch, path.open(newline="", encoding="utf-8") as file:
            for _ in csv.reader(file):
                pass
        return watch.seconds

    return run


def _dict_reader(bench: Bench) -> Timed:
    def run(rows: int) -> float:
        path = bench.sheet("csv", rows)
        with bench.watch() as watch, path.open(newline="", encoding="utf-8") as file:
            for _ in csv.DictReader(file):
                pass
        return watch.seconds

    return run
