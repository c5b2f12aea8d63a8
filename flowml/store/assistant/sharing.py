"""The table sharing: of which columns of a data set values may be told; a new version has what its parent has."""

from typing import Any

from flowml.domain.sharing import Sharing, Tick
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json

# All data sets that come of the same file: up to the first, and down again.
_FAMILY = (
    "WITH RECURSIVE up (id, parent_id) AS (SELECT id, parent_id FROM datasets WHERE id = ?"
    " UNION SELECT datasets.id, datasets.parent_id FROM datasets JOIN up ON datasets.id = up.parent_id),"
    " family (id) AS (SELECT id FROM up UNION SELECT datasets.id FROM datasets JOIN family"
    " ON datasets.parent_id = family.id)"
)


class SharedValues:
    """What owners of tables have decided."""

    def __init__(self, database: Database):
        self._database = database

    def get(self, dataset_id: str) -> Sharing:
        """What was decided; nothing is shared where nobody has decided anything."""
        row = self._database.current().execute("SELECT * FROM sharing WHERE dataset_id = ?", (dataset_id,)).fetchone()
        if row is None:
            return Sharing()
        ticks = {name: Tick(bool(tick["shared"]), tick["personal"]) for name, tick in from_json(row["columns"]).items()}
        return Sharing(bool(row["ordinary"]), ticks, row["changed_at"], row["changed_by"])

    def family(self, dataset_id: str) -> dict[str, str]:
        """All versions of the same table, itself among them, and whose they are."""
        rows = self._database.current().execute(
            f"{_FAMILY} SELECT datasets.id, owner FROM family JOIN datasets ON datasets.id = family.id", (dataset_id,)
        )
        return dict(tuple(row) for row in rows)

    def keep(self, dataset_id: str, sharing: Sharing) -> None:
        """Of a data set that is gone nothing is kept."""
        columns: dict[str, Any] = {
            name: {"shared": tick.shared, "personal": tick.personal} for name, tick in sharing.columns.items()
        }
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO sharing (dataset_id, ordinary, columns, changed_at, changed_by)"
                " SELECT id, ?, ?, ?, ? FROM datasets WHERE id = ?"
                " ON CONFLICT (dataset_id) DO UPDATE SET ordinary = excluded.ordinary,"
                " columns = excluded.columns, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
                (int(sharing.ordinary), to_json(columns), sharing.changed_at, sharing.changed_by, dataset_id),
            )
