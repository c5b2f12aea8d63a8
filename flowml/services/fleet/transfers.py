"""Files that trainers on other machines hand over piece by piece, by the hash of the whole.

What has arrived stays when a connection breaks; whoever goes on asks how far it is. Each belongs to one attempt at one
trial, and nobody else can add to it. A server that starts anew has it sent anew.
"""

import re
from functools import partial
from pathlib import Path

from flowml.domain.errors import InvalidInput, TooLarge, WrongState
from flowml.domain.protocol import PIECE_BYTES
from flowml.domain.stored import hash_file
from flowml.domain.trials import Lease
from flowml.services.dispatch.channel import hand_over, lease_lost
from flowml.services.turns import alone
from flowml.store.room import megabytes
from flowml.store.store import Store

MOST_BYTES = 4_000_000_000
"""Of all files of one attempt: models are a thousandth of that, the largest forests a tenth."""
MOST_FILES = 4
"""Files of one attempt, those on their way included: it hands over two."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Transfers:
    """`most_bytes` the files of one attempt may have together."""

    def __init__(self, store: Store, *, most_bytes: int = MOST_BYTES):
        self._store = store
        self._most_bytes = most_bytes

    def received(self, lease: Lease, sha256: str) -> int | None:
        """How many bytes of this file are here; None where this attempt has handed over all of it. One that somebody
        else has stored is of no use to it: its bytes are proof that it has them. Raises LeaseLost, InvalidInput."""
        part = self._part(lease, sha256)
        if sha256 in self._store.trials.handed_over(lease) and self._store.files.adopt(sha256):
            return None
        return part.stat().st_size if part.exists() else 0

    def append(self, lease: Lease, sha256: str, offset: int, length: int, piece: bytes) -> int | None:
        """Take the bytes from `offset` on of a file that is `length` long; answers as `received` does.

        Raises LeaseLost; WrongState where the file does not end at `offset` here: ask how far it is; TooLarge; NoRoom;
        InvalidInput for what does not become the file of this hash, of which nothing is kept then.
        """
        part = self._part(lease, sha256)
        if length > self._most_bytes or len(piece) > PIECE_BYTES:
            raise TooLarge(
                f"What a worker hands over for a trial may have {megabytes(self._most_bytes)}, and a piece of it"
                f" {PIECE_BYTES:,} bytes."
            )
        if offset + len(piece) > length:
            raise InvalidInput("The piece ends behind the end of its file.")
        # Of two connections of one worker the older may not have noticed yet that it is broken.
        with alone("transfer", _attempt(lease), left=None):
            have = part.stat().st_size if part.exists() else 0
            if have != offset:
                raise WrongState(f"{have} bytes of this file are here, so the next piece begins there.")
            self._check_bounds(lease, part, length)
            self._store.room.check(length - offset)
            with part.open("ab") as file:
                file.write(piece)
            if offset + len(piece) < length:
                return offset + len(piece)
            try:
                if hash_file(part) != sha256:
                    raise InvalidInput("What was handed over is not the file that its hash names.")
                self._store.files.put_path(part, sha256, partial(hand_over, self._store, lease))
            finally:
                part.unlink(missing_ok=True)
        return None

    def _check_bounds(self, lease: Lease, part: Path, length: int) -> None:
        """Raises TooLarge where an attempt has handed over enough."""
        others = [other for other in part.parent.glob(f"{_attempt(lease)}*") if other != part]
        done = self._store.trials.handed_over(lease) - {part.name.removeprefix(_attempt(lease))}
        others += [self._store.files.path(sha256) for sha256 in done if self._store.files.has(sha256)]
        if len(others) >= MOST_FILES:
            raise TooLarge(f"One trial may hand over {MOST_FILES} files.")
        if sum(other.stat().st_size for other in others) + length > self._most_bytes:
            raise TooLarge(f"One trial may hand over {megabytes(self._most_bytes)} in all.")

    def _part(self, lease: Lease, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise InvalidInput("A file is named by its SHA-256.")
        if not self._store.trials.holds(lease):
            raise lease_lost()
        return self._store.files.new_temp().with_name(f"{_attempt(lease)}{sha256}")


def _attempt(lease: Lease) -> str:
    return f"{lease.trial_id}-{lease.attempt}-"
