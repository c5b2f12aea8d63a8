"""A dispatcher, and what a server keeps in mind of its workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.domain.access.caller import Permission, Principal
from flowml.services.context import Context
from flowml.services.fleet.workers import Fleet
from flowml.services.settings import Settings
from tests.services.records import QuietTrainers
from tests.services.test_channel import Dispatcher

OWNER = Principal("a fleet", frozenset({Permission.WORK}))


class Trainers(QuietTrainers):
    nudges = 0

    def nudge(self) -> None:
        self.nudges += 1


@pytest.fixture
def dispatcher(tmp_path: Path) -> Dispatcher:
    return Dispatcher(tmp_path)


@pytest.fixture
def context(dispatcher: Dispatcher) -> Context:
    settings = Settings(home=dispatcher.home)
    return Context(settings, dispatcher.store, dispatcher.time, Trainers(), OWNER, steady=dispatcher.time)


@pytest.fixture
def fleet(context: Context) -> Iterator[Fleet]:
    fleet = Fleet(context)
    # The test looks itself.
    fleet.attendance.close()
    yield fleet
    fleet.close()
