"""Who calls, and what they may do."""

from dataclasses import dataclass
from enum import StrEnum

from flowml.domain.errors import Forbidden


class Permission(StrEnum):
    """What a call needs of whoever makes it: to look, to change, to have predictions, to run this server, to train for
    it; or nothing but to be let in by the gate, as everyone is at an address that is `OPEN`."""

    OPEN = "open"
    READ = "read"
    WRITE = "write"
    PREDICT = "predict"
    ADMIN = "admin"
    WORK = "work"


class TokenKind(StrEnum):
    """What a token is for: to run this server, to ask for predictions, or to train for it."""

    ADMIN = "admin"
    API = "api"
    WORKER = "worker"


@dataclass(frozen=True)
class Principal:
    """A caller under the name by which things are theirs, and all that they may do.

    `kind` and `token_id` are of the token that they came with, `session_id` of the log-in that was made with it; None
    where that took none. `only_model` is the one model, or training run, that they may ask for predictions.
    """

    identifier: str
    may: frozenset[Permission]
    kind: TokenKind | None = None
    token_id: str | None = None
    session_id: str | None = None
    only_model: str | None = None

    def check(self, need: Permission | None) -> None:
        """Raises Forbidden for what this caller may not do. Where no need is stated, nobody may."""
        if need is None:
            raise Forbidden("Nobody may do this: what it takes is not stated.", hint="Please report it.")
        if need not in self.may:
            raise Forbidden(f"This takes the right to {_IN_WORDS[need]}.", hint="Ask whoever runs this server for it.")

    def check_model(self, model_id: str) -> None:
        """Raises Forbidden for a model by another id than that of the one that they may ask. Whether there is one by
        that id, and which model a training run stands for, is not looked at."""
        if self.only_model is not None and model_id != self.only_model:
            raise Forbidden(
                f"This token is for the model {self.only_model} alone.",
                hint=f'Ask for that one ("model_id": "{self.only_model}"), or use a token without this limit.',
            )


_IN_WORDS = {
    Permission.OPEN: "be answered at all",
    Permission.READ: "look at what is stored here",
    Permission.WRITE: "change what is stored here",
    Permission.PREDICT: "ask for predictions",
    Permission.ADMIN: "run this server",
    Permission.WORK: "train for this server",
}

LOCAL_OWNER = Principal("owner", frozenset(Permission) - {Permission.WORK})
"""Whoever sits at this machine. Training for a server takes a credential even here."""

NOBODY = Principal("nobody", frozenset({Permission.OPEN}))
"""Whoever has brought no credential where it takes one."""
