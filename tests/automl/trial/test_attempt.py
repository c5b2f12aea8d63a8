"""Whatever happens in a trial, an outcome comes out that says it."""

import errno

import pytest

from flowml.automl.trial.attempt import Means, attempt
from flowml.automl.trial.evaluate import EncodedFolds
from flowml.domain.errors import LeaseLost, NotFound
from flowml.domain.trials import OUT_OF_TIME, TrialSpec, TrialStatus
from tests.automl.tables import people_task


def test_how_long_it_took_does_not_follow_from_the_time_that_was_left() -> None:
    """Of a trial that nobody wants any more there is no time left, however little it has had."""
    task, now = people_task(60), [100.0]

    def wanted(fold: int, score: float) -> bool:
        now[0] += 3.0
        return False

    outcome = attempt(
        lambda: Means(task, EncodedFolds(task)),
        TrialSpec(0, "gaussian_nb", {"var_smoothing": 1e-9}),
        time_left=lambda: 60.0,
        on_fold=wanted,
        clock=lambda: now[0],
    )
    assert (outcome.status, outcome.error, outcome.fit_seconds) == (TrialStatus.CANCELLED, None, 3.0)


def test_a_lease_that_is_lost_is_nobodys_failure_and_a_file_that_is_lost_is_one() -> None:
    def gone() -> Means:
        raise LeaseLost("Nobody wants it any more.")

    spec = TrialSpec(0, "gaussian_nb", {"var_smoothing": 1e-9})
    outcome = attempt(gone, spec, time_left=lambda: 60.0)
    assert (outcome.status, outcome.error) == (TrialStatus.CANCELLED, None)

    def lacking() -> Means:
        raise NotFound("There is no such file.")

    outcome = attempt(lacking, spec, time_left=lambda: 60.0)
    assert (outcome.status, outcome.error) == (TrialStatus.FAILED, "There is no such file.")


def test_a_full_disk_is_a_reason_in_words() -> None:
    def full() -> Means:
        raise OSError(errno.ENOSPC, "No space left on device")

    outcome = attempt(full, TrialSpec(0, "gaussian_nb", {"var_smoothing": 1e-9}), time_left=lambda: 60.0)
    assert (outcome.status, outcome.error) == (TrialStatus.FAILED, "The disk that holds FlowML's folder is full.")


@pytest.mark.parametrize("left", [0.0, -1.0])
def test_without_time_it_was_not_finished_in_time(left: float) -> None:
    task = people_task(60)
    spec = TrialSpec(0, "gaussian_nb", {"var_smoothing": 1e-9})
    outcome = attempt(lambda: Means(task, EncodedFolds(task)), spec, time_left=lambda: left)
    assert (outcome.status, outcome.error) == (TrialStatus.CANCELLED, OUT_OF_TIME)
