"""The quality of a table, and how its columns relate to a target."""

from typing import Annotated, Any, Literal

from pydantic import Field

from flowml.domain.datasets import Role, Severity
from flowml.web.schemas.base import Answer, Query

Share = Annotated[float, Field(description="0 to 1")]


class QualityQuery(Query):
    target: str | None = Field(None, description="the column to be predicted; adds what concerns predicting it")


class Finding(Answer):
    """Something about the quality of a table, in words for a person."""

    code: str
    severity: Severity
    columns: list[str]
    message: str
    suggestion: str
    operations: Annotated[
        list[dict[str, Any]], Field(description="what would mend it, for /transform; empty where only its owner can")
    ]
    fix: Annotated[str, Field(description="what the operations do, in words")] = ""


class Quality(Answer):
    """Findings, the worst first."""

    target: str | None
    issues: list[Finding]
    note: Annotated[str | None, Field(description="what was judged on a sample, if anything")] = None


class RelationQuery(Query):
    target: str = Field(description="the column to be predicted, or any other one")


class ColumnRelation(Answer):
    """How much one column says about the target; null where the column does not vary."""

    name: str
    role: Role
    strength: Annotated[float | None, Field(description="0 to 1, whatever the shape of the relation")]
    direction: Annotated[
        int, Field(description="1: the target rises with it, -1: it falls, 0: neither can be said")
    ] = 0
    measure: str
    mutual_information: Annotated[float | None, Field(description="in bits")]


class Relations(Answer):
    """How much each column says about the target, the strongest first."""

    target: str
    target_kind: Literal["classes", "numbers"]
    columns: list[ColumnRelation]
    note: str | None = None


class _Figure(Answer):
    column: str
    target: str
    strength: float | None
    caption: str
    note: str | None = None


class ScatterBin(Answer):
    low: float
    high: float
    count: int
    mean: float


class Scatter(_Figure):
    """Two columns of numbers: some of the points, and the mean of the target over equal shares of the rows."""

    kind: Literal["scatter"]
    points: list[tuple[float, float]]
    bins: list[ScatterBin]


class Box(Answer):
    """The numbers of one category; `low` and `high` are the furthest within 1.5 times the middle half."""

    label: str
    count: int
    low: float
    q25: float
    median: float
    q75: float
    high: float
    mean: float


class Boxes(_Figure):
    """Numbers by category."""

    kind: Literal["boxes"]
    value: str
    groups: list[Box]
    other: int


class ShareGroup(Answer):
    """The rows of one category or bin; `shares` are in the order of the classes."""

    label: str
    low: Any = None
    high: Any = None
    count: int
    shares: list[Share]


class Shares(_Figure):
    """Classes by category, bin or period."""

    kind: Literal["shares"]
    classes: list[str]
    groups: list[ShareGroup]
    other: int


class Period(Answer):
    start: Any
    end: Any
    count: int
    mean: float


class Trend(_Figure):
    """Numbers in time."""

    kind: Literal["trend"]
    periods: list[Period]


Relation = Scatter | Boxes | Shares | Trend
