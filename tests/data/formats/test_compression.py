"""Any file inside .gz, .bz2, .xz, .zst or a zip of one table."""

import bz2
import gzip
import lzma
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowml.data.format import Source
from flowml.data.formats.registry import read as read_source
from flowml.domain.errors import InvalidInput, UnreadableFile, UnsupportedFormat
from tests.data.hostile_files import zipped
from tests.data.reading import read
from tests.data.workbooks import write_xlsx

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CSV = b"a,b\n" + b"".join(b"%d,text %d\n" % (i, i) for i in range(200))
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda content: zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1}),
}


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_compressed_file_is_read_as_what_is_inside(tmp_path: Path, kind: str) -> None:
    frame, warnings = read(tmp_path, f"t.csv.{kind}", COMPRESS[kind](CSV))
    assert frame.shape == (200, 2)
    assert not warnings
    as_json, warnings = read(tmp_path, f"t.csv.{kind}", COMPRESS[kind](b'[{"a": 1}]'))
    assert as_json["a"].to_list() == [1]
    assert "name ends in .csv" in warnings


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_file_of_several_parts_is_read_to_its_end(tmp_path: Path, kind: str) -> None:
    half = len(CSV) // 2
    frame, _ = read(tmp_path, f"t.csv.{kind}", COMPRESS[kind](CSV[:half]) + COMPRESS[kind](CSV[half:]))
    assert frame.height == 200


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_damaged_file_says_so(tmp_path: Path, kind: str) -> None:
    packed = COMPRESS[kind](CSV)
    with pytest.raises(UnreadableFile, match="cut off"):
        read(tmp_path, f"t.csv.{kind}", packed[:-10])
    changed = bytearray(packed)
    changed[len(packed) // 2] ^= 0xFF
    with pytest.raises(UnreadableFile, match=r"damaged|cut off"):
        read(tmp_path, f"t.csv.{kind}", bytes(changed))


def test_a_gzip_with_a_wrong_checksum_is_damaged(tmp_path: Path) -> None:
    packed = gzip.compress(CSV)
    with pytest.raises(UnreadableFile, match="checksum"):
        read(tmp_path, "t.csv.gz", packed[:-8] + struct.pack("<I", 1) + packed[-4:])


def test_the_names_of_files_may_be_wrong(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv.gz", CSV)
    assert frame.height == 200
    assert "not compressed" in warnings
    assert read(tmp_path, "t.csv", gzip.compress(CSV))[0].height == 200
    assert read(tmp_path, "t", bz2.compress(CSV))[0].height == 200


def test_a_workbook_is_read_inside_a_gzip(tmp_path: Path) -> None:
    content = write_xlsx(tmp_path / "w.xlsx", {"s": [["a"], [1], [2]]}).read_bytes()
    assert read(tmp_path, "w.xlsx.gz", gzip.compress(content))[0]["a"].to_list() == [1, 2]
    assert read(tmp_path, "w.zip", zipped({"w.xlsx": content}))[0]["a"].to_list() == [1, 2]


def test_a_zip_of_one_table_may_hold_what_systems_leave(tmp_path: Path) -> None:
    members = {"data/": b"", "data/t.csv": CSV, "__MACOSX/data/._t.csv": b"x", "data/.DS_Store": b"x"}
    frame, warnings = read(tmp_path, "t.zip", zipped(members))
    assert frame.height == 200
    assert not warnings


def _reading(folder: Path, members: dict[str, bytes], options: dict[str, Any] | None = None) -> Any:
    path = folder / "t.zip"
    path.write_bytes(zipped(members))
    scratch = folder / f"scratch{len(list(folder.iterdir()))}"
    scratch.mkdir()
    return read_source(Source(path, "t.zip", scratch, options or {}))


def test_of_several_tables_the_largest_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    members = {"readme.txt": b"x" * 9999, "test.csv": b"a\n1\n2\n", "train.csv": CSV}
    reading = _reading(tmp_path, members)
    assert reading.frame.height == 200
    assert "“test.csv”" in reading.remarks[0].text
    assert reading.decided["member"] == "train.csv"
    assert reading.choices["member"] == ["readme.txt", "test.csv", "train.csv"]
    assert _reading(tmp_path, members, {"member": "test.csv"}).frame.height == 2
    with pytest.raises(InvalidInput, match=r"test\.csv") as error:
        _reading(tmp_path, members, {"member": "nope.csv"})
    assert error.value.fields[0].field == "options.member"


def test_options_of_the_format_inside_still_hold(tmp_path: Path) -> None:
    reading = _reading(tmp_path, {"a.csv": b"1;2\n3;4\n", "b.csv": b"x"}, {"member": "a.csv", "header": False})
    assert reading.frame.shape == (2, 2)
    with pytest.raises(InvalidInput, match="no option"):
        _reading(tmp_path, {"a.csv": CSV}, {"nonsense": 1})


def test_a_zip_without_a_clear_table_names_its_files(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"“a\.bin”, “b\.bin”"):
        _reading(tmp_path, {"a.bin": b"x", "b.bin": b"y"})
    with pytest.raises(UnreadableFile, match="no file"):
        _reading(tmp_path, {"folder/": b""})
    nameless = zipped({"t.csv": CSV}).replace(b"t.csv", b"\0\0\0\0\0")
    with pytest.raises(UnreadableFile, match="no file"):
        read(tmp_path, "t.zip", nameless)


def test_archives_in_archives_and_tars_are_refused(tmp_path: Path) -> None:
    tar = b"t.csv".ljust(257, b"\0") + b"ustar\0".ljust(300, b"\0")
    for filename, content in (
        ("t.csv.gz", gzip.compress(gzip.compress(CSV))),
        ("t.zip", zipped({"inner.zip": zipped({"t.csv": CSV})})),
        ("t.tar.gz", gzip.compress(tar)),
        ("t.tgz", gzip.compress(tar)),
    ):
        with pytest.raises(UnsupportedFormat, match="Inside") as error:
            read(tmp_path, filename, content)
        assert "Unpack" in (error.value.hint or "")


def test_names_inside_an_archive_never_touch_the_disk(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    frame, _ = read(folder, "t.zip", zipped({"../../escaped.csv": CSV}))
    assert frame.height == 200
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "t.zip"]
    with pytest.raises(UnreadableFile):
        read(folder, "t.zip", zipped({"/etc/passwd": b""}))
