"""Names of machines."""

import ipaddress


def is_loopback(name: str) -> bool:
    """Whether this is this very machine, for whoever is on it: a loopback address, or the name that stands for one.

    >>> is_loopback("127.0.0.5"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    >>> is_loopback("127.1"), is_loopback("localhost.example.com"), is_loopback("")
    (False, False, False)
    """
    if name.isascii() and name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
