"""Reads an uploaded spreadsheet row by row: a workbook or a text file. ``reading.read`` is the way in.

An upload may be hostile, so Baton runs this package as a separate process with limits (``__main__``, started by
contacts/sheets.py). It does not use Django.
"""
