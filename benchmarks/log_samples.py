"""How well logs are taken apart: `python -m benchmarks.log_samples FOLDER`.

FOLDER has pairs of NAME.log and NAME.expected.csv (structured logs of LogHub). Per log: the share of equal cells of the
header's fields, which of our columns was compared with which field, and the grouping accuracy of `event`: the share of
lines whose event stands for exactly the lines of their EventId.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

from flowml.data.read import read_table

_NOT_HEADER = frozenset({"LineId", "EventId", "EventTemplate"})


def equal_share(ours: list[str], theirs: list[str]) -> float:
    """The share of equal texts at the same places; a missing value is an empty text."""
    return sum(a == b for a, b in zip(ours, theirs, strict=False)) / max(len(ours), len(theirs), 1)


def grouping_accuracy(events: list[str], expected: list[str]) -> float:
    """The share of lines whose group is exactly the expected one."""
    lines_of: dict[str, set[int]] = defaultdict(set)
    expected_lines: dict[str, set[int]] = defaultdict(set)
    for index, (event, identifier) in enumerate(zip(events, expected, strict=False)):
        lines_of[event].add(index)
        expected_lines[identifier].add(index)
    exact = {frozenset(lines) for lines in expected_lines.values()}
    return sum(len(lines) for lines in lines_of.values() if lines in exact) / max(len(expected), 1)


def measure(path: Path, layout: str | None) -> tuple[float, float, int, str]:
    """Share of equal cells, grouping accuracy, number of rows, and which column was compared with which field."""
    frame, _, _ = read_table(path, options={} if layout is None else {"layout": layout})
    ours = {
        name: ["" if value is None else str(value) for value in frame[name].to_list()]
        for name in frame.columns
        if name not in ("timestamp", "event")
    }
    with path.with_suffix(".expected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shares, pairs = [], []
    for field in rows[0]:
        if field in _NOT_HEADER:
            continue
        theirs = [row[field] for row in rows]
        by_name = equal_share(ours.get(field.lower(), []), theirs)
        name, share = field.lower(), by_name
        if by_name < 1:
            name, share = max(
                ((name, equal_share(texts, theirs)) for name, texts in ours.items()), key=lambda pair: pair[1]
            )
        shares.append(share)
        pairs.append(f"{field}={name} {share:.1%}" if share < 1 else f"{field}={name}")
    events = [str(event) for event in frame["event"].to_list()] if "event" in frame.columns else []
    accuracy = grouping_accuracy(events, [row["EventId"] for row in rows])
    return sum(shares) / len(shares), accuracy, frame.height, ", ".join(pairs)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layout", help="read all with this layout, such as learned")
    given = parser.parse_args(arguments)
    print(f"{'log':<14}{'rows':>8}{'cells':>9}{'events':>9}  columns")
    for path in sorted(given.folder.glob("*.log")):
        if path.with_suffix(".expected.csv").is_file():
            cells, events, rows, pairs = measure(path, given.layout)
            print(f"{path.stem:<14}{rows:>8,}{cells:>9.1%}{events:>9.1%}  {pairs}")


if __name__ == "__main__":
    main()
