"""What a model expects of a row and what it answers: its schema, and the check of a single row against it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from flowml.automl.conformal.calibrate import calibrating_rows, half_width, of_classes, of_values
from flowml.automl.conformal.difficulty import kinds_of
from flowml.automl.conformal.record import DEFAULT, Conformal
from flowml.automl.features.values import LARGEST, days_of, label_of, number_of
from flowml.automl.schema.feature import Feature
from flowml.automl.schema.labels import TEXT, class_values
from flowml.automl.schema.recipe import ModelRecipe
from flowml.automl.scoring.decision import Decision
from flowml.data.conversion.cells import cell_reader
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType
from flowml.domain.wording import shortened

UNSEEN = "did not occur in the training data"
_SHOWN_CATEGORIES = 50
# So many are looked through once, for how they are read, within some milliseconds.
_FEW_CATEGORIES = 1_000
_ABSENT: Any = object()
_NOTHING: frozenset[str] = frozenset()
_OF_THE_FILE = ("notation", "count", "whole", "spread")


@dataclass(frozen=True)
class ModelSchema:
    """`conformal`: the intervals or sets of its answers; None in files of earlier versions, which have
    `interval_half_width` alone: half the width of an interval that covered 90 % of the rows held out, the same for all.

    `metrics` are out-of-fold; `data_hash` says which rows it was trained on. `features` are the columns that the
    encoders see; where the table came of a `recipe`, callers send the columns from before it. `classes` are texts, and
    `label_type` is what they were in the table (`labels.class_values`).
    """

    features: tuple[Feature, ...]
    target: str
    problem_type: ProblemType
    classes: tuple[str, ...] | None
    metric: str
    interval_half_width: float | None = None
    interval_coverage: float = DEFAULT
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    n_rows: int = 0
    data_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    recipe: ModelRecipe | None = None
    label_type: str = TEXT
    conformal: Conformal | None = None

    @property
    def inputs(self) -> tuple[Feature, ...]:
        """The columns that a caller sends."""
        return self.features if self.recipe is None else self.recipe.inputs

    @property
    def n_outputs(self) -> int:
        return len(self.classes) if self.classes is not None else 1

    @cached_property
    def class_values(self) -> np.ndarray:
        """The classes as they were in the table, shape (classes,); of a regression there are none."""
        return class_values(self.classes or (), self.label_type)

    def code_of(self, label: Any) -> int | None:
        """The class that is meant by a text, or by a value as it was in the table; None where it is none of them."""
        if isinstance(label, str):
            return self.classes.index(label) if self.classes is not None and label in self.classes else None
        for code, value in enumerate(self.class_values.tolist()):
            if value == label and isinstance(value, bool) == isinstance(label, bool):
                return code
        return None

    @property
    def roles(self) -> dict[str, Role]:
        return {feature.name: feature.role for feature in self.features}

    def of_results(
        self,
        metrics: Mapping[str, float | None],
        target: np.ndarray,
        out_of_fold: np.ndarray,
        weights: np.ndarray | None = None,
        *,
        folds: np.ndarray | None = None,
        conformal: Conformal | None = None,
        decision: Decision | None = None,
    ) -> "ModelSchema":
        """With what a model reached: its metrics, and the intervals or sets of its answers.

        `target`, `weights` and `folds` (rows,), `out_of_fold` (rows, outputs). `conformal`: where it was calibrated
        with more than these; without it an interval is as wide as the prediction alone lets expect. `decision`: by
        which the model makes classes of its answers.
        """
        if conformal is None:
            rows = calibrating_rows(len(target))
            target, out_of_fold = target[rows], out_of_fold[rows]
            weights = None if weights is None else weights[rows]
            if self.classes is not None:
                conformal = of_classes(target, out_of_fold, weights, decision)
            else:
                folds = None if folds is None else folds[rows]
                conformal = of_values(target, out_of_fold[:, 0], weights, folds=folds)
        if self.classes is not None:
            return replace(self, metrics=dict(metrics), conformal=conformal)
        constant = half_width(target, out_of_fold[:, 0], weights)
        return replace(
            self,
            metrics=dict(metrics),
            interval_half_width=constant,
            interval_coverage=DEFAULT,
            conformal=conformal,
        )

    def describe(self) -> list[dict[str, Any]]:
        """The features for a form: at most 50 categories each."""
        return [
            {
                **{name: value for name, value in asdict(feature).items() if name not in _OF_THE_FILE},
                "role": str(feature.role),
                "categories": None if feature.categories is None else list(feature.categories[:_SHOWN_CATEGORIES]),
            }
            for feature in self.inputs
        ]

    def missing_of(self, names: Sequence[str]) -> list[str]:
        """The columns that count as missing in a table with these."""
        if self.recipe is not None:
            return list(self.recipe.lacks(names))
        given = frozenset(names)
        return [feature.name for feature in self.features if feature.name not in given]

    def check_row(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """One row from outside, made usable; and sentences about what is missing, unknown or never seen.

        Raises InvalidInput naming the column whose value is of the wrong kind, or no finite number.
        """
        if self.recipe is not None:
            return self._check_with_recipe(self.recipe, row)
        clean: dict[str, Any] = {}
        missing: list[str] = []
        warnings: list[str] = []
        for name, feature, known, low, high in self._usual:
            value = row.get(name, _ABSENT)
            kind = type(value)
            # Nearly every value is a number within its range or a category that is known, as it came.
            if kind is str:
                if value in known:
                    clean[name] = value
                    continue
            elif kind is float or kind is int:
                if low <= value <= high:
                    clean[name] = float(value)
                    continue
            elif value is _ABSENT:
                missing.append(name)
                continue
            elif value is None:
                # A form sends what nobody knows, and a row of nothing else is answered like any other.
                clean[name] = None
                missing.append(name)
                continue
            clean[name] = value = _checked(feature, self._read(feature, value))
            said = self._unfamiliar(feature, value) if value is not None else _taken_as_missing(row[name])
            if said is None and value is None:
                missing.append(name)
            elif said is not None:
                warnings.append(_sentence(name, row[name], said))
        return clean, self._remarks(row, missing, warnings)

    def check_value(self, name: str, value: Any) -> Any:
        """One value of a feature, as `check_row` leaves it. Raises InvalidInput."""
        feature = self._by_name[name]
        return _checked(feature, self._read(feature, value))

    @cached_property
    def _by_name(self) -> dict[str, Feature]:
        return {feature.name: feature for feature in self.features}

    @cached_property
    def _usual(self) -> list[tuple[str, Feature, frozenset[str], float, float]]:
        """Of each feature its name, the categories that are taken as they are, and the range of numbers that are."""
        found = []
        for feature in self.features:
            known, low, high = _NOTHING, math.inf, -math.inf
            if feature.role is Role.NUMERIC and feature.name not in self._known:
                low, high = (-LARGEST, LARGEST) if feature.reach is None else feature.reach.edges[1:3]
                low, high = max(low, -LARGEST), min(high, LARGEST)
            elif feature.role in (Role.CATEGORICAL, Role.TEXT):
                known = self._known.get(feature.name, _NOTHING) - {""}
                if feature.name in self._readers:
                    few = known if len(known) <= _FEW_CATEGORIES else _NOTHING
                    known = frozenset(filter(partial(self._stays, feature), few))
            found.append((feature.name, feature, known, low, high))
        return found

    def _stays(self, feature: Feature, category: str) -> bool:
        """Whether a category is read as what it is, and not as the word for a missing one, say."""
        try:
            return bool(_checked(feature, self._read(feature, category)) == category)
        except InvalidInput:
            return False

    def _read(self, feature: Feature, value: Any) -> Any:
        """A text as its column's notation has it; a value of another type as it is. Raises InvalidInput."""
        read = self._readers.get(feature.name) if isinstance(value, str) else None
        if read is None:
            return value
        try:
            return read(value)
        except (ValueError, OverflowError):
            raise _wrong(feature, value, _as_written(feature)) from None

    @cached_property
    def _readers(self) -> dict[str, Callable[[str], Any]]:
        """How a text is read, by the name of a feature of which that is known."""
        found = {}
        for feature in self.features:
            notation = None if feature.notation is None else feature.notation.for_values(feature.kind)
            if notation is not None:
                found[feature.name] = cell_reader(feature.kind, notation)
        return found

    def _check_with_recipe(self, recipe: ModelRecipe, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The same for a row as it was before the recipe: what is said of it is said of the columns that it has."""
        sent, values = recipe.transform_row(row)
        clean = {feature.name: _checked(feature, values[feature.name]) for feature in self.features}
        # In the words of the caller: of the column as it was sent, and once.
        found: dict[str, str] = {}
        for feature in self.features:
            name = feature.name if feature.name in row else recipe.origins.get(feature.name)
            value = clean[feature.name]
            said = None if value is None else self._unfamiliar(feature, value)
            if said is not None and name is not None and name in row:
                found[name] = _sentence(name, row[name], said)
        for feature in recipe.inputs:
            # What the steps do not look at comes through as it was sent.
            if feature.name not in sent:
                continue
            value = sent[feature.name]
            if value is None:
                said = _taken_as_missing(row.get(feature.name))
            else:
                beyond = feature.beyond(value)
                said = None if beyond is None else f"lies {beyond}"
            if said is not None:
                found.setdefault(feature.name, _sentence(feature.name, row[feature.name], said))
        given = [name for name, value in row.items() if not _is_empty(value)]
        return clean, self._remarks(row, recipe.lacks(given), list(found.values()))

    def _remarks(self, row: Mapping[str, Any], missing: Sequence[str], warnings: list[str]) -> list[str]:
        if missing:
            warnings.insert(0, f"Not given, taken as missing: {', '.join(missing)}.")
        if self._names.issuperset(row):
            return warnings
        extra = [str(name) for name in row if name not in self._names and name != self.target]
        if extra:
            warnings.append(f"Not used by this model: {', '.join(extra[:20])}.")
        return warnings

    @cached_property
    def _names(self) -> frozenset[str]:
        """Every column that means something to the model."""
        if self.recipe is not None:
            return self.recipe.replay.known
        return frozenset(feature.name for feature in self.features)

    @cached_property
    def _known(self) -> dict[str, frozenset[str]]:
        return {
            feature.name: frozenset(feature.categories) for feature in self.features if feature.categories is not None
        }

    def _unfamiliar(self, feature: Feature, value: Any) -> str | None:
        """What is said of a category that training has not seen, or of a number or date beyond all that it has."""
        known = self._known.get(feature.name)
        if known is not None:
            return None if value in known else UNSEEN
        said = feature.beyond(value)
        return None if said is None else f"lies {said}"

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "ModelSchema":
        """Raises KeyError, TypeError or ValueError for a state that is none."""
        classes, half_width = state["classes"], state["interval_half_width"]
        features = tuple(Feature.of(item) for item in state["features"])
        # Files of earlier versions say nothing of recipes.
        recipe = state.get("recipe")
        schema = cls(
            features=features,
            target=str(state["target"]),
            problem_type=ProblemType(state["problem_type"]),
            classes=None if classes is None else tuple(str(label) for label in classes),
            metric=str(state["metric"]),
            interval_half_width=None if half_width is None else float(half_width),
            interval_coverage=float(state["interval_coverage"]),
            metrics=dict(state["metrics"]),
            n_rows=int(state["n_rows"]),
            data_hash=str(state["data_hash"]),
            versions=dict(state["versions"]),
            recipe=None if recipe is None else ModelRecipe.of(recipe, [feature.name for feature in features]),
            # Nor of what labels were: they are given back as texts.
            label_type=str(state.get("label_type", TEXT)),
        )
        conformal = state.get("conformal")
        if conformal is not None:
            n_classes = None if classes is None else len(classes)
            schema = replace(schema, conformal=Conformal.of(conformal, n_classes, kinds_of(schema.roles)))
        # Now, and not at somebody's prediction.
        if len(set(schema.class_values.tolist())) != len(schema.class_values):
            raise ValueError("classes that are the same")
        if not all(map(math.isfinite, (schema.interval_half_width or 0.0, schema.interval_coverage))):
            raise ValueError("an interval without end")
        return schema


def _checked(feature: Feature, value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, dict | list | tuple):
        raise _wrong(feature, value, "a single value")
    wanted = _WANTED.get(feature.role, "a text or a number")
    if feature.role in (Role.NUMERIC, Role.BOOLEAN):
        number = number_of(value)
        word = feature.role is Role.NUMERIC and (
            value is True or value is False or (isinstance(value, str) and not any(map(str.isdigit, value)))
        )
        if word or math.isnan(number):
            raise _wrong(feature, value, _RANGE if _is_too_large(feature, value) else wanted)
        return number
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(feature, value, wanted)
    if feature.role is Role.DATETIME:
        if math.isnan(days_of(value)):
            raise _wrong(feature, value, wanted)
        return value
    return label_of(value)


def _is_too_large(feature: Feature, value: Any) -> bool:
    if feature.role is not Role.NUMERIC:
        return False
    try:
        return abs(float(value)) > LARGEST
    except OverflowError:
        return True
    except (TypeError, ValueError):
        return False


_RANGE = f"numbers from -{LARGEST:g} to {LARGEST:g}"
_WANTED = {
    Role.NUMERIC: "a number",
    Role.BOOLEAN: "true or false",
    Role.DATETIME: "a date such as 2026-01-31 or 2026-01-31T12:00:00",
}


def _taken_as_missing(sent: Any) -> str | None:
    """What is said of a value that counts as missing, unless it is empty."""
    return "is taken as missing" if isinstance(sent, str) and sent.strip() else None


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _as_written(feature: Feature) -> str:
    """What a column takes, in the way in which its file wrote it."""
    notation = feature.notation
    wanted = _WANTED.get(feature.role, "a text or a number")
    if notation is None or feature.kind == "boolean":
        return wanted
    if feature.kind == "number" and (notation.decimal == "," or notation.thousands == "."):
        return f"{wanted} with a decimal comma, such as 3,5"
    if feature.kind == "date" and notation.order in ("day_first", "month_first"):
        return f"{wanted}, or with the {notation.order.partition('_')[0]} first"
    return wanted


def _wrong(feature: Feature, value: Any, wanted: str) -> InvalidInput:
    sent = shortened(str(value).lower() if isinstance(value, bool) else str(value))
    return InvalidInput.of_field(
        feature.name,
        f"The column “{feature.name}” takes {wanted}, and “{sent}” is {'beyond them' if wanted == _RANGE else 'not'}.",
        hint="Leave it empty if it is not known.",
    )


def _sentence(name: str, value: Any, said: str) -> str:
    return f"“{shortened(label_of(value) or '')}” in “{name}” {said}."
