"""How busy the machine is does not depend on which thread asks, or how often."""

import threading

from flowml.machine.load import CpuGauge


class Machine:
    """Two cores of which one works, by a clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.busy = 1.0
        self.worked = 50.0

    def core_seconds(self) -> tuple[float, float]:
        return self.worked, 2 * self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += seconds
        self.worked += self.busy * seconds


def test_every_thread_reads_the_same() -> None:
    machine = Machine()
    gauge = CpuGauge(machine.core_seconds, lambda: machine.now)
    machine.pass_seconds(5)
    assert gauge.percent() == 50
    machine.busy = 2.0
    machine.pass_seconds(5)
    read: list[float] = []
    for _ in range(3):
        # A thread that has never asked before, as those of a server.
        thread = threading.Thread(target=lambda: read.append(gauge.percent()))
        thread.start()
        thread.join()
    assert read == [100, 100, 100]


def test_two_who_ask_at_the_same_moment_read_the_same() -> None:
    machine = Machine()
    gauge = CpuGauge(machine.core_seconds, lambda: machine.now)
    assert gauge.percent() == 0.0, "nothing has been measured yet"
    machine.pass_seconds(3)
    first = gauge.percent()
    machine.pass_seconds(0.001)
    assert first == gauge.percent() == 50
    machine.busy = 0.0
    machine.pass_seconds(2)
    assert gauge.percent() < 1


def test_a_machine_at_work_is_busy() -> None:
    gauge, stop = CpuGauge(), threading.Event()
    worker = threading.Thread(target=lambda: [sum(range(10_000)) for _ in iter(stop.is_set, True)])
    worker.start()
    try:
        threading.Event().wait(0.3)
        assert gauge.percent() > 0
    finally:
        stop.set()
        worker.join()
