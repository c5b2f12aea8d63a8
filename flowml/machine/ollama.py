"""Where an Ollama server is, and whether one answers there."""

import base64
import contextlib
import http.client
import json
import os
import re
import socket
import threading
from dataclasses import dataclass, field
from urllib.parse import unquote

from flowml.domain.access.hosts import is_loopback, parse_host

USUAL_PORT = 11434
USUAL_ADDRESS = f"http://127.0.0.1:{USUAL_PORT}"
VARIABLE = "FLOWML_OLLAMA_URL"
_SECONDS = 0.5
_LONGEST_SECONDS = 1.5
_MOST_BYTES = 10_000
_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", re.ASCII)
# What servers are told to listen on, to be reached under every address of theirs: from here, that is this machine.
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


@dataclass(frozen=True)
class Address:
    """Where the owner says that an Ollama server is. `credentials` are for a proxy before it, and never shown."""

    scheme: str
    host: str
    port: int
    path: str = ""
    credentials: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """
        >>> parse("kiwi:11434").url, parse("https://me:secret@ml.example.com/ollama/").url
        ('http://kiwi:11434', 'https://ml.example.com/ollama')
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if _PORTS[self.scheme] == self.port else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent there stays on this machine."""
        return is_loopback(self.host)

    @property
    def headers(self) -> dict[str, str]:
        """What lets a request in there."""
        if self.credentials is None:
            return {}
        return {"Authorization": f"Basic {base64.b64encode(self.credentials.encode()).decode()}"}


def parse(text: str) -> Address:
    """The address that this text is: of HTTP or HTTPS, or a machine's name alone, with Ollama's usual port then. Raises
    ValueError in words, which repeats nothing of a password.

    >>> parse("http://localhost:11434/"), parse("10.0.0.7").port, parse("https://ml.example.com").port
    (Address(scheme='http', host='localhost', port=11434, path=''), 11434, 443)
    """
    given = text.strip()
    scheme, separator, rest = given.partition("://")
    if not separator:
        scheme, rest = "http", given
    scheme = scheme.lower()
    credentials, _, place = rest.rpartition("@")
    shown = f"{scheme}://{place}" if separator else place
    if scheme not in _PORTS or any(ord(character) <= 32 for character in given):
        raise ValueError(f"“{_cut(shown)}” is no address of a server, such as {USUAL_ADDRESS}")
    name, slash, path = place.partition("/")
    found = parse_host(name.lower())
    if found is None:
        raise ValueError(f"“{_cut(name)}” is no name of a machine, such as 127.0.0.1:{USUAL_PORT}")
    path = f"{slash}{path}".rstrip("/")
    if not _PATH.fullmatch(path):
        raise ValueError(f"“{_cut(path)}” is no part of such an address: it ends behind the port, as {USUAL_ADDRESS}")
    if path.endswith(("/api", "/v1")):
        ending = path.rpartition("/")[2]
        raise ValueError(f"The address goes without “/{ending}” at its end: FlowML adds what it needs")
    host, port = found
    port = port or (_PORTS[scheme] if separator else USUAL_PORT)
    return Address(scheme, _ANY.get(host, host), port, path, unquote(credentials) or None)


def _cut(text: str) -> str:
    return text[:100]


def version(address: str | None = None) -> str | None:
    """The version of the Ollama server there; None where none answers. Without an address it is that of
    FLOWML_OLLAMA_URL, or of this machine: so a machine that joins a server finds what it can offer. A server itself
    uses none but the one that is set. It takes at most 1.5 s, whatever answers there."""
    found: list[str | None] = []
    connections: list[http.client.HTTPConnection] = []

    def ask() -> None:
        found.append(_version(address, connections))

    # Each byte of an answer may be waited for again, and names are looked up for as long as that takes.
    asking = threading.Thread(target=ask, name="ollama-version", daemon=True)
    asking.start()
    asking.join(_LONGEST_SECONDS)
    if asking.is_alive() and connections and (open_socket := connections[0].sock) is not None:
        with contextlib.suppress(OSError):
            open_socket.shutdown(socket.SHUT_RDWR)
    return found[0] if found else None


def _version(address: str | None, connections: list[http.client.HTTPConnection]) -> str | None:
    try:
        url = parse(address or os.environ.get(VARIABLE) or USUAL_ADDRESS)
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        connection = kind(url.host, url.port, timeout=_SECONDS)
        connections.append(connection)
        try:
            connection.request("GET", f"{url.path}/api/version", headers=url.headers)
            answer = connection.getresponse()
            found = json.loads(answer.read(_MOST_BYTES))["version"] if answer.status == 200 else None
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, RecursionError):
        return None
    return found[:50] if isinstance(found, str) else None
