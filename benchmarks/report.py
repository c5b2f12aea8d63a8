"""Small tables on the terminal."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> str:
    """Text columns to the left, figures to the right; a float shows four significant decimals at most."""
    shown = [[cell(value) for value in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(header), *shown]) for column in range(len(header))]
    numeric = [
        all(isinstance(row[column], int | float) or row[column] is None for row in rows)
        for column in range(len(header))
    ]

    def line(cells: Sequence[str]) -> str:
        pairs = zip(cells, widths, numeric, strict=True)
        return "  ".join(text.rjust(width) if right else text.ljust(width) for text, width, right in pairs).rstrip()

    lines = [line(header), "  ".join("-" * width for width in widths), *(line(cells) for cells in shown)]
    return "\n".join([f"\n{title}", *lines] if title else lines)


def cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:.1f}"
    return str(value)
