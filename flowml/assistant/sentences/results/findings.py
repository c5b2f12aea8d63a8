"""All that is known of a run and of one of its models, as plain figures: what its explanation is made of."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from flowml.domain.jobs import JobStatus, ProblemType, Validation
from flowml.domain.metrics import greater_is_better, perfect_gain

_SURE = 1e-9
_NINE_IN_TEN = 1.645
_CHANCE, _MOST_CHANCE = 0.5, 3.0
_RANKS = 0.6


@dataclass(frozen=True)
class Matrix:
    """Rows by their true class and the predicted one, of rows that the model had not seen."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def total(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def right(self) -> int:
        return sum(self.counts[at][at] for at in range(len(self.labels)))

    @cached_property
    def rarest(self) -> int:
        """Of the classes that any row is of, the one that fewest are."""
        return min((at for at in range(len(self.labels)) if self.of(at)), key=self.of, default=0)

    def of(self, at: int) -> int:
        """How many rows are of a class."""
        return sum(self.counts[at])

    def said(self, at: int) -> int:
        """How many are predicted as it."""
        return sum(line[at] for line in self.counts)

    @cached_property
    def commonest(self) -> int:
        """The class that most rows are of."""
        return max(range(len(self.labels)), key=self.of)

    @property
    def most_frequent(self) -> tuple[str, ...]:
        """The classes that as many rows are of as of none other: one, unless some are equally frequent."""
        most = self.of(self.commonest)
        return tuple(label for at, label in enumerate(self.labels) if self.of(at) == most)

    @property
    def guess_share(self) -> float:
        """How often saying the commonest class is right."""
        return self.of(self.commonest) / max(self.total, 1)


@dataclass(frozen=True)
class RangeOfTarget:
    """Rows whose true value lies in a part of the range: half are off by at most `half_within`, and the model says
    `mean` too little on average (below 0: too much)."""

    low: float | None
    high: float | None
    n_rows: int
    half_within: float
    mean: float


