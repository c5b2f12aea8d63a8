"""The conventions of scikit-learn's estimators, kept without importing it.

`sklearn.base` alone takes longer to import (1.3 s of computing) than everything that a program needs before its first
`fit`. What scikit-learn asks of an estimator is a protocol, and its own `check_estimator` says that it is kept.
"""

import inspect
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from flowml.domain.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


class Estimator:
    """Parameters are the arguments of `__init__`, kept as they came; what `fit` finds ends in an underscore."""

    n_features_in_: int
    feature_names_in_: "np.ndarray"

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return sorted(name for name in inspect.signature(cls.__init__).parameters if name != "self")

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name. Nothing is nested in this estimator, so `deep` changes nothing."""
        return {name: getattr(self, name) for name in self._get_param_names()}

    def set_params(self, **params: Any) -> Self:
        """Change parameters. Raises ValueError for a name that is none."""
        names = self._get_param_names()
        for name, value in params.items():
            if name not in names:
                raise InvalidInput(
                    f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {names!r}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if not (value is defaults[name].default or repr(value) == repr(defaults[name].default))
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=True),
            input_tags=InputTags(allow_nan=True, string=True),
        )

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate arguments before "
                "using this estimator."
            )

    def _set_features(self, n_features: int, names: Sequence[str] | None) -> None:
        import numpy as np

        self.n_features_in_ = n_features
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _check_features(self, table: "pl.DataFrame", names: Sequence[str] | None) -> None:
        """Whether these are the columns of `fit`, in their order. Raises ValueError in scikit-learn's words."""
        fitted = list(getattr(self, "feature_names_in_", ()))
        me = type(self).__name__
        if fitted and names is None:
            warnings.warn(
                f"X does not have valid feature names, but {me} was fitted with feature names",
                UserWarning,
                stacklevel=4,
            )
        elif names is not None and not fitted:
            warnings.warn(f"X has feature names, but {me} was fitted without feature names", UserWarning, stacklevel=4)
        elif names is not None and list(names) != fitted:
            unseen, missing = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
            message = "The feature names should match those that were passed during fit.\n"
            if unseen:
                message += _listed("Feature names unseen at fit time:", unseen)
            if missing:
                message += _listed("Feature names seen at fit time, yet now missing:", missing)
            if not unseen and not missing:
                message += "Feature names must be in the same order as they were in fit.\n"
            raise InvalidInput(message)
        if table.width != self.n_features_in_:
            raise InvalidInput(
                f"X has {table.width} features, but {me} is expecting {self.n_features_in_} features as input."
            )


def _listed(title: str, names: Sequence[str], most: int = 5) -> str:
    lines = [title, *(f"- {name}" for name in names[:most]), *(["- ..."] if len(names) > most else [])]
    return "\n".join(lines) + "\n"
