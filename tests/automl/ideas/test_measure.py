"""Ideas measured on tables of which it is known what helps."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.ideas import idea as ideas
from flowml.automl.ideas import measure as measuring
from flowml.automl.ideas.measure import Asked, measure
from flowml.data.profiling.roles import roles_of
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput, TrialFailed
from flowml.domain.ideas import Learned, Measured, Verdict

PRODUCT = [{"op": "derive", "column": "p", "expression": "a * b"}]
USELESS = [{"op": "derive", "column": "n", "expression": "noise * 1"}]


def table(rows: int = 120, *, classes: bool = False) -> pl.DataFrame:
    """The target is the product of two columns; a third says something as well, and `noise` nothing."""
    generator = np.random.default_rng(3)
    a, b, c, noise = generator.normal(0, 1, (4, rows))
    wanted = 2 * a * b + 0.5 * c + generator.normal(0, 0.3, rows)
    return pl.DataFrame(
        {
            "a": a,
            "b": b,
            "c": c,
            "noise": noise,
            "who": [f"g{at}" for at in generator.integers(0, 12, rows)],
            "day": np.datetime64("2020-01-01") + np.arange(rows).astype("timedelta64[D]"),
            "y": np.where(wanted > 0.5, "yes", "no") if classes else wanted,
        }
    )


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One division into folds: what is tested does not hang on how many there are."""
    monkeypatch.setattr(measuring, "_REPEATS_OF_FEW", 1)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, once: None) -> None:
    """The linear model alone, which is quick."""
    learners = measuring._learners
    monkeypatch.setattr(measuring, "_learners", lambda task: [one for one in learners(task) if one.name == "linear"])


def tried(frame: pl.DataFrame, operations: Any, **asked: Any) -> Measured:
    settings = Asked(**{"target": "y", "cv": "stratified", "exclude_columns": ("who", "day"), **asked})
    return measure(frame, roles_of(frame), operations, settings)


def by_name(measured: Measured) -> dict[str, Learned]:
    return {one.name: one for one in measured.learners}


def test_an_idea_that_helps_is_said_to_help(once: None) -> None:
    measured = tried(table(400), PRODUCT)
    for one in measured.learners:
        assert one.difference.verdict is Verdict.HELPS, one
        assert one.without is not None and one.beside is not None and one.beside > one.without
        assert [pair.fold for pair in one.pairs] == [0, 1, 2, 3, 4]
    assert measured.metric == "r2" and measured.columns == ("p",)
    assert measured.overall is not None and measured.overall.difference.verdict is Verdict.HELPS
    assert measured.backwards == () and not measured.too_good


