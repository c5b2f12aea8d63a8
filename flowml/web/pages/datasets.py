"""Data Studio: the tables, and one table from every side."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowml.domain.datasets import ColumnStats, Dataset, Role
from flowml.domain.jobs import Job
from flowml.domain.recipes import Confinement
from flowml.services import datasets, figures, jobs, previews, versions
from flowml.services.assistant import executing
from flowml.services.versions import Table
from flowml.web.bodies import write_in_parts
from flowml.web.caller import context_of
from flowml.web.endpoint import parse_query
from flowml.web.pages.dataset_parts import DOWNLOADS, STARTERS, Download, decisions, notes
from flowml.web.pages.dataset_versions import History, history_of
from flowml.web.pages.frame import build_frame
from flowml.web.pages.home import SAMPLES, Sample
from flowml.web.pages.listing import offset_of, to_the_last_page, whole
from flowml.web.schemas.datasets import PreviewQuery
from flowml.web.templating import Page, respond

LISTED = 50
MOST_RUNS = 200
PREVIEW_ROWS = 50
SHOWN_COLUMNS = 100
SHOWN_NOTES = 4
SHOWN_VERSIONS = 10
LARGEST_EXACT = 2**53


@dataclass(frozen=True, kw_only=True)
class DatasetsPage(Page):
    template: ClassVar[str] = "datasets.html"

    tables: list[Table]
    total: int
    offset: int
    limit: int
    samples: tuple[Sample, ...]
    max_upload_bytes: int
    extensions: tuple[str, ...]


@dataclass(frozen=True)
class GridColumn:
    """A column of the preview; `width` in characters, from its name and the first values. `index` counts all columns
    of the table."""

    index: int
    name: str
    role: str
    reason: str | None
    dtype: str
    count: int
    n_unique: int
    missing: int
    missing_share: float
    numeric: bool
    width: int


@dataclass(frozen=True, kw_only=True)
class DatasetPage(Page):
    """`columns` is the window of columns on show, which starts at `first_column`; `rows` are the first rows of it.

    `recipe` is (JSON) what was done to the table since its file was read, `decisions` are how that was read, option by
    option. `can_correlate`: there are numbers enough for a correlation. `judged_at_once`: what is wrong is looked for
    unasked. `confinement`: what keeps code from the rest of this machine.
    """

    template: ClassVar[str] = "dataset.html"

    dataset: Dataset
    history: History
    recipe: list[dict[str, Any]]
    format_title: str
    decisions: list[tuple[str, str]]
    notes: list[str]
    shown_notes: int
    downloads: tuple[Download, ...]
    operations: dict[str, str]
    starters: tuple[tuple[str, str], ...]
    stats: list[ColumnStats]
    columns: list[GridColumn]
    rows: list[list[Any]]
    first_column: int
    shown_columns: int
    missing_cells: int
    role_counts: dict[str, int]
    jobs: list[Job]
    n_jobs: int
    can_correlate: bool
    judged_at_once: bool
    confinement: Confinement


def index(request: Request) -> Response:
    context = context_of(request)
    frame = build_frame(request, "datasets")
    offset = offset_of(request)
    found, total = versions.list_tables(context, LISTED, offset, SHOWN_VERSIONS)
    if total and not found:
        return to_the_last_page(request, total, LISTED)
    return respond(
        request,
        DatasetsPage(
            title="Data Studio",
            frame=frame,
            tables=found,
            total=total,
            offset=offset,
            limit=LISTED,
            samples=SAMPLES,
            max_upload_bytes=context.settings.max_upload_bytes,
            extensions=datasets.supported_extensions(),
        ),
    )


def page(request: Request) -> Response:
    context = context_of(request)
    dataset = datasets.get_dataset(context, request.path_params["dataset_id"])
    # Whoever opens a table asks something about it next.
    datasets.expect_work()
    frame = build_frame(request, "datasets")
    stats = list(figures.stats(context, dataset.id))
    preview = previews.preview(context, dataset.id, offset=0, limit=PREVIEW_ROWS)
    first = min(whole(request.query_params.get("columns")), max(0, dataset.n_columns - 1)) // SHOWN_COLUMNS
    window = slice(first * SHOWN_COLUMNS, (first + 1) * SHOWN_COLUMNS)
    rows = [list(row[window]) for row in preview.rows]
    format_title, options = datasets.reading_options(context, dataset.id)
    roles: dict[str, int] = {}
    for column in dataset.columns:
        roles[column.role] = roles.get(column.role, 0) + 1
    runs, n_runs = jobs.list_jobs(context, MOST_RUNS, 0, dataset.id)
    return respond(
        request,
        DatasetPage(
            title=dataset.name,
            frame=frame,
            dataset=dataset,
            history=history_of(context, dataset.id),
            recipe=[dict(operation) for operation in dataset.recipe],
            format_title=format_title,
            decisions=decisions(options),
            notes=notes(dataset.remarks),
            shown_notes=SHOWN_NOTES,
            downloads=DOWNLOADS,
            operations={operation.name: operation.title for operation in versions.list_operations()},
            starters=STARTERS,
            stats=stats[window],
            columns=[
                _grid_column(window.start + at, column, [row[at] for row in rows])
                for at, column in enumerate(stats[window])
            ],
            rows=rows,
            first_column=window.start,
            shown_columns=SHOWN_COLUMNS,
            missing_cells=sum(column.missing for column in stats),
            role_counts=roles,
            jobs=runs,
            n_jobs=n_runs,
            can_correlate=sum(column.role is Role.NUMERIC for column in stats) > 1,
            judged_at_once=figures.is_judged_at_once(dataset),
            confinement=executing.confinement(),
        ),
    )


def rows(request: Request) -> Response:
    """What `/api/datasets/{id}/preview` answers, for the grid: numbers that a browser would round come as texts, and
    `numbers` are those of the rows in the table as it stands."""
    query = parse_query(request.query_params, PreviewQuery)
    found = previews.preview(context_of(request), request.path_params["dataset_id"], **query.model_dump())
    rows = ([_exact(value) for value in row] for row in found.rows)
    content = write_in_parts("rows", rows, columns=found.columns, total=found.total, numbers=found.numbers)
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})


def spreads(request: Request) -> Response:
    """How the columns of the window that begins with the column number `columns` are spread over the rows that contain
    `search`: {name: distribution}, for the header of the grid."""
    context = context_of(request)
    dataset = datasets.get_dataset(context, request.path_params["dataset_id"])
    query = parse_query({"search": request.query_params.get("search", "")}, PreviewQuery)
    first = whole(request.query_params.get("columns"))
    columns = dataset.columns[first : first + SHOWN_COLUMNS]
    found = figures.distributions_of_found(context, dataset.id, columns, query.search or "")
    content = {column.name: asdict(spread) for column, spread in zip(columns, found, strict=True)}
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def _exact(value: Any) -> Any:
    return str(value) if isinstance(value, int) and abs(value) > LARGEST_EXACT else value


def _grid_column(at: int, column: ColumnStats, values: list[Any]) -> GridColumn:
    longest = max((len(str(value)) for value in values if value is not None), default=0)
    width = max(11, min(28, longest + 3), min(26, len(column.name) + 5))
    return GridColumn(
        index=at,
        name=column.name,
        role=str(column.role),
        reason=column.reason,
        dtype=column.dtype,
        count=column.count,
        n_unique=column.n_unique,
        missing=column.missing,
        missing_share=column.missing_share,
        numeric=column.mean is not None,
        width=width,
    )
