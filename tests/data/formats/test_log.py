"""Logs are taken apart into the fields of their headers, with the moment and the event of each entry."""

import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.data.format import LIKELY, Limits, Source
from flowml.data.formats.log import sniff
from flowml.data.formats.registry import detect
from flowml.data.read import load
from flowml.domain.errors import InvalidInput, TooLarge, UnreadableFile
from tests.data.formats.log_lines import SAMPLES
from tests.data.reading import read

at = datetime.fromisoformat
NOW = at("2024-03-10T12:00:00+00:00").timestamp()


def read_at(folder: Path, content: str, now: float = NOW, options: dict[str, Any] | None = None) -> pl.DataFrame:
    path = folder / "a.log"
    path.write_text(content)
    return load(path, "a.log", options or {}, Limits(), folder, now=now).frame


def texts(row: dict[str, Any], names: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(None if row.get(name) is None else str(row[name]) for name in names)


@pytest.mark.parametrize("name", SAMPLES)
def test_each_known_layout_gives_the_fields_as_written(tmp_path: Path, name: str) -> None:
    sample = SAMPLES[name]
    path = tmp_path / "a.log"
    path.write_text(sample.text)
    table = load(path, "a.log", {}, Limits(), tmp_path, now=NOW)
    assert table.how_read.decided["layout"] == sample.layout
    assert [texts(row, sample.names) for row in table.frame.to_dicts()] == list(sample.fields)
    assert table.frame.columns[0] == "timestamp"
    assert table.frame["timestamp"].null_count() == 0
    assert "event" in table.frame.columns


@pytest.mark.parametrize("name", SAMPLES)
def test_a_layout_is_learned_where_none_is_known(tmp_path: Path, name: str) -> None:
    sample = SAMPLES[name]
    frame, warnings = read(tmp_path, "a.log", sample.text, {"layout": "learned"})
    assert "was learned" in warnings
    assert frame.height == len(sample.lines)
    found = total = 0
    for row, fields in zip(frame.to_dicts(), sample.fields, strict=True):
        cells = {str(value) for name, value in row.items() if name not in ("timestamp", "event")}
        total += sum(field is not None for field in fields)
        found += sum(field in cells for field in fields)
    assert found >= 0.9 * total


def test_crlf_and_a_byte_order_mark_leave_no_trace(tmp_path: Path) -> None:
    sample = SAMPLES["hadoop"]
    plain, _ = read(tmp_path, "a.log", sample.text)
    windows, _ = read(tmp_path, "b.log", b"\xef\xbb\xbf" + sample.text.replace("\n", "\r\n").encode())
    utf16, _ = read(tmp_path, "c.log", sample.text.encode("utf-16"))
    assert plain.equals(windows)
    assert plain.equals(utf16)


def test_stack_traces_belong_to_the_entry_before_them(tmp_path: Path) -> None:
    lines = list(SAMPLES["hadoop"].lines)
    trace = "java.io.IOException: gone\n\tat org.example.A.b(A.java:1)\nCaused by: x"
    frame, warnings = read(tmp_path, "a.log", "\n".join([lines[0], lines[1], trace, "", lines[2]]) + "\n")
    assert frame["content"].to_list() == [
        "Started for attempt_77_0001",
        f"Slow: 42 ms\n{trace}",
        SAMPLES["hadoop"].fields[2][-1],
    ]
    assert "3 lines do not begin an entry" in warnings


def test_lines_in_front_that_fit_nothing_are_named(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.log", "Log file created\n\n" + SAMPLES["hadoop"].text)
    assert frame.height == 3
    assert "1 line fits no entry and was left out: line 1: “Log file created”" in warnings


def test_entries_across_pieces_of_a_big_file_stay_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.data.logs.lines._BLOCK", 50)
    monkeypatch.setattr("flowml.data.logs.lines._BLOCKS_AT_ONCE", 1)
    monkeypatch.setattr("flowml.data.logs.lines._check_line_lengths", lambda path: None)
    lines = [
        f"2020-01-01 00:00:{second:02d},000 INFO [m] a.B: message {second}\n  more {second}" for second in range(60)
    ]
    frame, _ = read(tmp_path, "a.log", "\n".join(lines))
    assert frame["content"].to_list() == [f"message {second}\n  more {second}" for second in range(60)]
    assert frame["event"].unique().to_list() == ["message <*>"]


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("Mar  9 08:00:00 box cron[1]: x", at("2024-03-09 08:00:00")),
        ("Dec  9 08:00:00 box cron[1]: x", at("2023-12-09 08:00:00")),
        ("Feb 29 08:00:00 box cron[1]: x", at("2024-02-29 08:00:00")),
        ("Mar  9 2019 08:00:00 box cron[1]: x", at("2019-03-09 08:00:00")),
        ("<34>Mar  9 08:00:00 box su: x", at("2024-03-09 08:00:00")),
        ("2023-05-06T07:08:09.123456+02:00 box su: x", at("2023-05-06 05:08:09.123456")),
        ("2023-05-06T07:08:09.123456789Z stdout F x", at("2023-05-06 07:08:09.123456")),
        ("2023-05-06T07:08:09.123456789-0330 stderr P x", at("2023-05-06 10:38:09.123456")),
        ('1.2.3.4 - - [06/May/2023:07:08:09 +0200] "GET / HTTP/1.1" 200 5', at("2023-05-06 05:08:09")),
        ("17/06/09 20:10:40 INFO a.B: x", at("2017-06-09 20:10:40")),
        ("I0309 08:00:00.250000   77 file.cc:12] x", at("2024-03-09 08:00:00.250000")),
    ],
)
def test_moments_are_read_in_utc(tmp_path: Path, line: str, moment: datetime) -> None:
    frame = read_at(tmp_path, f"{line}\n{line}\n")
    assert frame["timestamp"].to_list() == [moment, moment]


