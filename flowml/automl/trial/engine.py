"""What a process that forks others for trials imports beforehand, so that they start with the engine in memory.

Only imports: nothing here may start a thread or run an OpenMP loop, because a fork would not survive that.
"""

import importlib

from flowml.automl import algorithms

_MODULES = (
    "numpy",
    "polars",
    "scipy.special",
    "sklearn.linear_model",
    "sklearn.ensemble",
    "sklearn.svm",
    "sklearn.neural_network",
    "sklearn.naive_bayes",
    "sklearn.tree",
    "lightgbm",
    "xgboost",
    "catboost",
    "flowml.automl.trial.attempt",
    "flowml.automl.task.describe",
    "flowml.automl.model.modelfile",
)


def load_engine(*more: str) -> None:
    """Import what trials use, and these modules. Takes about 1.5 s of a core."""
    for name in (*_MODULES, *more):
        importlib.import_module(name)
    # Each is in a file that is found and imported at the first question.
    algorithms.all()
