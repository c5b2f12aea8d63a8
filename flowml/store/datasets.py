"""The datasets table."""

import sqlite3
from dataclasses import asdict

from flowml.domain.datasets import Column, ColumnStats, Dataset, Role, TopValue
from flowml.domain.errors import NotFound
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json


class Datasets:
    """Stored tables; the rows of a table are a Parquet file among the files."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, dataset: Dataset, stats: tuple[ColumnStats, ...]) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO datasets (id, name, filename, format, n_rows, n_columns, size_bytes, sha256, table_file,"
                " parent_id, created_at, columns, stats, warnings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                    to_json(dataset.warnings),
                ),
            )

    def get(self, dataset_id: str) -> Dataset:
        """Raises NotFound."""
        row = self._database.read().execute("SELECT * FROM datasets WHERE id = ?", (dataset_id,)).fetchone()
        if row is None:
            raise NotFound("There is no such data set.", hint="It may have been deleted.")
        return _dataset(row)

    def page(self, limit: int, offset: int) -> tuple[list[Dataset], int]:
        """Newest first, and how many there are in all."""
        connection = self._database.read()
        rows = connection.execute(
            "SELECT * FROM datasets ORDER BY created_at DESC, id LIMIT ? OFFSET ?", (limit, offset)
        ).fetchall()
        return [_dataset(row) for row in rows], self.count()

    def count(self) -> int:
        return int(self._database.read().execute("SELECT COUNT(*) FROM datasets").fetchone()[0])

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

    def delete(self, dataset_id: str) -> None:
        """Raises NotFound."""
        with self._database.write() as connection:
            if connection.execute("DELETE FROM datasets WHERE id = ?", (dataset_id,)).rowcount == 0:
                raise NotFound("There is no such data set.", hint="It may have been deleted already.")


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
        columns=tuple(Column(item["name"], item["dtype"], Role(item["role"])) for item in from_json(row["columns"])),
        warnings=tuple(from_json(row["warnings"])),
    )
