"""What is found in a frame, and the frame after what was offered was done."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from flowml.data.canonical import write_canonical
from flowml.data.profiling.profile import profile
from flowml.data.quality.findings import find_in_table
from flowml.data.recipes.transform import transform_table

# 2024-06-01
NOW = 1_717_200_000.0


def examine(frame: pl.DataFrame, target: str | None = None) -> list[dict[str, Any]]:
    """The findings of a canonical frame, as they are stored."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.parquet"
        write_canonical(frame, table)
        stats = [asdict(item) for item in profile(frame).stats]
        issues = find_in_table({"table": str(table), "columns": stats, "target": target, "now": NOW})["issues"]
    return list(issues)


def with_code(issues: Sequence[Mapping[str, Any]], code: str) -> list[Mapping[str, Any]]:
    return [issue for issue in issues if issue["code"] == code]


def mended(frame: pl.DataFrame, operations: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The frame as the server would store it after these operations."""
    with tempfile.TemporaryDirectory() as folder:
        table, target = Path(folder) / "table.parquet", Path(folder) / "result.parquet"
        write_canonical(frame, table)
        request = {"table": str(table), "target": str(target), "operations": list(operations), "preview": False}
        transform_table({**request, "scratch": folder, "max_rows": 10**6, "max_columns": 1000})
        return pl.read_parquet(target)
