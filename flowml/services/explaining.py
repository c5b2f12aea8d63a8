"""Why a model says what it says, for rows from outside: contributions, the smallest change, and one column varied."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from flowml.domain.errors import InvalidInput
from flowml.domain.models import Model
from flowml.services.context import Context
from flowml.services.importance import in_a_child
from flowml.services.serving import predicting
from flowml.services.serving.answers import Prediction, answer
from flowml.services.serving.loaded import Loaded
from flowml.services.serving.shelf import find_model
from flowml.services.turns import nobody_waits

if TYPE_CHECKING:
    from flowml.automl.explain.additive import ModelExplainer

# As many as there are models in memory, mostly; what is known of the trees of forests takes more than they do.
_MOST_EXPLAINERS = 8
_MOST_EXPLAINER_BYTES = 512 * 1024 * 1024
_MOST_CURVES = 64
_MANY_COLUMNS = 50
# With the last look at the clock and the answer about five.
_SECONDS = 4.5
_CURVE_SECONDS = 15.0


@dataclass(frozen=True)
class Contribution:
    """What a column adds. `value` is what the row has there, None where it is missing or not the caller's to send."""

    feature: str
    value: Any
    contribution: float


@dataclass(frozen=True)
class Method:
    """How a member of an ensemble was explained: `tree`, `linear` or `sampled`."""

    algorithm: str
    weight: float
    method: str


@dataclass(frozen=True)
class RowExplanation:
    """`base_value` and the contributions, greatest first, add up to `margin`, in the units of `output` (docs/
    explanations.md), for the class `target_class`, None for numbers."""

    prediction: Prediction
    target_class: str | None
    output: str
    base_value: float
    margin: float
    contributions: tuple[Contribution, ...]
    methods: tuple[Method, ...]
    exact: bool


@dataclass(frozen=True)
class Change:
    feature: str
    before: Any
    after: Any


@dataclass(frozen=True)
class SmallestChange:
    """`prediction` is of the row with the `changes`; where there are none, of the row as it is, and `reason` says why
    nothing was found. `tried`: how many rows were asked about."""

    prediction: Prediction
    changes: tuple[Change, ...]
    tried: int
    reason: str | None


def explain(context: Context, model_id: str, row: Mapping[str, Any], target_class: Any = None) -> RowExplanation:
    """What each column adds, up to the answer. Raises as `predicting.predict` does, and InvalidInput for a class that
    the model does not know."""
    from flowml.automl.explain.dependence import class_output

    loaded = predicting.load(context, model_id)
    fitted = loaded.fitted
    clean, warnings = fitted.schema.check_row(row)
    outputs = fitted.predict_row(clean)
    classes = fitted.schema.classes
    at = class_output(fitted.schema, target_class)
    if classes is not None and target_class is None:
        at = int(fitted.decide(outputs))
    found = _explainer(loaded).explain(clean)
    # What is made of one column that is sent is that column's.
    origins = {} if fitted.schema.recipe is None else fitted.schema.recipe.single_sources
    added: dict[str, float] = {}
    for place, name in enumerate(found.names):
        sent = origins.get(name, name)
        added[sent] = added.get(sent, 0.0) + float(found.added[place, at])
    # Of what is computed from several columns the value is what came out.
    parts = [Contribution(name, row.get(name, clean.get(name)), amount) for name, amount in added.items()]
    return RowExplanation(
        prediction=answer(loaded, clean, outputs, warnings, predicting.DEFAULT_COVERAGE),
        target_class=None if classes is None else classes[at],
        output=str(found.output),
        base_value=float(found.base[at]),
        margin=float(found.margin[at]),
        contributions=tuple(sorted(parts, key=lambda part: -abs(part.contribution))),
        methods=tuple(Method(*method) for method in found.methods),
        exact=found.is_exact,
    )


