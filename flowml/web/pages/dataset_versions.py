"""The versions of a table: from the file to the one on show, and what was made of that one."""

from dataclasses import dataclass

from flowml.domain.datasets import Dataset
from flowml.services import versions
from flowml.services.context import Context


@dataclass(frozen=True)
class Version:
    """A table on the way to the one on show, or made from it, and the steps that made it, in words. `code` is what
    made it where code did."""

    id: str
    name: str
    n_rows: int
    n_columns: int
    steps: list[str]
    code: str | None


@dataclass(frozen=True)
class History:
    """`line` goes from the first version to the one on show, `later` are those made from it; `parent` is the one
    before it. Where earlier ones were deleted the line begins with what is left. The recipe starts from the version at
    the place `start`."""

    line: list[Version]
    later: list[Version]
    parent: Dataset | None
    start: int

    @property
    def root(self) -> Version | None:
        """The version that the recipe starts from; None where it was deleted."""
        first = self.line[self.start]
        return first if first.code is not None or not first.steps else None

    @property
    def steps(self) -> list[str]:
        """What was done to the table since it was read, or since code made it."""
        behind = self.line[self.start + (self.line[self.start].code is not None) :]
        return [step for version in behind for step in version.steps]

    @property
    def coded(self) -> list[Version]:
        """The versions on the way that code has made."""
        return [version for version in self.line if version.code is not None]


def history_of(context: Context, dataset_id: str) -> History:
    """Raises NotFound."""
    found = versions.lineage(context, dataset_id)
    line = found.versions
    return History(
        line=[_version(version) for version in line],
        later=[_version(version) for version in found.children],
        parent=line[-2].dataset if len(line) > 1 else None,
        start=found.start,
    )


def _version(version: versions.Version) -> Version:
    found = version.dataset
    return Version(
        found.id, found.name, found.n_rows, found.n_columns, [step.title for step in version.steps], found.code
    )
