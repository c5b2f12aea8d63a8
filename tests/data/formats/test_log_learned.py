"""Layouts are learned from the lines of logs that nobody told FlowML about."""

import random
import string
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.data.logs.layouts import KNOWN, ascii_classes
from flowml.data.logs.learn import learn
from flowml.data.logs.moments import SHAPES
from tests.data.reading import read

LOGS: dict[str, tuple[str, dict[str, Any]]] = {
    "kafka": (
        (
            "[2020-01-01 00:00:00,123] INFO Registered broker 0 (zk.Client)\n"
            "[2020-01-01 00:00:01,123] WARN Truncating to 12 (log.Log)\n"
            "[2020-01-01 00:00:02,123] INFO [Group 0]: Member joined (coordinator.Group)\n"
        ),
        {"time": "2020-01-01 00:00:00,123", "level": "INFO", "content": "Registered broker 0 (zk.Client)"},
    ),
    "elasticsearch": (
        (
            "[2020-01-01T00:00:00,123][INFO ][o.e.n.Node               ] [node-1] starting ...\n"
            "[2020-01-01T00:00:01,123][WARN ][o.e.c.Cluster            ] [node-1] low disk [80%]\n"
            "[2020-01-01T00:00:02,123][INFO ][o.e.t.Transport          ] [node-2] publishing\n"
        ),
        {"time": "2020-01-01T00:00:00,123", "level": "INFO", "content": "starting ..."},
    ),
    "cassandra": (
        (
            "INFO  [main] 2020-03-01 10:00:00,123 StorageService.java:653 - Version: 3.11\n"
            "WARN  [Thread-1] 2020-03-01 10:00:01,123 Gossiper.java:12 - No host ID\n"
            "DEBUG [main] 2020-03-01 10:00:02,123 StorageService.java:700 - Loading\n"
        ),
        {
            "level": "INFO",
            "thread": "main",
            "date": "2020-03-01",
            "time": "10:00:00,123",
            "file": "StorageService.java",
            "line": 653,
            "content": "Version: 3.11",
        },
    ),
    "mysql": (
        (
            "2020-01-01T00:00:00.123456Z 0 [Note] [MY-010116] [Server] mysqld started\n"
            "2020-01-01T00:00:01.123456Z 0 [Warning] [MY-010055] [Server] certificate is self signed\n"
            "2020-01-01T00:00:02.123456Z 12 [Note] [MY-010120] [InnoDB] buffer pool loaded\n"
        ),
        {"time": "2020-01-01T00:00:00.123456Z", "pid": 0, "level": "Note", "content": "mysqld started"},
    ),
    "ruby": (
        (
            'I, [2020-01-01T00:00:00.123456 #1234]  INFO -- : Started GET "/"\n'
            "W, [2020-01-01T00:00:01.123456 #1234]  WARN -- : slow\n"
            "I, [2020-01-01T00:00:02.123456 #1235]  INFO -- : Completed in 12ms\n"
        ),
        {"time": "2020-01-01T00:00:00.123456", "level": "INFO", "content": 'Started GET "/"'},
    ),
    "gunicorn": (
        (
            "[2020-01-01 00:00:00 +0000] [1234] [INFO] Starting\n"
            "[2020-01-01 00:00:01 +0000] [1234] [INFO] Listening\n"
            "[2020-01-01 00:00:02 +0000] [1239] [ERROR] Worker failed\n"
        ),
        {"time": "2020-01-01 00:00:00 +0000", "pid": 1234, "level": "INFO", "content": "Starting"},
    ),
    "celery": (
        (
            "[2020-01-01 00:00:00,123: INFO/MainProcess] Connected\n"
            "[2020-01-01 00:00:01,123: WARNING/Worker-1] retrying\n"
            "[2020-01-01 00:00:02,123: INFO/MainProcess] done\n"
        ),
        {
            "date": "2020-01-01",
            "time": "00:00:00,123",
            "level": "INFO",
            "thread": "MainProcess",
            "content": "Connected",
        },
    ),
    "bars": (
        (
            "2020-01-01 00:00:00 | INFO     | app.main | started up\n"
            "2020-01-01 00:00:01 | WARNING  | app.db | slow query: 12 ms\n"
            "2020-01-01 00:00:02 | INFO     | app.main | ready | fine\n"
        ),
        {"date": "2020-01-01", "time": "00:00:00", "level": "INFO", "component": "app.main", "content": "started up"},
    ),
    "bars and dashes": (
        (
            "2020-01-01 00:00:00.123 | INFO     | app.main:run:12 - started up\n"
            "2020-01-01 00:00:01.123 | WARNING  | app.db:query:99 - slow - very\n"
            "2020-01-01 00:00:02.123 | INFO     | app.main:run:14 - ready\n"
        ),
        {"time": "00:00:00.123", "level": "INFO", "component": "app.main:run:12", "content": "started up"},
    ),
    "semicolons": (
        (
            "INFO;2023-11-12T10:11:12+01:00;billing;4711;Invoice 12 created\n"
            "WARN;2023-11-12T10:11:13+01:00;billing;4711;Invoice 13 is late; again\n"
            "INFO;2023-11-12T10:11:14+01:00;mail;4712;Sent\n"
        ),
        {"level": "INFO", "time": "2023-11-12T10:11:12+01:00", "component": "billing", "pid": 4711},
    ),
    "tomcat": (
        (
            "12-Nov-2023 10:11:12.123 INFO [main] org.example.Catalina.start Server startup in 120 ms\n"
            "12-Nov-2023 10:11:13.123 WARNING [main] org.example.Digester.end No rules found\n"
            "12-Nov-2023 10:11:14.123 SEVERE [http-1] org.example.Valve.invoke Broken\n"
        ),
        {
            "date": "12-Nov-2023",
            "time": "10:11:12.123",
            "level": "INFO",
            "thread": "main",
            "component": "org.example.Catalina.start",
            "content": "Server startup in 120 ms",
        },
    ),
    "own": (
        (
            "host1 2023/11/12 10:11:12 <INFO> {worker-1} db.pool: connection opened id=1\n"
            "host2 2023/11/12 10:11:13 <ERROR> {worker-2} db.pool: connection lost id=1\n"
            "host1 2023/11/12 10:11:14 <INFO> {worker-1} http: GET / 200\n"
        ),
        {
            "date": "2023/11/12",
            "time": "10:11:12",
            "level": "INFO",
            "thread": "worker-1",
            "component": "db.pool",
            "content": "connection opened id=1",
        },
    ),
    "game": (
        (
            "[10:00:00] [Server thread/INFO]: Starting server\n"
            "[10:00:01] [Server thread/WARN]: Can't keep up!\n"
            "[10:00:02] [Worker-Main-1/INFO]: Preparing area: 0%\n"
        ),
        {"time": "10:00:00", "thread": "Server thread", "level": "INFO", "content": "Starting server"},
    ),
    "american": (
        (
            "01/13/2020 10:00:00 AM INFO Program: started\n"
            "01/13/2020 10:00:01 AM WARN Program: slow\n"
            "01/14/2020 11:00:01 PM INFO Other: bye\n"
        ),
        {"date": "01/13/2020", "time": "10:00:00 AM", "level": "INFO", "component": "Program", "content": "started"},
    ),
    "tabs": (
        (
            "2020-01-01T00:00:00.123Z\tINFO\tpkg/file.go:12\tstarting\n"
            "2020-01-01T00:00:01.123Z\tERROR\tpkg/other.go:99\tfailed\t{}\n"
            "2020-01-01T00:00:02.123Z\tINFO\tpkg/file.go:13\tready\n"
        ),
        {"time": "2020-01-01T00:00:00.123Z", "level": "INFO", "component": "pkg/file.go", "line": 12},
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_headers_are_learned(tmp_path: Path, name: str) -> None:
    content, fields = LOGS[name]
    frame, warnings = read(tmp_path, "a.log", content)
    assert "was learned" in warnings
    assert frame.height == 3
    row = frame.row(0, named=True)
    assert {field: row.get(field) for field in fields} == fields


def test_the_pattern_that_was_learned_is_said(tmp_path: Path) -> None:
    _, warnings = read(tmp_path, "a.log", LOGS["game"][0])
    assert "<time>" in warnings
    assert "<content>" in warnings


def test_an_entry_that_lacks_a_part_of_the_header_is_still_one(tmp_path: Path) -> None:
    lines = [f"[2020-01-01 00:00:{second:02d}] [main] INFO shop.Cart: added {second}" for second in range(40)]
    lines.insert(20, "[2020-01-01 00:00:30] --- rotated ---")
    frame, _ = read(tmp_path, "a.log", "\n".join(lines))
    assert frame.height == 41
    assert frame["content"][20] == "--- rotated ---"
    assert frame["component"][20] is None


def test_prose_is_not_taken_for_a_header() -> None:
    assert learn(["the quick brown fox", "something else: happened", "foo", "and (more) of it"]) is None


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=80), max_size=12))
@settings(deadline=None, max_examples=60)
def test_whatever_is_learned_loses_no_line_that_it_matches(lines: list[str]) -> None:
    layout = learn(lines)
    if layout is not None:
        fields = pl.Series(lines, dtype=pl.String).str.extract_groups(layout.pattern).struct.unnest()
        assert fields.height == len(lines)