def test_a_missing_year_is_the_latest_that_is_not_in_the_future_and_said(tmp_path: Path) -> None:
    lines = "".join(f"{day} 10:00:00 box cron[1]: x\n" for day in ("Dec 30", "Dec 31", "Jan  1", "Jan  2"))
    frame = read_at(tmp_path, lines)
    assert [value.year for value in frame["timestamp"]] == [2023, 2023, 2024, 2024]
    frame = read_at(tmp_path, lines, options={"year": 2011})
    assert [value.year for value in frame["timestamp"]] == [2010, 2010, 2011, 2011]
    path = tmp_path / "a.log"
    os.utime(path, (NOW, NOW))
    _, _, warnings, how = (lambda table: (table.frame, table.format, table.warnings, table.how_read))(
        load(path, "a.log", {}, Limits(), tmp_path, now=None)
    )
    assert "The times have no year: the last entry was taken to be of 2024" in " ".join(warnings)
    assert how.decided == {"layout": "syslog", "year": 2024}


def test_access_logs_have_typed_columns(tmp_path: Path) -> None:
    lines = [
        '10.0.0.1 - anna [06/May/2023:07:08:09 +0000] "GET /a?b=1 HTTP/1.1" 200 512 "http://x/" "M (\\"q\\")" 0.012',
        '10.0.0.2 - - [06/May/2023:07:08:10 +0000] "-" 408 - "-" "-" 1.250',
        '::1 - - [06/May/2023:07:08:11 +0000] "\\x16\\x03" 400 0 "-" "curl" 0.000',
    ]
    frame, _ = read(tmp_path, "a.log", "\n".join(lines))
    first = frame.row(0, named=True)
    assert (first["client"], first["user"], first["method"], first["path"]) == ("10.0.0.1", "anna", "GET", "/a?b=1")
    assert (first["protocol"], first["referrer"]) == ("HTTP/1.1", "http://x/")
    assert frame["status"].to_list() == [200, 408, 400]
    assert frame["bytes"].to_list() == [512, None, 0]
    assert frame["request_time"].to_list() == [0.012, 1.25, 0.0]
    assert frame["request"].to_list() == [None, None, "\\x16\\x03"]
    assert frame["user_agent"].to_list() == ['M (\\"q\\")', None, "curl"]


def test_access_logs_name_the_lines_that_are_damaged(tmp_path: Path) -> None:
    good = '10.0.0.1 - - [06/May/2023:07:08:09 +0000] "GET / HTTP/1.1" 200 5\n'
    frame, warnings = read(tmp_path, "a.log", good * 20 + "10.0.0.1 - - [06/May/20\n" + good)
    assert frame.height == 21
    assert "1 line fits no entry and was left out: line 21: “10.0.0.1 - - [06/May/20”" in warnings


def test_access_logs_of_several_hosts(tmp_path: Path) -> None:
    line = 'shop.example:443 10.0.0.1 - - [06/May/2023:07:08:09 +0000] "GET / HTTP/1.1" 200 5 "-" "x"\n'
    frame, _ = read(tmp_path, "a.log", line * 3)
    assert frame["vhost"].to_list() == ["shop.example:443"] * 3


