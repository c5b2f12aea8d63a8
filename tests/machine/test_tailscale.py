"""What the `tailscale` command says, or does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from flowml.machine.tailscale import Peer, Tailscale, tailscale

STATUS = {
    "BackendState": "Running",
    "Self": {"HostName": "laptop", "DNSName": "laptop.tail1.ts.net.", "TailscaleIPs": ["100.64.0.1"], "Online": True},
    "Peer": {
        "k1": {"HostName": "gpu box", "DNSName": "gpu.tail1.ts.net.", "TailscaleIPs": ["100.64.0.2"], "Online": False},
        "k2": {"HostName": "phone", "DNSName": "", "TailscaleIPs": None, "Online": True},
    },
}


def command(tmp_path: Path, says: str, code: int = 0) -> str:
    path = tmp_path / "tailscale"
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {code}\n")
    path.chmod(0o700)
    return str(path)


def test_this_machine_and_the_others_are_named_as_the_tailnet_does(tmp_path: Path) -> None:
    assert tailscale(command(tmp_path, json.dumps(STATUS))) == Tailscale(
        True,
        True,
        Peer("laptop.tail1.ts.net", ("100.64.0.1",), True),
        (Peer("gpu.tail1.ts.net", ("100.64.0.2",), False), Peer("phone", (), True)),
    )


@pytest.mark.parametrize(
    "says",
    ["", "failed to connect", "[]", "null", json.dumps({"BackendState": "Stopped"}), '{"BackendState": "Running"}'],
)
def test_one_that_does_not_run_or_says_something_else_is_only_installed(tmp_path: Path, says: Any) -> None:
    assert tailscale(command(tmp_path, says, code=1)) == Tailscale(installed=True)


def test_without_the_command_there_is_none() -> None:
    assert tailscale("no such command") == Tailscale()