def test_so_it_is_for_classes_and_by_three_divisions_of_few_rows(lines: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_REPEATS_OF_FEW", 3)
    measured = tried(table(300, classes=True), PRODUCT)
    assert measured.learners[0].difference.verdict is Verdict.HELPS and measured.metric == "accuracy"
    assert [(pair.repeat, pair.fold) for pair in measured.learners[0].pairs] == [
        (repeat, fold) for repeat in range(3) for fold in range(5)
    ]
    assert measured.n_folds == 15 and "divided three times" in measured.folds and measured.rows == 300


def test_a_random_column_is_said_not_to_help(once: None) -> None:
    frame = table(200)
    # Without the idea, nothing is learned from it.
    roles = {**roles_of(frame), "noise": Role.CONSTANT}
    measured = measure(frame, roles, USELESS, Asked("y", cv="stratified", exclude_columns=("who", "day")))
    for one in measured.learners:
        assert one.difference.verdict in (Verdict.UNCLEAR, Verdict.HURTS), one


class Spy:
    """Hears of each fit: its fold, its family, and the rows of both parts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.fits: list[tuple[Any, str, int, int]] = []
        self.learned_from: list[list[float]] = []
        score, run = measuring._score, ideas.run

        def scored(fold: Any, learner: Any, train: Any, test: Any, roles: Any, *more: Any) -> float | None:
            self.fits.append((fold, learner.name, train.n_rows, test.n_rows))
            return score(fold, learner, train, test, roles, *more)

        def ran(frame: pl.LazyFrame, *given: Any, **more: Any) -> Any:
            self.learned_from.append(frame.select("number").collect().to_series().to_list())
            return run(frame, *given, **more)

        monkeypatch.setattr(measuring, "_score", scored)
        monkeypatch.setattr(ideas, "run", ran)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spy]:
    yield Spy(monkeypatch)


@pytest.mark.parametrize(
    "asked",
    [{}, {"cv": "group:who", "exclude_columns": ("day",)}, {"cv": "time:day", "exclude_columns": ("who",)}],
)
def test_both_arms_have_the_same_folds_and_learn_nothing_from_the_test_part(
    lines: None, spy: Spy, asked: dict[str, Any]
) -> None:
    frame = table(120).with_columns(pl.Series("number", np.arange(120.0)))
    holes = frame.with_columns(pl.when(pl.col("number") % 7 == 0).then(None).otherwise(pl.col("a")).alias("a"))
    measured = tried(holes, [{"op": "fill", "column": "a", "with": "median"}], **asked)
    fits = spy.fits
    assert len(fits) == 2 * sum(len(one.pairs) for one in measured.learners)
    for without, beside in zip(fits[::2], fits[1::2], strict=True):
        assert without[0] is beside[0] and without[1:] == beside[1:]
        assert (without[2], without[3]) == (len(without[0].train), len(without[0].test))
    # The first two times it looks at all rows: of what kind the columns will be, and whether they are the target. What
    # it learned there is not used.
    seen = [(rows, fold) for rows, (fold, *_) in zip(spy.learned_from[2:], fits[::2], strict=True)]
    for rows, fold in seen:
        assert sorted(rows) == sorted(fold.train.astype(float).tolist())
        assert not set(rows) & set(fold.test.astype(float).tolist())
    if asked.get("cv") == "group:who":
        who = holes["who"].to_numpy()
        assert all(not set(who[fold.train]) & set(who[fold.test]) for _, fold in seen)
    if asked.get("cv") == "time:day":
        assert all(fold.train.max() < fold.test.min() for _, fold in seen)
        assert {pair.repeat for one in measured.learners for pair in one.pairs} == {0}


def test_the_arm_without_is_the_same_for_every_idea(once: None) -> None:
    frame = table()
    first, second = (by_name(tried(frame, operations)) for operations in (PRODUCT, USELESS))
    for name, one in first.items():
        assert [pair.without for pair in one.pairs] == [pair.without for pair in second[name].pairs]
    again = by_name(tried(frame, PRODUCT))
    assert [one.pairs for one in again.values()] == [one.pairs for one in first.values()]


def test_what_is_known_without_the_idea_is_not_learned_again(lines: None, spy: Spy) -> None:
    frame = table().with_columns(pl.Series("number", np.arange(120.0)))
    first = tried(frame, USELESS)
    count = len(spy.fits)
    known = {one.name: [(pair.repeat, pair.fold, pair.without) for pair in one.pairs] for one in first.learners}
    settings = Asked("y", cv="stratified", exclude_columns=("who", "day"))
    again = measure(frame, roles_of(frame), USELESS, settings, without=known)
    assert again == first and len(spy.fits) == count + count // 2


def test_an_idea_that_says_nothing_new_changes_nothing(once: None) -> None:
    frame = table(120)
    measured = by_name(tried(frame, [{"op": "derive", "column": "a", "expression": "a"}]))
    assert all(one.difference.verdict is Verdict.SAME for one in measured.values())


def test_the_settings_of_a_run_are_kept(lines: None) -> None:
    frame = table(200).with_columns(pl.Series("weight", np.where(np.arange(200) % 4 == 0, 0.0, 2.0)))
    measured = tried(frame, PRODUCT, weight_column="weight", metric="mae", cv_folds=3)
    assert measured.rows == 150 and measured.metric == "mae" and not measured.greater_is_better
    # Three folds say little of spread.
    assert {pair.fold for pair in measured.learners[0].pairs} == {0, 1, 2, 3, 4}
    linear = by_name(measured)["linear"]
    assert linear.without is not None and linear.difference.mean is not None and linear.beside is not None
    assert linear.difference.mean == pytest.approx(linear.without - linear.beside)
    with pytest.raises(InvalidInput, match="how much each row counts"):
        tried(frame, [{"op": "derive", "column": "z", "expression": "weight * 2"}], weight_column="weight")
    with pytest.raises(InvalidInput, match="left out of the training"):
        tried(frame, [{"op": "derive", "column": "z", "expression": "length(who)"}])


@pytest.mark.parametrize("rows", [6])
def test_tiny_tables_are_measured_and_nothing_is_made_of_them(once: None, rows: int) -> None:
    measured = tried(table(rows, classes=True).with_columns(y=pl.Series(["yes", "no"] * rows).head(rows)), PRODUCT)
    for one in measured.learners:
        assert one.difference.verdict in (Verdict.UNCLEAR, Verdict.SAME, Verdict.TOO_FEW)


def test_a_class_that_is_missing_in_a_fold_leaves_it_out_and_says_so(lines: None) -> None:
    frame = table(60).with_columns(
        y=pl.Series(["rare" if at in (3, 29) else "usual" for at in range(60)]), who=pl.Series(["g"] * 60)
    )
    measured = tried(frame, PRODUCT, metric="roc_auc")
    assert any("a class does not occur" in note for note in measured.notes)
    for one in measured.learners:
        assert sum(pair.without is None for pair in one.pairs) > 0
        assert one.difference.n_folds == sum(pair.without is not None for pair in one.pairs)


def test_the_time_ends_it_between_two_folds_and_that_is_said(lines: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_REPEATS_OF_FEW", 3)
    told: list[tuple[int, int]] = []
    left = (10.0, 8.0, 6.0, 0.0)
    measured = measure(
        table(120),
        roles_of(table(120)),
        PRODUCT,
        Asked("y", cv="stratified"),
        time_left=lambda: left[max(0, len(told) - 1)],
        on_fold=lambda done, planned: told.append((done, planned)),
    )
    assert told == [(0, 15), (1, 15), (2, 15), (3, 15)]
    assert "The time was over after 3 of 15 folds." in measured.notes
    assert ": 3 of 15 pairs of models of each family." in measured.folds
    assert all(one.difference.n_folds == 3 for one in measured.learners)


def test_what_the_folds_come_to_is_told_as_they_are_done(once: None) -> None:
    told: list[Measured] = []
    found = measure(table(120), roles_of(table(120)), PRODUCT, Asked("y"), on_measured=told.append)
    assert [len(one.learners[0].pairs) for one in told] == list(range(1, len(told) + 1))
    assert told[-1] == found
    for one in told:
        pairs = [learned.pairs for learned in found.learners]
        assert [learned.pairs for learned in one.learners] == [of[: len(one.learners[0].pairs)] for of in pairs]
    assert told[1].difference.verdict is Verdict.TOO_FEW
    assert (told[1].n_folds, told[1].backwards) == (found.n_folds, found.backwards)
    assert told[1].folds == found.folds.replace("5 pairs", "2 of 5 pairs")


def test_a_fold_that_does_not_end_in_time_does_not_count(lines: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fits of the third are cut short."""
    clock, score = [100.0], measuring._score

    def slow(fold: Any, *given: Any) -> float | None:
        clock[0] -= 100.0 if fold.number == 2 else 10.0
        assert given[-1]() == clock[0] + 30
        return score(fold, *given)

    monkeypatch.setattr(measuring, "_score", slow)
    settings = Asked("y", cv="stratified", exclude_columns=("who", "day"))
    frame = table(60)
    measured = measure(frame, roles_of(frame), PRODUCT, settings, time_left=lambda: clock[0])
    assert [pair.fold for pair in measured.learners[0].pairs] == [0, 1]
    assert "The time was over after 2 of 5 folds." in measured.notes
    clock[0] = -20.0
    with pytest.raises(InvalidInput, match="Not one of 5 tests was done"):
        measure(frame, roles_of(frame), PRODUCT, settings, time_left=lambda: clock[0])


def test_a_family_that_cannot_be_fitted_is_left_out_and_says_why(once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    score = measuring._score

    def failing(fold: Any, learner: Any, *given: Any) -> float | None:
        if learner.name == "linear":
            raise TrialFailed("It does not converge.")
        return score(fold, learner, *given)

    monkeypatch.setattr(measuring, "_score", failing)
    measured = tried(table(60), PRODUCT)
    assert [one.name for one in measured.learners] == ["boosting"]
    assert "Linear model could not be fitted, so nothing is said of it. It does not converge." in measured.notes


def test_what_cannot_be_trained_is_said() -> None:
    with pytest.raises(InvalidInput, match="no column “z”"):
        tried(table(50), PRODUCT, target="z")
    with pytest.raises(InvalidInput, match="same in every row"):
        tried(table(50).with_columns(y=pl.lit(1)), PRODUCT)


def test_what_only_names_the_rows_is_used_by_no_idea() -> None:
    """A table that is sorted by what is to be predicted tells it by the numbers of its rows."""
    frame = table(60).with_columns(id=pl.Series(range(1, 61)), code=pl.Series([f"C{at}" for at in range(60)]))
    assert {roles_of(frame)[name] for name in ("id", "code")} == {Role.IDENTIFIER}
    for expression in ("id / 1000", "id * 1.5", "number(substring(code, 2)) / 10"):
        with pytest.raises(InvalidInput, match="names the rows"):
            tried(frame.sort("y"), [{"op": "derive", "column": "d", "expression": expression}])
    with pytest.raises(InvalidInput, match="names whose rows belong together"):
        grouped = frame.with_columns(customer_id=pl.Series([at % 12 for at in range(60)]))
        operations = [{"op": "derive", "column": "d", "expression": "customer_id / 3"}]
        measure(grouped, roles_of(grouped), operations, Asked("y", cv="group:customer_id"))


def test_a_step_that_changes_nothing_changes_nothing_also_in_some_of_the_rows(once: None) -> None:
    generator = np.random.default_rng(1)
    who = generator.integers(0, 300, 3_000)
    whole = pl.DataFrame(
        {
            "user": [f"u{at}" for at in who],
            "a": generator.normal(0, 1, 3_000),
            "y": generator.normal(0, 1, 300)[who],
        }
    )
    some, fill = whole.gather_every(12), [{"op": "fill", "column": "user", "with": "value", "value": "none"}]
    roles = roles_of(whole)
    assert roles["user"] is Role.CATEGORICAL is not roles_of(some)["user"]
    measured = measure(some, roles, fill, Asked("y", cv="stratified"), whole=whole.lazy())
    assert all(one.difference.verdict is Verdict.SAME for one in measured.learners)


def test_the_target_computed_backwards_is_found_out(lines: None) -> None:
    generator = np.random.default_rng(0)
    price, quantity = np.exp(generator.normal(3, 1, 120)), generator.integers(1, 50, 120)
    frame = pl.DataFrame({"revenue": price * quantity, "quantity": quantity, "y": price})
    measured = measure(
        frame, roles_of(frame), [{"op": "derive", "column": "d", "expression": "revenue / quantity"}], Asked("y")
    )
    assert measured.backwards == ("d",) and measured.target == "y"
