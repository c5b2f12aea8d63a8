"""A table as a file. What is written here is read back as the same table (`tests/data/writing`).

CSV has no types, so it is quoted by type: every text in quotes, an empty one as "", everything else bare, a missing
value as nothing at all. The reader takes a file that is quoted like this at its word.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import polars as pl

from flowml.data.canonical import ROWS_PER_GROUP
from flowml.data.writing.workbook import write_workbook
from flowml.domain.errors import UnsupportedFormat

SEPARATORS = {"csv": ",", "tsv": "\t"}
_PLAIN_NAME = r"^[^\s\",;|\t#'](?:[^\",;|\t\r\n]*[^\s\",;|\t])?$"


def write_table(frame: pl.DataFrame | pl.LazyFrame, path: Path) -> None:
    """Write a table in the format that the extension of the path names. Raises UnsupportedFormat before anything is
    written, InvalidInput when the format cannot hold a table of this shape.

    Text tables have quotation marks only where they need them: predictions are read by programs that expect no more.
    """
    format = format_of(path)
    if format in SEPARATORS:
        frame.lazy().sink_csv(path, separator=SEPARATORS[format])
    else:
        FORMATS[format](frame.lazy(), path)


def format_of(path: Path) -> str:
    """What the extension of a path names. Raises UnsupportedFormat where `write_table` would not know what to write."""
    if _extension(path) not in EXTENSIONS:
        raise UnsupportedFormat(
            f"FlowML cannot write a file called “{path.name}”.",
            hint=f"Let its name end in one of: {', '.join(f'.{name}' for name in EXTENSIONS)}.",
        )
    return EXTENSIONS[_extension(path)]


def _extension(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def _csv(table: pl.LazyFrame, path: Path) -> None:
    with path.open("wb") as file:
        _write_delimited(table, file, SEPARATORS["csv"])


def _tsv(table: pl.LazyFrame, path: Path) -> None:
    with path.open("wb") as file:
        _write_delimited(table, file, SEPARATORS["tsv"])


def _write_delimited(table: pl.LazyFrame, file: IO[bytes], separator: str) -> None:
    schema = table.collect_schema()
    names = pl.Series(schema.names(), dtype=pl.String)
    titles = [
        name if plain else _quoted(name) for name, plain in zip(names, names.str.contains(_PLAIN_NAME), strict=True)
    ]
    file.write(f"{separator.join(titles)}\n".encode())
    file.flush()
    table.with_columns(_quoted_values(name) for name, dtype in schema.items() if dtype == pl.String).sink_csv(
        file,
        include_header=False,
        separator=separator,
        quote_style="never",
        # A row of one missing value would be a blank line, which is no row.
        null_value="NA" if len(titles) == 1 else "",
    )


def _quoted_values(name: str) -> pl.Expr:
    doubled = pl.col(name).str.replace_all('"', '""', literal=True)
    return pl.concat_str(pl.lit('"'), doubled, pl.lit('"')).alias(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _parquet(table: pl.LazyFrame, path: Path) -> None:
    table.sink_parquet(path, compression="zstd", row_group_size=ROWS_PER_GROUP, statistics=True)


def _jsonl(table: pl.LazyFrame, path: Path) -> None:
    table.sink_ndjson(path)


def _arrow(table: pl.LazyFrame, path: Path) -> None:
    # Not compressed: every reader of Arrow can read it, and the program beside it may map it.
    table.sink_ipc(path, compression="uncompressed")


# The formats that can be written, by name.
FORMATS: dict[str, Callable[[pl.LazyFrame, Path], None]] = {
    "csv": _csv,
    "tsv": _tsv,
    "parquet": _parquet,
    "arrow": _arrow,
    "jsonl": _jsonl,
    "xlsx": write_workbook,
}
EXTENSIONS = {**{name: name for name in FORMATS}, "ndjson": "jsonl", "feather": "arrow", "ipc": "arrow"}
