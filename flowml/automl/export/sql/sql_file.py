"""A model as one SELECT of standard SQL, tried on SQLite."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.export.content import cannot, encoder_content, refuse_recipe
from flowml.automl.export.parity import Parity, check
from flowml.automl.export.sql.features import WHAT, Features
from flowml.automl.export.sql.query import Column, Query, added, literal, number, quoted
from flowml.automl.export.sql.scores import MOST_BYTES, outputs, softmax, too_large
from flowml.automl.features.values import days_of
from flowml.automl.model.model import FittedModel
from flowml.automl.model.pooling import Pooling
from flowml.automl.schema.feature import Feature
from flowml.domain.datasets import Role
from flowml.domain.errors import NotReady, WrongState

TABLE = "your_table"
MARKER = '/* columns of your own, such as "id", */'
_ROWS = 200
_TOO_LARGE = ("too big", "too large", "too many", "at most", "stack overflow")
# Numbers are numbers there.
_SPELLED = {"booleans", "labels", "blanks"}
_FUNCTIONS = (
    "LN, EXP, SIN, COS, ABS, FLOOR, UPPER, LOWER, TRIM (of given characters), SUBSTR, LENGTH, NULLIF and COALESCE"
)


def sql_file(model: FittedModel) -> tuple[bytes, Parity]:
    """The query, tried against the model. Raises WrongState, with the reason, where it cannot be one."""
    text = sql_text(model)

    def answers(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        return sqlite_answers(model, text, rows)

    try:
        return text.encode(), check(model, "This query", answers, n_rows=_ROWS, spelled=_SPELLED)
    except sqlite3.Error as problem:
        if not _is_too_large(problem):
            # Of this machine and moment, and not of the model.
            raise NotReady(f"The query could not be tried: SQLite says “{problem}”.", hint="Try again.") from problem
        raise cannot(WHAT, f"it is too deep or too large for a database (SQLite says: {problem})") from problem


def _is_too_large(problem: sqlite3.Error) -> bool:
    """Whether SQLite refuses the query itself: its parser has no word of its own for how deep it goes."""
    code = getattr(problem, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_TOOBIG or any(word in str(problem) for word in _TOO_LARGE)


def sql_text(model: FittedModel) -> str:
    """Raises WrongState for a model that is neither linear nor sums of trees, or has free texts or a recipe."""
    refuse_recipe(model, WHAT)
    query = Query()
    schema = model.schema
    features = Features(
        query,
        {feature.name: feature for feature in schema.features},
    )
    encoded = [features.of(encoder_content(encoder.state())) for encoder in model.encoders]
    found = _pooled(query, model, encoded)
    text = query.text(TABLE, _answers(query, model, found), MARKER)
    if len(text) > MOST_BYTES:
        raise too_large()
    names = ", ".join(feature.name for feature in schema.features)
    head = (
        f"Predicts {schema.target}. Written by FlowML. Replace {TABLE} by your table; it has these columns, and NULL "
        f"is missing: {names}. It takes a database with WITH … AS MATERIALIZED, {_FUNCTIONS}, and numbers of double "
        "precision; columns of numbers have to be numbers there, and no texts."
    )
    dates = ", ".join(feature.name for feature in schema.features if feature.role is Role.DATETIME)
    if dates:
        head += f" Days since 1970-01-01 (UTC), with fractions, are in place of the dates in: {dates}."
    return f"-- {' '.join(head.split())}\n{text}"


def _pooled(query: Query, model: FittedModel, encoded: Sequence[Sequence[Column]]) -> list[Column]:
    log = model.pooling is Pooling.LOG
    terms: list[list[str]] = [[] for _ in range(model.schema.n_outputs)]
    read: list[Column] = []
    for member in model.members:
        parts = [outputs(query, part.predictor, encoded[part.encoder]) for part in member.parts]
        for output, found in enumerate(zip(*parts, strict=True)):
            mean = f"{added([column.text for column in found])} / {number(len(found))}"
            value = query.add(mean, *found) if len(found) > 1 else found[0]
            if log:
                value = query.add(_logarithm(value.text, 1e-6), value)
            terms[output].append(f"{number(member.weight)} * {value.text}")
            read.append(value)
    total = [query.add(added(of_output), *read) for of_output in terms]
    if log:
        total = softmax(query, total)
    if model.temperature is not None:
        scores = [query.add(f"{_logarithm(one.text, 1e-7)} / {number(model.temperature)}", one) for one in total]
        total = softmax(query, scores)
    return total


def _logarithm(text: str, least: float) -> str:
    return f"LN(CASE WHEN {text} < {number(least)} THEN {number(least)} ELSE {text} END)"


def _answers(query: Query, model: FittedModel, found: Sequence[Column]) -> list[tuple[str, str]]:
    classes = model.schema.classes
    if classes is None:
        return [(found[0].text, "prediction")]
    weights = model.decision or (1.0,) * len(classes)
    judged = [query.add(f"{number(weight)} * {one.text}", one) for weight, one in zip(weights, found, strict=True)]
    cases = []
    for index, (label, one) in enumerate(zip(classes[:-1], judged, strict=False)):
        rest = " AND ".join(f"{one.text} >= {other.text}" for other in judged[index + 1 :])
        cases.append(f"WHEN {rest} THEN {literal(label)}")
    chosen = f"CASE {' '.join(cases)} ELSE {literal(classes[-1])} END" if cases else literal(classes[-1])
    shares = [(one.text, quoted(f"probability_{label}")) for label, one in zip(classes, found, strict=True)]
    return [(chosen, "prediction"), *shares]


def _stored(feature: Feature, value: Any) -> Any:
    return days_of(value) if feature.role is Role.DATETIME and value is not None else value


def database_in_memory() -> sqlite3.Connection:
    """One that is whole in memory, what it works with too: a process that is confined reaches none of the folders in
    which SQLite would have temporary files."""
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA temp_store = MEMORY")
    return database


def sqlite_answers(model: FittedModel, text: str, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """What SQLite answers to the query, (rows, outputs). Raises sqlite3.Error."""
    features = model.schema.features
    kinds = {Role.NUMERIC: "DOUBLE PRECISION", Role.DATETIME: "DOUBLE PRECISION", Role.BOOLEAN: "BOOLEAN"}
    columns = ", ".join(f"{quoted(feature.name)} {kinds.get(feature.role, 'VARCHAR')}" for feature in features)
    with database_in_memory() as database:
        database.execute(f"CREATE TABLE {TABLE} (flowml_row INTEGER PRIMARY KEY, {columns})")
        places = ", ".join("?" * (len(features) + 1))
        database.executemany(
            f"INSERT INTO {TABLE} VALUES ({places})",  # noqa: S608 - names of ours
            [(at, *(_stored(feature, row.get(feature.name)) for feature in features)) for at, row in enumerate(rows)],
        )
        asked = text.replace(MARKER, "flowml_row, ", 1)
        found = sorted(database.execute(asked).fetchall())
    database.close()
    first = 1 if model.schema.classes is None else 2
    if len(found) != len(rows):
        raise WrongState("This query loses rows.")
    return np.array([[np.nan if value is None else value for value in line[first:]] for line in found], dtype=float)
