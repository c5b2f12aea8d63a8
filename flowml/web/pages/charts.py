"""Charts as the templates receive them: what is drawn, and the same as a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Chart:
    """`kind` names the drawing in static/js/charts/, `spec` is its input (JSON); `columns` and `rows` say the same in
    text, behind "show data". `caption` says in plain words what there is to see."""

    kind: str
    title: str
    caption: str
    spec: dict[str, Any]
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
