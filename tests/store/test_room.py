"""Room on the disk is given to one at a time, and never all of it."""

from pathlib import Path

import pytest

from flowml.domain.errors import NoRoom
from flowml.store.room import Ballast, Room


class Disk:
    """A disk of 1 GB, of which 20 MB are the reserve."""

    def __init__(self, free: int):
        self.free = free

    def __call__(self, path: Path) -> tuple[int, int]:
        return self.free, 1_000_000_000


def test_some_of_the_disk_is_never_given_away(tmp_path: Path) -> None:
    room = Room(tmp_path, Disk(50_000_000))
    room.check(30_000_000)
    with pytest.raises(NoRoom, match=r"no room for 30 MB more .*: 50 MB are free, and 20 MB are kept"):
        room.check(30_000_001)


def test_what_one_has_announced_nobody_else_gets_until_it_is_written_or_given_up(tmp_path: Path) -> None:
    disk = Disk(100_000_000)
    room = Room(tmp_path, disk)
    with room.promised(70_000_000) as promise:
        with pytest.raises(NoRoom, match="70 MB of them for files that are on their way"), room.promised(20_000_000):
            pass
        disk.free -= 60_000_000
        promise.written(60_000_000)
        room.check(10_000_000)
        with pytest.raises(NoRoom):
            room.check(10_000_001)
    room.check(20_000_000)


def test_who_writes_more_than_was_announced_ends_at_the_reserve(tmp_path: Path) -> None:
    disk = Disk(30_000_000)
    with Room(tmp_path, disk).promised(0) as promise:
        disk.free -= 10_000_000
        promise.written(10_000_000)
        disk.free -= 1
        with pytest.raises(NoRoom):
            promise.written(1)


def test_the_disk_of_a_real_folder_has_room(tmp_path: Path) -> None:
    Room(tmp_path).check()
    with pytest.raises(NoRoom):
        Room(tmp_path).check(10**18)


def test_ballast_takes_its_room_and_gives_it_up_by_halves(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast")
    assert not ballast.give_up_half()
    ballast.fill(3_000_000)
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 3_000_000, "of nothing but holes it would hold no room"
    assert ballast.give_up_half() and ballast.size() == 1_500_000
    ballast.fill(3_000_000)
    assert ballast.size() == 3_000_000
    assert [(ballast.give_up_half(), ballast.size()) for _ in range(3)] == [(True, 1_500_000), (True, 0), (False, 0)]


def test_ballast_is_taken_where_more_than_the_reserve_is_left(tmp_path: Path) -> None:
    disk, ballast = Disk(35_000_000), Ballast(tmp_path / "ballast")
    room = Room(tmp_path, disk)
    room.take_ballast(ballast)
    assert ballast.size() == 0
    disk.free = 36_000_000
    room.take_ballast(ballast)
    assert ballast.size() == 16_000_000
    ballast.give_up_half()
    disk.free = 28_000_000
    room.take_ballast(ballast)
    assert ballast.size() == 16_000_000
