"""FlowML: from a table to a model that is explained and served, on your own machines.

>>> from flowml import AutoMLClassifier, AutoMLRegressor, load_model
"""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowml.library.estimators import AutoMLClassifier, AutoMLRegressor, load_model

# What goes wrong is in the answers; a program that wants to read more of it configures logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = "0.1.0"
__all__ = ["AutoMLClassifier", "AutoMLRegressor", "__version__", "load_model"]


def __getattr__(name: str) -> Any:
    # The server imports this package too and must not load the engine with it.
    if name in ("AutoMLClassifier", "AutoMLRegressor", "load_model"):
        from flowml.library import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module 'flowml' has no attribute {name!r}")
