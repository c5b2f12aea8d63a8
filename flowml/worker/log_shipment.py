"""What a worker and its trainers log goes to the server, which has it beside its own. While that is not to be reached
the lines are kept here, as many as there is room for."""

import secrets
from collections.abc import Callable
from typing import Any

import httpx

from flowml.domain.clock import CLOCK, Clock
from flowml.domain.errors import InvalidInput, NotReady
from flowml.domain.logs import MOST_LINES, LogLevel, LogLine
from flowml.machine.log_lines import Collector, Writer
from flowml.worker.channel import checked

_ANSWER_SECONDS = 10.0
_SOURCE = "worker"


class LogShipment:
    """`worker_id` is what the server calls this worker, empty while it does not."""

    def __init__(self, client: httpx.Client, worker_id: Callable[[], str], clock: Clock = CLOCK):
        self._client = client
        self._worker_id = worker_id
        self._clock = clock
        # Of what was sent again the server knows by this, and the numbers of lines, what it has.
        self._life = secrets.token_hex(8)
        self.collector = Collector("worker", clock=clock)
        self._writer = Writer(self.collector, self._send, MOST_LINES)

    def start(self) -> None:
        """Hear what this process logs, and send it."""
        self.collector.attach()
        self._writer.start()

    def say(self, words: str) -> None:
        """What people read in the terminal."""
        self.collector.say(LogLevel.INFO, _SOURCE, words)

    def close(self, seconds: float) -> None:
        """Send what is left, as far as that takes no longer."""
        self.collector.detach()
        self._writer.close(seconds)

    def _send(self, lines: list[LogLine]) -> None:
        worker_id = self._worker_id()
        if not worker_id:
            raise NotReady("This worker has not joined yet.")
        steady = self._clock.steady()
        body = {"worker_id": worker_id, "life": self._life, "lines": [_sent(line, steady) for line in lines]}
        try:
            checked(self._client.post("/api/workers/logs", json=body, timeout=_ANSWER_SECONDS))
        except InvalidInput:
            # They are no better when they are sent again; a server of before takes none.
            return


def _sent(line: LogLine, steady: float) -> dict[str, Any]:
    return {
        "level": line.level.value,
        "source": line.source,
        "message": line.message,
        "detail": line.detail,
        "age_seconds": max(0.0, round(steady - line.steady, 3)),
        "kind": line.kind,
        "trial_id": line.trial_id,
        "number": line.number,
    }
