"""Wrong tries are counted, by address and in all, and forgotten in time."""

import pytest

from flowml.services.access.throttle import Throttle


def test_tries_are_counted_by_address_and_in_all() -> None:
    throttle = Throttle(from_one=3, from_all=5, seconds=60.0)

    def tries(address: str, now: float) -> list[float]:
        return [throttle.take(address, now) for _ in range(4)]

    assert tries("192.0.2.1", 100.0) == [0, 0, 0, 20]
    assert throttle.take("192.0.2.1", 119.9) == pytest.approx(0.1)
    assert throttle.take("192.0.2.1", 120.0) == 0
    assert throttle.take("192.0.2.2", 120.0) == 0
    # By now two of the first five do not count any more.
    assert tries("192.0.2.3", 120.0)[:2] == [0, pytest.approx(4.0)]


def test_the_memory_of_tries_is_bounded() -> None:
    throttle = Throttle(from_one=1, from_all=10**9)
    for number in range(3000):
        assert throttle.take(f"2001:db8:{number:x}::1", 1.0) == 0
        assert throttle.take(f"2001:db8:{number:x}::2", 1.0) > 0
    assert len(throttle._tried) == 1000
