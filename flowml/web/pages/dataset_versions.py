"""The versions of a table: from the file to the one on show, and what was made of that one."""

from dataclasses import dataclass

from flowml.domain.datasets import Dataset
from flowml.services import versions
from flowml.services.context import Context


@dataclass(frozen=True)
class Version:
    """A table on the way to the one on show, or made from it, and the steps that made it, in words."""

    id: str
    name: str
    n_rows: int
    n_columns: int
    steps: list[str]


@dataclass(frozen=True)
class History:
    """`line` goes from the first version to the one on show, `later` are those made from it; `parent` is the one
    before it. Where earlier ones were deleted the line begins with what is left."""

    line: list[Version]
    later: list[Version]
    parent: Dataset | None

    @property
    def steps(self) -> list[str]:
        """All that was done to the table since it was read."""
        return [step for version in self.line for step in version.steps]


def history_of(context: Context, dataset_id: str) -> History:
    """Raises NotFound."""
    found = versions.lineage(context, dataset_id)
    line = found.versions
    return History(
        line=[_version(version) for version in line],
        later=[_version(version) for version in found.children],
        parent=line[-2].dataset if len(line) > 1 else None,
    )


def _version(version: versions.Version) -> Version:
    found = version.dataset
    return Version(found.id, found.name, found.n_rows, found.n_columns, [step.title for step in version.steps])
