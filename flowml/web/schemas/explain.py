"""Why a model says what it says."""

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from flowml.web.schemas.base import Answer, Body, Object, Query

# A class as text, or as it is in the table.
Label = str | int | float | bool
_Number = Annotated[float, Field(allow_inf_nan=False)]


class Explain(Body):
    """One row, and of which class the explanation is to be."""

    features: Object
    target_class: Label | None = Field(None, alias="class", description="default: the one that is predicted")


class Contribution(Answer):
    feature: str
    value: Any = None
    contribution: float


class ExplainedMember(Answer):
    algorithm: str
    weight: float
    method: Literal["tree", "linear", "sampled"]


_OF_A_CLASS: dict[str, Any] = {
    "class": (str | None, Field(None, description="what it is about; null for numbers")),
}
_Explanation: Any = create_model("_Explanation", __base__=Answer, **_OF_A_CLASS)


class Explanation(_Explanation):
    """The base value and all contributions add up to the margin, in the units of `output`."""

    prediction: str | float | None
    probability: float | None
    output: Literal["value", "probability", "log-odds"] = Field(
        description="log-odds: of two classes against the other one; of more, the logarithm of the probability less the"
        " mean of those of all"
    )
    base_value: float
    margin: float
    contributions: list[Contribution] = Field(description="greatest first")
    methods: list[ExplainedMember]
    exact: bool = Field(description="whether trees and lines were all there was to explain")
    model_name: str
    warnings: list[str]


class ColumnLimits(Body):
    """What a column may become."""

    min: _Number | str | None = Field(None, description="a number, or a date as text")
    max: _Number | str | None = None
    allowed: list[str | _Number | bool | None] | None = Field(None, max_length=1_000)
    direction: Literal["up", "down"] | None = None


class TargetNumber(Body):
    above: _Number | None = None
    below: _Number | None = None


class FindChange(Body):
    """The row, what may change in it, and what is to be predicted instead."""

    features: Object
    changeable: list[str] | None = Field(
        None, max_length=10_000, description="the only columns that may change; default: all but free text"
    )
    limits: dict[str, ColumnLimits] | None = Field(None, max_length=10_000)
    target: Label | TargetNumber | None = Field(
        None, description="a class, by default another one; for numbers {“above”: …} or {“below”: …}"
    )


_CHANGE: dict[str, Any] = {"feature": (str, ...), "from": (Any, None), "to": (Any, None)}
ChangedColumn: Any = create_model("ChangedColumn", __base__=Answer, **_CHANGE)


class SmallestChange(Answer):
    """The fewest columns, then the smallest steps, that have the model say something else."""

    found: bool
    changes: list[ChangedColumn]
    prediction: str | float | None = Field(description="of the row with the changes, or as it is where none was found")
    probability: float | None
    probabilities: dict[str, float] | None
    tried: int = Field(description="how many rows the model was asked about")
    reason: str | None = Field(None, description="why nothing was found")


class DependenceQuery(Query):
    feature: str = Field(min_length=1, max_length=1_000)
    target_class: str | None = Field(None, alias="class", description="default: the last one")


_Dependence: Any = create_model("_Dependence", __base__=Answer, **_OF_A_CLASS)


class Dependence(_Dependence):
    """What is predicted when one column is set to each value of the grid: of classes a probability."""

    feature: str
    kind: Literal["number", "date", "boolean", "category"]
    grid: list[float | bool | str]
    mean: list[float]
    low: list[float] = Field(description="a tenth of the rows is below")
    high: list[float] = Field(description="a tenth of the rows is above")
    ice: list[list[float]] = Field(description="some single rows, each along the grid")
    shares: list[float] = Field(description="how much of the table lies at each value, or nearest to it")
    n_rows: int