def smallest_change(
    context: Context,
    model_id: str,
    row: Mapping[str, Any],
    *,
    target_class: Any = None,
    above: float | None = None,
    below: float | None = None,
    changeable: Sequence[str] | None = None,
    limits: Mapping[str, Mapping[str, Any]] | None = None,
) -> SmallestChange:
    """The smallest change of a row that has the model say something else: a class (by default another one), or a number
    of at least `above` or at most `below`. `limits`: {"min", "max", "allowed", "direction"} by column, None for none.
    Raises as `explain` does, and NotReady when the caller has left."""
    from flowml.automl.explain.changeable import Limits
    from flowml.automl.explain.counterfactual import Goal, counterfactual

    loaded = predicting.load(context, model_id)
    until = monotonic() + _SECONDS

    def time_left() -> float:
        if context.nobody_waits:
            raise nobody_waits()
        return until - monotonic()

    given = {
        name: Limits(
            one["min"], one["max"], None if one["allowed"] is None else tuple(one["allowed"]), one["direction"]
        )
        for name, one in (limits or {}).items()
    }
    goal = Goal(target_class, above, below)
    found = counterfactual(
        loaded.fitted,
        row,
        goal,
        changeable=changeable,
        limits=given,
        time_left=time_left,
        first=_leading(loaded, row),
    )
    return SmallestChange(
        prediction=predicting.predict_row(loaded, found.row),
        changes=tuple(Change(one.feature, one.before, one.after) for one in found.changes),
        tried=found.tried,
        reason=found.reason,
    )


def partial_dependence(
    context: Context, model_id: str, feature: str, target_class: str | None = None
) -> dict[str, Any]:
    """What is predicted on average when one column is something else: as `automl.explain.dependence` has it. `model_id`
    may be a training run's: then its best model. Raises NotFound, NotReady and WrongState for a run without a model,
    WrongState where the table is gone, InvalidInput for a column or class that there is not."""
    model = find_model(context, model_id)
    _check_dependence(context, model, feature, target_class)
    key = (model.file, feature, target_class)
    with _lock:
        known = _curves.get(key)
    if known is None:
        request = {"feature": feature, "target_class": target_class}
        known = in_a_child(context, model, "dependence", _CURVE_SECONDS, **request)
        with _lock:
            _curves[key] = known
            while len(_curves) > _MOST_CURVES:
                _curves.popitem(last=False)
    return known


def _check_dependence(context: Context, model: Model, feature: str, target_class: str | None) -> None:
    """Before the table is read, and before anybody waits for a process."""
    from flowml.automl.explain.dependence import class_output, refuse_text

    schema = predicting.load(context, model.id).fitted.schema
    roles = {one.name: one.role for one in schema.inputs} | schema.roles
    if feature not in roles:
        raise InvalidInput.of_field("feature", f"This model takes no column “{feature}”.")
    refuse_text(feature, roles[feature])
    class_output(schema, target_class)


def _leading(loaded: Loaded, row: Mapping[str, Any]) -> list[str]:
    """Of many columns those that matter most to the answer first; nothing where that would take long to find out."""
    schema = loaded.fitted.schema
    if len(schema.inputs) < _MANY_COLUMNS:
        return []
    explainer = _explainer(loaded)
    if not explainer.is_exact:
        return []
    clean, _ = schema.check_row(row)
    sizes = abs(explainer.explain(clean).added).max(axis=1)
    origins = {} if schema.recipe is None else schema.recipe.single_sources
    return [origins.get(explainer.names[at], explainer.names[at]) for at in (-sizes).argsort(kind="stable")]


_explainers: "OrderedDict[str, ModelExplainer]" = OrderedDict()
_curves: OrderedDict[tuple[str, str, str | None], dict[str, Any]] = OrderedDict()
_lock = threading.Lock()


def _explainer(loaded: Loaded) -> "ModelExplainer":
    from flowml.automl.explain.additive import ModelExplainer

    with _lock:
        found = _explainers.get(loaded.file)
        if found is not None:
            _explainers.move_to_end(loaded.file)
            return found
    # Two who ask at the same moment make it twice, and wait for nobody.
    found = ModelExplainer(loaded.fitted)
    with _lock:
        _explainers[loaded.file] = found
        while len(_explainers) > 1 and (
            len(_explainers) > _MOST_EXPLAINERS
            or sum(one.n_bytes for one in _explainers.values()) > _MOST_EXPLAINER_BYTES
        ):
            _explainers.popitem(last=False)
    return found