@dataclass(frozen=True)
class Distances:
    """How far off numbers are: of `n_rows` half by at most `half_within`, nine in ten by at most `most_within`, none by
    more than `greatest`; actual minus predicted is `mean` on average, give or take `mean_error`, and without its sign
    `mean_off`. Saying the middle value, `middle`, everywhere would be off by at most `guess_within` in half of them,
    and by `guess_mean` on average. `mean_off`, what the middle value does and the `ranges` are of `n_drawn` rows, drawn
    at random where those are not all. `said` is the one value that a model says which says the same of every row."""

    n_rows: int
    half_within: float
    most_within: float
    greatest: float
    mean: float
    mean_error: float
    middle: float
    guess_within: float
    mean_off: float
    guess_mean: float
    ranges: tuple[RangeOfTarget, ...] = ()
    n_drawn: int | None = None
    said: float | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether what stands beside the model is of some of the rows."""
        return self.n_drawn is not None and self.n_drawn < self.n_rows


@dataclass(frozen=True)
class Part:
    """A part of the table where the model fails more than elsewhere; `where` in words, made of values of these
    `columns`, `number` its place."""

    where: str
    n_rows: int
    loss: float
    elsewhere: float
    number: int
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Direction:
    """What is predicted on average at one end of a column and at the other: of numbers its lowest and highest usual
    values, of categories those with the least and the most."""

    kind: str
    low_at: str
    low: float
    high_at: str
    high: float
    is_steady: bool = True
    n_rows: int | None = None


@dataclass(frozen=True)
class Use:
    """How much worse the score gets when a column is shuffled, in the metric's units. `std`: None where that was done
    once."""

    column: str
    importance: float
    std: float | None
    direction: Direction | None = None


@dataclass(frozen=True)
class RunnerUp:
    """The best model of another kind; a `tie`: that the first is ahead may be chance."""

    name: str
    model_id: str
    difference: float
    tie: bool
    is_faster: bool = False


@dataclass(frozen=True)
class Threshold:
    """Of two classes: what comes of predicting the second from a probability of `at` on, as shares of its rows that are
    found, and of the named ones that are right."""

    at: float
    found: float
    right: float


@dataclass(frozen=True)
class Calibration:
    """By how much probabilities are off on average, what chance alone would make of it, and at most. An example: of
    `n_rows` that got a probability of `said` on average, the share `came_true`."""

    error: float
    chance_error: float
    chance_limit: float
    said: float
    came_true: float
    n_rows: int


@dataclass(frozen=True)
class Twin:
    """One small model that is nearly as good."""

    model_id: str
    loss: float
    ms: float | None
    instead_of_ms: float | None


@dataclass(frozen=True)
class Learning:
    """How the search went: after which second no model was clearly better, when all that the best one is made of was
    there (0: at once), and what became of the trials. `at_once`: how many models that learn were made before the first
    trial; `untried`: whether a kind of model was begun and none of it finished."""

    last_gain_seconds: float | None
    late_gain: float
    finished: int
    failed: int
    unfinished: int
    had_enough: bool
    why_failed: str = ""
    best_seconds: float | None = None
    at_once: int = 0
    untried: bool = False

    @property
    def begun(self) -> int:
        """How many trials there were."""
        return self.finished + self.failed + self.unfinished

    @property
    def was_cut_short(self) -> bool:
        """Whether more of it was left over than was done."""
        return self.unfinished > self.finished


@dataclass(frozen=True)
class Findings:
    """`score`, `low`, `high`: what to expect on new rows of the best model of its run, of another its score in testing
    without a range (`is_expected` tells); `guess` what a constant answer reaches. `warnings` are what the run has told;
    `leaks` the columns that may know the answer; `has_table`: its data set is still there. `missing`: of what could
    not be worked out, why, in a sentence, by part.
    """

    job_id: str
    status: JobStatus
    target: str
    error: str = ""
    dataset_id: str = ""
    has_table: bool = True
    budget_seconds: float = 0.0
    elapsed_seconds: float = 0.0
    model_id: str | None = None
    model_name: str = ""
    is_best: bool = True
    is_guess: bool = False
    problem_type: ProblemType | None = None
    metric: str = ""
    score: float | None = None
    low: float | None = None
    high: float | None = None
    guess: float | None = None
    is_expected: bool = True
    score_std: float | None = None
    n_rows: int = 0
    n_columns: int = 0
    weighted: bool = False
    validation: Validation | None = None
    ranks_right: float | None = None
    ranks_classes: float | None = None
    explained: float | None = None
    percent_off: float | None = None
    classes: tuple[str, ...] = ()
    positive: str | None = None
    matrix: Matrix | None = None
    distances: Distances | None = None
    parts: tuple[Part, ...] | None = None
    parts_note: str = ""
    uses: tuple[Use, ...] | None = None
    runner_up: RunnerUp | None = None
    calibration: Calibration | None = None
    threshold: float | None = None
    thresholds: tuple[Threshold, ...] = ()
    has_ranges: bool = False
    learning: Learning | None = None
    twin: Twin | None = None
    warnings: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    dropped: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_regression(self) -> bool:
        return self.problem_type is ProblemType.REGRESSION

    @property
    def skill(self) -> float | None:
        """From guessing (0) to perfect (1), by the metric that the run was for."""
        if self.score is None or self.guess is None:
            return None
        sign = 1.0 if greater_is_better(self.metric) else -1.0
        least, most = sign * self.guess, perfect_gain(self.metric)
        if self.metric == "r2":
            # In later rows the mean of earlier ones may be far worse than their own, and no help to anybody.
            least = max(least, 0.0)
        return (sign * self.score - least) / (most - least) if most - least > _SURE else 0.0

    @property
    def surely_better(self) -> bool:
        """Whether it is better than guessing even at the worse end of what to expect."""
        if self.score is None or self.guess is None:
            return True
        greater = greater_is_better(self.metric)
        worst = self.low if greater else self.high
        if worst is None:
            # Of a model without a range: how much its score differs from fold to fold says how sure it is.
            turns = self.validation.n_folds if self.validation is not None else 1
            room = _NINE_IN_TEN * (self.score_std or 0.0) / max(turns, 1) ** 0.5
            worst = self.score - room if greater else self.score + room
        return worst > self.guess + _SURE if greater else worst < self.guess - _SURE

    @property
    def surely_ranks(self) -> bool:
        """Whether it puts rows into an order that is better than chance by more than chance makes of so many rows
        (Hanley and McNeil 1982, of the rarest class and all others)."""
        if self.area is None or self.matrix is None:
            return False
        rows = self.matrix.of(self.matrix.rarest)
        others = self.matrix.total - rows
        if not rows or not others:
            return False
        error = math.sqrt((rows + others + 1) / (12 * rows * others))
        return self.area >= max(_RANKS, _CHANCE + _MOST_CHANCE * error)

    @property
    def area(self) -> float | None:
        """ROC AUC in testing, of more than two classes the mean over them."""
        return self.ranks_right if self.ranks_right is not None else self.ranks_classes
