"""A frame as a file, by the extension of its name."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from flowml.domain.errors import UnsupportedFormat

EXTENSIONS = ("csv", "tsv", "parquet", "jsonl", "ndjson", "arrow", "feather")


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write CSV, TSV, Parquet, JSON Lines or Arrow. Raises UnsupportedFormat before anything is written."""
    check_extension(path)
    match path.suffix.lower():
        case ".csv":
            frame.write_csv(path)
        case ".tsv":
            frame.write_csv(path, separator="\t")
        case ".parquet":
            frame.write_parquet(path)
        case ".jsonl" | ".ndjson":
            frame.write_ndjson(path)
        case _:
            frame.write_ipc(path)


def write_csv_text(frame: pl.DataFrame) -> str:
    """The frame as the text of a CSV file."""
    return frame.write_csv()


def check_extension(path: Path) -> None:
    """Raise UnsupportedFormat when `write_table` would not know what to write."""
    if path.suffix.lower().removeprefix(".") not in EXTENSIONS:
        raise UnsupportedFormat(
            f"FlowML cannot write a file called “{path.name}”.",
            hint=f"Let its name end in one of: {', '.join(f'.{name}' for name in EXTENSIONS)}.",
        )
