"""Prometheus' text format."""

from collections.abc import Iterable, Mapping


def metric(name: str, kind: str, meaning: str, values: Iterable[tuple[Mapping[str, str], float]]) -> list[str]:
    """The lines of one metric: its values by their labels.

    >>> metric("rows_total", "counter", "Rows.", [({"model": 'a"b'}, 2)])[-1]
    'rows_total{model="a\\\\"b"} 2'
    """
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    for labels, value in values:
        inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        lines.append(f"{name}{{{inside}}} {value}" if inside else f"{name} {value}")
    return lines


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
