"""From what a process logs to where it is kept: collected without ever waiting, bounded, and written in batches by one
thread. Whoever logs is neither slowed down nor failed, however slow or broken what is behind is.
"""

import logging
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

from flowml.domain.clock import CLOCK, Clock
from flowml.domain.logs import MOST_SOURCE, LogLevel, LogLine, one_line, several_lines, split_message

BURST = 100
PER_SECOND = 10.0
"""Lines of one source: so many at once, and so many a second for long."""
_MOST_WAITING = 2_000
_MOST_SOURCES = 500
_CLEARED_EVERY_SECONDS = 1.0
_OTHERS = "others"
_MOST_FRAMES = 40
_AT_ONCE = 100
_SOON_SECONDS = 0.05
_LATER_SECONDS = 0.3
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0


class Limiter:
    """How much each of several may say: `burst` at once, and `per_second` for long. Counts what was too much. Remembers
    `most` of them, those that have said something lately; the others share one bound while there are more."""

    def __init__(self, burst: float = BURST, per_second: float = PER_SECOND, most: int = _MOST_SOURCES):
        self._burst = float(burst)
        self._per_second = per_second
        self._most = most
        self._left: dict[str, tuple[float, float]] = {}
        self._left_out: dict[str, int] = {}
        self._cleared_at = float("-inf")
        self._lock = threading.Lock()

    def allows(self, key: str, now: float, much: float = 1.0) -> bool:
        """Whether so much more is within bounds."""
        with self._lock:
            bucket = self._bucket(key, now)
            left = self._now_left(bucket, now)
            is_allowed = left >= much
            self._left[bucket] = (left - much if is_allowed else left, now)
            if not is_allowed:
                self._leave_out(key, 1)
            return is_allowed

    def leave_out(self, key: str, count: int = 1) -> None:
        """So many more of this one were lost."""
        with self._lock:
            self._leave_out(key, count)

    def left_out(self, now: float) -> dict[str, int]:
        """How many were left out of those who have become quieter; each is told once."""
        with self._lock:
            return {key: self._left_out.pop(key) for key in list(self._left_out) if self._is_quieter(key, now)}

    def left_out_of(self, key: str, now: float) -> int:
        """The same of one alone."""
        with self._lock:
            return self._left_out.pop(key) if key in self._left_out and self._is_quieter(key, now) else 0

    def _is_quieter(self, key: str, now: float) -> bool:
        return self._now_left(key if key in self._left else _OTHERS, now) >= self._burst / 10

    def _leave_out(self, key: str, count: int) -> None:
        if key not in self._left_out and len(self._left_out) >= self._most:
            key = _OTHERS
        self._left_out[key] = self._left_out.get(key, 0) + count

    def _bucket(self, key: str, now: float) -> str:
        if key in self._left or len(self._left) < self._most:
            return key
        # Only who may say all again is as good as forgotten. To look at all costs something: now and then will do.
        if now - self._cleared_at >= _CLEARED_EVERY_SECONDS:
            self._cleared_at = now
            for name in [name for name in self._left if self._now_left(name, now) >= self._burst]:
                del self._left[name]
        return key if len(self._left) < self._most else _OTHERS

    def _now_left(self, key: str, now: float) -> float:
        left, since = self._left.get(key, (self._burst, now))
        return min(self._burst, left + max(0.0, now - since) * self._per_second)


