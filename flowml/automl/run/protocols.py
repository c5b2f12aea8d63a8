"""Who takes part in a run besides the loop: whoever evaluates trials, and whoever hears what comes of them."""

from collections.abc import Sequence
from typing import Protocol

from flowml.automl.ensemble.blend import Blend
from flowml.automl.ensemble.champion import Champion
from flowml.automl.ensemble.estimate import Estimate
from flowml.automl.ensemble.twin import Twin
from flowml.automl.trial.outcome import Outcome
from flowml.domain.trials import TrialSpec


class Runner(Protocol):
    """Whatever evaluates trials."""

    @property
    def slots(self) -> int:
        """How many at the same time; may change while the run goes on."""
        ...

    @property
    def spare(self) -> int:
        """How many more may wait to be next."""
        ...

    def ready(self) -> bool:
        """Whether a trial submitted now can begin. Before, its time would run out while it waits."""
        ...

    def submit(self, spec: TrialSpec, deadline: float) -> None:
        """Have this trial evaluated; it has to be over at `deadline`."""
        ...

    def open(self) -> int:
        """Trials submitted and not ended."""
        ...

    def wait(self, timeout: float) -> Sequence[Outcome]:
        """The trials that have ended since the last call, waiting up to `timeout` seconds for the first."""
        ...

    def cancel(self) -> Sequence[Outcome]:
        """Abandon everything that is open; returns what has ended since the last `wait`."""
        ...


class Observer(Protocol):
    """Whoever keeps and shows what comes of it."""

    def stopped(self) -> bool:
        """Somebody wants the run to end now and keep the best."""
        ...

    def deadline(self) -> float:
        """When everything, saving included, has to be over; it may move while the run goes on."""
        ...

    def stage(self, name: str) -> None:
        """`training` while trials are asked for, `finishing` when what there is gets combined."""
        ...

    def tick(self, finished: int) -> None:
        """Called several times a second."""
        ...

    def expect(self, expected: Estimate | None) -> None:
        """What to expect on new rows of the model that is the best from now on; told before that model is."""
        ...

    def candidate(self, outcome: Outcome, best: bool) -> None:
        """A trial has finished; `best`: no single model so far is better. Raises Lost."""
        ...

    def made_at_once(self, outcome: Outcome) -> None:
        """A model that no trial was needed for (`at_once`), the baseline first."""
        ...

    def blend(self, blend: Blend) -> None:
        """An ensemble has become the best model."""
        ...

    def champion_found(self, champion: Champion) -> None:
        """The best model of the run, calibrated, with its decision and what to expect of it."""
        ...

    def twin(self, twin: Twin | None) -> None:
        """The fast model beside it; None where none could be made."""
        ...
