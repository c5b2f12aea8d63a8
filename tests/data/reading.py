"""Reading a file of a test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from flowml.data.read import read_table


def read(
    folder: Path, filename: str, content: str | bytes, options: Mapping[str, Any] | None = None
) -> tuple[pl.DataFrame, str]:
    """The table in a file with this content, and all warnings as one text."""
    path = folder / filename
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    frame, _, warnings = read_table(path, options=options)
    return frame, " ".join(warnings)
