"""Datasets."""

from typing import Annotated, Any, Literal

from pydantic import Field

from flowml.domain.datasets import Column, Role
from flowml.domain.remarks import RemarkSeverity
from flowml.web.schemas.base import Answer, Body, Listing, Query, Timestamp


class Remark(Answer):
    """What is worth saying about how a table was read or made."""

    code: Annotated[str, Field(description="what it is about: a word that stays the same")]
    severity: Annotated[
        RemarkSeverity,
        Field(
            description="loss: something of the file is not in the table; decision: something was decided that may have"
            " been meant otherwise; note: worth knowing"
        ),
    ]
    message: Annotated[str, Field(validation_alias="text", description="a sentence for people")]


class Dataset(Answer):
    """A stored table."""

    id: str
    name: str
    filename: str
    format: str
    n_rows: int
    n_columns: int
    size_bytes: int
    sha256: str
    parent_id: str | None
    created_at: Timestamp
    # The domain's own: very many stand in a list, and each of a schema would be a copy.
    columns: list[Column]
    warnings: Annotated[list[Remark], Field(validation_alias="remarks", description="what is worth saying of it")]
    recipe: Annotated[list[dict[str, Any]], Field(description="what was done to it since it was read, or since code")]
    code: Annotated[str | None, Field(description="the code that made it of its parent; null where none did")]


class DatasetList(Listing[Dataset]):
    """A part of a list, and how many there are in all."""


class UploadForm(Answer):
    """`multipart/form-data`."""

    file: Annotated[
        bytes,
        Field(
            description="the table: CSV and other text tables, spreadsheets (XLSX, XLS, XLSB, ODS), Parquet, Arrow,"
            " Avro, ORC, JSON, JSON Lines, YAML, TOML, XML, SQLite, OFX, QIF, ICS, VCF or a log; also inside .gz,"
            " .bz2, .xz, .zst or .zip"
        ),
    ]
    name: Annotated[str | None, Field(description="what to call it; default: the file's name")] = None
    options: Annotated[str | None, Field(description="JSON object: sheet, delimiter, encoding, …")] = None


class ReadAgain(Body):
    """Another way to read the same file."""

    options: dict[str, Any] = Field(description="as for an upload: delimiter, encoding, sheet, …")


class ReadingOption(Answer):
    """Something that may be said about a file: `given` by its owner, or else `decided` from its content."""

    name: str
    title: str
    kind: Annotated[str, Field(description="text, flag, whole, texts (a list) or choice (one of `values`)")]
    values: list[str]
    given: Any
    decided: Any


class ReadingOptions(Answer):
    format: Annotated[str, Field(description="what the file was read as, in words")]
    items: list[ReadingOption]


class PreviewQuery(Query):
    offset: int = Field(0, ge=0, le=10**12, description="how many rows to leave out first")
    limit: int = Field(50, ge=1, le=1000, description="how many rows")
    sort: str | None = Field(None, description="name of the column to sort by")
    descending: bool = False
    search: str | None = Field(None, max_length=1000, description="only rows that contain this text")


class DownloadQuery(Query):
    format: Literal["csv", "parquet", "arrow", "jsonl", "xlsx"] = "csv"


class Preview(Answer):
    """Some rows of a table."""

    columns: list[str]
    rows: list[list[Any]]
    total: int


class TopValue(Answer):
    value: Any
    count: int


class ColumnStats(Answer):
    """One column in figures; what does not apply is null."""

    name: str
    dtype: str
    role: Role
    count: int
    missing: int
    missing_share: float
    n_unique: int
    mean: float | None
    std: float | None
    min: Any
    q25: float | None
    median: float | None
    q75: float | None
    max: Any
    skewness: float | None
    top: list[TopValue]
    reason: Annotated[str | None, Field(description="why the column has its role")] = None


class Stats(Answer):
    columns: list[ColumnStats]


class CorrelationQuery(Query):
    method: Literal["pearson", "spearman", "association"] = "pearson"


class Correlation(Answer):
    columns: list[str]
    matrix: list[list[float | None]]
    directions: Annotated[
        list[list[int]],
        Field(description="1: they rise together, -1: one falls as the other rises, 0: there is no such thing"),
    ]
    method: str
    note: Annotated[str | None, Field(description="what was left out, if anything")] = None


class DistributionQuery(Query):
    bins: int = Field(20, ge=1, le=500)


class Histogram(Answer):
    """How numbers or times are spread: `counts[i]` of them lie between `edges[i]` and `edges[i + 1]`."""

    kind: Literal["histogram"] = "histogram"
    edges: list[Any]
    counts: list[int]
    missing: int


class Categories(Answer):
    """How often each value occurs; `other` counts those not listed."""

    kind: Literal["categories"] = "categories"
    values: list[Any]
    counts: list[int]
    other: int
    missing: int


class Word(Answer):
    word: str
    count: Annotated[int, Field(description="rows whose text holds it")]


class Texts(Answer):
    """What stands in a column of texts."""

    lengths: Annotated[Histogram, Field(description="in characters")]
    words: Annotated[list[Word], Field(description="of three letters or more, in more than one row")]
    samples: list[str]
    note: str | None = None


Distribution = Histogram | Categories
