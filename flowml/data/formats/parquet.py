"""Apache Parquet."""

from pathlib import Path

from flowml.data.formats.base import CERTAIN, NO, Format, Reading, Source


def sniff(head: bytes, path: Path) -> float:
    return CERTAIN if head.startswith(b"PAR1") else NO


def read(source: Source) -> Reading:
    import polars as pl

    # The footer alone says how big the table will be: look before anything is decoded.
    table = pl.scan_parquet(source.path, glob=False, hive_partitioning=False)
    n_rows = table.select(pl.len()).collect().item()
    source.limits.check(n_rows, len(table.collect_schema()))
    return Reading(table.collect(), "parquet", typed=True)


FORMAT = Format(name="parquet", title="Parquet", extensions=("parquet", "pq"), sniff=sniff, read=read)
