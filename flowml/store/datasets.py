"""The datasets table."""

import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from flowml.domain.datasets import Column, ColumnStats, Dataset, HowRead, Role, TopValue
from flowml.domain.errors import NotFound
from flowml.domain.remarks import Remark
from flowml.store.database import Database
from flowml.store.rows import from_json, names_from, read_once, to_json

_READ = (
    "id, name, filename, format, n_rows, n_columns, size_bytes, sha256, table_file, parent_id, created_at, columns,"
    " warnings, source_file, how_read, recipe, root_table_file, owner, code"
)
"""All but the statistics, which are long."""


class Datasets:
    """Stored tables; the rows of a table are a Parquet file among the files."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, dataset: Dataset, stats: tuple[ColumnStats, ...], figures: Mapping[str, Any] | None = None) -> None:
        """Store a data set, and figures of it that are known already."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO datasets (id, name, filename, format, n_rows, n_columns, size_bytes, sha256, table_file,"
                " parent_id, created_at, columns, stats, warnings, source_file, how_read, recipe, root_table_file,"
                " owner, code)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    dataset.id,
                    dataset.name,
                    dataset.filename,
                    dataset.format,
                    dataset.n_rows,
                    dataset.n_columns,
                    dataset.size_bytes,
                    dataset.sha256,
                    dataset.table,
                    dataset.parent_id,
                    dataset.created_at,
                    to_json([asdict(column) for column in dataset.columns]),
                    to_json([asdict(column) for column in stats]),
                    to_json([asdict(remark) for remark in dataset.remarks]),
                    dataset.source,
                    to_json(asdict(dataset.how_read)),
                    to_json(dataset.recipe),
                    dataset.root_table,
                    dataset.owner,
                    dataset.code,
                ),
            )
            for name, body in (figures or {}).items():
                _keep_figure(connection, dataset.id, name, body)

    def get(self, dataset_id: str) -> Dataset:
        """Raises NotFound."""
        row = self._database.current().execute(f"SELECT {_READ} FROM datasets WHERE id = ?", (dataset_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such data set.", hint="It may have been deleted.")
        return _dataset(row)

    def page(self, limit: int, offset: int) -> tuple[list[Dataset], int]:
        """Newest first, and how many there are in all."""
        connection = self._database.read()
        rows = connection.execute(
            f"SELECT {_READ} FROM datasets WHERE id IN"
            " (SELECT id FROM datasets ORDER BY created_at DESC, id LIMIT ? OFFSET ?) ORDER BY created_at DESC, id",
            (limit, offset),
        ).fetchall()
        return [_dataset(row) for row in rows], self.count()

    def names(self, dataset_ids: Collection[str]) -> dict[str, str]:
        """What those of these data sets are called that are there, by their ids."""
        query = "SELECT id, name FROM datasets WHERE id IN (SELECT value FROM json_each(?))"
        return {row["id"]: row["name"] for row in self._database.read().execute(query, (to_json(list(dataset_ids)),))}

    def tables(self, limit: int, offset: int) -> tuple[list[list[str]], int]:
        """The ids of tables each with those of its versions, in the order in which they were made; first the table of
        which there is the newest version. And how many tables there are."""
        connection = self._database.read()
        rows = connection.execute(
            "WITH RECURSIVE family (id, root, at) AS ("
            " SELECT id, id, created_at FROM datasets WHERE parent_id IS NULL"
            " UNION ALL SELECT made.id, family.root, made.created_at FROM datasets AS made"
            " JOIN family ON made.parent_id = family.id),"
            " part AS (SELECT root, MAX(at) AS newest FROM family GROUP BY root"
            " ORDER BY newest DESC, root LIMIT ? OFFSET ?)"
            " SELECT family.root, id FROM family JOIN part ON part.root = family.root"
            " ORDER BY newest DESC, family.root, id <> family.root, at, id",
            (limit, offset),
        )
        families: dict[str, list[str]] = {}
        for root, member in rows:
            families.setdefault(root, []).append(member)
        total = connection.execute("SELECT COUNT(*) FROM datasets WHERE parent_id IS NULL").fetchone()[0]
        return list(families.values()), int(total)

    def count(self) -> int:
        return int(self._database.read().execute("SELECT COUNT(*) FROM datasets").fetchone()[0])

    def names_from(self, beginning: str) -> set[str]:
        """The names that begin like this."""
        return names_from(self._database.current(), "datasets", beginning)

    def rename(self, dataset_id: str, name: str) -> Dataset:
        """Raises NotFound."""
        with self._database.write() as connection:
            connection.execute("UPDATE datasets SET name = ? WHERE id = ?", (name, dataset_id))
            return self.get(dataset_id)

    def stats(self, dataset_id: str) -> tuple[ColumnStats, ...]:
        """Raises NotFound."""
        row = self._database.read().execute("SELECT stats FROM datasets WHERE id = ?", (dataset_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such data set.", hint="It may have been deleted.")
        return tuple(
            ColumnStats(
                **{
                    **item,
                    "role": Role(item["role"]),
                    "top": tuple(TopValue(top["value"], top["count"]) for top in item["top"]),
                }
            )
            for item in from_json(row["stats"])
        )

    def figure(self, dataset_id: str, name: str) -> Any:
        """What was kept under this name; None when nothing was."""
        query = "SELECT body FROM figures WHERE dataset_id = ? AND name = ?"
        row = self._database.read().execute(query, (dataset_id, name)).fetchone()
        return None if row is None else from_json(row["body"])

    def keep_figure(self, dataset_id: str, name: str, body: Any) -> None:
        """Keep an answer that took long to compute, as JSON; of a data set that is gone, nothing is kept."""
        with self._database.write() as connection:
            if connection.execute("SELECT 1 FROM datasets WHERE id = ?", (dataset_id,)).fetchone():
                _keep_figure(connection, dataset_id, name, body)

    def children(self, dataset_id: str) -> list[Dataset]:
        """The versions made from a data set, oldest first."""
        query = f"SELECT {_READ} FROM datasets WHERE parent_id = ? ORDER BY created_at, id"
        return [_dataset(row) for row in self._database.read().execute(query, (dataset_id,))]

    def delete(self, dataset_id: str) -> None:
        """Raises NotFound."""
        with self._database.write() as connection:
            if connection.execute("DELETE FROM datasets WHERE id = ?", (dataset_id,)).rowcount == 0:
                raise NotFound("There is no such data set.", hint="It may have been deleted already.")


def _keep_figure(connection: sqlite3.Connection, dataset_id: str, name: str, body: Any) -> None:
    connection.execute(
        "INSERT INTO figures (dataset_id, name, body) VALUES (?, ?, ?)"
        " ON CONFLICT (dataset_id, name) DO UPDATE SET body = excluded.body",
        (dataset_id, name, to_json(body)),
    )


@read_once(2_000)
def _columns(text: str) -> tuple[Column, ...]:
    return tuple(_column(item["name"], item["dtype"], item["role"]) for item in from_json(text))


@lru_cache(maxsize=10_000)
def _column(name: str, dtype: str, role: str) -> Column:
    """The same for all versions of a table, because a list of them has very many."""
    return Column(name, dtype, Role(role))


def _dataset(row: sqlite3.Row) -> Dataset:
    return Dataset(
        id=row["id"],
        name=row["name"],
        filename=row["filename"],
        format=row["format"],
        n_rows=row["n_rows"],
        n_columns=row["n_columns"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        table=row["table_file"],
        parent_id=row["parent_id"],
        created_at=row["created_at"],
        columns=_columns(row["columns"]),
        remarks=tuple(map(Remark.of_record, from_json(row["warnings"]))),
        source=row["source_file"],
        how_read=HowRead(**from_json(row["how_read"])),
        recipe=tuple(from_json(row["recipe"])),
        root_table=row["root_table_file"],
        owner=row["owner"],
        code=row["code"],
    )
