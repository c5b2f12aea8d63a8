"""What `flowml train` says while it works and in the end: a line of progress, the leaderboard, JSON."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.cli.started import STARTED
from flowml.domain.models import MADE_AT_ONCE

if TYPE_CHECKING:
    from flowml.automl.files.scoring import Progress as Scoring
    from flowml.library.run import Progress, Run


def run_as_json(run: "Run", out: Path, fast_out: Path | None) -> dict[str, Any]:
    """For programs. `out` and `fast_out`: where the models were written."""
    twin = run.twin
    return {
        "problem_type": str(run.task.problem_type),
        "metric": run.task.metric,
        "model": str(out),
        "elapsed_seconds": time.monotonic() - STARTED,
        "first_model_seconds": run.first_model_seconds,
        "validation": asdict(run.task.validation),
        "notes": list(run.notes),
        "best_score": None if run.estimate is None else run.estimate.score,
        "best_score_low": None if run.estimate is None else run.estimate.low,
        "best_score_high": None if run.estimate is None else run.estimate.high,
        "baseline_score": run.baseline_score,
        "positive_class": run.task.positive_class,
        "estimate": None if run.estimate is None else run.estimate.state(),
        "fast_twin": None
        if twin is None
        else {
            "model": None if fast_out is None else str(fast_out),
            "algorithm": twin.algorithm,
            "score": twin.score,
            "loss_of_quality": twin.loss_of_quality,
            "is_best_model": twin.existing and twin.loss_of_quality == 0.0,
            "made": twin.method,
        },
        "leaderboard": [
            {
                "rank": entry.rank,
                "algorithm": entry.algorithm,
                "score": entry.score,
                "score_std": entry.score_std,
                "fit_seconds": entry.fit_seconds,
                "predict_ms": entry.predict_ms,
                "params": dict(entry.params),
            }
            for entry in run.leaderboard
        ],
        "failures": dict(run.failures),
        "unfinished": list(run.unfinished),
    }


def _not_trained(run: "Run") -> list[str]:
    """What the leaderboard does not have, and why."""
    from flowml.automl import algorithms

    lines = []
    if run.unfinished:
        lines.append(f"\nNot finished in time: {', '.join(algorithms.get(name).title for name in run.unfinished)}.")
    for name, reason in run.failures.items():
        lines.append(f"\n{algorithms.get(name).title} failed: {reason}")
    if all(entry.algorithm in MADE_AT_ONCE for entry in run.leaderboard):
        more = "" if run.failures else " A larger --budget has room for more."
        lines.append(f"\nOnly what is made at once is there; no algorithm was trained.{more}")
    return lines


def leaderboard_text(run: "Run") -> str:
    """For people."""
    lines = [
        f"{run.task.reason} {run.task.validation.reason}\n\nScores in testing:",
        f"{'':>3} {'model':<36}{run.task.metric:>12}{'± folds':>10}{'fit s':>9}{'one row ms':>12}",
    ]
    for entry in run.leaderboard[:15]:
        latency = "" if entry.predict_ms is None else f"{entry.predict_ms:.3f}"
        lines.append(
            f"{entry.rank:>3} {entry.title:<36}{entry.score:>12.5g}{entry.score_std:>10.2g}"
            f"{entry.fit_seconds:>9.1f}{latency:>12}"
        )
    if len(run.leaderboard) > 15:
        lines.append(f"    … and {len(run.leaderboard) - 15} more")
    lines.append(f"\n{_headline_text(run)}")
    lines += _not_trained(run)
    if run.twin is not None and not run.twin.existing:
        lines.append(f"The fast twin loses {max(run.twin.loss_of_quality, 0.0):.2g} of {run.task.metric}.")
    return "\n".join(lines)


def _headline_text(run: "Run") -> str:
    """“Accuracy 80 %, 78 to 82 % on new rows; a constant guess: 62 %”, as the pages write it."""
    from flowml.web.headline import headline_of
    from flowml.web.words import metric_of

    found, metric = run.estimate, run.task.metric
    title = metric_of(metric, run.task.positive_class).title
    score, low, high = (None, None, None) if found is None else (found.score, found.low, found.high)
    shown = headline_of(title, metric, score, low, high, run.baseline_score)
    return "; ".join(filter(None, (", ".join(filter(None, (f"{title} {shown.value}", shown.range))), shown.constant)))


class _Line:
    """One line that is written over, on a terminal; silence elsewhere."""

    def __init__(self, stream: Any):
        self._stream = stream
        self._shown = stream.isatty()

    def show(self, text: str) -> None:
        if self._shown:
            self._stream.write(f"\r\x1b[2K{text}")
            self._stream.flush()

    def close(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()


def _bar(share: float) -> str:
    filled = round(24 * min(1.0, share))
    return "█" * filled + "░" * (24 - filled)


class ScoringLine(_Line):
    """How many rows of a file are answered, and how many a second."""

    def update(self, progress: "Scoring") -> None:
        rate = f"{progress.rows / max(progress.seconds, 1e-3):,.0f} rows/s"
        if progress.total is None:
            self.show(f"{progress.rows:,} rows  {rate}")
        else:
            bar = _bar(progress.rows / max(1, progress.total))
            self.show(f"{bar} {progress.rows:,}/{progress.total:,} rows  {rate}")


class ProgressLine(_Line):
    """How a training run is going."""

    def update(self, progress: "Progress") -> None:
        bar = _bar(progress.elapsed_seconds / progress.budget_seconds)
        best = "" if progress.best_score is None else f"best {progress.best_score:.4g} ({progress.best_algorithm})"
        self.show(
            f"{bar} {progress.elapsed_seconds:4.0f}/{progress.budget_seconds:.0f} s  "
            f"{progress.trials_finished} models  {best}"
        )
