"""Pages of a table, sorted and searched, while the server's memory stays small.

The order of a sorted or searched table is found once, and kept as a file for as long as somebody looks at it. For a big
table so are its rows as lines, from which any few are read at once: made in the background when its first page is
shown. Until they are there, a child process looks through the table for each page.
"""

import hashlib
import logging
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from flowml.domain.datasets import Dataset, Preview
from flowml.domain.errors import FlowMLError
from flowml.domain.stored import reading
from flowml.services.context import Context
from flowml.services.tables import run_task, workplace
from flowml.services.turns import BEHIND

# From so many cells on a child process sorts, and rows are fetched from lines.
_BIG_CELLS = 5_000_000
_log = logging.getLogger(__name__)
_writing: set[str] = set()
_lock = threading.Lock()


def preview(
    context: Context,
    dataset_id: str,
    *,
    offset: int = 0,
    limit: int = 50,
    sort: str | None = None,
    descending: bool = False,
    search: str | None = None,
) -> Preview:
    """Rows `offset` to `offset + limit` (at most 1,000). `sort` orders by a column, missing values last, equal ones in
    the table's order; `search` keeps the rows with a value that contains the text, whatever its case.

    Raises NotFound, and InvalidInput for an unknown column or a page that cannot be.
    """
    from flowml.data.previews.page import check_page, page_as_it_stands

    dataset = context.store.datasets.get(dataset_id)
    table = context.store.files.path(dataset.table)
    check_page([column.name for column in dataset.columns], offset, limit, sort)
    if dataset.n_rows * dataset.n_columns > _BIG_CELLS:
        _have_lines(context, dataset, table)
    if sort is None and not search:
        with reading(table, dataset.table):
            return page_as_it_stands(table, dataset.n_rows, offset, limit)
    wanted = _Wanted(sort, search or None, descending, offset, limit)
    return _in_order(context, dataset, table, wanted)


@dataclass(frozen=True)
class _Wanted:
    sort: str | None
    search: str | None
    descending: bool
    offset: int
    limit: int


def _in_order(context: Context, dataset: Dataset, table: Path, wanted: _Wanted) -> Preview:
    from flowml.data.previews.lines import read_lines
    from flowml.data.previews.order import read_order
    from flowml.data.previews.page import page_in_order

    files = context.store.files
    key = (dataset.table, wanted.sort, wanted.search, wanted.descending)
    order = files.cached(f"order-{hashlib.sha256(repr(key).encode()).hexdigest()}")
    lines = _lines_file(context, dataset)
    if order.exists() and lines.exists():
        try:
            numbers, total = read_order(order, wanted.offset, wanted.limit)
            names = tuple(column.name for column in dataset.columns)
            rows = read_lines(lines, [column.dtype for column in dataset.columns], numbers)
            return Preview(names, rows, total, tuple(number + 1 for number in numbers))
        # Deleted just now, or damaged in whatever way: they are made again.
        except Exception as error:
            _log.warning("kept rows of %s cannot be read: %s", dataset.table, error)
            for file in (order, lines):
                file.unlink(missing_ok=True)
    with workplace(context) as place:
        request = {"table": str(table), "order": str(order if order.exists() else place.result), **asdict(wanted)}
        is_big = dataset.n_rows * dataset.n_columns > _BIG_CELLS
        if is_big:
            found = run_task(context, "page", request)
        else:
            with reading(table, dataset.table):
                found = page_in_order(request)
        if place.result.exists():
            place.result.replace(order)
    return Preview(tuple(found["columns"]), tuple(map(tuple, found["rows"])), found["total"], tuple(found["numbers"]))


def _lines_file(context: Context, dataset: Dataset) -> Path:
    return context.store.files.cached(f"lines-{dataset.table}")


def _have_lines(context: Context, dataset: Dataset, table: Path) -> None:
    """See that the rows of a big table are there as lines, or are being written."""
    kept = _lines_file(context, dataset)
    if kept.exists():
        return
    with _lock:
        if dataset.table in _writing:
            return
        _writing.add(dataset.table)
    threading.Thread(target=_write_lines, args=(context.until(None), dataset.table, table, kept), daemon=True).start()


def _write_lines(context: Context, name: str, table: Path, kept: Path) -> None:
    try:
        with workplace(context) as place:
            run_task(context, "lines", {"table": str(table), "target": str(place.result)}, line=BEHIND)
            place.result.replace(kept)
    # Pages come without it too, only more slowly: there may be no room for it.
    except (FlowMLError, OSError) as error:
        _log.warning("no lines of %s: %s", name, error)
    finally:
        with _lock:
            _writing.discard(name)
