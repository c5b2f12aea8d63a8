"""How often somebody may try what is wrong."""

import ipaddress
from collections import OrderedDict

_MOST_ADDRESSES = 1000


class Throttle:
    """So many wrong tries a minute from one address and from all together. Times are seconds of a steady clock. What it
    remembers is bounded: of too many addresses it forgets the one not heard of for longest."""

    def __init__(self, from_one: int = 10, from_all: int = 100, seconds: float = 60.0):
        self._from_one = from_one
        self._from_all = from_all
        self._seconds = seconds
        self._tried: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._all = (0.0, 0.0)

    def take(self, address: str, now: float) -> float:
        """Zero where this one is answered, which counts it; else in how many seconds another would be."""
        address = _network(address)
        one = self._left(self._tried.get(address, (0.0, now)), self._from_one, now)
        all_together = self._left(self._all, self._from_all, now)
        wait = max(self._wait(one, self._from_one), self._wait(all_together, self._from_all))
        if wait > 0:
            return wait
        self._keep(address, one + 1, now)
        self._all = (all_together + 1, now)
        return 0.0

    def _keep(self, address: str, count: float, now: float) -> None:
        self._tried[address] = (count, now)
        self._tried.move_to_end(address)
        while len(self._tried) > _MOST_ADDRESSES:
            self._tried.popitem(last=False)

    def _left(self, tried: tuple[float, float], limit: int, now: float) -> float:
        """What still counts of earlier tries."""
        count, at = tried
        return max(0.0, count - (now - at) * limit / self._seconds)

    def _wait(self, count: float, limit: int) -> float:
        return max(0.0, (count + 1 - limit) * self._seconds / limit)


def _network(address: str) -> str:
    """Who has one address of IPv6 has all that begin like it.

    >>> _network("192.0.2.7"), _network("::ffff:192.0.2.7"), _network("2001:db8:1:2:3:4:5:6"), _network("?")
    ('192.0.2.7', '192.0.2.7', '2001:db8:1:2::/64', '?')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
    return str(found)
