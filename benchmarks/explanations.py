"""Whether contributions add up, how long they take, and whether the `shap` package's TreeExplainer says the same.

    python -m benchmarks explanations                              adds up, and how long a row takes
    python -m benchmarks explanations --python ENV/bin/python      compared with the shap package of that environment

A small table is learned by each family, and by an ensemble of them. `adds up` is the largest difference between base
and contributions, and the margin of what the model answers. `apart` is the largest difference, over rows, features and
scores, between what FlowML says each encoded feature adds to the scores of a part and what TreeExplainer says, over the
largest contribution; ENV needs shap, lightgbm, xgboost and catboost.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.report import table
from flowml.automl.explain.additive import ModelExplainer, margin_of
from flowml.automl.explain.scores import exact
from flowml.automl.model.model import FittedModel, combine
from flowml.automl.model.pooling import Pooling
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.catboost import CatBoostPredictor, category_words
from flowml.automl.predictors.flat_trees import FlatTrees
from flowml.automl.predictors.trees import TreesPredictor
from flowml.domain.datasets import Role
from flowml.domain.errors import FlowMLError
from flowml.library.run import train

FAMILIES = (
    *("lightgbm", "xgboost", "catboost", "random_forest", "extra_trees", "gradient_boosting", "decision_tree"),
    *("adaboost", "logistic_regression", "ridge", "linear_discriminant", "knn", "svm", "mlp", "gaussian_nb"),
)
TARGETS = {"bought": ["spent", "kind"], "kind": ["spent", "bought"], "spent": ["bought", "kind"]}
_ADDS_UP = 1e-6
_APART = 1e-4
_ROWS = 40


def customers(n_rows: int) -> tuple[pl.DataFrame, dict[str, Role]]:
    """Numbers with holes, categories, a flag; two classes, three classes, a number."""
    random = np.random.default_rng(0)
    age, income = random.normal(45, 12, n_rows), random.lognormal(3, 0.7, n_rows)
    town = random.choice(["Bern", "Ulm", "Graz", "Wien", "Linz"], n_rows)
    member = random.random(n_rows) < 0.4
    pull = 0.06 * (age - 45) + 0.02 * income * member + (town == "Ulm") - 0.4
    bought = random.random(n_rows) < 1 / (1 + np.exp(-pull))
    spent = 30 + 10 * pull + 3 * random.normal(size=n_rows)
    holes = random.random(n_rows) < 0.1
    frame = pl.DataFrame(
        {
            "age": pl.Series([None if hole else round(one, 1) for hole, one in zip(holes, age, strict=True)]),
            "income": income.round(2),
            "town": town,
            "member": member,
            "bought": np.where(bought, "yes", "no"),
            "kind": np.where(pull > 0.6, "high", np.where(pull > -0.4, "middle", "low")),
            "spent": spent.round(2),
        }
    )
    numbers, classes = ("age", "income", "spent"), ("town", "bought", "kind")
    roles = dict.fromkeys(numbers, Role.NUMERIC) | dict.fromkeys(classes, Role.CATEGORICAL)
    return frame, roles | {"member": Role.BOOLEAN}


def models(rows: int, families: list[str]) -> Iterator[tuple[str, str, FittedModel]]:
    """A model of each family for each target, and what they are together."""
    frame, roles = customers(rows)
    for target, others in TARGETS.items():
        found = []
        for name in families:
            try:
                options = {"exclude": others, "algorithm_names": [name], "max_trials": 1, "cv_folds": 3}
                run = train(frame, roles, target=target, time_budget_seconds=300, **options)  # type: ignore[arg-type]
            except FlowMLError:
                # Not for this kind of target.
                continue
            found.append(run.model)
            yield target, name, run.model
        if len(found) > 1:
            pooling = Pooling.MEAN if found[0].schema.classes is None else Pooling.LOG
            yield target, "ensemble", combine(found, [1.0] * len(found), pooling=pooling)


def measured(target: str, name: str, model: FittedModel, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How far from adding up, and milliseconds a row."""
    # As a server answers single rows.
    model.one_row.prepare()
    began = time.perf_counter()
    explainer = ModelExplainer(model)
    made = time.perf_counter() - began
    off, took, how, output = 0.0, [], set(), ""
    for row in rows:
        clean, _ = model.check_row(row)
        began = time.perf_counter()
        found = explainer.explain(clean)
        took.append(time.perf_counter() - began)
        said = margin_of(found.output, model.predict_row(clean))
        # Where a probability is 0 or 1 to the last digit there is no margin to compare with.
        if np.abs(said).max() < 30:
            off = max(off, float(np.abs(found.margin - said).max()))
        output = str(found.output)
        how |= {method for _, _, method in found.methods}
    return {
        "target": target,
        "model": name,
        "output": output,
        "how": "+".join(sorted(how)),
        "adds up": f"{off:.0e}",
        "fine": off <= _ADDS_UP,
        "first ms": made * 1000,
        "row ms": float(np.median(took)) * 1000,
    }


