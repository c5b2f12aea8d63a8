"""The store of one home folder, as every process opens it for itself."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from flowml.domain.errors import NoRoom, StartupError
from flowml.domain.faults import fault_of, kept_if_there_is_room
from flowml.store.assistant.conversations import Conversations
from flowml.store.assistant.language_models import LanguageModels
from flowml.store.assistant.last_answers import LastAnswers
from flowml.store.assistant.sharing import SharedValues
from flowml.store.assistant.tries import Tries
from flowml.store.attempts import Attempts
from flowml.store.database import Database
from flowml.store.datasets import Datasets
from flowml.store.events import Events
from flowml.store.files import Files, Strays
from flowml.store.fleet.blame import Blame
from flowml.store.fleet.workers import Workers
from flowml.store.history import History
from flowml.store.home import Home
from flowml.store.jobs import Jobs
from flowml.store.logs import Logs
from flowml.store.migrations import migrate
from flowml.store.models import Models
from flowml.store.room import Room
from flowml.store.scorings import Scorings
from flowml.store.sessions import Sessions
from flowml.store.tokens import Tokens
from flowml.store.trials import Trials

_log = logging.getLogger(__name__)
Changed = TypeVar("Changed")


class Store:
    """Tables and files. Every call is synchronous and may come from any thread."""

    def __init__(self, home: Path, *, now: float = 0.0):
        """Open (and where needed create or migrate) the store in this folder. Raises StartupError."""
        self.home = Home(home)
        self.home.prepare()
        self.is_closed = False
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
        self.attempts = Attempts(self._database)
        self.blame = Blame(self._database)
        self.models = Models(self._database)
        self.workers = Workers(self._database)
        self.events = Events(self._database)
        self.logs = Logs(self._database)
        self.history = History(self._database)
        self.tokens = Tokens(self._database)
        self.sessions = Sessions(self._database)
        self.scorings = Scorings(self._database)
        self.sharing = SharedValues(self._database)
        self.conversations = Conversations(self._database)
        self.language_models = LanguageModels(self._database)
        self.tries = Tries(self._database)
        self.last_answers = LastAnswers(self._database)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several changes as one: all of them are stored, or none."""
        with self._database.write():
            yield

    def delete(self, rows: Callable[[], None]) -> None:
        """Do what deletes rows, as one change, on a full disk, too; and delete the files that only they referred to.
        Raises as `at_any_rate` does."""
        self.at_any_rate(rows)
        if self.damage is None:
            # What is left over goes when the house is kept.
            with kept_if_there_is_room("which files were deleted"):
                self.files.remove_deleted()
        if self.home.ballast.size() == 0:
            self._shorten_log()

    def at_any_rate(self, change: Callable[[], Changed]) -> Changed:
        """Make a change of the database that makes room, or ends what takes it: for such there is the ballast on a full
        disk. It is done again where there was too little. Raises what it raises, and NoRoom when no ballast is left."""
        while True:
            try:
                with self.transaction():
                    return change()
            except Exception as error:
                if not isinstance(fault_of(error), NoRoom):
                    raise
                if not self.home.ballast.give_up_half():
                    raise NoRoom(
                        "The disk that holds FlowML's folder is so full that not even this can be noted.",
                        hint="Delete something smaller first, or make some megabytes of room on it by other means.",
                    ) from error
                _log.warning("the disk is full: some of the ballast is given up")
                self._shorten_log()

    def take_ballast(self) -> None:
        """Have room for what has to be written on a full disk, while there is some."""
        self.room.take_ballast(self.home.ballast)

    def _shorten_log(self) -> None:
        with kept_if_there_is_room("the log of the database"):
            self._database.shorten_log()

    def data_version(self) -> int:
        """A number that changes whenever any process has stored something."""
        return self._database.data_version()

    @property
    def models_version(self) -> int:
        """A number that changes whenever this process has stored which models there are; no table is looked at."""
        return self._database.models_version

    def look_over(self, seconds: float) -> None:
        """See whether the database is what was written, as far as that takes no longer than this, and whether the files
        are its own."""
        self.damage = self._database.damage(seconds) or self.damage
        if self.damage is None:
            self.files.settle(self.events.last_id())
            self.strays = self.files.strays()

    def close(self) -> None:
        self.is_closed = True
        self._database.close()
