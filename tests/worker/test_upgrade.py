"""A worker becomes what its server is, when somebody asks for it, or stays what it was."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowml.domain.access.caller import Permission, Principal
from flowml.domain.errors import StartupError
from flowml.domain.stored import hash_file
from flowml.machine import locks
from flowml.machine import program as programs
from flowml.services.fleet import program as offered
from flowml.worker.channel import Retry
from flowml.worker.upgrade import restart, upgrade
from tests.web.serving import Served, serve

NEW = """import json, os, pathlib, sys
if "--version" in sys.argv:
    print("flowml 9.9")
else:
    token = os.environ.get("FLOWML_TOKEN")
    pathlib.Path(os.environ["SEEN"]).write_text(json.dumps([sys.argv, token]))
"""
OLD = "import sys\nfrom flowml.cli import main\nsys.exit(main())\n"


def zipapp(path: Path, code: str, padding: int = 0) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("__main__.py", code)
        file.writestr("padding", os.urandom(padding))
    path.chmod(0o755)
    return path


@dataclass
class Site:
    served: Served
    own: Path
    new: Path
    said: list[str]
    cuts: list[int]

    def upgrade(self, **given: Any) -> bool:
        line = Cut(self.cuts)
        with httpx.Client(base_url=self.served.url, transport=line) as client:
            retry = given.pop("retry", None) or Retry(sleep=lambda seconds: None)
            return upgrade(client, self.own, self.said.append, retry, **given)

    def part(self) -> Path:
        """Where what has arrived of the server's program is kept."""
        return self.own.with_name(".flowml.pyz.upgrade") / f"{hash_file(self.new)}.part"

    def refused(self, words: str, **given: Any) -> None:
        """It says so, and everything is as before."""
        before = hash_file(self.own)
        with pytest.raises(StartupError, match=words):
            self.upgrade(**given)
        assert hash_file(self.own) == before
        assert self.left() == ["flowml.pyz"]

    def left(self) -> list[str]:
        """What is there now besides the lock."""
        return sorted(path.name for path in self.own.parent.iterdir() if path.suffix != ".lock")


class Cut(httpx.HTTPTransport):
    """Breaks off answers behind so many bytes each."""

    def __init__(self, cuts: list[int]):
        super().__init__()
        self.cuts = cuts

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if self.cuts and request.url.path.count("/") > 3:
            content = b"".join(answer.iter_raw())[: self.cuts.pop(0)]
            return httpx.Response(answer.status_code, headers=answer.headers, stream=Broken(content))
        return answer


