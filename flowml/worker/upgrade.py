"""Becoming what the server is: its own flowml.pyz instead of this one.

Only when somebody asks for it: whoever owns the server runs code on this machine then, and so would who could change
what comes from there, since hash and file come the same way. What arrives is the file whose hash the server has
announced, and has to start, before anything is replaced; this file is there at every moment, and the one before is kept
beside it.
"""

import contextlib
import ipaddress
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx

from flowml import __version__
from flowml.domain.errors import FlowMLError, NoRoom, NotReady, StartupError
from flowml.domain.stored import hash_file
from flowml.machine import locks
from flowml.worker.channel import Retry, checked

OPTION = "--upgrade"
INSECURE = "--insecure-upgrade"
_MOST_BYTES = 4_000_000_000
_KEPT_FREE_BYTES = 200_000_000
_PATIENCE_SECONDS = 120.0
_LOCK_SECONDS = 1.0
# Encrypted, and nobody's from outside: the addresses that Tailscale gives.
_TAILNETS = (ipaddress.ip_network("100.64.0.0/10"), ipaddress.ip_network("fd7a:115c:a1e0::/48"))
# Its first start unpacks hundreds of megabytes.
_START_SECONDS = 600.0


@dataclass(frozen=True)
class _Announced:
    version: str
    sha256: str
    size_bytes: int


def upgrade(
    client: httpx.Client,
    own: Path | None,
    say: Callable[[str], None],
    retry: Retry | None = None,
    start_seconds: float = _START_SECONDS,
    *,
    insecure: bool = False,
) -> bool:
    """Have the server's program in the place of this program's file `own`; whether that is another one than runs here.
    Over a network that others could read only where it is said to be `insecure`. Raises StartupError where it cannot be
    done, and then nothing has changed."""
    if own is None:
        raise StartupError(
            "This worker does not run from a flowml.pyz, so there is no file to replace.",
            hint="Upgrade the FlowML that is installed here instead.",
        )
    if not insecure and not _is_private(client.base_url):
        raise StartupError(
            f"Whoever is between this machine and {client.base_url} could send it another program than the server's.",
            hint=f"Give an address that begins with https://, or one of your tailnet. Or say {INSECURE} instead of"
            f" {OPTION}, where you trust everybody in that network.",
        )
    retry = retry or Retry()
    try:
        announced = retry.until(retry.clock() + _PATIENCE_SECONDS, lambda: _announced(client))
        if hash_file(own) != announced.sha256:
            with _alone(own, retry, say):
                # Another worker may have done it meanwhile.
                if hash_file(own) != announced.sha256:
                    _replace(client, own, announced, retry, start_seconds, say)
            say(f"{own} is FlowML {announced.version} now. The one before is {_old(own)}.")
            return True
    except StartupError:
        raise
    except FlowMLError as problem:
        raise StartupError(f"The server's program was not fetched: {problem.detail}", hint=problem.hint) from problem
    except OSError as problem:
        raise StartupError(
            f"The file {own} cannot be replaced: {problem.strerror or problem}.",
            hint="Put the server's flowml.pyz there by hand, or start a copy of this one from a folder of your own.",
        ) from problem
    say(f"This is the server's own program already, FlowML {announced.version}.")
    # Where another worker has replaced the file while this one was starting, what runs is the one before.
    return announced.version != __version__


def _is_private(server: httpx.URL) -> bool:
    """Whether nobody between could change what comes from there: it is encrypted, or does not leave this machine."""
    if server.scheme == "https" or server.host == "localhost" or server.host.endswith(".ts.net"):
        return True
    try:
        address = ipaddress.ip_address(server.host)
    except ValueError:
        return False
    return address.is_loopback or any(address in network for network in _TAILNETS)


def restart(own: Path, arguments: Sequence[str]) -> NoReturn:
    """Go on as the program in this file, with the same arguments but that one."""
    kept = [argument for argument in arguments if not _is_option(argument)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, str(own), *kept])  # noqa: S606 - itself, by the arguments it has


def _is_option(argument: str) -> bool:
    # However much of it was written out.
    return len(argument) > 2 and any(option.startswith(argument) for option in (OPTION, INSECURE))


