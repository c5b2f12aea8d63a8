"""A model of customers, and files of new ones."""

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl

from flowml.automl.model.model import FittedModel
from flowml.automl.task.task import prepare_task
from flowml.data.conversion.notation import Notation
from flowml.domain.datasets import Role
from tests.automl.model.fitting import fit

N_ROWS = 900
_ROLES = {
    "age": Role.NUMERIC,
    "city": Role.CATEGORICAL,
    "member": Role.BOOLEAN,
    "joined": Role.DATETIME,
    "bought": Role.CATEGORICAL,
    "spent": Role.NUMERIC,
}
# How the table's file wrote them.
_NOTATIONS = {
    "age": Notation("number", "."),
    "city": Notation("text"),
    "member": Notation("boolean"),
    "joined": Notation("date", order="year_first"),
}


def customers(n_rows: int, seed: int) -> pl.DataFrame:
    """Who is older than 40 has bought; what was spent grows with age and is more in Ulm."""
    random = np.random.default_rng(seed)
    age = np.clip(random.normal(40, 10, n_rows), 12, 68).round(1)
    city = random.choice(["Bern", "Ulm", "Graz"], n_rows)
    days = [f"2024-01-{day:02d}" for day in random.integers(1, 28, n_rows)]
    return pl.DataFrame(
        {
            "age": age,
            "city": city,
            "member": random.random(n_rows) < 0.5,
            "joined": pl.Series(days).str.to_date(),
            "bought": np.where(age > 40, "yes", "no"),
            "spent": 3 * age + 20 * (city == "Ulm") + random.normal(0, 1, n_rows),
        }
    )


@cache
def model_of_customers(target: str) -> FittedModel:
    """Least squares that predict `bought` (no or yes) or `spent` (a number)."""
    other = "spent" if target == "bought" else "bought"
    task = prepare_task(customers(300, 0), _ROLES, target=target, exclude=[other], cv_folds=3)
    return fit(replace(task, notations=_NOTATIONS))


@cache
def new_customers() -> pl.DataFrame:
    """Columns of the model, without what it predicts."""
    return customers(N_ROWS, 1).drop("bought", "spent")