class Broken(httpx.SyncByteStream):
    def __init__(self, content: bytes):
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self.content
        raise httpx.ReadError("cut")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server of another version, that speaks a protocol of which this worker knows nothing."""
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    new = zipapp(tmp_path / "there" / "flowml.pyz", NEW, padding=200_000)
    monkeypatch.setattr(offered, "own_file", lambda: new)
    monkeypatch.setattr(offered, "__version__", "9.9")
    monkeypatch.setattr("flowml.services.fleet.workers.PROTOCOL", 99)
    worker = Principal("a fleet", frozenset({Permission.WORK}))
    with serve(tmp_path / "home", who=lambda scope: worker) as served:
        yield Site(served, zipapp(tmp_path / "here" / "flowml.pyz", OLD), new, [], [])


def test_a_worker_goes_on_as_the_servers_program_with_the_same_arguments(site: Site, tmp_path: Path) -> None:
    refused = site.served.client.post("/api/workers/register", json={"name": "far"})
    assert refused.status_code == 409 and "--upgrade" in refused.json()["hint"]
    before = hash_file(site.own)
    command = [sys.executable, str(site.own), "worker", "--server", site.served.url, "--upgrade", "--slots", "2"]
    environment = os.environ | {"FLOWML_TOKEN": "secret", "SEEN": str(tmp_path / "seen")}
    done = subprocess.run(
        [*command, "--home", str(tmp_path / "w")], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "is FlowML 9.9 now" in done.stdout
    rest = ["worker", "--server", site.served.url, "--slots", "2", "--home", str(tmp_path / "w")]
    assert (tmp_path / "seen").read_text() == f'[{[str(site.own), *rest]}, "secret"]'.replace("'", '"')
    assert hash_file(site.own) == hash_file(site.new) and os.access(site.own, os.X_OK)
    assert hash_file(site.own.with_name("flowml.pyz.old")) == before
    assert site.left() == ["flowml.pyz", "flowml.pyz.old"]


def test_a_connection_that_breaks_off_is_gone_on_with(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.cuts = [100_000, 50_000, 0]
    assert site.upgrade() and hash_file(site.own) == hash_file(site.new)
    monkeypatch.setattr("flowml.worker.upgrade.__version__", "9.9")
    assert not site.upgrade() and "already" in site.said[-1]


@dataclass
class Slow:
    """A clock of a line on which each try takes a while."""

    seconds: float
    now: float = 0.0

    def retry(self) -> Retry:
        return Retry(sleep=lambda _: None, clock=self.clock)

    def clock(self) -> float:
        self.now += self.seconds
        return self.now


def test_a_slow_line_is_waited_for_as_long_as_something_comes(site: Site) -> None:
    # Each time it breaks off when the patience is over, and a little more of it is there.
    site.cuts = [20_000] * 8
    assert site.upgrade(retry=Slow(130.0).retry()) and hash_file(site.own) == hash_file(site.new)


def test_what_has_arrived_stays_where_no_more_comes_and_is_gone_on_with_later(site: Site) -> None:
    site.cuts = [100_000] + [0] * 20
    with pytest.raises(StartupError, match="was not fetched: The server was not reached"):
        site.upgrade(retry=Slow(50.0).retry())
    assert site.part().stat().st_size == 100_000
    site.cuts = []
    assert site.upgrade() and "Fetching FlowML 9.9 from the server, 0 MB." in site.said[-2]
    assert site.left() == ["flowml.pyz", "flowml.pyz.old"]


def test_what_a_worker_that_was_killed_has_left_of_another_program_is_in_nobodys_way(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.cuts = [100_000] + [0] * 20
    with monkeypatch.context() as killed:
        # Who is killed tidies nothing up.
        killed.setattr("flowml.worker.upgrade.shutil.rmtree", lambda *_: None)
        with pytest.raises(StartupError):
            site.upgrade(retry=Slow(50.0).retry())
    site.cuts = []
    zipapp(site.new, NEW, padding=150_000)
    assert site.upgrade() and hash_file(site.own) == hash_file(site.new)
    assert site.left() == ["flowml.pyz", "flowml.pyz.old"]


def test_of_two_workers_of_one_file_the_second_waits_and_goes_on_as_what_the_first_has_fetched(site: Site) -> None:
    asked = []

    def meanwhile(_: float) -> None:
        # The first is through, and lets go of the lock.
        asked.append(list(site.said))
        site.own.write_bytes(site.new.read_bytes())
        first.close()

    with ExitStack() as first:
        assert first.enter_context(locks.taken(site.own.with_name(".flowml.pyz.lock")))
        assert site.upgrade(retry=Retry(sleep=meanwhile)), "it is another program than runs here"
    assert len(asked) == 1 and "Another worker" in asked[0][-1]
    assert not any("Fetching" in words for words in site.said)


def test_who_runs_what_another_worker_has_just_replaced_starts_anew(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.own.write_bytes(site.new.read_bytes())
    assert site.upgrade(), "the version that runs is not that of the file"
    monkeypatch.setattr("flowml.worker.upgrade.__version__", "9.9")
    assert not site.upgrade()


def test_a_machine_that_stops_in_the_middle_has_one_of_both_and_the_one_before(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = site.own.with_name("flowml.pyz.old")
    kept.write_bytes(b"one of long before")
    done = list[str]()
    sync, replace = os.fsync, os.replace

    def synced(file: int) -> None:
        done.append(f"sync {Path(f'/proc/self/fd/{file}').resolve().name}")
        sync(file)

    def replaced(source: Path, target: Path) -> None:
        assert kept.exists(), "never is there none"
        done.append(f"{Path(source).name} becomes {Path(target).name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    before = hash_file(site.own)
    assert site.upgrade() and hash_file(kept) == before
    assert done[1:] == [
        "sync flowml.pyz",
        "old becomes flowml.pyz.old",
        "flowml.pyz becomes flowml.pyz",
        "sync here",
    ]


@pytest.mark.parametrize(
    ("server", "is_private"),
    [
        ("https://anywhere.example", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.2:8000", True),
        ("http://[::1]:8000", True),
        ("http://100.64.0.1:8000", True),
        ("http://[fd7a:115c:a1e0::1]:8000", True),
        ("http://gpu-box.tail1234.ts.net:8000", True),
        ("http://192.168.1.10:8000", False),
        ("http://100.128.0.1:8000", False),
        ("http://gpu-box:8000", False),
        ("http://ts.net.example", False),
    ],
)
def test_what_others_could_change_on_its_way_is_fetched_only_where_somebody_says_so(
    server: str, is_private: bool, site: Site
) -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(404, json={"type": "x#not-found", "detail": "It has none."})

    with httpx.Client(base_url=server, transport=httpx.MockTransport(answer)) as client:
        with pytest.raises(StartupError) as refused:
            upgrade(client, site.own, site.said.append)
        assert bool(asked) is is_private
        assert is_private or (refused.value.hint is not None and "--insecure-upgrade" in refused.value.hint)
        with pytest.raises(StartupError, match="It has none"):
            upgrade(client, site.own, site.said.append, insecure=True)


def test_whoever_has_become_another_program_does_not_fetch_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append(arguments[2:]))
    for option in ("--upgrade", "--up", "--insecure-upgrade", "--insec"):
        restart(tmp_path, ["worker", option, "--slots", "2", "--debug"])
    assert started == [["worker", "--slots", "2", "--debug"]] * 4


def test_what_is_not_the_servers_program_or_does_not_start_replaces_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipapp(site.new, "raise SystemExit('no such Python')")
    site.refused("does not start here: no such Python")
    zipapp(site.new, "print('flowml 9.8')")
    site.refused("does not start here")
    zipapp(site.new, "import time; time.sleep(60)")
    site.refused("did not start here within", start_seconds=0.5)
    monkeypatch.setattr(offered, "_hash_of", lambda *_: "0" * 64)
    site.refused("not the server's program")
    monkeypatch.setattr(offered, "__version__", "a b\n")
    site.refused("cannot be understood")


def test_files_that_may_not_be_written_are_said_to_be_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: Any, **__: Any) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", read_only)
        site.refused("cannot be replaced: Read-only file system")
    with monkeypatch.context() as patched:
        patched.setattr("flowml.worker.upgrade._keep", read_only)
        with pytest.raises(StartupError, match="Read-only"):
            site.upgrade()
    assert hash_file(site.own) != hash_file(site.new)


def test_who_runs_from_no_zipapp_has_nothing_to_replace_and_nothing_to_hand_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with httpx.Client() as client, pytest.raises(StartupError, match="does not run from a flowml"):
        upgrade(client, None, site.said.append)
    monkeypatch.setattr(offered, "own_file", lambda: None)
    site.refused("has no flowml.pyz to hand out")
    assert site.served.client.get("/api/workers/program").status_code == 409
    assert site.served.client.get(f"/api/workers/program/{'0' * 64}").status_code == 404


def test_only_the_file_of_the_hash_that_was_announced_is_handed_out(site: Site) -> None:
    told = site.served.client.get("/api/workers/program").json()
    assert (told["version"], told["size_bytes"]) == ("9.9", site.new.stat().st_size)
    part = site.served.client.get(f"/api/workers/program/{told['sha256']}", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, site.new.read_bytes()[10:20])
    zipapp(site.new, NEW, padding=10)
    assert site.served.client.get(f"/api/workers/program/{told['sha256']}").status_code == 404


@pytest.mark.parametrize(("name", "is_one"), [("flowml.pyz", True), ("flowml", False), ("none", False)])
def test_a_program_is_the_zipapp_that_was_started(
    name: str, is_one: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipapp(tmp_path / "flowml.pyz", NEW)
    (tmp_path / "flowml").write_text(OLD)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / name)])
    assert programs.own_file() == (tmp_path / name if is_one else None)
