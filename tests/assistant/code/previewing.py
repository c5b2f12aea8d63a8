"""Previews of code, made in this process."""

from pathlib import Path
from typing import Any

import polars as pl

from flowml.assistant.code import comparing, running
from flowml.assistant.code.running import checked_program
from flowml.assistant.code.tracing import ROW
from flowml.data.canonical import write_canonical

LIMITS = {"seconds": 60.0, "max_rows": 1000, "max_columns": 50}


def run(code: str, table: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series | None]:
    """What the code makes, and which row each was, as `running` says it."""
    program = checked_program(code)
    found = running._run(program, table, LIMITS)
    assert program.traced is not None
    return found, running._origins(program, program.traced, table, found)


def previewed(folder: Path, code: str, table: pl.DataFrame) -> dict[str, Any]:
    """What is said of it."""
    found, rows = run(code, table)
    return compared(folder, found if rows is None else found.with_columns(rows.alias(ROW)), table)


def compared(folder: Path, result: pl.DataFrame, table: pl.DataFrame) -> dict[str, Any]:
    """What is said of a result, behind which the numbers of its rows may stand."""
    result.write_ipc(folder / "result")
    write_canonical(table, folder / "table")
    request = {"result": folder / "result", "table": folder / "table", "target": folder / "target", **LIMITS}
    difference: dict[str, Any] = comparing.compare_tables(request)["difference"]
    return difference