def test_learning_takes_little_time_whatever_the_lines_are() -> None:
    chooser = random.Random(3)
    alphabets = ("[ ", '"\\ ', "a.:", "0123:. -", "[]() ", string.printable.replace("\n", ""), "a=b ", "| ;,")
    for alphabet in alphabets:
        lines = ["".join(chooser.choices(alphabet, k=2000)) for _ in range(700)]
        started = time.monotonic()
        learn(lines)
        assert time.monotonic() - started < 2


_NEAR_MISSES = (
    "[ ",
    '"\\',
    "1.",
    "a=b ",
    "2020-01-01 00:00:00,000 INFO [] a",
    "Jun 14 15:16:01 h a[1] ()a ",
    '1.1.1.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a \\"',
    '<1>1 a b c d e ["a\\"',
    "03-17 16:13:38.811  1  2 D a : ",
    ", client: ",
)


def test_known_layouts_take_linear_time() -> None:
    for miss in _NEAR_MISSES:
        line = pl.Series([(miss * (1 << 20))[: 1 << 20], miss + (miss[-4:] * (1 << 18))])
        started = time.monotonic()
        for layout in KNOWN:
            line.str.extract_groups(layout.pattern)
        assert time.monotonic() - started < 5


def test_shapes_of_moments_are_valid_for_polars() -> None:
    for shape in SHAPES:
        assert pl.Series(["x"]).str.contains(ascii_classes(shape.pattern)).to_list() == [False]
