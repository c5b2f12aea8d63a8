"""A search that is asked by very many places at the same time."""

from flowml.automl.search.portfolio import STRONG, most_trials
from flowml.automl.search.search import WAIT, Search
from flowml.automl.task.shape import TaskShape
from flowml.domain.jobs import ProblemType
from flowml.domain.trials import TrialSpec, TrialStatus
from tests.automl.search.searching import HOURS, LARGE, families, make_search, score

SLOTS = 60
SMALL = TaskShape(ProblemType.CLASSIFICATION, 1_500, 20, 2)


def ask_at_once(search: Search, count: int, left: float = HOURS) -> list[TrialSpec]:
    asked = [search.ask(left, SLOTS) for _ in range(count)]
    return [spec for spec in asked if isinstance(spec, TrialSpec)]


def end(search: Search, spec: TrialSpec, seconds: float = 1.0) -> None:
    search.tell(spec.number, score(spec), seconds, TrialStatus.FINISHED)


def test_the_whole_portfolio_is_open_at_once_in_its_order() -> None:
    search, one_by_one = make_search(), make_search()
    asked = ask_at_once(search, 37)
    alone = []
    for _ in range(37):
        spec = one_by_one.ask(HOURS, 1)
        assert isinstance(spec, TrialSpec)
        end(one_by_one, spec)
        alone.append(spec)
    assert [(spec.algorithm, spec.params) for spec in asked] == [(spec.algorithm, spec.params) for spec in alone]
    assert {spec.origin for spec in asked} == {"portfolio"}
    assert {spec.algorithm for spec in asked} == {one.name for one in families(LARGE)} - {"svm"}
    assert [spec.algorithm for spec in asked[:3]] == ["lightgbm", "catboost", "xgboost"]


def test_places_beyond_the_portfolio_get_what_is_worth_it_before_anything_has_ended() -> None:
    asked = ask_at_once(make_search(), SLOTS)
    assert len(asked) == SLOTS
    beyond = [spec for spec in asked if spec.origin == "search"]
    assert {spec.algorithm for spec in beyond} <= set(STRONG)
    assert len({spec.algorithm for spec in beyond}) >= 3
    # None is one of the first configurations with a figure that is a little other.
    first = {
        (spec.algorithm, str(value)) for spec in asked[:37] for value in [spec.params.get("learning_rate")] if value
    }
    rates = [(spec.algorithm, str(spec.params["learning_rate"])) for spec in beyond if "learning_rate" in spec.params]
    assert len(set(rates)) == len(rates)
    assert not first & set(rates)
    spread = [float(spec.params["learning_rate"]) for spec in beyond if spec.algorithm == "lightgbm"]
    assert max(spread) > 3 * min(spread)


def test_the_first_to_end_does_not_get_all_places_that_are_free() -> None:
    search = make_search()
    asked = ask_at_once(search, 40)
    quick = [spec for spec in asked if spec.algorithm in ("gaussian_nb", "decision_tree", "linear_discriminant")]
    for spec in quick:
        end(search, spec, 0.01)
    assert {spec.algorithm for spec in ask_at_once(search, 20)} <= set(STRONG)


def test_proposals_made_side_by_side_keep_apart() -> None:
    search = make_search(LARGE, "lightgbm")
    for spec in ask_at_once(search, 12):
        end(search, spec)
    asked = ask_at_once(search, 40)
    rates = sorted(float(spec.params["learning_rate"]) for spec in asked)
    assert len(asked) == 40
    assert len({str(spec.params) for spec in asked}) == 40
    assert rates[-1] > 2 * rates[0]


def test_a_small_table_is_not_given_up_while_trials_are_open_that_may_not_count() -> None:
    search = make_search(SMALL)
    most = most_trials(SMALL, len(families(SMALL)))
    assert most is not None
    asked = ask_at_once(search, most)
    assert len(asked) == most
    assert search.ask(HOURS, SLOTS) is WAIT
    search.tell(asked[-1].number, None, 1.0, TrialStatus.PRUNED)
    assert isinstance(search.ask(HOURS, SLOTS), TrialSpec), "one that was given up early does not count"
    for spec in asked[:-1]:
        end(search, spec)
    search.tell(most, 0.1, 1.0, TrialStatus.FINISHED)
    assert search.ask(HOURS, SLOTS) is None
    assert search.had_enough
