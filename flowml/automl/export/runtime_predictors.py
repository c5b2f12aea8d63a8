"""What the predictors make of a row, in programs that have nothing but Python: files carry a copy of everything below,
as they do of `runtime_rows.py`. It reads a model as `content.py` writes it."""

import math
from typing import Any

from flowml.automl.export.runtime_rows import encode, usable_row


def softmax(scores: list[float]) -> list[float]:
    highest = max(scores)
    parts = [math.exp(score - highest) for score in scores]
    total = sum(parts)
    return [part / total for part in parts]


def linked(link: str, scores: list[float]) -> list[float]:
    if link == "identity":
        return scores
    if link == "sigmoid":
        second = 0.5 * (1.0 + math.tanh(0.5 * scores[0]))
        return [1.0 - second, second]
    if link == "softmax":
        return softmax(scores)
    if len(scores) == 1:
        second = min(max(scores[0], 0.0), 1.0)
        return [1.0 - second, second]
    total = max(sum(scores), 1e-12)
    return [score / total for score in scores]


def place_of(source: dict[str, Any], value: float) -> int:
    missing = math.isnan(value)
    if source["border"] is not None:
        return int(source["missing_above"] if missing else value > source["border"])
    if source["code"] is not None:
        return int((-1 if missing else value) == source["code"])
    return int(value) if not missing and 0 <= value < source["size"] else source["size"]


def leaf_of(tree: dict[str, Any], values: list[float]) -> int:
    """Walk from the root: ≤ goes left, and so does missing where the tree says so."""
    feature, threshold, levels, node = tree["f"], tree["t"], tree["c"], 0
    while feature[node] >= 0:
        value = values[feature[node]]
        if value != value:
            left = tree["m"][node]
        elif levels and str(node) in levels:
            left = (int(value) in levels[str(node)]) == tree["cl"]
        else:
            left = value <= threshold[node]
        node = tree["l"][node] if left else tree["r"][node]
    return node


def trees(of: dict[str, Any], values: list[float]) -> list[float]:
    values = list(values)
    for lookup in of["lookups"]:
        at = lookup["table"]
        for source in lookup["sources"]:
            at = at[place_of(source, values[source["feature"]])]
        values.append(at)
    leaves = [tree["v"][leaf_of(tree, values)] for tree in of["trees"]]
    if of["combine"] == "median":
        weights = of["tree_weights"] or [1.0] * len(leaves)
        ordered = sorted(range(len(leaves)), key=lambda at: leaves[at][0])
        upto = [0.0]
        for at in ordered:
            upto.append(upto[-1] + weights[at])
        return next(leaves[at] for at, reached in zip(ordered, upto[1:], strict=False) if reached >= 0.5 * upto[-1])
    if of["groups"] > 1:
        scores = [math.fsum(leaf[0] for leaf in leaves[group :: of["groups"]]) for group in range(of["groups"])]
    else:
        scores = [math.fsum(column) for column in zip(*leaves, strict=False)]
    unit = of["scale"] / len(leaves) if of["combine"] == "mean" else of["scale"]
    offset = of["offset"] * len(scores) if len(of["offset"]) == 1 else of["offset"]
    return linked(of["link"], [score * unit + start for score, start in zip(scores, offset, strict=False)])


def dot(values: list[float], lines: list[list[float]], start: list[float]) -> list[float]:
    """values · lines + start, with one line a value."""
    answer = list(start)
    for value, line in zip(values, lines, strict=False):
        if value:
            answer = [total + value * one for total, one in zip(answer, line, strict=False)]
    return answer


def neighbours(of: dict[str, Any], values: list[float]) -> list[float]:
    apart = [sum((x - p) * (x - p) for x, p in zip(values, point, strict=False)) for point in of["points"]]
    nearest = sorted(range(len(apart)), key=apart.__getitem__)[: of["n_neighbors"]]
    weights = [1.0 if of["votes"] is None else of["votes"][at] for at in nearest]
    if of["weighted"]:
        weights = [weight / (math.sqrt(apart[at]) + 1e-6) for weight, at in zip(weights, nearest, strict=False)]
    total, sums = sum(weights), [0.0] * max(of["n_classes"], 1)
    for weight, at in zip(weights, nearest, strict=False):
        shown = of["answers"][at]
        if of["n_classes"]:
            sums[int(shown)] += weight
        else:
            sums[0] += weight * shown
    return [one / total for one in sums]


