"""Who calls, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from flowml.domain.errors import Forbidden


class Permission(StrEnum):
    """What a call needs of whoever makes it: to look, to change, to have predictions, to run this server, or to train
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
    may: frozenset[Permission]

    def check(self, need: Permission | None) -> None:
        """Raises Forbidden for what this caller may not do. Where no need is stated, nobody may."""
        if need is None:
            raise Forbidden("Nobody may do this: what it takes is not stated.", hint="Please report it.")
        if need not in self.may:
            raise Forbidden(f"This takes the right to {_IN_WORDS[need]}.", hint="Ask whoever runs this server for it.")


_IN_WORDS = {
    Permission.READ: "look at what is stored here",
    Permission.WRITE: "change what is stored here",
    Permission.PREDICT: "ask for predictions",
    Permission.ADMIN: "run this server",
    Permission.WORK: "train for this server",
}

LOCAL_OWNER = Principal("owner", frozenset(Permission) - {Permission.WORK})
"""Whoever sits at this machine. Training for a server takes a credential even here."""