def test_users_of_two_words_and_missing_clients_move_no_column(tmp_path: Path) -> None:
    rest = '[10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 5'
    content = (
        f"10.1.1.1 - anna bell {rest}\n- - - {rest}\nexample.org:80 10.1.1.2 - bo li {rest}\n10.1.1.3 - - {rest}\n"
    )
    frame = read(tmp_path, "users.log", content)[0]
    assert frame["client"].to_list() == ["10.1.1.1", None, "10.1.1.2", "10.1.1.3"]
    assert frame["user"].to_list() == ["anna bell", None, "bo li", None]
    assert frame["vhost"].to_list() == [None, None, "example.org:80", None]


def test_the_mark_that_rfc_5424_puts_before_utf_8_is_no_content(tmp_path: Path) -> None:
    content = '<34>1 2003-10-11T22:14:15.003Z box su - ID47 - \ufefffailed\n<34>1 - box su - - [a b="c"] \ufeffagain\n'
    assert read(tmp_path, "marked.log", content)[0]["content"].to_list() == ["failed", "again"]


def test_syslog_of_rfc_5424_has_its_level(tmp_path: Path) -> None:
    line = '<165>1 2003-10-11T22:14:15.003Z box evntslog - ID47 [ex@32473 a="b \\] c"] started\n'
    frame, _ = read(tmp_path, "a.log", line * 3)
    row = frame.row(0, named=True)
    assert (row["pri"], row["level"], row["host"], row["component"], row["msgid"]) == (
        165,
        "NOTICE",
        "box",
        "evntslog",
        "ID47",
    )
    assert (row["data"], row["content"]) == ('[ex@32473 a="b \\] c"]', "started")
    assert "pid" not in row


def test_pairs_become_columns(tmp_path: Path) -> None:
    lines = [
        'time=2023-05-06T07:08:09Z level=info msg="took \\"3\\" s" took=0.25 ok=true',
        "time=2023-05-06T07:08:10Z level=warn msg=slow took=1.5 user=anna boom",
        'time=2023-05-06T07:08:11Z level=info msg="took 4 s" took=2',
    ]
    frame, warnings = read(tmp_path, "a.log", "\n".join(lines), {"layout": "pairs"})
    assert frame["timestamp"][0] == at("2023-05-06 07:08:09")
    assert frame["msg"].to_list() == ['took "3" s', "slow", "took 4 s"]
    assert frame["took"].to_list() == [0.25, 1.5, 2.0]
    assert frame["user"].to_list() == [None, "anna", None]
    assert frame["content"].to_list() == ["", "boom", ""]
    assert "logfmt" in warnings


def test_pairs_are_found(tmp_path: Path) -> None:
    lines = "".join(f"ts=1683356889.{number} level=info caller=main.go:12 msg=started\n" for number in range(9))
    frame, _ = read(tmp_path, "a.log", lines)
    assert frame.columns == ["timestamp", "ts", "level", "caller", "msg", "event"]


def test_logs_that_declare_their_fields(tmp_path: Path) -> None:
    iis = (
        "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Date: 2023-05-06 07:00:00\n"
        "#Fields: date time cs-method cs-uri-stem sc-status time-taken cs(User-Agent)\n"
        "2023-05-06 07:00:01 GET /a.htm 200 15 Mozilla/5.0+(X)\n"
        "#Fields: date time cs-method cs-uri-stem sc-status time-taken cs(User-Agent)\n"
        "2023-05-06 07:00:02 POST - 500 1200 -\n"
        "broken\n"
    )
    frame, warnings = read(tmp_path, "ex230506.log", iis)
    assert frame.columns == [
        "timestamp",
        "date",
        "time",
        "cs_method",
        "cs_uri_stem",
        "sc_status",
        "time_taken",
        "cs_user_agent",
    ]
    assert frame["timestamp"][1] == at("2023-05-06 07:00:02")
    assert frame["time_taken"].to_list() == [15, 1200]
    assert frame["cs_uri_stem"].to_list() == ["/a.htm", None]
    assert "line 8: “broken”" in warnings
    zeek = "#separator \\x09\n#fields\tts\tuid\tid.orig_h\n1683356889.5\tC1\t10.0.0.1\n#close\t2023\n"
    frame, _ = read(tmp_path, "conn.log", zeek)
    assert frame.columns == ["timestamp", "ts", "uid", "id_orig_h"]
    assert frame["timestamp"][0] == at("2023-05-06 07:08:09.500000")


