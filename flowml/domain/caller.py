"""Who calls, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from flowml.domain.errors import Forbidden


class Need(StrEnum):
    """What a call asks of whoever makes it: to look, to change, to have predictions, to run this server, or to train
    for it."""

    READ = "read"
    WRITE = "write"
    PREDICT = "predict"
    ADMIN = "admin"
    WORK = "work"


@dataclass(frozen=True)
class Principal:
    """A caller under the name by which things are theirs, and all that they may do."""

    identifier: str
    may: frozenset[Need]

    def check(self, need: Need | None) -> None:
        """Raises Forbidden for what this caller may not do. Where no need is stated, nobody may."""
        if need is None:
            raise Forbidden("Nobody may do this: what it takes is not stated.", hint="Please report it.")
        if need not in self.may:
            raise Forbidden(f"This takes the right to {_IN_WORDS[need]}.", hint="Ask whoever runs this server for it.")


_IN_WORDS = {
    Need.READ: "look at what is stored here",
    Need.WRITE: "change what is stored here",
    Need.PREDICT: "ask for predictions",
    Need.ADMIN: "run this server",
    Need.WORK: "train for this server",
}

LOCAL_OWNER = Principal("owner", frozenset(Need) - {Need.WORK})
"""Whoever sits at this machine. Training for a server takes a credential even here."""
