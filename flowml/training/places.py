"""How many trials at once the search may count on: what the machines say that they have, as far as they take it.

A place that nobody fills is worth nothing to a run, whoever says that it is there. Trials that wait for it were chosen
before anything was known, and whoever does take them works through those first.
"""

from collections.abc import Mapping, Sequence

from flowml.domain.workers import LOCAL_ID, Machine

MOST_OPEN = 2_000
"""However many places there are: what is asked for beyond that takes longer to choose than it is worth."""
NEWCOMERS_PLACES = 40
"""So many places together are counted of machines of which nothing is known yet; as many as the portfolio fills."""
PATIENCE_SECONDS = 5.0
"""A machine that leaves a trial waiting for longer, with a place free for it, has no more places than are in use."""


class Places:
    """The places of the machines that are online.

    A machine that takes what there is counts in full, or for twice what it has. One whose places stay empty while
    trials wait counts for what it has taken, until it takes more. The server's own machine is believed.
    """

    def __init__(self) -> None:
        self._counted: dict[str, int] = {}
        self._known_since: dict[str, float] = {}
        self._has_taken: set[str] = set()

    def count(
        self, machines: Sequence[Machine], slots: Mapping[str, int], waiting_since: Mapping[str, float], steady: float
    ) -> tuple[int, bool]:
        """How many places there are, and whether there may be more. `slots`: those of each machine by what it says;
        `waiting_since`: by queue, since when the trial has waited that waits longest."""
        proven = new = 0
        may_be_more = False
        for machine in machines:
            name, said = machine.worker_id, slots[machine.worker_id]
            if name == LOCAL_ID:
                proven += said
                continue
            counted = min(said, self._counted_of(machine, waiting_since, steady))
            may_be_more |= counted < said
            if name in self._has_taken:
                proven += counted
            else:
                new += counted
        believed = min(new, max(NEWCOMERS_PLACES, proven))
        return min(MOST_OPEN, proven + believed), may_be_more or believed < new

    def _counted_of(self, machine: Machine, waiting_since: Mapping[str, float], steady: float) -> int:
        name = machine.worker_id
        since = self._known_since.setdefault(name, steady)
        counted = self._counted.get(name, NEWCOMERS_PLACES)
        if machine.running:
            self._has_taken.add(name)
        too_long = steady - PATIENCE_SECONDS
        is_waited_for = any(waiting_since.get(queue, steady) < too_long for queue in machine.queues)
        if is_waited_for and since < too_long:
            counted = machine.running
        elif machine.running and machine.running >= counted:
            counted = 2 * machine.running
        self._counted[name] = counted
        return counted
