"""What is in a file, for the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowml.data.format import Limits
from flowml.data.guard import scratch_folder
from flowml.domain.datasets import Role
from flowml.domain.errors import UnreadableFile
from flowml.domain.wording import plural, shortened, size

_WIDEST_NAME = 32


def inspect_file(
    path: Path,
    options: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    *,
    now: float | None = None,
) -> dict[str, Any]:
    """Read any supported file: {"file", "format", "size_bytes", "n_rows", "n_columns", "columns", "options",
    "choices", "warnings"}, ready for JSON; each column with name, dtype, role, reason and its statistics, `options` as
    they were decided. Raises as `read.load` does."""
    from flowml.data.profiling.profile import as_record, profile
    from flowml.data.read import load

    if not path.is_file():
        raise UnreadableFile(f"There is no file {path}.")
    with scratch_folder() as scratch:
        table = load(path, path.name, options or {}, limits or Limits(), Path(scratch), now=now)
    found = profile(table.frame)
    return {
        "file": path.name,
        "format": table.format,
        "size_bytes": path.stat().st_size,
        "n_rows": table.frame.height,
        "n_columns": table.frame.width,
        "columns": [{**as_record(column), "reason": found.reasons[column.name]} for column in found.stats],
        "options": dict(table.how_read.decided),
        "choices": dict(table.how_read.choices),
        "warnings": list(table.warnings),
    }


def format_inspection(found: Mapping[str, Any]) -> str:
    """The answer of `inspect_file` as a table to read in a terminal."""
    columns: Sequence[Mapping[str, Any]] = found["columns"]
    shape = f"{plural(found['n_rows'], 'row')} × {plural(found['n_columns'], 'column')}"
    lines = [f"{found['file']}: {shape} ({found['format']}, {size(found['size_bytes'])})", ""]
    cells = [("column", "type", "role", "missing", "distinct", "values")]
    cells += [
        (
            shortened(column["name"], _WIDEST_NAME),
            column["dtype"],
            str(column["role"]),
            f"{column['missing_share']:.1%}" if column["missing"] else "–",
            f"{column['n_unique']:,}",
            _summary(column),
        )
        for column in columns
    ]
    widths = [max(len(row[index]) for row in cells) for index in range(5)]
    for position, row in enumerate(cells):
        aligned = [
            cell.rjust(width) if index in (3, 4) else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        lines.append("  ".join((*aligned, row[5])).rstrip())
        if position == 0:
            lines.append("  ".join("─" * width for width in (*widths, 6)))
    if found["warnings"]:
        lines += ["", "Worth knowing:", *(f"  • {warning}" for warning in found["warnings"])]
    return "\n".join(lines)


def _summary(column: Mapping[str, Any]) -> str:
    """The range of numbers and dates, the frequent values of anything else."""
    if column["mean"] is not None and column["role"] != Role.BOOLEAN:
        return f"{_short(column['min'])} … {_short(column['max'])}, mean {_short(column['mean'])}"
    if column["min"] is not None and column["role"] == Role.DATETIME:
        return f"{column['min']} … {column['max']}"
    return ", ".join(f"{shortened(_short(top['value']), 20)} ({top['count']:,})" for top in column["top"][:3])


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"
