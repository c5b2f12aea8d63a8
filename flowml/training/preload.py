"""Imported once by the forkserver, so that its children start with the engine in memory: conductors and trainers."""

from flowml.automl.trial.engine import load_engine

load_engine("optuna", "flowml.training.trainer", "flowml.training.conductor")