def answer_of(of: dict[str, Any], values: list[float]) -> list[float]:
    """What one predictor says of an encoded row."""
    kind = of["kind"]
    if kind == "trees":
        return trees(of, values)
    if kind == "constant":
        return list(of["answer"])
    if kind == "linear":
        return linked(of["link"], dot(values, of["coefficients"], of["intercept"]))
    if kind == "exponential":
        return [math.exp(min(max(score, of["low"]), of["high"])) for score in answer_of(of["inner"], values)]
    if kind == "distilled":
        shares = [min(max(answer_of(inner, values)[0], 1e-4), 1.0 - 1e-4) for inner in of["inner"]]
        total = sum(shares)
        return [1.0 - shares[0], shares[0]] if len(shares) == 1 else [share / total for share in shares]
    if kind == "mlp":
        hidden = [min(max(value, -10.0), 10.0) for value in values]
        for index, (weight, bias) in enumerate(zip(of["weights"], of["biases"], strict=False)):
            hidden = dot([max(value, 0.0) for value in hidden] if index else hidden, weight, bias)
        return softmax(hidden) if of["classification"] else [hidden[0] * of["target_scale"] + of["target_mean"]]
    if kind == "gaussian_nb":
        scores = [
            prior
            - 0.5
            * sum(math.log(2 * math.pi * v) + (x - m) ** 2 / v for x, m, v in zip(values, mean, variance, strict=False))
            for prior, mean, variance in zip(of["log_prior"], of["mean"], of["variance"], strict=False)
        ]
        return softmax([score / of["temperature"] for score in scores])
    if kind == "knn":
        return neighbours(of, values)
    assert kind == "svm"
    kernel = [
        math.exp(-of["gamma"] * sum((x - v) ** 2 for x, v in zip(values, vector, strict=False)))
        for vector in of["vectors"]
    ]
    return linked(of["link"], dot(dot(kernel, of["dual"], of["intercept"]), of["coefficients"], of["offsets"]))


def outputs(model: dict[str, Any], row: Any) -> list[float]:
    """The probability of each class, or one number. Raises ValueError as `answer` does."""
    row = usable_row(model["columns"], row)
    encoded = [encode(encoder, row) for encoder in model["encoders"]]
    total, log = [0.0] * model["n_outputs"], model["pooling"] == "log"
    for member in model["members"]:
        answers = [answer_of(part["predictor"], encoded[part["encoder"]]) for part in member["parts"]]
        mean = [sum(column) / len(answers) for column in zip(*answers, strict=False)]
        if log:
            mean = [math.log(max(value, 1e-6)) for value in mean]
        total = [a + member["weight"] * b for a, b in zip(total, mean, strict=False)]
    if log:
        total = softmax(total)
    if model["temperature"] is not None:
        total = softmax([math.log(max(value, 1e-7)) / model["temperature"] for value in total])
    return total


def answer(model: dict[str, Any], row: Any) -> dict[str, Any]:
    """One row, {column: value}, in the columns that the model was trained on; what is not there counts as missing.

    {"prediction", "probability", "probabilities"} of a class, {"prediction"} of a number. Raises ValueError naming the
    column of a value that is none.
    """
    found = outputs(model, row)
    classes, weights = model["classes"], model["decision"]
    if classes is None:
        return {"prediction": found[0]}
    judged = found if weights is None else [share * weight for share, weight in zip(found, weights, strict=False)]
    chosen = judged.index(max(judged))
    shares = dict(zip(classes, found, strict=False))
    return {"prediction": classes[chosen], "probability": found[chosen], "probabilities": shares}
