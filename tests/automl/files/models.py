"""A model of customers, and files of new ones."""

from dataclasses import replace
from functools import cache

import polars as pl

from flowml.automl.model.model import FittedModel
from flowml.automl.task.task import prepare_task
from flowml.data.conversion.notation import Notation
from tests.automl.model.fitting import fit
from tests.services import trained

N_ROWS = 900
# How the table's file wrote them.
_NOTATIONS = {
    "age": Notation("number", "."),
    "city": Notation("text"),
    "member": Notation("boolean"),
    "joined": Notation("date", order="year_first"),
}


def customers(n_rows: int, seed: int) -> pl.DataFrame:
    """None of them further off in age than those of another seed."""
    return trained.customers(n_rows, seed, ages=(12, 68))


@cache
def model_of_customers(target: str) -> FittedModel:
    """Least squares that predict `bought` (no or yes) or `spent` (a number)."""
    other = "spent" if target == "bought" else "bought"
    task = prepare_task(customers(300, 0), trained.ROLES, target=target, exclude=[other], cv_folds=3)
    return fit(replace(task, notations=_NOTATIONS))


@cache
def new_customers() -> pl.DataFrame:
    """Columns of the model, without what it predicts."""
    return customers(N_ROWS, 1).drop("bought", "spent")
