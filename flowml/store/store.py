"""The store of one home folder, as every process opens it for itself."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowml.domain.errors import NoRoom, StartupError
from flowml.domain.faults import fault_of
from flowml.store.database import Database
from flowml.store.datasets import Datasets
from flowml.store.events import Events
from flowml.store.files import Files, Strays
from flowml.store.history import History
from flowml.store.home import Home
from flowml.store.jobs import Jobs
from flowml.store.migrations import migrate
from flowml.store.models import Models
from flowml.store.room import Room
from flowml.store.tokens import Tokens
from flowml.store.trials import Trials
from flowml.store.workers import Workers


class Store:
    """Tables and files. Every call is synchronous and may come from any thread."""

    def __init__(self, home: Path, *, now: float = 0.0):
        """Open (and where needed create or migrate) the store in this folder. Raises StartupError."""
        self.home = Home(home)
        self.home.prepare()
        try:
            self._database = Database(self.home.database)
            with self._database.maintenance() as connection:
                migrate(connection, now)
        except sqlite3.DatabaseError as error:
            if isinstance(fault_of(error), NoRoom):
                raise self.home.unusable(error) from error
            raise StartupError(
                f"The database {self.home.database} cannot be opened: {error}.",
                hint="Restore the home folder from a backup, or choose another with --home.",
            ) from error
        # What is known to be wrong with the database, and which files it does not know, from looking it over.
        self.damage: str | None = None
        self.strays = Strays()
        self.files = Files(self.home.files, self.home.temporary, self.home.cache, self._database)
        self.room = Room(self.home.path)
        self.datasets = Datasets(self._database)
        self.jobs = Jobs(self._database)
        self.trials = Trials(self._database)
        self.models = Models(self._database)
        self.workers = Workers(self._database)
        self.events = Events(self._database)
        self.history = History(self._database)
        self.tokens = Tokens(self._database)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several changes as one: all of them are stored, or none."""
        with self._database.write():
            yield

    def data_version(self) -> int:
        """A number that changes whenever any process has stored something."""
        return self._database.data_version()

    def look_over(self, seconds: float) -> None:
        """See whether the database is what was written, as far as that takes no longer than this, and whether the files
        are its own."""
        self.damage = self._database.damage(seconds) or self.damage
        if self.damage is None:
            self.strays = self.files.strays()

    def close(self) -> None:
        self._database.close()
