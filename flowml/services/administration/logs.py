"""The log of this server, of its processes and of its workers."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowml.domain.errors import NotFound
from flowml.domain.logs import MOST_SOURCE, LogEntry, LogLevel, one_line, several_lines
from flowml.domain.workers import LOCAL_ID
from flowml.services.administration.log_keeper import THIS_SERVER
from flowml.services.context import Context
from flowml.services.fleet.workers import Fleet, called

# Of what a worker says of how long ago something was.
_OLDEST_SECONDS = 86_400.0
_LINE_KINDS = frozenset({"worker", "trainer"})


@dataclass(frozen=True)
class Wanted:
    """Which lines: of this level and those above, with this text in them whatever its case, of this machine."""

    level: LogLevel = LogLevel.INFO
    search: str = ""
    worker_id: str | None = None


@dataclass(frozen=True)
class LogPage:
    """A part of the log in the order in which it came; `total` counts all that match."""

    items: list[LogEntry]
    total: int


@dataclass(frozen=True)
class SentLine:
    """A line as a worker has sent it."""

    level: LogLevel
    source: str
    message: str
    age_seconds: float
    kind: str
    detail: str | None
    trial_id: str | None
    number: int | None = None


def read(context: Context, wanted: Wanted, limit: int, after: int | None = None, before: int | None = None) -> LogPage:
    """With `after` the first ones behind that id, else the latest, of those `before` an id where one is given."""
    logs = context.store.logs
    levels = wanted.level.and_above
    items = logs.page(
        limit, levels=levels, search=wanted.search, worker_id=wanted.worker_id, after=after, before=before
    )
    if len(items) < limit:
        return LogPage(items, len(items))
    total = logs.count(levels=levels, search=wanted.search, worker_id=wanted.worker_id, after=after, before=before)
    return LogPage(items, total)


def follow(context: Context, wanted: Wanted, after: int, until: int, limit: int) -> list[LogEntry]:
    """The next ones behind an id, up to another."""
    return context.store.logs.page(
        limit,
        levels=wanted.level.and_above,
        search=wanted.search,
        worker_id=wanted.worker_id,
        after=after,
        until=until,
    )


def machines(context: Context) -> list[tuple[str, str]]:
    """Id and name of those that have said something; this server by that name."""
    found = context.store.logs.machines()
    return [(worker_id, THIS_SERVER if worker_id == LOCAL_ID else name) for worker_id, name in found]


def take_in(context: Context, fleet: Fleet, worker_id: str, lines: Sequence[SentLine], life: str | None = None) -> int:
    """Keep what a worker says, as far as it is no more than it may say; returns how many. Its word for the time is not
    taken, only for how long ago it was: clocks differ. What has come before is left out: an answer may have been lost.
    Raises NotFound for a worker that is not the caller's."""
    worker = called(context, fleet, worker_id)
    now, steady = context.clock(), context.steady()
    kept = []
    new = fleet.heard_lines.new(worker.id, life, lines)
    for line in new:
        if not fleet.log_limiter.allows(worker.id, steady):
            continue
        if not fleet.log_bytes.allows(worker.owner, steady, _bytes_of(line)):
            fleet.log_limiter.leave_out(worker.id)
            continue
        job_id, trial_id = _whose(context, worker.id, line.trial_id)
        kept.append(
            LogEntry(
                0,
                now - min(line.age_seconds, _OLDEST_SECONDS),
                line.level,
                one_line(line.source, MOST_SOURCE),
                worker.name,
                worker.id,
                line.kind if line.kind in _LINE_KINDS else "worker",
                one_line(line.message),
                several_lines(line.detail or "") or None,
                job_id,
                trial_id,
                worker.owner,
            )
        )
    n_kept = len(kept)
    if missing := fleet.log_limiter.left_out_of(worker.id, steady):
        words = f"{missing:,} of its lines were left out here: there were too many at once"
        told = LogEntry(0, now, LogLevel.WARNING, "worker", worker.name, worker.id, "worker", words, owner=worker.owner)
        kept.append(told)
    if kept:
        context.store.logs.append(kept)
    # Not before: on a full disk they come again.
    fleet.heard_lines.keep(worker.id, life, new)
    return n_kept


def _bytes_of(line: SentLine) -> int:
    text = f"{line.source}{line.message}{line.detail or ''}"
    return 200 + len(text.encode(errors="replace"))


def _whose(context: Context, worker_id: str, trial_id: str | None) -> tuple[str | None, str | None]:
    """Job and trial of a line, where the trial is one that this worker has had."""
    if trial_id is None:
        return None, None
    try:
        trial = context.store.trials.get(trial_id)
    except NotFound:
        return None, None
    return (trial.job_id, trial.id) if trial.worker_id == worker_id else (None, None)
