"""One file a family of algorithms; each registers itself. `get` and `all` find them."""

from flowml.automl.algorithms.describe import describe_space
from flowml.automl.algorithms.registry import all_algorithms as all
from flowml.automl.algorithms.registry import get

__all__ = ["all", "describe_space", "get"]
