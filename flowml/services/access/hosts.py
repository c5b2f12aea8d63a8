"""Under which names a server answers, and by which scheme browsers come to each."""

from functools import lru_cache

from flowml.domain.access.hosts import as_address, is_loopback, parse_host
from flowml.machine.facts import host_names
from flowml.services.settings import Settings, split_origin


class Hosts:
    """The names of this machine for those who are on it; where others can reach it, its host name and the addresses
    that they reach it by as well; and those that are set.

    A page of another site that has made its own name lead here (DNS rebinding) asks for that name: it is refused. It
    cannot ask for an address.
    """

    def __init__(self, settings: Settings):
        self._is_reachable = not is_loopback(settings.host)
        self._names = {settings.host.lower(), *host_names()} if self._is_reachable else set()
        self._set = {}
        for text in settings.allowed_hosts:
            scheme, name, port = split_origin(text)
            self._set[name, port] = scheme
        self.scheme = lru_cache(maxsize=256)(self._scheme)
        self.is_loopback = lru_cache(maxsize=256)(_is_loopback)

    def _scheme(self, host: str, own_address: str, scheme: str) -> str | None:
        """By which scheme browsers come to this `Host`, for a request that has come by that one to this address of the
        machine; None where this server does not answer under that name."""
        found = parse_host(host)
        if found is None:
            return None
        name, port = found
        for key in ((name, port), (name, None)):
            if key in self._set:
                return self._set[key] or scheme
        return scheme if is_loopback(name) or (self._is_reachable and self._is_own(name, own_address)) else None

    def _is_own(self, name: str, own_address: str) -> bool:
        return name in self._names or (as_address(name) or name) == as_address(own_address)


def _is_loopback(host: str) -> bool:
    """Whether this `Host` is this very machine."""
    found = parse_host(host)
    return found is not None and is_loopback(found[0])
