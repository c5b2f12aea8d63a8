"""Names of machines, as they stand in addresses."""

import ipaddress
import re

_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?", re.ASCII)


def parse_host(text: str) -> tuple[str, int | None] | None:
    """Name and port of `name`, `name:port` or `[address]:port`, in lower case; None for anything else. In brackets
    stand addresses of IPv6 alone.

    >>> parse_host("localhost:8000"), parse_host("[::1]"), parse_host("::1"), parse_host("a b"), parse_host("a:99999")
    (('localhost', 8000), ('::1', None), None, None, None)
    """
    found = _HOST.fullmatch(text)
    if (
        found is None
        or int(found["port"] or 0) > 65_535
        or (found["address"] is not None and ":" not in found["address"])
    ):
        return None
    return found["address"] or found["name"], None if found["port"] is None else int(found["port"])


def is_loopback(name: str) -> bool:
    """Whether this is this very machine, for whoever is on it: a loopback address, or the name that stands for one.

    >>> is_loopback("127.0.0.5"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    >>> is_loopback("127.1"), is_loopback("localhost.example.com"), is_loopback("")
    (False, False, False)
    """
    address = as_address(name)
    return name == "localhost" if address is None else address.is_loopback


def as_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that this is, if it is one; of IPv4 also where it is written as one of IPv6.

    >>> as_address("::ffff:192.0.2.7"), as_address("fe80::1%eth0"), as_address("example.com")
    (IPv4Address('192.0.2.7'), IPv6Address('fe80::1'), None)
    """
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
