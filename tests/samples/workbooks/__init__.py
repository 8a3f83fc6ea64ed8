"""Workbooks that were once misread, each with what reading it must give. Built in memory."""

from tests.samples.workbooks.books import PARTS, SAVED, SHEETS
from tests.samples.workbooks.case import Case
from tests.samples.workbooks.cells import FORMATS, FORMULAS, VALUES
from tests.samples.workbooks.grids import HIDDEN, ROWS
from tests.samples.workbooks.markup import MARKUP, STRINGS
from tests.samples.workbooks.others import OLD_EXCEL, OPEN_DOCUMENTS, OTHER

__all__ = ["CASES", "Case"]

CASES = [
    *FORMATS,
    *VALUES,
    *FORMULAS,
    *STRINGS,
    *MARKUP,
    *ROWS,
    *HIDDEN,
    *SHEETS,
    *PARTS,
    *SAVED,
    *OTHER,
    *OPEN_DOCUMENTS,
    *OLD_EXCEL,
]
