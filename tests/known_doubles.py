"""Importing this makes the misbehaving algorithms known."""

from flowml.automl.algorithms.registry import register
from tests.doubles import DOUBLES

for algorithm in DOUBLES:
    register(algorithm)
