"""A stored table as a file to take away; runs in a child process (`tasks`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from flowml.data.writing.writers import FORMATS


def export_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write the canonical Parquet file `table` to `target` in one of `formats.FORMATS`, `format`. Raises InvalidInput
    when that format cannot hold the table."""
    FORMATS[request["format"]](pl.scan_parquet(request["table"], glob=False), Path(request["target"]))
    return {}
