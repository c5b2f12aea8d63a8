"""What `fit` says on standard error while it searches, where it is to say anything."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowml.library.run import Progress


def say_nothing(_: object) -> None:
    return None


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Reporter:
    """Says whenever a better model has been found."""

    def __init__(self) -> None:
        self._best: tuple[float, str] | None = None

    def __call__(self, progress: "Progress") -> None:
        if progress.best_score is None or progress.best_algorithm is None:
            return
        best = (progress.best_score, progress.best_algorithm)
        if best != self._best:
            self._best = best
            say(
                f"{progress.elapsed_seconds:5.1f} of {progress.budget_seconds:g} s, {progress.trials_finished} models, "
                f"best {best[0]:.4g} ({best[1]})"
            )
