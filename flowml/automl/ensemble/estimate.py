"""What a chosen model can be expected to reach on new rows.

The best of many scores is too good: part of it is the luck that made it the best. The choice is therefore repeated on
all folds but one and judged on that one (`ensemble.judge`), which is cross-validation of the choice itself (Varma and
Simon 2006; Tsamardinos et al. 2018 compare it with bootstrapping the choice).

Its range is for one model and all rows that may come. The noise of the rows that tested it is not all there is to it:
the folds' models share most of what they learned from, so their scores are off together, and the model that is handed
over is another one again. The variance of cross-validation takes no notice of that and its ranges hold too seldom
(Bates, Hastie and Tibshirani 2023). Nadeau and Bengio (2003) add what the rows that were learned from contribute.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from flowml.automl.scoring.metrics import part_of
from flowml.automl.task.task import Task
from flowml.domain.metrics import possible_scores

Score = Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]

COVERAGE = 0.9
_RESAMPLES, _FEWEST_RESAMPLES = 200, 40
_MOST_ROWS, _FEWEST_ROWS = 4_000, 1_000
# A metric looks at every row once a class: of many classes fewer rows are resampled, and less often. With 100 classes
# the range of an ROC AUC would take longer than all else in a short run.
_MOST_VALUES, _MOST_DRAWN_CLASSES = 20_000, 1_000
NESTED = "choice repeated in each fold"
SINGLE = "cross-validation"


@dataclass(frozen=True)
class Estimate:
    """The expected score, in the metric's own direction, and the interval in which it lies with 90 % confidence."""

    score: float
    low: float
    high: float
    method: str

    def state(self) -> dict[str, object]:
        """As a JSON object."""
        return asdict(self)


def estimate(
    score: Score,
    target: np.ndarray,
    predictions: np.ndarray,
    folds: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    method: str,
    learned: float | None = None,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    seed: int = 0,
) -> Estimate | None:
    """From predictions (rows, outputs) for rows that had no say in the model that predicts them; `weights` as always.

    The score is the mean over the folds. Its interval is the spread of the score over resamples of the rows
    (percentile bootstrap, Efron 1979); above some thousand rows, fewer of many classes, a sample of them is resampled
    and the spread scaled to all. `learned`, how many rows each of the models learned from, widens it: a variance of s/n
    over n tested rows becomes s/n + s/learned, half as wide again with five folds (Nadeau and Bengio 2003). None:
    nothing is added. `bounds` are the values that the metric can take. None where the metric is not defined on any
    fold.
    """
    held = [folds == fold for fold in np.unique(folds)]
    of_folds = [score(target[part], predictions[part], part_of(weights, part)) for part in held]
    defined = [value for value in of_folds if np.isfinite(value)]
    if not defined:
        return None
    mean = float(np.mean(defined))
    generator = np.random.default_rng(seed)
    most_rows, resamples = _effort(predictions.shape[1])
    rows = generator.permutation(len(target))[:most_rows]
    target, predictions, weights = target[rows], predictions[rows], part_of(weights, rows)
    whole = score(target, predictions, weights)
    resampled = []
    for _ in range(resamples):
        drawn = generator.integers(0, len(rows), len(rows))
        resampled.append(score(target[drawn], predictions[drawn], part_of(weights, drawn)))
    deviations = np.array([value - whole for value in resampled if np.isfinite(value)])
    if not len(deviations) or not np.isfinite(whole):
        return Estimate(mean, mean, mean, method)
    deviations *= np.sqrt(len(rows) / len(folds))
    if learned is not None:
        deviations *= np.sqrt(1 + len(folds) / learned)
    low, high = np.quantile(deviations, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    low, high = max(mean + min(low, 0.0), bounds[0]), min(mean + max(high, 0.0), bounds[1])
    return Estimate(mean, float(min(low, mean)), float(max(high, mean)), method)


def _effort(n_outputs: int) -> tuple[int, int]:
    """How many rows to resample at most, and how often."""
    if n_outputs <= 2:
        return _MOST_ROWS, _RESAMPLES
    rows = int(np.clip(_MOST_VALUES // n_outputs, _FEWEST_ROWS, _MOST_ROWS))
    return rows, int(np.clip(_MOST_DRAWN_CLASSES // n_outputs, _FEWEST_RESAMPLES, _RESAMPLES))


def expect(
    task: Task,
    score: Score,
    answers: np.ndarray,
    rows: np.ndarray | slice = slice(None),
    *,
    method: str,
) -> Estimate | None:
    """The same for a task: from the answers (rows, outputs) for its validated rows, or for those of them in `rows`."""
    tested = task.validated[rows]
    return estimate(
        score,
        task.target[tested],
        answers,
        task.judge_folds[rows],
        task.weights_of(tested),
        method=method,
        learned=task.learned_rows,
        bounds=possible_scores(task.metric),
        seed=task.seed,
    )


def choice_repeated(gains: Sequence[Sequence[float]]) -> list[int]:
    """Of each fold the model that is best on all others, by the gains (models, folds). One fold alone decides itself.

    >>> choice_repeated([[0.9, 0.5, 0.5], [0.6, 0.6, 0.6]])
    [1, 0, 0]
    """
    table = np.asarray(gains, dtype=np.float64)
    if table.shape[1] == 1:
        return [int(table[:, 0].argmax())]
    return [int(one) for one in (table.sum(axis=1, keepdims=True) - table).argmax(axis=0)]
