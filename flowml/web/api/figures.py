"""Figures of data sets over HTTP: statistics, distributions, correlations, relations to a target, quality."""

from typing import Any

from flowml.services import figures
from flowml.services.context import Context
from flowml.web.schemas.datasets import CorrelationQuery, DistributionQuery
from flowml.web.schemas.quality import QualityQuery, RelationQuery


def stats(context: Context, dataset_id: str) -> dict[str, Any]:
    """Every column in figures."""
    return {"columns": figures.stats(context, dataset_id)}


def correlation(context: Context, dataset_id: str, query: CorrelationQuery) -> Any:
    """How strongly columns go together."""
    return figures.correlation(context, dataset_id, query.method)


def distribution(context: Context, dataset_id: str, column: str, query: DistributionQuery) -> Any:
    """How the values of one column are spread."""
    return figures.distribution(context, dataset_id, column, bins=query.bins)


def texts(context: Context, dataset_id: str, column: str) -> dict[str, Any]:
    """How long the texts of a column are, which words are frequent in it, and some of them."""
    return figures.texts(context, dataset_id, column)


def relations(context: Context, dataset_id: str, query: RelationQuery) -> dict[str, Any]:
    """How much each column says about a target, the strongest first."""
    return figures.relations(context, dataset_id, query.target)


def relation(context: Context, dataset_id: str, column: str, query: RelationQuery) -> dict[str, Any]:
    """What to draw of a column and a target, or of any two columns."""
    return figures.relation(context, dataset_id, column, query.target)


def quality(context: Context, dataset_id: str, query: QualityQuery) -> Any:
    """What is wrong with a table or may be, the worst first, and operations that mend it."""
    return figures.quality(context, dataset_id, query.target)
