"""A full or failing disk is said to be one, whoever noticed it and however that was wrapped."""

import errno
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from flowml.domain.errors import Damaged, FlowMLError, InvalidInput, NoRoom, NotReady, UnreadableFile
from flowml.domain.faults import fault_of, kept_if_there_is_room
from tests.store.damage import full_database


def caught(raised: BaseException, cause: BaseException | None = None) -> BaseException:
    """The error as whoever catches it has it."""
    try:
        raise raised from cause
    except BaseException as error:
        return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), NoRoom),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), NoRoom),
        (OSError(errno.EFBIG, "File too large"), NoRoom),
        (OSError(errno.EIO, "Input/output error"), Damaged),
        (OSError(errno.EROFS, "Read-only file system"), NotReady),
        (pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)"), NoRoom),
        (caught(RuntimeError("the workbook"), OSError(errno.ENOSPC, "full")), NoRoom),
        (caught(UnreadableFile("Its content confuses the reader."), OSError(errno.ENOSPC, "full")), NoRoom),
    ],
)
def test_what_the_system_says(error: BaseException, kind: type[FlowMLError]) -> None:
    assert type(fault_of(error)) is kind


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file"),
        ValueError("not a number"),
        sqlite3.IntegrityError("UNIQUE constraint failed"),
        sqlite3.ProgrammingError("Cannot operate on a closed database."),
        InvalidInput("a cell says (os error 28)"),
        NoRoom("It is said already."),
    ],
)
def test_other_errors_are_none_of_the_disk(error: BaseException) -> None:
    assert fault_of(error) is None


def test_what_sqlite_says(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(b"no database" * 1000)
    with pytest.raises(sqlite3.Error) as garbage:
        sqlite3.connect(tmp_path / "garbage").execute("SELECT * FROM sqlite_master")
    with pytest.raises(sqlite3.Error) as full, full_database(tmp_path / "full") as connection:
        connection.execute("INSERT INTO t VALUES (zeroblob(1000000))")
    with pytest.raises(sqlite3.Error) as elsewhere:
        sqlite3.connect(tmp_path / "nowhere" / "at all").execute("SELECT 1")

    shared_memory = sqlite3.OperationalError("disk I/O error")
    shared_memory.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE

    assert isinstance(fault_of(garbage.value), Damaged)
    assert isinstance(fault_of(shared_memory), NoRoom)
    assert isinstance(fault_of(full.value), NoRoom)
    assert isinstance(fault_of(elsewhere.value), NotReady)


def test_what_is_only_kept_to_be_quicker_may_be_lost() -> None:
    with kept_if_there_is_room("a figure"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(ValueError), kept_if_there_is_room("a figure"):
        raise ValueError
