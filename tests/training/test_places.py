"""Places are counted by what machines take, and the loop that fills them looks at the time and at what has ended."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from flowml.automl.run.conduct import Conduct
from flowml.automl.trial.outcome import Outcome
from flowml.domain.trials import TrialSpec, TrialStatus
from flowml.domain.workers import LOCAL_ID, Machine
from flowml.training.places import MOST_OPEN, NEWCOMERS_PLACES, PATIENCE_SECONDS, Places

NOBODY_WAITS: dict[str, float] = {}


def machine(name: str, slots: int, running: int = 0) -> Machine:
    return Machine(name, ("cpu",), slots, 1, 10**9, running=running)


def count(places: Places, at: float, *machines: Machine, since: float | None = None) -> tuple[int, bool]:
    waiting = NOBODY_WAITS if since is None else {"cpu": since}
    return places.count(machines, {one.worker_id: one.slots for one in machines}, waiting, at)


def test_a_machine_that_takes_nothing_has_no_places_before_long() -> None:
    places, here = Places(), machine(LOCAL_ID, 2, 2)
    assert count(places, 0.0, here, machine("far", 10_000)) == (2 + NEWCOMERS_PLACES, True)
    late = PATIENCE_SECONDS + 1
    assert count(places, late, here, machine("far", 10_000), since=0.5) == (2, True)
    assert count(places, late + 1, here, machine("far", 10_000)) == (2, True), "nobody waits, and it has shown nothing"
    assert count(places, late + 2, here, machine("far", 10_000, 1)) == (4, True), "it has taken one"
    assert count(places, 3 * late, here, machine("far", 10_000, 1), since=late) == (3, True), "and leaves the next one"


def test_who_takes_what_there_is_soon_counts_in_full() -> None:
    places, running, counts = Places(), 0, []
    for look in range(7):
        found, _ = count(places, 0.1 * look, machine("far", 1_000, running))
        counts.append(found)
        running = min(found, 1_000)
    assert counts == [40, 80, 160, 320, 640, 1_000, 1_000]
    assert count(places, 50.0, machine("far", 1_000, 990), since=49.9) == (1_000, False), "some have just ended"


def test_many_machines_of_one_place_are_counted_on_as_they_take_trials() -> None:
    places, taken, counts = Places(), 0, []
    for look in range(7):
        fleet = [machine(f"far{n}", 1, int(n < taken)) for n in range(1_000)]
        counts.append(count(places, 0.1 * look, *fleet)[0])
        taken = counts[-1]
    assert counts == [40, 80, 160, 320, 640, 1_000, 1_000]
    liars = [machine(f"liar{n}", 1) for n in range(2_000)]
    assert count(Places(), 0.0, machine(LOCAL_ID, 1), *liars) == (1 + NEWCOMERS_PLACES, True)


def test_a_machine_that_is_busy_for_others_or_has_just_come_is_not_taken_for_one_that_sleeps() -> None:
    places = Places()
    assert count(places, 0.0, machine("far", 8, 8)) == (8, False)
    assert count(places, 60.0, machine("far", 8, 8), since=1.0) == (8, False), "all places are in use"
    assert count(places, 61.0, machine("far", 8, 8), machine("new", 8), since=1.0) == (16, False)
    gpu_alone = Machine("far", ("gpu",), 8, 1, 10**9)
    assert count(Places(), 0.0, gpu_alone) == count(places, 60.0, gpu_alone, since=1.0), "it waits for others"


def test_no_more_are_open_than_can_be_chosen() -> None:
    assert count(Places(), 0.0, machine("far", 10_000, 9_000)) == (MOST_OPEN, False)


class Slow:
    """A search of which every answer takes as long as with thousands of open trials, a runner with more places than
    there will ever be trials, and an observer: all of one run of `budget` seconds."""

    slots, spare = 10_000, 1

    def __init__(self, budget: float, stopped_at: float = 1e9):
        self.now, self.budget, self.stopped_at = 0.0, budget, stopped_at
        self.asked: list[TrialSpec] = []
        self.told: dict[int, float] = {}

    def clock(self) -> float:
        return self.now

    def ask(self, time_left: float, slots: int) -> TrialSpec:
        assert time_left > 0
        self.now += 0.05
        return TrialSpec(len(self.asked), "ridge", {})

    def seconds(self, algorithm: str) -> float:
        return 1.0

    def tell(self, number: int, *_: Any, **__: Any) -> None:
        self.told[number] = self.now

    def ready(self) -> bool:
        return True

    def submit(self, spec: TrialSpec, deadline: float) -> None:
        self.asked.append(spec)

    def open(self) -> int:
        return len(self.asked) - len(self.told)

    def wait(self, timeout: float) -> Sequence[Outcome]:
        self.now += timeout
        return [Outcome(self.asked[0], TrialStatus.PRUNED)] if self.asked and not self.told else []

    def stopped(self) -> bool:
        return self.now >= self.stopped_at

    def deadline(self) -> float:
        return self.budget

    def tick(self, finished: int) -> None:
        pass


def search_on(run: Slow) -> None:
    task: Any = SimpleNamespace(target=[0, 1], frame=SimpleNamespace(width=1), metric="accuracy")
    parts: Any = run
    Conduct(task, parts, parts, parts, clock=run.clock, reserve=1.0, at_once=iter(()))._search_on()


def test_places_that_take_long_to_fill_do_not_hold_up_the_end() -> None:
    run = Slow(budget=30.0)
    search_on(run)
    assert run.now < 29.1, "what comes after the search has its time"
    assert run.told[0] < 3.0, "what has ended is taken in meanwhile"


def test_places_that_take_long_to_fill_do_not_hold_up_who_stops_the_run() -> None:
    run = Slow(budget=3_000.0, stopped_at=5.0)
    search_on(run)
    assert run.now < 8.0
