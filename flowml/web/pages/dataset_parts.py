"""What the page of a data set shows around its rows: how its file was read, in what it can be downloaded."""

from dataclasses import dataclass
from typing import Any

from flowml.domain.datasets import ReadingOption
from flowml.domain.remarks import Remark
from flowml.domain.wording import number


@dataclass(frozen=True)
class Download:
    """A format in which a table can be taken along, and when it is the one to take."""

    format: str
    title: str
    when: str


DOWNLOADS = (
    Download("csv", "CSV", "Opens everywhere, and comes back to FlowML as it was."),
    Download("xlsx", "Excel", "For people with a spreadsheet; up to 1,048,575 rows."),
    Download("parquet", "Parquet", "Small and exact: for pandas, Polars, R, Spark."),
    Download("arrow", "Arrow", "Exact and quickest to open, but larger."),
    Download("jsonl", "JSON Lines", "One object per row: for programs and web services."),
)

# The operations offered where nothing has been chosen yet, in the words of a wish.
STARTERS = (
    ("fill", "Fill what is missing"),
    ("drop", "Drop columns"),
    ("filter", "Keep some rows"),
    ("derive", "Compute a column"),
    ("cast", "Change a type"),
    ("map_values", "Replace values"),
)

_SIGNS = {"\t": "tab", ",": "comma ,", ";": "semicolon ;", "|": "bar |", " ": "blank", "": "none"}


def notes(remarks: tuple[Remark, ...]) -> list[str]:
    """The remarks on reading as sentences, the gravest first."""
    return [remark.text for remark in sorted(remarks, key=lambda remark: remark.severity.rank)]


def decisions(options: tuple[ReadingOption, ...]) -> list[tuple[str, str]]:
    """What was taken of all that can be said about a file, in words; what there is none of is left out."""
    found = []
    for option in options:
        value = option.given if option.given is not None else option.decided
        if value not in (None, [], "none", 0, False) or option.given is not None:
            said = " (as you said)" if option.given is not None else ""
            found.append((option.name.replace("_", " ").capitalize(), value_text(value) + said))
    return found


def value_text(value: Any) -> str:
    """
    >>> value_text(";"), value_text(True), value_text(["?", "-"]), value_text(3)
    ('semicolon ;', 'yes', '“?”, “-”', '3')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(f"“{item}”" for item in value)
    return _SIGNS.get(value, str(value))
