"""What the processes of a server and of its workers say: lines, made harmless before anybody keeps or shows them."""

from dataclasses import dataclass
from enum import StrEnum

from flowml.domain.redaction import beginning, both_ends

MOST_MESSAGE = 2_000
"""Characters of a line."""
MOST_DETAIL = 8_000
"""Characters of what comes with it, such as a traceback."""
MOST_SOURCE = 100
MOST_LINES = 200
"""Lines that a worker sends at once."""

_SPARE = 200


class LogLevel(StrEnum):
    """How much a line matters, the least first."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def and_above(self) -> tuple["LogLevel", ...]:
        """This one and those that matter more."""
        levels = tuple(LogLevel)
        return levels[levels.index(self) :]


@dataclass(frozen=True)
class LogLine:
    """What a process has said. `at` is the time of day, `steady` when that was by the clock that goes evenly; `source`
    the logger, `kind` the process (server, conductor, trainer, worker); `detail` what comes with it. `number` grows by
    one with each line of a process that hands them on."""

    level: LogLevel
    source: str
    message: str
    at: float
    steady: float
    kind: str
    detail: str | None = None
    job_id: str | None = None
    trial_id: str | None = None
    number: int = 0


@dataclass(frozen=True)
class LogEntry:
    """A line that is kept; `id` only grows. `worker_id` and `machine` say where it is from, and `owner` whose worker
    that is; there is none for what this server says itself."""

    id: int
    at: float
    level: LogLevel
    source: str
    machine: str
    worker_id: str
    kind: str
    message: str
    detail: str | None = None
    job_id: str | None = None
    trial_id: str | None = None
    owner: str | None = None


def one_line(text: str, limit: int = MOST_MESSAGE) -> str:
    """A text as it may stand in a line of a log: with no secret, and signs that are none to be seen written out.

    >>> one_line("done\\r\\n2026-01-01 CRITICAL \\x1b[31mforged")
    'done\\\\r\\\\n2026-01-01 CRITICAL \\\\x1b[31mforged'
    """
    written = _visible(beginning(text, limit + _SPARE))
    return written if len(written) <= limit and len(text) <= limit + _SPARE else f"{written[: limit - 1]}…"


def several_lines(text: str, limit: int = MOST_DETAIL) -> str:
    """The same for what may have several lines. Of one that is too long its beginning and its end are left."""
    lines = both_ends(text, limit).splitlines()
    return "\n".join(_visible(line.expandtabs(4)) for line in lines)[:limit]


def split_message(text: str) -> tuple[str, str]:
    """The first line, and what follows it."""
    most = MOST_MESSAGE + MOST_DETAIL + _SPARE
    first, _, rest = (text if len(text) <= most else beginning(text, most)).strip().partition("\n")
    return first.rstrip(), rest.strip("\n")


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or sign == "\u00a0" else _written_out(sign) for sign in text)


def _written_out(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")