class Collector(logging.Handler):
    """Takes what is logged in this process, of level INFO and above, and holds it until somebody takes it on. What is
    held is bounded: the oldest lines go. `kind` is that of the process."""

    def __init__(self, kind: str, *, clock: Clock = CLOCK, most: int = _MOST_WAITING):
        super().__init__(logging.INFO)
        self._kind = kind
        self._clock = clock
        self._lines: deque[LogLine] = deque()
        self._most = most
        self._n_lines = 0
        self._limiter = Limiter()
        self._guard = threading.Lock()
        self._deaf: set[int] = set()
        self.come = threading.Event()
        self.is_urgent = False
        self.job_id: str | None = None
        self.trial_id: str | None = None

    def attach(self) -> Self:
        """Hear what every logger says."""
        logging.getLogger().addHandler(self)
        return self

    def detach(self) -> None:
        """Hear no more."""
        logging.getLogger().removeHandler(self)

    def be_deaf(self) -> None:
        """What this thread says is not heard: it writes down what is, and would never be through with it."""
        self._deaf.add(threading.get_ident())

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises, and never waits for what is behind."""
        if threading.get_ident() in self._deaf:
            return
        source = one_line(record.name, MOST_SOURCE)
        # Before anything is worked out: a flood costs next to nothing.
        if not self._limiter.allows(source, self._clock.steady()):
            return
        try:
            message, more = split_message(record.getMessage())
            detail = "\n".join(part for part in (more, _traceback(record)) if part)
        except Exception:
            message, detail = "A line that could not be put into words", ""
        self._hold(
            LogLine(
                _level(record.levelno),
                source,
                one_line(message),
                record.created,
                self._clock.steady(),
                self._kind,
                several_lines(detail) or None,
                getattr(record, "job_id", self.job_id),
                getattr(record, "trial_id", self.trial_id),
            )
        )

    def say(self, level: LogLevel, source: str, words: str) -> None:
        """A line that comes from no logger."""
        steady = self._clock.steady()
        if self._limiter.allows(source, steady):
            self._hold(LogLine(level, source, one_line(words), self._clock.now(), steady, self._kind))

    def take(self, most: int) -> list[LogLine]:
        """The oldest lines that are held, to be written or put back."""
        self._tell_what_is_missing()
        with self._guard:
            taken = [self._lines.popleft() for _ in range(min(most, len(self._lines)))]
            if not self._lines:
                self.come.clear()
                self.is_urgent = False
            return taken

    def put_back(self, lines: Sequence[LogLine]) -> None:
        """They could not be written yet."""
        with self._guard:
            self._lines.extendleft(reversed(lines))
            self._drop_oldest()
            self.come.set()

    def add(self, lines: Sequence[LogLine]) -> None:
        """Lines of another process of this machine, which has bounded them."""
        for line in lines:
            self._hold(line)

    def _hold(self, line: LogLine) -> None:
        with self._guard:
            self._n_lines += 1
            self._lines.append(replace(line, number=self._n_lines))
            self._drop_oldest()
            self.is_urgent = self.is_urgent or line.level is not LogLevel.INFO
            self.come.set()

    def _drop_oldest(self) -> None:
        while len(self._lines) > self._most:
            self._limiter.leave_out(self._lines.popleft().source)

    def _tell_what_is_missing(self) -> None:
        for source, count in self._limiter.left_out(self._clock.steady()).items():
            lines = "1 line was" if count == 1 else f"{count:,} lines were"
            words = f"{lines} left out here: there were too many at once"
            now, steady = self._clock.now(), self._clock.steady()
            self._hold(LogLine(LogLevel.WARNING, source, words, now, steady, self._kind))


class Writer:
    """The thread that takes on what a collector holds. `write` may raise whatever it likes: then it is tried again,
    later and later, until the collector has no more room."""

    def __init__(self, collector: Collector, write: Callable[[list[LogLine]], None], at_once: int = _AT_ONCE):
        self._collector = collector
        self._write = write
        self._at_once = at_once
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-lines", daemon=True)
        self._failed = False

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self, seconds: float = 2.0) -> None:
        """Write what is left, as far as that takes no longer."""
        self._closing.set()
        self._collector.come.set()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        self._collector.be_deaf()
        pause = _FIRST_PAUSE_SECONDS
        while True:
            # Also now and then without a line: what was left out is to be told.
            self._collector.come.wait(_LONGEST_PAUSE_SECONDS / 10)
            if not self._closing.is_set():
                # What comes in the same moment goes with it.
                self._closing.wait(_SOON_SECONDS if self._collector.is_urgent else _LATER_SECONDS)
            is_last = self._closing.is_set()
            while lines := self._collector.take(self._at_once):
                if not self._try(lines):
                    if not is_last:
                        self._closing.wait(pause)
                        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                    break
                pause = _FIRST_PAUSE_SECONDS
            if is_last:
                return

    def _try(self, lines: list[LogLine]) -> bool:
        try:
            self._write(lines)
        except Exception as problem:
            self._collector.put_back(lines)
            if not self._failed:
                # Not by a logger, which would lead back here.
                print(f"lines of the log are held back, they cannot be written: {problem}", file=sys.stderr)
            self._failed = True
            return False
        self._failed = False
        return True


def _level(number: int) -> LogLevel:
    if number >= logging.CRITICAL:
        return LogLevel.CRITICAL
    if number >= logging.ERROR:
        return LogLevel.ERROR
    return LogLevel.WARNING if number >= logging.WARNING else LogLevel.INFO


def _traceback(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[0] is not None:
        return "".join(traceback.format_exception(*record.exc_info, limit=-_MOST_FRAMES)).rstrip()
    return record.exc_text or ""
