"""A table that is asked about, and how an answer speaks of its findings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flowml.assistant.answers.composing import Composition
from flowml.assistant.answers.proposing import propose
from flowml.domain.datasets import ColumnStats, Correlation, Dataset, Finding, Quality, Role
from flowml.domain.wording import number

MOST_LISTED = 6


@dataclass(frozen=True)
class Table:
    """A table, and ways to find out what is not known at once: each may wait for a child process. `target` is what is
    to be predicted, where somebody has said so; `relations` are of all columns to one, `correlation` of each two."""

    dataset: Dataset
    stats: Sequence[ColumnStats]
    quality: Callable[[str | None], Quality]
    relations: Callable[[str], Mapping[str, Any]]
    relation: Callable[[str, str], Mapping[str, Any]]
    correlation: Callable[[], Correlation]
    target: str | None = None

    def of(self, name: str) -> ColumnStats:
        """Raises StopIteration for a column that is not there."""
        return next(column for column in self.stats if column.name == name)

    def place(self, tab: str, target: str | None = None) -> str:
        """Where the page shows it."""
        wish = "" if target is None else f"?target={quote(target)}"
        return f"/datasets/{self.dataset.id}{wish}#{tab}"

    def likely_targets(self) -> list[ColumnStats]:
        """What people predict: the last columns are it most often."""
        fit = [one for one in self.stats if one.role in (Role.BOOLEAN, Role.CATEGORICAL, Role.NUMERIC) and one.count]
        return fit[::-1][:3]


def list_findings(issues: Sequence[Finding], table: Table, answer: Composition, target: str | None = None) -> None:
    """The findings, and a fix among them as what is proposed. What the answer has said already is not said again."""
    new = [issue for issue in issues if not answer.has(issue.message)]
    answer.items([f"{issue.message} {cite(issue, table, answer, target)}" for issue in new[:MOST_LISTED]])
    if len(new) > MOST_LISTED:
        more = len(new) - MOST_LISTED
        answer.say(f"{number(more)} more {'is' if more == 1 else 'are'} on the tab “Quality”.")
    propose(issues, answer)


def cite(issue: Finding, table: Table, answer: Composition, target: str | None = None) -> str:
    """How the answer cites a finding."""
    column = issue.columns[0] if len(issue.columns) == 1 else None
    return answer.fact(issue.message, column=column, link=table.place("quality", target or table.target))
