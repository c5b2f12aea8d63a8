"""Ideas for columns, and what came of trying them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flowml.domain.recipes import Operation

CONFIDENCE = 0.95
"""Of the interval in which a difference lies."""


class Verdict(StrEnum):
    """What can be said of an idea: `unclear` is a difference that chance may have made, `same` none at all, `backwards`
    a gain because the column is what is to be predicted."""

    HELPS = "helps"
    HURTS = "hurts"
    UNCLEAR = "unclear"
    SAME = "same"
    TOO_FEW = "too_few"
    BACKWARDS = "backwards"


@dataclass(frozen=True)
class Difference:
    """`mean` of the differences where more is better, and the interval in which it lies with 95 % confidence (None
    where there are too few folds); `p` is the probability of at least such a mean, either way, without any effect."""

    verdict: Verdict
    mean: float | None
    low: float | None
    high: float | None
    p: float | None
    n_folds: int
    n_better: int


@dataclass(frozen=True)
class Pair:
    """What one family reached on one fold without the idea and with it, by the metric; None where that is not defined.
    `repeat` and `fold` count from 0."""

    repeat: int
    fold: int
    without: float | None
    beside: float | None


@dataclass(frozen=True)
class Learned:
    """One family of models: `pairs` of all folds, the means, and what the difference comes to."""

    name: str
    title: str
    pairs: tuple[Pair, ...]
    without: float | None
    beside: float | None
    difference: Difference


@dataclass(frozen=True)
class Overall:
    """The best family without the idea (by name) against the best with it: what a training run would end with."""

    without_by: str
    beside_by: str
    without: float
    beside: float
    difference: Difference


@dataclass(frozen=True)
class Measured:
    """What came of an idea. `columns` are those that are new or changed; `rows` were looked at, of the `drawn` ones
    those that count, of `rows_in_all`; `folds` is how models were tested, a sentence; `n_folds` how many were planned;
    `notes` are sentences on what went otherwise than asked. `overall` is None where no fold has a score of both;
    `backwards` are the columns that are the `target` itself, and `too_good` says that with them models are hardly ever
    wrong, and were without."""

    learners: tuple[Learned, ...]
    titles: tuple[str, ...]
    columns: tuple[str, ...]
    metric: str
    greater_is_better: bool
    rows: int
    rows_in_all: int
    folds: str
    n_folds: int
    notes: tuple[str, ...]
    target: str = ""
    drawn: int | None = None
    overall: Overall | None = None
    backwards: tuple[str, ...] = ()
    too_good: bool = False

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Measured":
        """From what `asdict` has made of one."""
        learners = tuple(
            Learned(
                name=one["name"],
                title=one["title"],
                pairs=tuple(Pair(**pair) for pair in one["pairs"]),
                without=one["without"],
                beside=one["beside"],
                difference=_difference(one["difference"]),
            )
            for one in record["learners"]
        )
        texts = {name: tuple(record.get(name, ())) for name in ("titles", "columns", "notes", "backwards")}
        overall = record.get("overall")
        if overall is not None:
            overall = Overall(**{**overall, "difference": _difference(overall["difference"])})
        return cls(**{**record, **texts, "learners": learners, "overall": overall})

    @property
    def difference(self) -> Difference:
        """What the idea comes to, whichever family is the better one."""
        return self.learners[0].difference if self.overall is None else self.overall.difference


def _difference(record: Mapping[str, Any]) -> Difference:
    return Difference(**{**record, "verdict": Verdict(record["verdict"])})


def chance_of_a_lucky_one(tried: int) -> float:
    """How probable it is that at least one of so many useless ideas is said to help.

    >>> round(chance_of_a_lucky_one(1), 3), round(chance_of_a_lucky_one(10), 2)
    (0.025, 0.22)
    """
    return float(1 - (1 - (1 - CONFIDENCE) / 2) ** tried)


class TryStatus(StrEnum):
    """What became of it; `waiting` is for its turn, `stopped` by somebody or with the server."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def ended(self) -> bool:
        return self not in (TryStatus.WAITING, TryStatus.RUNNING)


@dataclass(frozen=True)
class Try:
    """An idea that somebody has tried on a data set. `key` is the same for the same idea and settings: it is tried
    once. `settings` are those of a training run (`JobSpec`). `folds_done` of `folds` while it runs; `measured` is there
    when it has finished, `problem` (detail, hint) says why it failed or stopped."""

    id: str
    dataset_id: str
    key: str
    target: str
    operations: tuple[Operation, ...]
    settings: Mapping[str, Any]
    status: TryStatus
    created_at: float
    ended_at: float | None = None
    measured: Measured | None = None
    problem: Mapping[str, Any] | None = None
    folds_done: int = 0
    folds: int | None = None


@dataclass(frozen=True)
class Idea:
    """An idea of FlowML's own: operations, and the reason as a sentence with its figures. `kind` says of what sort it
    is, `columns` what it is made of, `helps` whom it may help ("linear models", …) where not all."""

    kind: str
    title: str
    reason: str
    figures: tuple[float, ...]
    columns: tuple[str, ...]
    operations: tuple[Operation, ...]
    for_whom: str = ""
