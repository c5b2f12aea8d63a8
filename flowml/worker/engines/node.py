"""What a cluster runs on its nodes for a worker, beside trials: what looks at a node, and after its folder."""

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flowml.machine import capabilities, gpus
from flowml.machine.facts import free_memory_bytes, own_bytes
from flowml.worker.engines.node_folder import Folder, checked_name

_PIECE = 1 << 20
_MOST_SCORES = 1_000


def describe(with_gpus: bool) -> dict[str, Any]:
    """What this node can do; with the GPUs that its tasks may use, which takes seconds where there are some."""
    Folder().tidy()
    found = capabilities.probe(fit_on_gpu=with_gpus)
    if not with_gpus:
        return {**found, "gpus": [], "gpu_count": 0, "has_gpu": False, "gpu_libraries": {}}
    cards = visible(found["gpus"], os.environ.get("CUDA_VISIBLE_DEVICES"))
    return {**found, "gpus": cards, "gpu_count": len(cards), "has_gpu": bool(cards)}


def visible(cards: Sequence[dict[str, Any]], devices: str | None) -> list[dict[str, Any]]:
    """Of these cards those that CUDA_VISIBLE_DEVICES names, numbered as CUDA does then."""
    if devices is None:
        return list(cards)
    named = [part.strip() for part in devices.split(",") if part.strip()]
    by_number = {str(card["index"]): card for card in cards}
    if all(name.isdecimal() for name in named):
        chosen = [by_number[name] for name in named if name in by_number]
    else:
        # Named by what only the driver knows.
        chosen = list(cards[: len(named)])
    return [{**card, "index": index} for index, card in enumerate(chosen)]


def keep(sha256: str, delivery: str, offset: int, piece: bytes, is_last: bool) -> None:
    """Take in a piece of a table; the last one makes it a table that is here. Raises Damaged where it is another."""
    folder = Folder()
    coming = folder.coming(delivery)
    with coming.open("r+b" if coming.exists() else "xb") as file:
        file.seek(offset)
        file.write(piece)
        file.truncate()
    if not is_last:
        return

    def pieces(start: int) -> Iterator[bytes]:
        with coming.open("rb") as file:
            file.seek(start)
            while found := file.read(_PIECE):
                yield found

    try:
        folder.tables.fetched(checked_name(sha256), pieces, wait=lambda: time.sleep(0.1))
    finally:
        coming.unlink(missing_ok=True)


def look(wanted: Sequence[str], unwanted: Sequence[str]) -> dict[str, Any]:
    """How far these trials are, of those that run here, and what memory is free; have others stop."""
    folder = Folder()
    scores: dict[str, list[float]] = {}
    for name in wanted:
        place = folder.errand(name)
        if place.exists():
            with contextlib.suppress(OSError):
                (place / "looked").touch()
            scores[name] = scores_of(place)
    for name in unwanted:
        place = folder.errand(name)
        if place.exists():
            with contextlib.suppress(OSError):
                (place / "unwanted").touch()
    idle = folder.idle_pids()
    return {
        "free_bytes": free_memory_bytes() + sum(own_bytes(pid) for pid in idle),
        "vram_free": vram_free(gpus.free_bytes(idle), os.environ.get("CUDA_VISIBLE_DEVICES")),
        "scores": scores,
    }


def vram_free(free: Mapping[int, int], devices: str | None) -> list[int]:
    """Of each card that CUDA_VISIBLE_DEVICES names, as CUDA numbers them then; nothing where they are named by what
    only the driver knows."""
    named = None if devices is None else [part.strip() for part in devices.split(",") if part.strip()]
    if named is not None and not all(name.isdecimal() for name in named):
        return []
    return [free[index] for index in (free if named is None else map(int, named)) if index in free]


def scores_of(place: Path) -> list[float]:
    """Of the folds that are through."""
    try:
        found = json.loads((place / "scores").read_text())
    except (OSError, ValueError):
        return []
    return finite_scores(found)


def finite_scores(found: Any) -> list[float]:
    """The scores of folds among whatever somebody says they are."""
    if not isinstance(found, list) or len(found) > _MOST_SCORES:
        return []
    return [_as_float(score) for score in found]


def _as_float(score: Any) -> float:
    try:
        return float(score) if isinstance(score, int | float) else math.nan
    except OverflowError:
        return math.nan
