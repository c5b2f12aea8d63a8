"""Apache Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.batches import pieces_of
from flowml.data.ceiling import check_bytes
from flowml.data.format import CERTAIN, NO, Format, Pieces, Reading, Source
from flowml.domain.errors import UnreadableFile

if TYPE_CHECKING:
    import polars as pl

_AGAIN = "Save or export it again."


def sniff(head: bytes, path: Path) -> float:
    return CERTAIN if head.startswith((b"PAR1", b"PARE")) else NO


def read(source: Source) -> Reading:
    import polars as pl

    from flowml.data.sizes import least_bytes

    try:
        table = _table(source)
        n_rows = table.select(pl.len()).collect().item()
        check_bytes(source.path, least_bytes(table.collect_schema(), n_rows))
        return Reading(table.collect(), "parquet", typed=True)
    except pl.exceptions.PolarsError as error:
        raise _damaged(error) from error


def pieces(source: Source) -> Pieces | None:
    import polars as pl

    try:
        return pieces_of(_table(source), "parquet", _damaged)
    except pl.exceptions.PolarsError as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> UnreadableFile:
    reason = str(error).removeprefix("parquet: ").partition("\n")[0][:200]
    return UnreadableFile(f"The Parquet file is damaged: {reason}.", hint=_AGAIN)


def _table(source: Source) -> pl.LazyFrame:
    import polars as pl

    _check_ends(source.path)
    # The footer alone says how big the table will be: look before anything is decoded.
    table = _scan(source.path)
    schema = table.collect_schema()
    source.limits.check(table.select(pl.len()).collect().item(), len(schema))
    if any(dtype == pl.Datetime("ns") for dtype in schema.dtypes()):
        table = _in_microseconds(source.path, schema)
    return table


def _scan(path: Path, schema: pl.Schema | None = None) -> pl.LazyFrame:
    import polars as pl

    return pl.scan_parquet(path, glob=False, hive_partitioning=False, schema=schema)


def _in_microseconds(path: Path, schema: pl.Schema) -> pl.LazyFrame:
    """Times of the old kind of Spark and Impala (INT96) may lie after 2262, where nanoseconds end: asked for in
    microseconds, they are not cut off there."""
    import polars as pl

    coarse = pl.Schema(
        {name: pl.Datetime("us") if dtype == pl.Datetime("ns") else dtype for name, dtype in schema.items()}
    )
    table = _scan(path, coarse)
    try:
        table.head(1).collect()
    except pl.exceptions.PolarsError:
        # Nanoseconds of the new kind are whole numbers, which hold no time after 2262.
        return _scan(path)
    return table


def _check_ends(path: Path) -> None:
    """The file ends with the length of its description and a magic word."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, size - 8))
        end = file.read(8)
    if b"PARE" in (start, end[4:]):
        raise UnreadableFile("The Parquet file is encrypted.", hint="Write it without encryption.")
    if end[4:] != b"PAR1" or size < 12:
        raise UnreadableFile("The Parquet file is cut off: its end is missing.", hint=_AGAIN)
    if not 0 < int.from_bytes(end[:4], "little") <= size - 12:
        raise UnreadableFile("The Parquet file is damaged: its description does not fit into it.", hint=_AGAIN)


FORMAT = Format(name="parquet", title="Parquet", extensions=("parquet", "pq"), sniff=sniff, read=read, pieces=pieces)
