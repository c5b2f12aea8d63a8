"""The command line: `flowml …`, `python -m flowml …`, `./flowml.pyz …` alike."""

from flowml.cli import started  # noqa: F401 - first: the clock runs from here
from flowml.cli.parser import build_parser, main

__all__ = ["build_parser", "main"]
