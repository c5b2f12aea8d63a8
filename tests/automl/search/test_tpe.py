"""Within a family the search goes where it pays, and stays in its space."""

import copy
from typing import Any

import optuna
import pytest

from flowml.automl.algorithms.base import ChoiceParameter, FloatParameter, IntParameter
from flowml.automl.search.tpe import _ended, propose
from tests.automl.search.searching import LARGE, make_search, run


def test_the_search_finds_the_best_rate() -> None:
    done = [spec for spec in run(make_search(LARGE, "lightgbm"), 45) if spec.origin == "search"]
    assert min(abs(float(spec.params["learning_rate"]) - 0.05) for spec in done[-20:]) < 0.004


def test_a_proposal_stays_in_its_space_and_keeps_away_from_open_ones() -> None:
    space = (
        FloatParameter("rate", 0.001, 1.0, log=True),
        IntParameter("depth", 2, 9),
        ChoiceParameter("kind", ("a", "b")),
    )
    finished = [({"rate": 0.1, "depth": 4, "kind": "a"}, 0.8), ({"rate": 0.5, "depth": 8, "kind": "b"}, 0.2)]
    outside = ({"rate": 7.0, "depth": 4, "kind": "a"}, 0.9)
    seen = [propose(space, [*finished, outside], [finished[0][0]], seed) for seed in range(10)]
    for params in seen:
        assert 0.001 <= params["rate"] <= 1.0
        assert params["depth"] in range(2, 10)
        assert params["kind"] in ("a", "b")
    assert propose(space, finished, [], 3) == propose(space, finished, [], 3)
    assert len({str(params) for params in seen}) > 5


def test_what_is_known_of_a_trial_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    space = (FloatParameter("rate", 0.001, 0.75, log=True),)
    finished = [({"rate": 0.01 * (1 + number)}, 0.1 * number) for number in range(6)]
    first = propose(space, finished[:5], [], 3)
    made: list[float] = []
    create = optuna.trial.create_trial

    def counted(*, params: dict[str, Any], distributions: Any, value: float) -> Any:
        made.append(params["rate"])
        return create(params=params, distributions=distributions, value=value)

    monkeypatch.setattr(optuna.trial, "create_trial", counted)
    propose(space, finished, [], 4)
    assert made == [0.06], "the one that is new"
    assert propose(space, finished[:5], [], 3) == first


def test_a_copy_of_a_copy_keeps_its_number() -> None:
    template = _ended((FloatParameter("rate", 0.001, 0.75, log=True),), '{"rate": 0.1}', 0.5)
    first = copy.deepcopy(template)
    first.number = 7
    second = copy.deepcopy(first)
    second.number += 1
    assert (template.number, first.number, second.number) == (-1, 7, 8)
