"""Which machine worked on which trial, and when; static/js/placement.js draws it and writes the same table."""

from collections.abc import Mapping, Sequence

from flowml.domain.jobs import Job
from flowml.domain.trials import EarlierAttempt, Trial, TrialStatus
from flowml.web.formatting import duration
from flowml.web.pages.charts import Chart
from flowml.web.words import score_text

ROWS = 200
"""Of very many the page has the first; its script writes them all where somebody looks at them."""
_ENDS = {
    TrialStatus.LEASED: "running",
    TrialStatus.PRUNED: "given up early",
    TrialStatus.CANCELLED: "stopped",
}


def placement_chart(
    job: Job, trials: Sequence[Trial], attempts: Sequence[EarlierAttempt], titles: Mapping[str, str]
) -> Chart:
    """The chart of the monitor, with one bar and one row an attempt."""
    numbers = {trial.id: number for number, trial in enumerate(trials, start=1)}
    algorithms = {trial.id: titles.get(trial.algorithm, trial.algorithm) for trial in trials}
    found: list[tuple[float, int, int, tuple[object, ...]]] = []

    def add(work: EarlierAttempt, begun: float, last: str, ended: str, score: str) -> None:
        number, title = numbers[work.trial_id], algorithms[work.trial_id]
        name = work.worker_name or "this server"
        row = (number, title, name, work.attempt, duration(max(0.0, begun)), last, ended, score)
        found.append((begun, number, work.attempt, row))

    # One that was found to be the last when its machine did not come back is the trial's own.
    last_ones = {(trial.id, trial.attempt) for trial in trials if trial.status is not TrialStatus.QUEUED}
    for attempt in attempts:
        is_last = (attempt.trial_id, attempt.attempt) in last_ones
        if attempt.started_seconds is not None and attempt.trial_id in numbers and not is_last:
            last = duration(_end(attempt.started_seconds, attempt.ended_seconds))
            add(attempt, attempt.started_seconds, last, _how("taken back, and tried again", attempt.error), "")
    for trial in trials:
        if trial.started_seconds is not None and trial.status is not TrialStatus.QUEUED:
            is_finished = trial.status is TrialStatus.FINISHED
            work = EarlierAttempt(trial.id, trial.attempt, trial.worker_id, trial.worker_name, None, None, None)
            add(
                work,
                trial.started_seconds,
                ""
                if trial.status is TrialStatus.LEASED
                else duration(_end(trial.started_seconds, trial.elapsed_seconds)),
                _how(_ENDS.get(trial.status, str(trial.status)), None if is_finished else trial.error),
                score_text(trial.score, job.metric) if is_finished else "",
            )
    found.sort(key=lambda entry: entry[:3])
    return Chart(
        kind="placement",
        title="Which machine trains what",
        caption="Each bar is one trial on one machine, its colour the family of models. A crossed one failed there, or"
        " was taken back from it and tried again.",
        spec={"live": True},
        columns=(
            "Trial",
            "Model",
            "Machine",
            "Attempt",
            "Begun after",
            "Ended after",
            "How it ended",
            "Score in testing",
        ),
        rows=[row for *_, row in found[:ROWS]],
    )


def _end(begun: float, ended: float | None) -> float:
    return max(0.0, begun, begun if ended is None else ended)


def _how(ended: str, error: str | None) -> str:
    return f"{ended}: {error}" if error else ended
