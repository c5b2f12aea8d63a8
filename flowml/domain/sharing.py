"""Of which columns a language model may be told sample values."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tick:
    """What somebody has said of one column, and what it looked like then: “names of people”, or None for nothing
    personal. It is held to only while the column looks the same."""

    shared: bool
    personal: str | None = None


@dataclass(frozen=True)
class Sharing:
    """What was decided about a table. `ordinary`: values of all columns of categories that look in no way personal may
    be told; `columns` are those of which somebody has said it one by one, by name."""

    ordinary: bool = False
    columns: Mapping[str, Tick] = field(default_factory=dict)
    changed_at: float | None = None
    changed_by: str | None = None
