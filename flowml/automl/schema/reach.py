"""How far the numbers and dates of a column reach in training, and what is said of those beyond."""

from dataclasses import dataclass
from typing import Any

from flowml.domain.wording import plural


@dataclass(frozen=True)
class Reach:
    """`edges` are where values begin to be far below all of training, below, above, and far above; `words` say so, with
    None for those that are none of it."""

    edges: tuple[float, float, float, float]
    words: tuple[str | None, ...]

    def place(self, values: Any) -> Any:
        """0 to 4, the places of `words`, for a number or a Polars series of them."""
        far_low, low, high, far_high = self.edges
        return (values >= far_low) + (values >= low) + (values > high) + (values > far_high)


def reach_of_numbers(least: float, typical: float, greatest: float, shown: tuple[str, str], count: int | None) -> Reach:
    """The rows of a table always miss the very ends a little, so what is beyond one by less than a tenth of the way
    there from the middle is nothing to speak of; half of the whole range beyond it is far. Of a skewed column (fares)
    the long side so gets more room than the short one. A quantity that was never negative stays so.

    >>> reach_of_numbers(0.0, 28.0, 80.0, ("0", "80"), 714).edges
    (-40.0, 0.0, 85.2, 120.0)
    """
    half = (greatest - least) / 2
    low, high = least - (typical - least) / 10, greatest + (greatest - typical) / 10
    low, high = max(low, 0.0) if least >= 0 else low, min(high, 0.0) if greatest <= 0 else high
    those = "all values" if count is None else f"all {plural(count, 'value')}"
    below = f"below {those} of the training data (at least {shown[0]})"
    above = f"above {those} of the training data (at most {shown[1]})"
    guesses = ", where predictions are guesses"
    return Reach(
        (min(low, least - half), low, high, max(high, greatest + half)),
        (f"far {below}{guesses}", below, None, above, f"far {above}{guesses}"),
    )


def reach_of_days(least: float, greatest: float, shown: tuple[str, str], count: int | None) -> Reach:
    """Time goes on: rows to predict are later than those of training, and only what is further from them than their
    whole length is worth a word."""
    low, high = least - (greatest - least), greatest + (greatest - least)
    those = "all dates" if count is None else f"all {plural(count, 'date')}"
    before = f"long before {those} of the training data (the first is {shown[0]})"
    after = f"long after {those} of the training data (the last is {shown[1]})"
    return Reach((low, low, high, high), (before, before, None, after, after))