def asked(predictor: Predictor, values: np.ndarray, folder: Path, number: int) -> dict[str, Any] | None:
    """What the other side needs to explain the same part, and what is said here; None for what it cannot."""
    explain = exact(predictor)
    if explain is None or not hasattr(predictor, "model") and not isinstance(predictor, TreesPredictor):
        return None
    found = [explain(row, values[0]) for row in values]
    item: dict[str, Any] = {
        "kind": predictor.kind,
        "base": [one.base.tolist() for one in found],
        "added": [one.added.tolist() for one in found],
    }
    np.save(folder / f"{number}.npy", values)
    if isinstance(predictor, TreesPredictor):
        if predictor.combine == "median":
            return None
        unit = 1 / 65_535 if predictor.flat.stored.values.dtype == np.uint16 else 1.0
        unit *= predictor.scale / (len(predictor.flat) if predictor.combine == "mean" else 1)
        trees = list(plain_trees(predictor.flat, unit))
        return {**item, "trees": trees, "groups": predictor.groups, "offset": predictor.offset.tolist()}
    model = predictor.model
    (folder / f"{number}.bin").write_bytes(model.encode() if isinstance(model, str) else model)
    if isinstance(predictor, CatBoostPredictor):
        # Its pools have numbers first, and the other side answers in that order.
        chosen = list(predictor.categorical)
        order = [*(at for at in range(values.shape[1]) if at not in chosen), *chosen]
        words = [[word.decode() for word in line] for line in category_words(values[:, chosen])]
        added = [one.added[order].tolist() for one in found]
        return {**item, "added": added, "categorical": chosen, "words": words}
    return item


def plain_trees(flat: FlatTrees, unit: float) -> Iterator[dict[str, Any]]:
    """Trees as TreeExplainer takes them from any library."""
    covers = flat.stored.covers
    assert covers is not None
    ends = [*flat.roots[1:].tolist(), len(flat.child)]
    for root, end in zip(flat.roots.tolist(), ends, strict=True):
        nodes = np.arange(root, end)
        is_leaf = flat.child[nodes] == nodes
        seen = np.where(is_leaf, covers[flat.leaf[nodes]].astype(float), 0.0)
        values = np.zeros((len(nodes), flat.stored.values.shape[1]))
        values[is_leaf] = flat.stored.values[flat.leaf[nodes[is_leaf]]] * unit
        for at in reversed(np.flatnonzero(~is_leaf).tolist()):
            left = int(flat.child[root + at]) - root
            seen[at] = seen[left] + seen[left + 1]
            values[at] = (seen[left] * values[left] + seen[left + 1] * values[left + 1]) / seen[at]
        left = np.where(is_leaf, -1, flat.child[nodes] - root)
        yield {
            "children_left": left.tolist(),
            "children_right": np.where(is_leaf, -1, left + 1).tolist(),
            "children_default": np.where(is_leaf, -1, left).tolist(),
            "features": np.where(is_leaf, -2, flat.feature[nodes]).tolist(),
            "thresholds": np.where(is_leaf, -2.0, flat.threshold[nodes]).tolist(),
            "values": values.tolist(),
            "node_sample_weight": seen.tolist(),
        }


