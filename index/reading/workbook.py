"""Workbooks (XLSX, XLSM, XLSB, XLS, ODS): every sheet a table with a line of column names, as a CSV file is one."""

from __future__ import annotations

import datetime
import zipfile
from io import BytesIO

from python_calamine import CalamineWorkbook

from index.documents import Scalar
from index.reading.archive import check_archive
from index.reading.extracted import Extracted, Sheet
from index.reading.reading import Unreadable


def extract_workbook(content: bytes) -> Extracted:
    """Raises Unreadable; and, for a file that is broken in a new way, anything else."""
    if zipfile.is_zipfile(BytesIO(content)):
        check_archive(content, "workbook")
    workbook = CalamineWorkbook.from_filelike(BytesIO(content))
    sheets = []
    for name in workbook.sheet_names:
        rows = iter(workbook.get_sheet_by_name(name).to_python())
        head = next((row for row in rows if any(cell != "" for cell in row)), None)
        if head is not None:
            columns = [str(_value(cell)).strip() or f"column {place}" for place, cell in enumerate(head, start=1)]
            sheets.append(Sheet(name, columns, [[_value(cell) for cell in row] for row in rows]))
    if not sheets:
        raise Unreadable("holds no text")
    return Extracted("", sheets=tuple(sheets))


def _value(cell: object) -> Scalar:
    """What a cell shows: spreadsheets keep 3 as 3.0, and days as numbers."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, datetime.date | datetime.time):
        return cell.isoformat()
    return cell if isinstance(cell, bool | int | float) else str(cell)
