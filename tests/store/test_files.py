"""Files by the hash of their content: each once, reached by nothing else, and gone when nothing needs them."""

import pytest

from flowml.domain.errors import Damaged, NotFound
from flowml.domain.stored import hash_file
from flowml.store.store import Store


def test_files_are_stored_once_under_their_hash(store: Store) -> None:
    first, second = store.files.put_bytes(b"content"), store.files.put_bytes(b"content")
    temporary = store.files.new_temp()
    temporary.write_bytes(b"content")
    assert first == second == store.files.put_path(temporary) == hash_file(store.files.path(first))
    assert not temporary.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 64, "/etc/passwd"])
def test_only_hashes_of_stored_files_lead_to_a_path(store: Store, name: str) -> None:
    with pytest.raises(NotFound):
        store.files.path(name)


def test_unused_files_go_when_they_are_old(store: Store) -> None:
    used, unused = store.files.put_bytes(b"used"), store.files.put_bytes(b"unused")
    assert store.files.remove_unused({used}, older_than=0.0) == 0
    assert store.files.remove_unused({used}, older_than=1e12) == 1
    assert store.files.path(used).exists()
    with pytest.raises(NotFound):
        store.files.path(unused)


def test_a_file_that_was_changed_on_the_disk_is_not_what_was_stored(store: Store) -> None:
    sha256 = store.files.put_bytes(b"content")
    assert store.files.content(sha256) == b"content"
    store.files.path(sha256).write_bytes(b"c0ntent")
    with pytest.raises(Damaged, match="changed on this server's disk"):
        store.files.content(sha256)
