"""How much each column matters to a model by its explanations of rows."""

from collections.abc import Callable

import numpy as np

from flowml.automl.explain.additive import ModelExplainer
from flowml.automl.model.model import FittedModel
from flowml.automl.task.task import Task
from flowml.domain.models import ColumnImportance

_FEWEST_ROWS = 10


def shap_importance(
    task: Task,
    model: FittedModel,
    *,
    seed: int,
    time_left: Callable[[], float],
    max_rows: int = 300,
) -> list[ColumnImportance]:
    """The mean of what each column adds or takes away, whichever, over rows of the task, best first (Lundberg et al.
    2020): in the units of the model's explanations, of several classes the mean over them. What is made of one column
    that callers send is summed up in it.

    `std` is the standard error of that mean. With too little time there are fewer rows; an empty list when not even ten
    were explained.
    """
    generator = np.random.default_rng(seed)
    rows = generator.permutation(task.validated)[:max_rows]
    weights = task.weights_of(rows)
    explainer = ModelExplainer(model)
    origins = {} if model.schema.recipe is None else model.schema.recipe.single_sources
    sent = [origins.get(name, name) for name in explainer.names]
    names = list(dict.fromkeys(sent))
    place = {name: at for at, name in enumerate(names)}
    owners = np.array([place[name] for name in sent], dtype=np.intp)
    sizes: list[np.ndarray] = []
    for row in task.frame[rows].to_dicts():
        if time_left() <= 0:
            break
        added = explainer.explain(row).added
        summed = np.zeros((len(names), added.shape[1]))
        np.add.at(summed, owners, added)
        sizes.append(np.abs(summed).mean(axis=1))
    if len(sizes) < min(_FEWEST_ROWS, len(rows)):
        return []
    table = np.array(sizes)
    counts = np.ones(len(table)) if weights is None else weights[: len(table)]
    if not counts.sum() > 0:
        return []
    means = np.average(table, axis=0, weights=counts)
    spread = np.average((table - means) ** 2, axis=0, weights=counts)
    # Kish's effective number of rows.
    errors = np.sqrt(spread * (counts**2).sum() / counts.sum() ** 2)
    found = [
        ColumnImportance(name, float(mean), float(error))
        for name, mean, error in zip(names, means, errors, strict=True)
    ]
    return sorted(found, key=lambda item: -item.importance)
