"""TreeSHAP of our own trees against the definition of Shapley values."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
import pytest

from flowml.automl.explain.tree_shap import TreeShap
from flowml.automl.predictors.flat_trees import FlatTrees, TreeArrays

N_FEATURES = 5


def grown(n_trees: int, seed: int, outputs: int = 1) -> TreeArrays:
    """Trees of random questions, which ask the same feature again and again, and leaves that have seen random rows."""
    random = np.random.default_rng(seed)
    feature, sizes = [], []
    for _ in range(n_trees):
        waiting, here = [0], []
        for depth in waiting:
            inner = depth == 0 or depth < 6 and random.random() < 0.7
            here.append(int(random.integers(N_FEATURES)) if inner else -1)
            waiting += [depth + 1] * 2 * inner
        feature += here
        sizes.append(len(here))
    n_inner = sum(one >= 0 for one in feature)
    n_leaves = len(feature) - n_inner
    return TreeArrays(
        feature=np.array(feature, dtype=np.int16),
        threshold=random.normal(size=n_inner).astype(np.float32),
        sizes=np.array(sizes, dtype=np.int32),
        values=random.normal(size=(n_leaves, outputs)).astype(np.float32),
        covers=random.integers(1, 50, n_leaves).astype(np.uint16),
    )


def expected(flat: FlatTrees, row: np.ndarray, known: set[int]) -> np.ndarray:
    """What trees say where only some features of a row are known: others go both ways, as training rows did."""
    covers = flat.stored.covers
    assert covers is not None

    def below(node: int) -> tuple[float, np.ndarray]:
        left = int(flat.child[node])
        if left == node:
            leaf = flat.leaf[node]
            return float(covers[leaf]), flat.stored.values[leaf].astype(float)
        sides = [below(left), below(left + 1)]
        total = sides[0][0] + sides[1][0]
        if int(flat.feature[node]) in known:
            return total, sides[int(row[flat.feature[node]] > flat.threshold[node])][1]
        return total, np.asarray(sum(cover * value for cover, value in sides) / total)

    return np.array([below(int(root))[1] for root in flat.roots])


def by_definition(value: Callable[[set[int]], np.ndarray]) -> np.ndarray:
    """Shapley values (features, outputs) of a game."""
    found = []
    for feature in range(N_FEATURES):
        others = [one for one in range(N_FEATURES) if one != feature]
        total = np.zeros_like(value(set()))
        for size in range(N_FEATURES):
            share = factorial(size) * factorial(N_FEATURES - size - 1) / factorial(N_FEATURES)
            for chosen in combinations(others, size):
                total = total + share * (value({*chosen, feature}) - value(set(chosen)))
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_shapley_values_are_by_definition(seed: int) -> None:
    flat = FlatTrees(grown(3, seed, outputs=2))
    row = np.random.default_rng(seed).normal(size=N_FEATURES).astype(np.float32)
    found = TreeShap(flat)
    wanted = by_definition(lambda known: expected(flat, row, known).sum(axis=0))
    assert found.contributions(row) == pytest.approx(wanted, abs=1e-9)
    assert found.expected == pytest.approx(expected(flat, row, set()).sum(axis=0))


def test_trees_of_several_outputs_in_turn_are_told_apart() -> None:
    flat = FlatTrees(grown(6, 1))
    row = np.random.default_rng(1).normal(size=N_FEATURES).astype(np.float32)
    found = TreeShap(flat, groups=3)
    wanted = by_definition(lambda known: expected(flat, row, known).reshape(2, 3).sum(axis=0))
    assert found.contributions(row) == pytest.approx(wanted, abs=1e-9)


def test_it_adds_up_to_what_the_trees_say(monkeypatch: pytest.MonkeyPatch) -> None:
    # In many small blocks, as a large forest is.
    monkeypatch.setattr("flowml.automl.explain.tree_shap._MOST_NODES", 500)
    flat = FlatTrees(grown(20, 2))
    found = TreeShap(flat)
    for row in np.random.default_rng(0).normal(size=(20, N_FEATURES)).astype(np.float32):
        said = flat.stored.values[flat.leaves_of_row(row)].sum(dtype=float)
        assert found.expected[0] + found.contributions(row).sum() == pytest.approx(said, abs=1e-9)


def test_a_missing_value_goes_where_the_walk_sends_it() -> None:
    flat = FlatTrees(grown(5, 3))
    row = np.full(N_FEATURES, np.nan, dtype=np.float32)
    found = TreeShap(flat)
    said = flat.stored.values[flat.leaves_of_row(row)].sum(dtype=float)
    assert found.expected[0] + found.contributions(row).sum() == pytest.approx(said, abs=1e-9)


def test_trees_of_earlier_files_do_not_say_what_they_have_seen() -> None:
    with pytest.raises(ValueError, match="do not say"):
        TreeShap(FlatTrees(replace(grown(2, 0), covers=None)))


@pytest.mark.parametrize("covers", [np.ones(3), -np.ones(1000)])
def test_rows_seen_that_cannot_be_are_refused(covers: np.ndarray) -> None:
    with pytest.raises(ValueError, match="number of rows"):
        FlatTrees(replace(grown(2, 0), covers=covers))
