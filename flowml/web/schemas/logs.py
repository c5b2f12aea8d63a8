"""What was said: lines of the log, as they are read and as workers send them."""

from typing import Annotated

from pydantic import Field

from flowml.domain.logs import MOST_DETAIL, MOST_LINES, MOST_MESSAGE, MOST_SOURCE, LogLevel
from flowml.services.administration.logs import SentLine, Wanted
from flowml.web.schemas.base import Answer, Body, Listing, Query, Timestamp

MOST_SEARCHED = 200
_EventId = Annotated[int, Field(ge=0, lt=2**63)]


class LogEntry(Answer):
    """A line. `machine` is the worker that it is from, by its name, or “this server”; `kind` the process: server,
    conductor, trainer or worker; `detail` what comes with it, such as a traceback."""

    id: int
    at: Timestamp
    level: LogLevel
    source: str = Field(description="the part of the program that says so")
    machine: str
    worker_id: str
    kind: str
    message: str
    detail: str | None
    job_id: str | None
    trial_id: str | None


class LogList(Listing[LogEntry]):
    """A part of the log, in the order in which it came."""


class LogFilter(Query):
    """Which lines."""

    level: LogLevel = Field(LogLevel.INFO, description="this level and those above")
    search: str = Field("", max_length=MOST_SEARCHED, description="a text in them, whatever its case")
    machine: str | None = Field(None, max_length=100, description="the id of a worker; “local” is this server")

    def wanted(self) -> Wanted:
        return Wanted(self.level, self.search, self.machine)


class LogQuery(LogFilter):
    """With `after` the first ones behind that id; else the latest, of those `before` an id where one is given."""

    after: _EventId | None = None
    before: _EventId | None = None
    limit: int = Field(100, ge=1, le=1000)


class LogStreamQuery(LogFilter):
    """`after`: the id behind which to begin, as the header `Last-Event-ID` does; without, from now on."""

    after: _EventId | None = None


class SentLogLine(Body):
    """A line of a worker's. Its time is that of its arrival, less its age: clocks differ."""

    level: LogLevel
    source: str = Field(max_length=MOST_SOURCE)
    message: str = Field(max_length=MOST_MESSAGE)
    detail: str | None = Field(None, max_length=MOST_DETAIL)
    age_seconds: float = Field(0.0, ge=0, le=1e9, allow_inf_nan=False)
    kind: str = Field("worker", max_length=20, description="worker or trainer")
    trial_id: str | None = Field(None, max_length=100, description="one that this worker has had")

    number: int | None = Field(None, ge=1, lt=2**53, description="grows with each line; one that has come is left out")

    def line(self) -> SentLine:
        return SentLine(
            self.level, self.source, self.message, self.age_seconds, self.kind, self.detail, self.trial_id, self.number
        )


class SentLog(Body):
    """What a worker has said since it last sent something."""

    worker_id: str = Field(min_length=1, max_length=100)
    life: str | None = Field(None, max_length=100, description="another one for each start of its process")
    lines: list[SentLogLine] = Field(max_length=MOST_LINES)


class LogKept(Answer):
    """How many of them are kept: of one worker no more than so many a minute."""

    kept: int
