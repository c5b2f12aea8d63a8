"""Pages of a table, sorted and searched, while the server's memory stays small.

The order of a sorted or searched table is found once, and kept as a file for as long as somebody looks at it. For a big
table so is a form of it from which single rows can be fetched, made in the background when its first page is shown.
"""

import hashlib
import logging
import threading
from pathlib import Path

from flowml.domain.datasets import Dataset, Preview
from flowml.domain.errors import FlowMLError
from flowml.services.context import Context
from flowml.services.tables import run_task, workplace

# From so many cells on a child process sorts, and rows are fetched from a file made for it.
_BIG_CELLS = 5_000_000
_log = logging.getLogger(__name__)
_making: set[str] = set()
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
    from flowml.data.preview import check_page, page_in_order, page_of_numbers

    dataset = context.store.datasets.get(dataset_id)
    table = context.store.files.path(dataset.table)
    check_page([column.name for column in dataset.columns], offset, limit, sort)
    rows_file = _rows_file(context, dataset, table)
    if sort is None and not search:
        return page_in_order(table, dataset.n_rows, offset, limit)
    order = _order(context, dataset, table, sort, search or None, descending=descending)
    return page_of_numbers(table, rows_file, order, offset, limit)


def _is_big(dataset: Dataset) -> bool:
    return dataset.n_rows * dataset.n_columns > _BIG_CELLS


def _order(
    context: Context, dataset: Dataset, table: Path, sort: str | None, search: str | None, *, descending: bool
) -> Path:
    key = hashlib.sha256(repr((dataset.table, sort, search, descending)).encode()).hexdigest()
    kept = context.store.files.kept_temp(f"order-{key}")
    if kept.exists():
        return kept
    with workplace(context) as place:
        request = {
            "table": str(table),
            "target": str(place.result),
            "sort": sort,
            "search": search,
            "descending": descending,
        }
        if _is_big(dataset):
            run_task(context, "order", request)
        else:
            from flowml.data.order import order_table

            order_table(request)
        place.result.replace(kept)
    return kept


def _rows_file(context: Context, dataset: Dataset, table: Path) -> Path | None:
    """Where single rows of a big table are read from; None while it is not there (yet), or for a small table."""
    if not _is_big(dataset):
        return None
    kept = context.store.files.kept_temp(f"rows-{dataset.table}")
    if kept.exists():
        return kept
    with _lock:
        if dataset.table not in _making:
            _making.add(dataset.table)
            threading.Thread(target=_store_rows, args=(context, dataset.table, table, kept), daemon=True).start()
    return None


def _store_rows(context: Context, name: str, table: Path, kept: Path) -> None:
    try:
        with workplace(context) as place:
            run_task(context, "rows", {"table": str(table), "target": str(place.result)})
            place.result.replace(kept)
    # Pages come without it too, only more slowly: there may be no room for it.
    except (FlowMLError, OSError) as error:
        _log.warning("no file of single rows for %s: %s", name, error)
    finally:
        with _lock:
            _making.discard(name)
