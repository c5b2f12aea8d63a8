"""How the values of one column are spread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Histogram:
    """How a numeric or datetime column is spread: n + 1 edges (numbers, or ISO 8601 strings), n counts."""

    edges: tuple[Any, ...]
    counts: tuple[int, ...]
    missing: int
    kind: str = "histogram"


@dataclass(frozen=True)
class Categories:
    """The most frequent values of a column; `other` counts the rows with any value that is not listed."""

    values: tuple[Any, ...]
    counts: tuple[int, ...]
    other: int
    missing: int
    kind: str = "categories"


def distribution_of(record: Mapping[str, Any]) -> Histogram | Categories:
    """Either, from what JSON keeps of it."""
    if record["kind"] == "histogram":
        return Histogram(tuple(record["edges"]), tuple(record["counts"]), record["missing"])
    return Categories(tuple(record["values"]), tuple(record["counts"]), record["other"], record["missing"])
