"""Requests that take no time are answered at once, and those that have arrived together, together.

When many clients ask, many requests lie there whenever the event loop looks for some. What makes them up is read from
each, and then all are answered: several rows take a model hardly longer than one, and nobody waits for a row that has
not arrived.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

MOST_AT_ONCE_BYTES = 32_000
"""Of a body that is waited for, to be answered at once."""
MOST_TOGETHER = 32

Answer = tuple[bytes, bytes]
"""With 200: the lines of its head, each ended, but those of its date and length, and its content."""


class AtOnce(Protocol):
    """What an application may have beside its usual way. Neither raises anything or waits for anything, and None leaves
    no trace: then the application is asked as usual."""

    def at_once(self, scope: Any) -> Callable[[bytes], Any] | None:
        """For the scope of a request, what makes of its whole body what is to be answered."""

    def answer_together(self, asked: Sequence[Any]) -> Sequence[Answer | None]:
        """The answer to each of some that `at_once` has led to."""


_Gathered = tuple[AtOnce, Any, Callable[[Answer | None], None]]


def gather(
    server: Any, loop: asyncio.AbstractEventLoop, app: AtOnce, asked: Any, answered: Callable[[Answer | None], None]
) -> None:
    """Have it answered when all that has arrived by now is read, or enough of it; `answered` is told the answer.
    `server`: what its connections have in common."""
    gathered: list[_Gathered] = server.__dict__.setdefault("gathered", [])
    gathered.append((app, asked, answered))
    if len(gathered) == 1:
        loop.call_soon(_answer, gathered)
    elif len(gathered) == MOST_TOGETHER:
        _answer(gathered)


def _answer(gathered: list[_Gathered]) -> None:
    # What is gathered from here on is for the next time.
    some = gathered[:]
    gathered.clear()
    if some:
        found = some[0][0].answer_together([asked for _, asked, _ in some])
        for (_, _, answered), answer in zip(some, found, strict=True):
            answered(answer)
