"""From features to the answers of predictors, in SQL."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flowml.automl.export.content import cannot
from flowml.automl.export.sql.features import WHAT, held
from flowml.automl.export.sql.query import Column, Query, added, number, single
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.automl.predictors.distilled import DistilledPredictor
from flowml.automl.predictors.exponential import ExponentialPredictor
from flowml.automl.predictors.linear import LinearPredictor
from flowml.automl.predictors.nodes.forest import Forest, Lookup, NodeTree
from flowml.automl.predictors.nodes.reading import forest_of

MOST_BYTES = 4_000_000
# Databases bound how deep an expression goes, SQLite's parser by a hundred symbols: what is deeper has a name.
_DEEPEST = 8


def outputs(query: Query, predictor: Predictor, features: Sequence[Column]) -> list[Column]:
    """What it answers: probabilities, or one value. Raises WrongState for what is neither linear nor trees."""
    if query.size > MOST_BYTES:
        raise too_large()
    if isinstance(predictor, ConstantPredictor):
        return [Column(number(float(value))) for value in predictor.answer]
    if isinstance(predictor, ExponentialPredictor):
        (inner,) = outputs(query, predictor.inner, features)
        return [query.add(f"EXP({held(inner.text, predictor.low, predictor.high)})", inner)]
    if isinstance(predictor, DistilledPredictor):
        found = [outputs(query, regression, features)[0] for regression in predictor.regressions]
        shares = [query.add(held(one.text, 1e-4, 1.0 - 1e-4), one) for one in found]
        return two(query, shares[0]) if len(shares) == 1 else normalised(query, shares)
    if isinstance(predictor, LinearPredictor):
        return linked(query, predictor.link, _linear(query, predictor, features))
    try:
        forest = forest_of(predictor)
    except ValueError as problem:
        raise cannot(WHAT, f"it has {problem}") from problem
    if forest is None or forest.combine == "median":
        kind = predictor.kind if forest is None else "a weighted median of trees"
        raise cannot(WHAT, f"only linear models and sums of trees can, and a part of it is {kind}")
    return linked(query, forest.link, _forest(query, forest, features))


def _linear(query: Query, predictor: LinearPredictor, features: Sequence[Column]) -> list[Column]:
    scores = []
    for output in range(predictor.coefficients.shape[1]):
        weights = predictor.coefficients[:, output].tolist()
        terms = [number(float(predictor.intercept[output]))]
        terms += [
            f"{number(weight)} * {column.text}" for weight, column in zip(weights, features, strict=True) if weight
        ]
        scores.append(query.add(added(terms), *features))
    return scores


def _forest(query: Query, forest: Forest, features: Sequence[Column]) -> list[Column]:
    columns = [*features[: forest.n_features], *(_lookup(query, lookup, features) for lookup in forest.lookups)]
    scores = []
    unit = forest.scale / len(forest.trees) if forest.combine == "mean" else forest.scale
    for raw in range(forest.n_raw):
        trees = forest.trees[raw :: forest.groups] if forest.groups > 1 else forest.trees
        output = 0 if forest.groups > 1 else raw
        terms: list[str] = []
        named: list[Column] = []
        for tree in trees:
            terms.append(_Cases(query, tree, output, columns, named).of(0))
            query.size += len(terms[-1])
            if query.size > MOST_BYTES:
                raise too_large()
        query.size -= sum(map(len, terms))
        offset = float(forest.offset[raw if len(forest.offset) > 1 else 0])
        scores.append(query.add(f"{number(offset)} + {number(unit)} * {added(terms)}", *columns, *named))
    return scores


@dataclass
class _Cases:
    """One tree as cases of cases; `named`: the parts of it that have a name."""

    query: Query
    tree: NodeTree
    output: int
    columns: Sequence[Column]
    named: list[Column]

    def of(self, node: int, depth: int = 0) -> str:
        tree = self.tree
        feature = int(tree.feature[node])
        if feature < 0:
            return number(float(tree.value[node, self.output]))
        if depth == _DEEPEST:
            inside = _Cases(self.query, tree, self.output, self.columns, [])
            text = inside.of(node)
            column = self.query.add(text, *self.columns, *inside.named)
            self.named.append(column)
            return column.text
        left, right = (self.of(int(child[node]), depth + 1) for child in (tree.left, tree.right))
        if left == right:
            return left
        name, missing_left = self.columns[feature].text, bool(tree.missing_left[node])
        asked = tree.levels.get(node)
        # A comparison with NULL is never true, so what is missing goes where ELSE leads.
        if asked is None:
            bound = number(single(float(tree.threshold[node])))
            if missing_left:
                return f"CASE WHEN {name} > {bound} THEN {right} ELSE {left} END"
            return f"CASE WHEN {name} <= {bound} THEN {left} ELSE {right} END"
        among, others = (left, right) if tree.levels_left else (right, left)
        missing = left if missing_left else right
        if not asked:
            return f"CASE WHEN {name} IS NULL THEN {missing} ELSE {others} END"
        codes = ", ".join(map(str, sorted(asked)))
        if missing == others:
            return f"CASE WHEN {name} IN ({codes}) THEN {among} ELSE {others} END"
        return f"CASE WHEN {name} NOT IN ({codes}) THEN {others} ELSE {among} END"


def _lookup(query: Query, lookup: Lookup, features: Sequence[Column]) -> Column:
    """A table of one axis a source, as nested cases."""

    def written(table: np.ndarray, at: int) -> str:
        if at == len(lookup.sources):
            return number(float(table))
        source = lookup.sources[at]
        name = features[source.feature].text
        if source.border is not None:
            low, high = written(table[0], at + 1), written(table[1], at + 1)
            bound = number(single(source.border))
            if source.missing_above:
                return f"CASE WHEN {name} <= {bound} THEN {low} ELSE {high} END"
            return f"CASE WHEN {name} > {bound} THEN {high} ELSE {low} END"
        if source.code is not None:
            asked = f"{name} IS NULL" if source.code == -1 else f"{name} = {source.code}"
            return f"CASE WHEN {asked} THEN {written(table[1], at + 1)} ELSE {written(table[0], at + 1)} END"
        missing = written(table[source.size], at + 1)
        # Of the codes that no word has, as of all that were never seen, it says the same.
        usual = written(table[source.size - 1], at + 1)
        cases = []
        for code in range(source.size):
            text = written(table[code], at + 1)
            if text != usual:
                cases.append(f"WHEN {name} = {code} THEN {text}")
                if sum(map(len, cases[-20:])) * max(len(cases) // 20, 1) > MOST_BYTES:
                    raise too_large()
        if missing != usual:
            cases.insert(0, f"WHEN {name} IS NULL THEN {missing}")
        return f"CASE {' '.join(cases)} ELSE {usual} END" if cases else usual

    return query.add(written(lookup.table, 0), *(features[source.feature] for source in lookup.sources))


def linked(query: Query, link: str, scores: Sequence[Column]) -> list[Column]:
    """`links.apply_link`."""
    if link == "identity":
        return list(scores)
    if link == "softmax":
        return softmax(query, scores)
    if link == "sigmoid":
        # Beyond this it is 0 or 1, and the exponential would be none.
        bounded = held(f"-({scores[0].text})", -700.0, 700.0)
        return two(query, query.add(f"1.0e0 / (1.0e0 + EXP({bounded}))", scores[0]))
    if len(scores) == 1:
        return two(query, query.add(held(scores[0].text, 0.0, 1.0), scores[0]))
    return normalised(query, scores)


def two(query: Query, second: Column) -> list[Column]:
    return [query.add(f"1.0e0 - {second.text}", second), second]


def normalised(query: Query, scores: Sequence[Column]) -> list[Column]:
    total = query.add(added([score.text for score in scores]), *scores)
    bounded = query.add(f"CASE WHEN {total.text} < 1e-12 THEN 1e-12 ELSE {total.text} END", total)
    return [query.add(f"{score.text} / {bounded.text}", score, bounded) for score in scores]


def softmax(query: Query, scores: Sequence[Column]) -> list[Column]:
    highest = scores[0]
    for score in scores[1:]:
        larger = f"CASE WHEN {score.text} > {highest.text} THEN {score.text} ELSE {highest.text} END"
        highest = query.add(larger, score, highest)
    apart = [query.add(f"{score.text} - {highest.text}", score, highest) for score in scores]
    # Less than this is 0, for which some databases have an error.
    return normalised(query, [query.add(f"EXP({held(one.text, -700.0, 0.0)})", one) for one in apart])


def too_large() -> Exception:
    return cannot(WHAT, f"the query would have more than {MOST_BYTES / 1e6:g} MB")
