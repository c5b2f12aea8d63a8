"""Tables of individuals who come again, and of days in their order."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

from flowml.automl.task.task import Task, prepare_task
from flowml.data.profiling.roles import roles_of
from flowml.domain.jobs import ValidationKind

GROUP, TIME, SHUFFLED = ValidationKind.GROUP, ValidationKind.TIME, ValidationKind.SHUFFLED


def visits(entity: str = "patient_id", patients: int = 60, each: int = 6, seed: int = 0) -> pl.DataFrame:
    """Several visits of each patient: age and blood group stay, the rest varies, in random order."""
    generator = np.random.default_rng(seed)
    who = generator.permutation(np.repeat(np.arange(patients), each))
    age, health = generator.integers(20, 80, patients), generator.normal(size=patients)
    blood = generator.integers(0, 4, patients)
    return pl.DataFrame(
        {
            entity: who + 4_000,
            "age": age[who],
            "blood": [f"type {kind}" for kind in blood[who]],
            "pulse": generator.normal(70, 9, len(who)),
            "y": health[who] + 0.02 * age[who] + 0.4 * generator.normal(size=len(who)),
        }
    )


def days(rows: int = 300, seed: int = 0) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    start = datetime.fromisoformat("2024-01-01")
    x = generator.normal(size=rows)
    return pl.DataFrame(
        {
            "day": [start + timedelta(days=index) for index in range(rows)],
            "x": x,
            "y": x + 0.01 * np.arange(rows) + 0.1 * generator.normal(size=rows),
        }
    )


def task_of(frame: pl.DataFrame, **options: object) -> Task:
    return prepare_task(frame, roles_of(frame), **{"target": "y", **options})  # type: ignore[arg-type]
