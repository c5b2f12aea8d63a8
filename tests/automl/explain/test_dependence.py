"""What is predicted on average when one column is set, and how much each column adds over many rows."""

import pytest

from flowml.automl.explain.dependence import Dependence, dependence, refuse_text
from flowml.automl.explain.summary import shap_importance
from flowml.automl.features.prepared import prepare
from flowml.automl.task.task import prepare_task
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from tests.services.trained import ROLES, table, trained


def of(feature: str, target: str = "spent", algorithm: str = "ridge", **options: object) -> Dependence:
    model = trained(target, algorithm)
    return dependence(model, prepare(table(), model.schema.roles), feature, **options)  # type: ignore[arg-type]


def test_a_number() -> None:
    found = of("age")
    slopes = [
        (after - before) / (right - left)
        for before, after, left, right in zip(found.mean, found.mean[1:], found.grid, found.grid[1:], strict=False)
    ]
    assert slopes == pytest.approx([3.0] * len(slopes), abs=0.2)
    assert len(found.grid) == len(found.mean) == len(found.ice[0]) == len(found.shares)
    assert (found.kind, found.n_rows, len(found.ice), found.target_class) == ("number", 240, 50, None)
    assert sum(found.shares) == pytest.approx(1.0, abs=1e-4)
    assert all(low <= mean <= high for low, mean, high in zip(found.low, found.mean, found.high, strict=True))


def test_a_category_with_the_most_frequent_first() -> None:
    found = of("city")
    assert set(found.grid) == {"Bern", "Ulm", "Graz"} and list(found.shares) == sorted(found.shares, reverse=True)
    said = dict(zip(found.grid, found.mean, strict=True))
    assert said["Ulm"] - said["Bern"] == pytest.approx(20, abs=3)


def test_dates_and_flags() -> None:
    assert of("joined").kind == "date" and str(of("joined").grid[0]).startswith("2024-01-0")
    assert of("member").grid == (False, True)


def test_classes_are_shown_by_one_of_them() -> None:
    found, other = (of("age", "bought", "logistic_regression", target_class=name) for name in ("yes", "no"))
    assert found == of("age", "bought", "logistic_regression")
    assert found.mean[0] < 0.1 and found.mean[-1] > 0.9
    assert other.mean == pytest.approx([1 - mean for mean in found.mean], abs=1e-4)


def test_with_little_time_there_are_fewer_rows() -> None:
    seconds = iter([1.0, 0.5, 0.0])
    assert of("age", time_left=lambda: next(seconds, 0.0)).n_rows <= 20


@pytest.mark.parametrize(("feature", "options"), [("shoe", {}), ("age", {"target_class": "yes"})])
def test_what_there_is_not_is_refused(feature: str, options: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        of(feature, **options)


def test_the_summary_names_what_matters() -> None:
    task = prepare_task(table(), ROLES, target="spent", exclude=["bought"], cv_folds=3)
    found = shap_importance(task, trained("spent", "ridge"), seed=0, time_left=lambda: 60.0)
    assert [item.feature for item in found][:2] == ["age", "city"]
    assert found[0].importance > 15 and found[0].std is not None and 0 < found[0].std < 5
    assert shap_importance(task, trained("spent", "ridge"), seed=0, time_left=lambda: -1.0) == []


def test_free_text_has_no_values_to_set_a_column_to() -> None:
    with pytest.raises(InvalidInput, match="free text"):
        refuse_text("note", Role.TEXT)
    refuse_text("town", Role.CATEGORICAL)