def test_lines_without_a_header_are_one_value_each(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.log", "something happened\nthen, more of it: 12\n(nothing) else\nfoo\n")
    assert frame["content"].to_list() == ["something happened", "then, more of it: 12", "(nothing) else", "foo"]
    assert "share no header" in warnings


def test_the_owner_may_write_the_layout(tmp_path: Path) -> None:
    content = "a/7 {x} (1) hello there\na/8 {y} again\n"
    frame, _ = read(tmp_path, "a.log", content, {"pattern": "a/<Number> {<Part>} (\\(<RunId>\\) )?<Content>"})
    assert frame.select("number", "part", "run_id", "content").rows() == [
        (7, "x", 1, "hello there"),
        (8, "y", None, "again"),
    ]


@pytest.mark.parametrize("pattern", ["no field", "<A> <A>", "<A>" * 40, "x" * 600 + "<A>", "<Event> x"])
def test_patterns_that_cannot_be_are_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(InvalidInput, match=r"pattern|field"):
        read(tmp_path, "a.log", "a b\n", {"pattern": pattern})


def test_a_pattern_is_no_regular_expression(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "a.log", "(a+)+$ .* tail\n", {"pattern": "(a+)+$ .* <Content>"})
    assert frame["content"].to_list() == ["tail"]


def test_a_layout_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No line of the log"):
        read(tmp_path, "a.log", "hello\nworld\n", {"layout": "hdfs"})
    with pytest.raises(InvalidInput, match="no “#Fields:” line"):
        read(tmp_path, "a.log", "hello\nworld\n", {"layout": "declared"})
    with pytest.raises(InvalidInput, match="cannot be “nonsense”"):
        read(tmp_path, "a.log", "hello\nworld\n", {"layout": "nonsense"})


@pytest.mark.parametrize(
    ("filename", "content", "format"),
    [
        ("a.log", "x,y\n1,2\n3,4\n", "csv"),
        ("a.log", "time\tvalue\n2020-01-01 00:00:00\t1\n2020-01-01 00:00:01\t2\n", "csv"),
        ("a.log", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("a.log", "just words\nand more words\n", "log"),
        ("a.txt", "just words\nand more words\n", "csv"),
        ("a.csv", "x,y\n1,2\n", "csv"),
        ("a", "a b\n1 2\n", "csv"),
        ("a.txt", SAMPLES["linux"].text, "log"),
        ("a", SAMPLES["bgl"].text, "log"),
        ("a.txt", SAMPLES["proxifier"].text, "log"),
        ("a.csv", "date,level\n2020-01-01,INFO\n", "csv"),
    ],
)
def test_logs_are_told_from_tables(tmp_path: Path, filename: str, content: str, format: str) -> None:
    path = tmp_path / filename
    path.write_text(content)
    assert detect(Source(path, filename, tmp_path)).name == format


def test_known_layouts_are_recognised_whatever_the_file_is_called(tmp_path: Path) -> None:
    for sample in SAMPLES.values():
        assert sniff(sample.text.encode(), tmp_path) == LIKELY


def test_a_hostile_log_ends_soon(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(UnreadableFile, match="longer than 1 MB"):
        read(tmp_path, "a.log", b"2020-01-01 00:00:00 INFO " + b"[ " * 15_000_000)
    assert time.monotonic() - started < 5


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(SAMPLES["hadoop"].text)
    with pytest.raises(TooLarge):
        load(path, "a.log", {}, Limits(max_rows=2), tmp_path, now=NOW)


def test_many_keys_and_repeated_keys_lose_nothing(tmp_path: Path) -> None:
    many = " ".join(f"k{number}={number}" for number in range(60))
    frame, _ = read(tmp_path, "a.log", f"{many}\n{many} k1=again\nk3=7 k0=8\n", {"layout": "pairs"})
    assert frame.width == 61 + ("event" in frame.columns)
    assert frame["k3"].to_list() == [3, 3, 7]
    assert frame["content"].to_list() == ["", "k1=again", ""]


def test_keys_without_number_stay_in_the_content(tmp_path: Path) -> None:
    lines = "".join(f"a=1 k{number}=2\n" for number in range(300))
    frame, warnings = read(tmp_path, "a.log", lines, {"layout": "pairs"})
    assert "Only the first 200 keys became columns; 101 others" in warnings
    assert frame["content"].to_list()[-1] == "k299=2"


def test_messages_that_all_differ_take_little_time_and_get_no_event(tmp_path: Path) -> None:
    lines = "".join(" ".join(f"x{row}y{word}z" for word in range(10)) + "\n" for row in range(20_000))
    started = time.monotonic()
    frame, warnings = read(tmp_path, "a.log", lines, {"layout": "lines"})
    assert frame.columns == ["content"]
    assert "like no other" in warnings
    assert time.monotonic() - started < 5
