"""A search that goes on from the trials of an earlier life."""

from dataclasses import replace

from flowml.automl import algorithms
from flowml.automl.search.search import WAIT, Search
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import Trial, TrialSpec, TrialStatus
from tests.automl.search.searching import HOURS, LARGE, families, make_search, run, same, score


def as_trial(spec: TrialSpec, status: TrialStatus) -> Trial:
    done = status is TrialStatus.FINISHED
    return Trial(
        id=str(spec.number),
        job_id="job",
        number=spec.number,
        algorithm=spec.algorithm,
        params=dict(spec.params),
        origin=spec.origin,
        status=status,
        score=1 - score(spec) if done else None,
        fit_seconds=1.0 if done else None,
    )


def test_a_resumed_search_goes_on_as_the_first_would_have() -> None:
    def error(spec: TrialSpec) -> float:
        return score(spec) - 1

    first, resumed = (Search(LARGE, families(LARGE), metric="rmse", seed=0, max_trials=60) for _ in range(2))
    whole = run(first, 60, scorer=error)
    resumed.resume([as_trial(spec, TrialStatus.FINISHED) for spec in reversed(whole[:50])])
    assert same(run(resumed, 60, scorer=error), whole[50:])


def test_open_trials_of_an_earlier_life_are_waited_for() -> None:
    whole = run(make_search(max_trials=60), 60)
    resumed = make_search(max_trials=60)
    resumed.resume(
        [as_trial(spec, TrialStatus.LEASED if spec.number == 45 else TrialStatus.FINISHED) for spec in whole[:50]]
    )
    assert resumed.ask(HOURS, 2) is WAIT
    resumed.tell(45, score(whole[45]), 1.0, TrialStatus.FINISHED)
    assert isinstance(resumed.ask(HOURS, 2), TrialSpec)


def test_a_number_that_was_never_asked_is_ignored() -> None:
    search = make_search()
    search.tell(7, 0.9, 1.0, TrialStatus.FINISHED)
    spec = search.ask(HOURS, 1)
    assert isinstance(spec, TrialSpec)
    assert spec.number == 0


def test_what_was_cancelled_is_tried_again_under_a_new_number() -> None:
    def new() -> Search:
        return Search(
            TaskShape(ProblemType.CLASSIFICATION, 500, 5, 2, 200),
            [algorithms.get("lightgbm")],
            metric="accuracy",
            seed=0,
        )

    first = new().ask(3600.0, 1)
    assert isinstance(first, TrialSpec)
    trial = Trial("t", "j", 0, first.algorithm, first.params, first.origin, TrialStatus.CANCELLED)
    search = new()
    search.resume([trial])
    again = search.ask(3600.0, 1)
    assert isinstance(again, TrialSpec)
    assert (again.number, again.params) == (1, first.params)


def test_what_was_said_of_a_trial_that_has_not_finished_sets_no_bar() -> None:
    """Another machine may have said what it liked of it."""
    plain, told = make_search(), make_search()
    first = plain.ask(HOURS, 1)
    assert isinstance(first, TrialSpec)
    for status in (TrialStatus.PRUNED, TrialStatus.FAILED):
        trial = replace(as_trial(first, status), fold_scores=(0.9999,))
        plain, told = make_search(), make_search()
        plain.resume([trial])
        told.resume([replace(trial, score=0.9999)])
        after, other = plain.ask(HOURS, 1), told.ask(HOURS, 1)
        assert isinstance(other, TrialSpec) and other == after and other.bar is None