_OTHER_SIDE = """
import json, sys
import numpy as np, shap
folder = sys.argv[1]
answers = []
for number, item in enumerate(json.load(open(f"{folder}/parts.json"))):
    values = np.load(f"{folder}/{number}.npy")
    kind, path = item["kind"], f"{folder}/{number}.bin"
    try:
        if kind == "trees":
            trees = [{k: np.array(v) for k, v in tree.items()} for tree in item["trees"]]
            groups, each = item["groups"], []
            for group in range(groups):
                model = {"trees": trees[group::groups]}
                explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
                each.append(np.asarray(explainer.shap_values(values.astype(np.float64), check_additivity=False)))
            found = each[0] if groups == 1 else np.stack([one.reshape(values.shape) for one in each], axis=2)
        elif kind == "lightgbm":
            import lightgbm
            found = np.asarray(shap.TreeExplainer(lightgbm.Booster(model_file=path)).shap_values(values))
        elif kind == "xgboost":
            import xgboost
            booster = xgboost.Booster()
            booster.load_model(bytearray(open(path, "rb").read()))
            found = np.asarray(shap.TreeExplainer(booster).shap_values(values))
        else:
            import catboost
            booster = catboost.CatBoost()
            booster.load_model(blob=open(path, "rb").read())
            words = np.array([[word.encode() for word in line] for line in item["words"]], dtype=object)
            numbers = np.ascontiguousarray(np.delete(values, item["categorical"], axis=1), dtype=np.float32)
            data = catboost.FeaturesData(numbers, words) if words.size else catboost.FeaturesData(numbers)
            found = np.asarray(shap.TreeExplainer(booster).shap_values(catboost.Pool(data)))
        answers.append(found.tolist())
    except Exception as error:
        answers.append(f"{type(error).__name__}: {error}"[:120])
json.dump(answers, open(f"{folder}/answers.json", "w"))
"""


def compared(python: str, parts: list[dict[str, Any]], names: list[tuple[str, str]], folder: Path) -> list[list[Any]]:
    """How far apart both sides are, a line a part."""
    (folder / "parts.json").write_text(json.dumps(parts))
    (folder / "other_side.py").write_text(_OTHER_SIDE)
    subprocess.run([python, str(folder / "other_side.py"), str(folder)], check=True, timeout=1_200)
    lines: list[list[Any]] = []
    for item, (target, name), said in zip(parts, names, json.loads((folder / "answers.json").read_text()), strict=True):
        if isinstance(said, str):
            lines.append([target, name, None, f"it cannot: {said}"])
            continue
        ours = np.array(item["added"])
        theirs = np.array(said)
        if theirs.ndim == 2:
            theirs = theirs[:, :, None]
        elif theirs.shape[0] == ours.shape[2] and theirs.shape[1] == ours.shape[0]:
            theirs = theirs.transpose(1, 2, 0)
        if theirs.shape != ours.shape:
            lines.append([target, name, None, f"it answers {theirs.shape} and not {ours.shape}"])
            continue
        apart = float(np.abs(theirs - ours).max() / max(np.abs(ours).max(), 1e-12))
        lines.append([target, name, f"{apart:.0e}", "yes" if apart <= _APART else "no"])
    return lines


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="a Python that has shap, lightgbm, xgboost and catboost")
    parser.add_argument("--rows", type=int, default=1_500, help="to learn from (default: 1500)")
    parser.add_argument("--algorithms", help="only these, with commas")
    given = parser.parse_args(arguments)
    families = list(FAMILIES) if given.algorithms is None else given.algorithms.split(",")
    rows = customers(given.rows + _ROWS)[0].tail(_ROWS).to_dicts()
    lines: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    names: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="flowml-explanations-") as name:
        folder = Path(name)
        for target, family, model in models(given.rows, families):
            lines.append(measured(target, family, model, rows))
            print(f"{target} {family}", file=sys.stderr, flush=True)
            if given.python and family != "ensemble":
                part = model.members[0].parts[0]
                encode = model.encoders[part.encoder].compile()
                values = np.stack([encode(model.check_row(row)[0]) for row in rows])
                item = asked(part.predictor, values, folder, len(parts))
                if item is not None:
                    parts.append(item)
                    names.append((target, family))
        print(table(list(lines[0]), [list(line.values()) for line in lines], title="What each column adds"))
        apart = compared(given.python, parts, names, folder) if given.python and parts else []
    if apart:
        print(table(["target", "model", "apart", "same"], apart, title="Beside shap's TreeExplainer"))
    wrong = [line for line in lines if not line["fine"]]
    differ = [line for line in apart if line[-1] == "no"]
    if wrong or differ:
        raise SystemExit(f"{len(wrong)} do not add up, {len(differ)} are apart from TreeExplainer.")


if __name__ == "__main__":
    main()
