"""Whether a file really quotes by type, judged by every value of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flowml.data.delimited.dialect.quoting import Quoting
from flowml.data.delimited.rows.structure import inside_quotes

_CHUNK = 4 << 20
_NEWLINE, _RETURN, _QUOTE = 10, 13, 34


def verify_quoting(path: Path, delimiter: str, width: int, start: int, suspected: Quoting) -> Quoting | None:
    """What the first lines made `suspected`, judged by a whole file without bad lines; None when a column quotes some
    values only."""
    kinds = np.zeros((3, width), dtype=bool)
    bare_na: dict[int, list[NDArray[np.intp]]] = {place: [] for place in suspected.texts}
    row = 0
    rest = b""
    with path.open("rb") as file:
        file.seek(start)
        while True:
            chunk = file.read(_CHUNK)
            data = np.frombuffer(rest + chunk + (b"" if chunk or not rest else b"\n"), dtype=np.uint8)
            end, na_rows = _look(data, ord(delimiter), width, kinds)
            for place, found in bare_na.items():
                found.append(row + np.flatnonzero(na_rows[:, place]))
            row += len(na_rows)
            bare, na, quoted = kinds
            if (bare & quoted).any():
                return None
            if not chunk:
                break
            rest = data[end:].tobytes()
    if not quoted.any():
        return None
    rows = {place: np.concatenate(found) for place, found in bare_na.items() if na[place]}
    # A column that was all missing in the sample: its texts are taken literally, and NA among them as well.
    return Quoting(tuple(np.flatnonzero(quoted).tolist()), rows)


def _look(
    data: NDArray[np.uint8], delimiter: int, width: int, kinds: NDArray[np.bool_]
) -> tuple[int, NDArray[np.bool_]]:
    """Note for each column whether it has bare values, a bare NA, quoted values; returns where the last whole record
    ends, and for each record which values are a bare NA. `data` begins at a record."""
    outside = ~inside_quotes(len(data), np.flatnonzero(data == _QUOTE), 0)
    outside_ends = (data == _NEWLINE) & outside
    ends = np.flatnonzero(outside_ends)
    if len(ends) == 0:
        return 0, np.zeros((0, width), dtype=bool)
    stop = int(ends[-1]) + 1
    field_ends = np.flatnonzero((outside_ends | ((data == delimiter) & outside))[:stop])
    # Blank lines at the end of the file make no whole record.
    field_ends = field_ends[: len(field_ends) // width * width]
    starts = np.zeros(len(field_ends), dtype=np.intp)
    starts[1:] = field_ends[:-1] + 1
    first = data[starts]
    quoted = first == _QUOTE
    bare = ~(quoted | (first == delimiter) | (first == _NEWLINE) | (first == _RETURN))
    # A bare NA is as much at home among numbers as among texts.
    na = bare & (first == ord("N"))
    places = np.flatnonzero(na)
    ends_after = field_ends[places] - starts[places]
    ends_after -= data[field_ends[places] - 1] == _RETURN
    na[places] = (data[starts[places] + 1] == ord("A")) & (ends_after == 2)
    for row, kind in enumerate((bare & ~na, na, quoted)):
        kinds[row] |= kind.reshape(-1, width).any(axis=0)
    return stop, na.reshape(-1, width)
