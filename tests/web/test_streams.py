"""Lines that are told faster than they are read."""

import asyncio
from typing import Any

from flowml.web.streams import WaitingLines


def test_whoever_reads_slowly_gets_more_at_once_and_nothing_outdated() -> None:
    async def read() -> list[Any]:
        told = WaitingLines()
        told.tell({"type": "by", "model": "m"})
        for at in range(50):
            told.tell({"type": "wait", "text": f"{at} are before you"})
        for _ in range(1_000):
            told.tell({"type": "text", "text": "ab"})
            told.tell({"type": "wait", "text": "on and on"})
        first = [await told.next() for _ in range(3)]
        told.tell({"type": "text", "text": "wrong"})
        told.tell({"type": "anew"})
        told.tell({"type": "text", "text": "right"})
        told.end()
        told.tell({"type": "text", "text": "too late"})
        return [*first, *[await told.next() for _ in range(3)]]

    assert asyncio.run(read()) == [
        {"type": "by", "model": "m"},
        {"type": "text", "text": "ab" * 1_000},
        {"type": "wait", "text": "on and on"},
        {"type": "anew"},
        {"type": "text", "text": "right"},
        None,
    ]


def test_nothing_is_kept_for_whoever_has_left() -> None:
    async def read() -> Any:
        told = WaitingLines()
        told.tell({"type": "text", "text": "x"})
        told.end(at_once=True)
        told.tell({"type": "text", "text": "y"})
        return await told.next()

    assert asyncio.run(read()) is None
