"""The smallest workbooks that Excel would open, made without a library."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Cell = str | float | bool | None
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def write_xlsx(path: Path, sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> Path:
    """Sheets by name, each rows of cells; texts that start with # are error values."""
    listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, start=1))
    targets = "".join(
        f'<Relationship Id="r{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    root = f'<Relationship Id="r0" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{_RELATIONS}">{root}</Relationships>')
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>'
        )
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_RELATIONS}">{targets}</Relationships>')
        for number, rows in enumerate(sheets.values(), start=1):
            lines = "".join(_xlsx_row(index, row) for index, row in enumerate(rows, start=1))
            archive.writestr(
                f"xl/worksheets/sheet{number}.xml",
                f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>',
            )
    return path


def _xlsx_row(number: int, row: Sequence[Cell]) -> str:
    cells = ""
    for column, value in enumerate(row):
        place = f"{chr(65 + column)}{number}"
        if isinstance(value, bool):
            cells += f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
        elif isinstance(value, int | float):
            cells += f'<c r="{place}"><v>{value}</v></c>'
        elif isinstance(value, str) and value.startswith("#"):
            cells += f'<c r="{place}" t="e"><v>{value}</v></c>'
        elif value is not None:
            cells += f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<row r="{number}">{cells}</row>'


def write_xls(
    path: Path,
    rows: Sequence[Sequence[str | float | None]],
    *,
    chart: Sequence[Sequence[float]] = (),
    stream_name: str = "Workbook",
    protected: bool = False,
) -> Path:
    """One sheet as BIFF8 inside an OLE document of one stream. `chart`: values that a chart in the sheet draws, kept in
    records such as cells have."""
    sheet = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, str):
                text = value.encode("latin-1")
                sheet += _record(0x0204, struct.pack("<HHHHB", r, c, 0, len(text), 0) + text)
            elif value is not None:
                sheet += _record(0x0203, struct.pack("<HHHd", r, c, 0, value))
    if chart:
        sheet += _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0020, 0, 0, 0, 0))
        for r, values in enumerate(chart):
            for c, drawn in enumerate(values):
                sheet += _record(0x0203, struct.pack("<HHHd", r, c, 0, drawn))
        sheet += _record(0x000A, b"")
    sheet += _record(0x000A, b"")
    opening = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    if protected:
        opening += _record(0x002F, struct.pack("<HHH", 1, 1, 1) + bytes(48))
    opening += _record(0x0042, struct.pack("<H", 1200))
    name = b"Sheet1"
    starts_at = len(opening) + 4 + 8 + len(name) + 4
    bound = _record(0x0085, struct.pack("<IBBBB", starts_at, 0, 0, len(name), 0) + name)
    path.write_bytes(_ole(opening + bound + _record(0x000A, b"") + sheet, stream_name))
    return path


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _ole(stream: bytes, name: str) -> bytes:
    """An OLE document: one sector of allocation table, one of directory, then the stream."""
    size = max(4096, -(-len(stream) // 512) * 512)
    n_sectors = size // 512
    end, free = 0xFFFFFFFE, 0xFFFFFFFF
    chain = [0xFFFFFFFD, end, *range(3, 2 + n_sectors), end]
    table = struct.pack("<128I", *chain, *[free] * (128 - len(chain)))
    directory = _entry("Root Entry", 5, end, 0, child=1) + _entry(name, 2, 2, size) + _entry("", 0, 0, 0) * 2
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109I", 0, *[free] * 108)
    return header + table + directory + stream.ljust(size, b"\0")


def _entry(name: str, kind: int, start: int, size: int, child: int = 0xFFFFFFFF) -> bytes:
    encoded = (name + "\0").encode("utf-16-le") if name else b""
    none = 0xFFFFFFFF
    return (
        encoded.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(encoded), kind, 1, none, none, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )
