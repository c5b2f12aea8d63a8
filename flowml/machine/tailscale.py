"""The tailnet of this machine, as the `tailscale` command tells it. Nothing is asked of any other machine."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SECONDS = 2.0
_MOST_BYTES = 10_000_000
_MOST_PEERS = 1_000


@dataclass(frozen=True)
class Peer:
    """A machine of the tailnet: its MagicDNS name, or its own where there is none, and its addresses there."""

    name: str
    addresses: tuple[str, ...]
    online: bool


@dataclass(frozen=True)
class Tailscale:
    """Whether there is a tailnet here, this machine in it, and the others."""

    installed: bool = False
    running: bool = False
    self: Peer | None = None
    peers: tuple[Peer, ...] = ()


def tailscale(command: str = "tailscale") -> Tailscale:
    """What the command says; nothing but that it is installed where it says nothing that can be read."""
    found = shutil.which(command)
    if found is None:
        return Tailscale()
    try:
        done = subprocess.run([found, "status", "--json"], capture_output=True, timeout=_SECONDS, check=False)
        state = json.loads(done.stdout[:_MOST_BYTES])
        if state.get("BackendState") != "Running":
            return Tailscale(installed=True)
        others = list((state.get("Peer") or {}).values())[:_MOST_PEERS]
        return Tailscale(True, True, _peer(state["Self"], online=True), tuple(_peer(other) for other in others))
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError, AttributeError):
        return Tailscale(installed=True)


def _peer(state: Mapping[str, Any], *, online: bool | None = None) -> Peer:
    name = str(state.get("DNSName") or "").rstrip(".") or str(state["HostName"])
    addresses = tuple(str(address) for address in state.get("TailscaleIPs") or ())
    return Peer(name, addresses, bool(state.get("Online")) if online is None else online)
