"""What every service needs: made once by `server.py`, and for each request with who calls."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from flowml.domain.access.caller import LOCAL_OWNER, Principal
from flowml.services.serving.figures import Figures
from flowml.services.serving.loaded import Loaded
from flowml.services.settings import Settings
from flowml.services.turns import Turns
from flowml.store.store import Store


class Trainers(Protocol):
    """What services ask of the machinery that trains on this machine."""

    def warm_up(self) -> None:
        """A training run is likely soon: have the processes ready."""
        ...

    def nudge(self) -> None:
        """The jobs table changed: look at it now rather than at the next tick."""
        ...

    def processes(self) -> list[dict[str, Any]]:
        """The child processes: kind, pid, and the job or trial each works on."""
        ...


class NoTrainers:
    """Where nothing is trained: commands that look at a home folder, or change something in it."""

    def warm_up(self) -> None: ...

    def nudge(self) -> None: ...

    def processes(self) -> list[dict[str, Any]]:
        return []


class Models(Protocol):
    """The models that a server answers with: those of its store (`serving.shelf`), or one that needs no store. A
    `model_id` may be a training run's, and stands for its best model then. `only`: the one that a request without an id
    means; None where it has to name one."""

    figures: Figures
    only: str | None

    def peek(self, context: "Context", model_id: str) -> Loaded | None:
        """The model, if it can be had without waiting for anything."""
        ...

    def load(self, context: "Context", model_id: str) -> Loaded:
        """The model, read from its file if need be. Raises NotFound, NotReady, WrongState."""
        ...

    def use(self, context: "Context", loaded: Loaded) -> None:
        """Note that it predicts."""
        ...

    def warm_soon(self, context: "Context", model_id: str) -> None:
        """Somebody will probably ask it next."""
        ...

    def file(self, context: "Context", loaded: Loaded) -> Path:
        """Its file, for another process. Raises Damaged for one that is not what was stored."""
        ...


@dataclass(frozen=True)
class Context:
    """Settings, the store, the clock and the trainers of this process, and whose call this is. `clock` and `steady` are
    the two of `domain.clock.Clock`. What the server does by
    itself, it does for its owner. `left` is set when nobody waits for the answer any more. With `turns`, this
    call holds no thread while it waits for one. `models` answer predictions; None: those of the store."""

    settings: Settings
    store: Store
    clock: Callable[[], float]
    trainers: Trainers
    caller: Principal = LOCAL_OWNER
    left: Event | None = None
    turns: Turns | None = None
    steady: Callable[[], float] = time.monotonic
    models: Models | None = None

    @property
    def nobody_waits(self) -> bool:
        """Whether whoever asked has left, so that nothing more is to be done for them."""
        return self.left is not None and self.left.is_set()

    def of(self, caller: Principal) -> "Context":
        """The same for a call of somebody else."""
        return self if caller is self.caller else replace(self, caller=caller)

    def until(self, left: Event | None, turns: Turns | None = None) -> "Context":
        """The same for work that is to end when nobody waits for it any more; with None it goes on to its end."""
        return replace(self, left=left, turns=turns)
