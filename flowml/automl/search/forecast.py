"""How long a trial will take: what its algorithm says, corrected by what was seen on this machine and table."""

import math
from collections.abc import Mapping


class Forecast:
    """`stated`: seconds a trial by each algorithm's own word (all folds, one thread)."""

    def __init__(self, stated: Mapping[str, float]):
        self._stated = dict(stated)
        self._logarithms: dict[str, list[float]] = {name: [] for name in stated}
        self._common: float | None = 0.0

    def saw(self, algorithm: str, seconds: float) -> None:
        """A trial of this algorithm took so long."""
        ratio = max(seconds, 1e-3) / max(self._stated[algorithm], 1e-3)
        self._logarithms[algorithm].append(math.log(min(max(ratio, 1e-2), 1e2)))
        self._common = None

    def saw_at_least(self, algorithm: str, seconds: float) -> None:
        """A trial was cut off after so long."""
        if seconds > self.seconds(algorithm):
            self.saw(algorithm, 1.5 * seconds)

    def seconds(self, algorithm: str) -> float:
        """The forecast: the algorithm's own ratio, shrunk towards that of all, as one more observation."""
        own = self._logarithms[algorithm]
        if self._common is None:
            # Asked for often, and of very many trials.
            others = sorted(value for values in self._logarithms.values() for value in values)
            # Stated figures err on both sides: what all have in common is the machine, and only its slowness is
            # trusted.
            self._common = max(others[len(others) // 2], 0.0)
        common = self._common
        mean = (common + sum(own)) / (1 + len(own)) if own else common
        return self._stated[algorithm] * math.exp(mean)