@contextlib.contextmanager
def _alone(own: Path, retry: Retry, say: Callable[[str], None]) -> Iterator[None]:
    """No other worker that runs from this file replaces it meanwhile."""
    has_said = False
    while True:
        # It stays: who removed it would leave another worker with a lock on a file that nobody else finds.
        with locks.taken(own.with_name(f".{own.name}.lock")) as is_mine:
            if is_mine:
                yield
                return
        if not has_said:
            say("Another worker that runs from this file is fetching the server's program. Waiting for it.")
        has_said = True
        retry.sleep(_LOCK_SECONDS)


def _old(own: Path) -> Path:
    return own.with_name(f"{own.name}.old")


def _announced(client: httpx.Client) -> _Announced:
    answer = checked(client.get("/api/workers/program"))
    try:
        said = answer.json()
        version, sha256, size = said["version"], said["sha256"], said["size_bytes"]
    except (ValueError, LookupError, TypeError):
        version, sha256, size = "", "", 0
    if (
        not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256)
        or not isinstance(size, int) or not 0 < size <= _MOST_BYTES
        or not isinstance(version, str) or not re.fullmatch(r"[\w.+-]{1,50}", version)
    ):  # fmt: skip
        raise StartupError("What the server says of its program cannot be understood.", hint="Look after the network.")
    return _Announced(version, sha256, size)


def _replace(
    client: httpx.Client,
    own: Path,
    announced: _Announced,
    retry: Retry,
    start_seconds: float,
    say: Callable[[str], None],
) -> None:
    folder = own.with_name(f".{own.name}.upgrade")
    folder.mkdir(mode=0o700, exist_ok=True)
    # What has arrived of it stays when the connection breaks for long, or this process is killed.
    part = folder / f"{announced.sha256}.part"
    for other in folder.iterdir():
        if other != part:
            other.unlink()
    missing = announced.size_bytes - _size(part)
    free = max(0, shutil.disk_usage(folder).free - _KEPT_FREE_BYTES)
    if missing > free:
        raise NoRoom(f"{missing:,} bytes do not fit where {own} is, in {free:,}")
    say(f"Fetching FlowML {announced.version} from the server, {max(0, missing) / 1e6:,.0f} MB.")
    _fetch_all(client, announced, part, retry)
    try:
        if hash_file(part) != announced.sha256:
            raise StartupError("What arrived is not the server's program.", hint="Look after the connection.")
        # Under its own name, by which it knows where it has unpacked itself.
        new = folder / own.name
        os.replace(part, new)
        new.chmod(own.stat().st_mode & 0o777)
        _check_starts(new, announced.version, start_seconds)
        _sync(new)
        _keep(own, folder / "old")
        os.replace(new, own)
        _sync(own.parent)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _fetch_all(client: httpx.Client, announced: _Announced, part: Path, retry: Retry) -> None:
    """As long as something comes, however slowly."""
    while True:
        before = _size(part)
        try:
            retry.until(retry.clock() + _PATIENCE_SECONDS, lambda: _fetch(client, announced, part))
            return
        except NotReady:
            if _size(part) <= before:
                raise


def _fetch(client: httpx.Client, announced: _Announced, part: Path) -> None:
    """Go on with what is there of it."""
    with part.open("ab") as file:
        have = file.tell()
        if have >= announced.size_bytes:
            return
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with client.stream("GET", f"/api/workers/program/{announced.sha256}", headers=headers) as answer:
            if answer.status_code not in (200, 206):
                answer.read()
            checked(answer)
            if answer.status_code == 200:
                file.truncate(0)
                have = 0
            for piece in _bounded(answer.iter_raw(), announced.size_bytes - have):
                file.write(piece)


def _bounded(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise StartupError("The server's program is longer than it says.", hint="Look after the connection.")
        yield piece


def _check_starts(program: Path, version: str, seconds: float) -> None:
    command = [sys.executable, str(program), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise StartupError(f"The server's program did not start here within {seconds:.0f} seconds.") from None
    if done.returncode != 0 or version not in done.stdout.split():
        words = (done.stderr.strip().splitlines() or ["it says nothing"])[-1][:300]
        raise StartupError(f"The server's program does not start here: {words}", hint="This one is left as it is.")


def _keep(own: Path, place: Path) -> None:
    """The file as it is, beside itself, by way of this place: the one that was kept before is there until then."""
    try:
        os.link(own, place)
    except OSError:
        # Not every file system has links.
        shutil.copy2(own, place)
        _sync(place)
    os.replace(place, _old(own))


def _sync(path: Path) -> None:
    """What was written is on the disk before anything is done that builds on it."""
    if sys.platform == "win32" and path.is_dir():
        return
    file = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
