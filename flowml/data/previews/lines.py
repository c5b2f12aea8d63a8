"""A table as one line of JSON a row, and where each line starts: single rows of it are read in no time, without memory.

The file is the lines, then the offset of each (little-endian uint64) and of the end, then their number. It is made from
a canonical Parquet file when somebody looks at it, and not kept for long.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

_CHUNK = 16 << 20
_NUMBER = struct.Struct("<Q")
_PAIR = struct.Struct("<2Q")


def write_lines(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write the canonical Parquet file `table` to `target` as lines. The task of a child process."""
    import numpy as np
    import polars as pl

    target = Path(request["target"])
    table = pl.scan_parquet(request["table"], glob=False)
    # Short names: they stand in every line.
    table.rename({name: str(at) for at, name in enumerate(table.collect_schema())}).sink_ndjson(target)
    starts = [np.zeros(1, dtype="<u8")]
    offset = 0
    with target.open("rb") as file:
        while chunk := file.read(_CHUNK):
            starts.append((np.flatnonzero(np.frombuffer(chunk, dtype=np.uint8) == 10) + offset + 1).astype("<u8"))
            offset += len(chunk)
    with target.open("ab") as file:
        for part in starts:
            file.write(part.tobytes())
        file.write(_NUMBER.pack(sum(map(len, starts)) - 1))
    return {}


def read_lines(lines: Path, dtypes: list[str], numbers: Iterable[int]) -> tuple[tuple[Any, ...], ...]:
    """Some rows, in the order asked for; values as a preview has them. `dtypes` are those of the columns."""
    moments = [at for at, dtype in enumerate(dtypes) if dtype == "Datetime"]
    with lines.open("rb") as file:
        file.seek(-_NUMBER.size, os.SEEK_END)
        (n_rows,) = _NUMBER.unpack(file.read())
        index = file.seek(-(n_rows + 2) * _NUMBER.size, os.SEEK_END)
        return tuple(_row(file, index, number, moments) for number in numbers)


def _row(file: BinaryIO, index: int, number: int, moments: list[int]) -> tuple[Any, ...]:
    file.seek(index + number * _NUMBER.size)
    start, end = _PAIR.unpack(file.read(_PAIR.size))
    file.seek(start)
    row = list(json.loads(file.read(end - start)).values())
    for at in moments:
        if row[at] is not None:
            row[at] = datetime.fromisoformat(row[at]).isoformat()
    return tuple(row)
