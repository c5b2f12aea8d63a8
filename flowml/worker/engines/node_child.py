"""Main function of a process that trains on a node of a cluster: one errand a line on its standard input, and on its
standard output, a line each, what it says of them.
"""

import contextlib
import hashlib
import json
import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flowml.domain.channel import JobBrief
from flowml.domain.errors import LeaseLost, NotFound
from flowml.domain.trials import Beat, Lease, Offer, TrialReport
from flowml.machine import locks
from flowml.machine.child import keep_quiet, let_nobody_fork, settle
from flowml.machine.gpus import free_for_trainers
from flowml.training.gpus import GPUs
from flowml.training.trainer import Trainer
from flowml.training.trainer_status import Busy
from flowml.worker.engines.errand import Errand, parse_errand

_NICENESS = 5
_HEARTBEAT_SECONDS = 0.5


class ErrandChannel:
    """The channel of a trainer to whom one trial was handed; what it says of that is left in a folder, or told."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]):
        self._tell = tell
        self._errand: Errand | None = None
        self._place = Path()
        self._tables: dict[str, str] = {}

    def begin(self, errand: Errand, place: Path, tables: dict[str, str]) -> None:
        """Hand over a trial."""
        self._errand, self._place, self._tables = errand, place, tables

    @property
    def gpus(self) -> dict[str, Any]:
        """Those that it may use, as `machine.capabilities.probe` has them."""
        return dict(self._errand.gpus or {}) if self._errand else {}

    def lease(self, offer: Offer) -> Lease | None:
        """As `domain.channel.Channel`, and so are the others."""
        return None if self._errand is None else self._errand.lease

    def brief(self, lease: Lease) -> JobBrief:
        assert self._errand is not None
        return self._errand.brief

    def get(self, lease: Lease, sha256: str) -> Path:
        if sha256 not in self._tables:
            raise NotFound("This file did not come with the trial.")
        return Path(self._tables[sha256])

    def put(self, lease: Lease, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            (self._place / f"file-{sha256}").write_bytes(content)
        except OSError as problem:
            # Of this node, and not of the trial.
            self._tell({"fault": f"{problem.strerror or type(problem).__name__} ({self._place.parents[1]})"})
            raise LeaseLost("This node cannot keep what it has worked out.") from problem
        return sha256

    def heartbeat(self, beats: Sequence[Beat]) -> frozenset[str]:
        for beat in beats:
            new = self._place / f"scores-{os.urandom(4).hex()}"
            new.write_text(json.dumps(list(beat.fold_scores)))
            os.replace(new, self._place / "scores")
        is_unwanted = (self._place / "unwanted").exists()
        return frozenset(beat.lease.trial_id for beat in beats) if is_unwanted else frozenset()

    def give_back(self, lease: Lease, reason: str | None = None) -> None:
        # Without a report it is given back.
        pass

    def report(self, lease: Lease, report: TrialReport) -> bool:
        self._tell({"report": json.dumps(asdict(report))})
        return True


def main() -> None:
    """Until standard input ends."""
    settle(_NICENESS)
    let_nobody_fork()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    keep_quiet()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    one_at_a_time = threading.Lock()

    def tell(what: dict[str, Any]) -> None:
        with one_at_a_time:
            out.write(json.dumps(what) + "\n")
            out.flush()

    def busy(status: Busy | None) -> None:
        if status is not None:
            left = status.seconds_left
            seconds = left if math.isfinite(left) else None
            tell({"busy": {"seconds_left": seconds, "memory_bytes": status.memory_bytes}})

    def take(index: int) -> contextlib.AbstractContextManager[bool]:
        # Those that the cluster has given to this task alone are nobody else's.
        if os.environ.get("CUDA_VISIBLE_DEVICES"):
            return contextlib.nullcontext(True)
        return locks.taken(folder / f"gpu-{index}.lock")

    # By numbers that are not those of the driver nothing is measured.
    free: Callable[[], dict[int, int]] = dict if os.environ.get("CUDA_VISIBLE_DEVICES") else free_for_trainers
    channel = ErrandChannel(tell)
    trainer, made_for = None, None
    for line in sys.stdin.buffer:
        request = json.loads(line)
        errand = parse_errand(request["errand"])
        place = Path(request["place"])
        folder = place.parents[1]
        channel.begin(errand, place, request["tables"])
        kind = (errand.share, errand.gpus is not None)
        if trainer is None or made_for != kind:
            gpus = None if errand.gpus is None else GPUs(lambda: channel.gpus, take, free)
            trainer = Trainer(channel, machine=errand.share, gpus=gpus, heartbeat_seconds=_HEARTBEAT_SECONDS, tell=busy)
            made_for = kind
        trainer.step()
        tell({"end": True})


if __name__ == "__main__":
    main()
