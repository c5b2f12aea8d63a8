"""A worker becomes what its server is, when somebody asks for it, or stays what it was."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowml.domain.caller import Permission, Principal
from flowml.domain.errors import StartupError
from flowml.domain.stored import hash_file
from flowml.machine import program as programs
from flowml.services.fleet import program as offered
from flowml.worker.channel import Retry
from flowml.worker.upgrade import upgrade
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
            return upgrade(client, self.own, self.said.append, Retry(sleep=lambda seconds: None), **given)

    def refused(self, words: str, **given: Any) -> None:
        """It says so, and everything is as before."""
        before = hash_file(self.own)
        with pytest.raises(StartupError, match=words):
            self.upgrade(**given)
        assert hash_file(self.own) == before
        assert sorted(path.name for path in self.own.parent.iterdir()) == ["flowml.pyz"]


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
    assert len(list(site.own.parent.iterdir())) == 2


def test_a_connection_that_breaks_off_is_gone_on_with(site: Site) -> None:
    site.cuts = [100_000, 50_000, 0]
    assert site.upgrade() and hash_file(site.own) == hash_file(site.new)
    assert not site.upgrade() and "already" in site.said[-1]


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
        patched.setattr("flowml.worker.upgrade.os.replace", read_only)
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
