"""Imported once by the forkserver, so that its children start with the engine in memory.

Only imports: nothing here may start a thread or run an OpenMP loop, because a fork would not survive that.
"""

import importlib

_ENGINE = (
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
    "optuna",
    "flowml.automl.evaluate",
    "flowml.automl.conduct",
    "flowml.automl.modelfile",
    "flowml.automl.algorithms",
    "flowml.training.trainer",
    "flowml.training.conductor",
)

for name in _ENGINE:
    importlib.import_module(name)
