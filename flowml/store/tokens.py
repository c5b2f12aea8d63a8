"""The tokens table: who may come in, by the hash of what they bring."""

import sqlite3
from collections.abc import Mapping

from flowml.domain.access.caller import TokenKind
from flowml.domain.access.tokens import Token
from flowml.domain.errors import NotFound, WrongState
from flowml.store.database import Database

_COLUMNS = "id, kind, name, model_id, created_at, expires_at, last_used_at, revoked_at"
_VALID = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)"


class Tokens:
    """Tokens, found by the hash of their secret. What was revoked stays, so that it can be looked up."""

    def __init__(self, database: Database):
        self._database = database

    def add(self, token: Token, sha256: str) -> None:
        """Keep a new token. An expired one of its name makes way. Raises WrongState when a valid one has it."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE tokens SET revoked_at = :now WHERE name = :name AND revoked_at IS NULL AND expires_at <= :now",
                {"name": token.name, "now": token.created_at},
            )
            found = connection.execute(
                "SELECT id FROM tokens WHERE name = ? AND revoked_at IS NULL", (token.name,)
            ).fetchone()
            if found is not None:
                raise WrongState(
                    f"There is a token called “{token.name}” already.",
                    hint="Choose another name, or revoke that one first.",
                )
            values = (token.id, token.kind, token.name, token.model_id, token.created_at, token.expires_at)
            connection.execute(
                "INSERT INTO tokens (id, kind, name, model_id, created_at, expires_at, sha256)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*values, sha256),
            )

    def adopt(self, token: Token, sha256: str) -> Token:
        """The valid token whose secret has this hash; else this new one takes the place of the one of its kind that has
        its name. Raises WrongState where the hash is one of a token that has ended, or of another kind, name or model,
        and where one of another kind has the name."""
        with self._database.write() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM tokens WHERE sha256 = ?", (sha256,)).fetchone()
            if row is None:
                connection.execute(
                    "UPDATE tokens SET revoked_at = ? WHERE name = ? AND kind = ? AND revoked_at IS NULL",
                    (token.created_at, token.name, token.kind),
                )
                self.add(token, sha256)
                return token
        found = _token(row)
        if found.state(token.created_at) != "valid":
            raise WrongState(
                f"This secret is that of the token “{found.name}”, which has ended.", hint="Draw another one."
            )
        if (found.kind, found.name, found.model_id) != (token.kind, token.name, token.model_id):
            model = "" if found.model_id is None else f" for {found.model_id}"
            raise WrongState(
                f"This secret is that of the {found.kind} token “{found.name}”{model} already.",
                hint="Draw another one.",
            )
        return found

    def valid(self, sha256: str, now: float) -> Token | None:
        """The token whose secret has this hash; None where there is none, and as well where it is of no use any more:
        whoever tries one is not told which."""
        row = (
            self._database.current()
            .execute(
                f"SELECT {_COLUMNS} FROM tokens WHERE sha256 = :sha256 AND {_VALID}", {"sha256": sha256, "now": now}
            )
            .fetchone()
        )
        return None if row is None else _token(row)

    def is_valid(self, token_id: str, now: float) -> bool:
        """Whether the token with this id is of use."""
        query = f"SELECT 1 FROM tokens WHERE id = :id AND {_VALID}"
        return self._database.current().execute(query, {"id": token_id, "now": now}).fetchone() is not None

    def has_valid(self, kind: TokenKind, now: float) -> bool:
        """Whether there is a token of this kind that is of use."""
        query = f"SELECT 1 FROM tokens WHERE kind = :kind AND {_VALID} LIMIT 1"
        return self._database.current().execute(query, {"kind": kind, "now": now}).fetchone() is not None

    def all(self) -> list[Token]:
        """Oldest first, revoked ones too."""
        rows = self._database.current().execute(f"SELECT {_COLUMNS} FROM tokens ORDER BY created_at, id")
        return [_token(row) for row in rows]

    def revoke(self, name_or_id: str, now: float) -> Token:
        """End a token; one that has been revoked stays as it is. Raises NotFound."""
        with self._database.write() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM tokens WHERE id = :given OR (name = :given AND revoked_at IS NULL)"
                " ORDER BY id = :given DESC LIMIT 1",
                {"given": name_or_id},
            ).fetchone()
            if row is None:
                raise NotFound(
                    f"There is no token “{name_or_id}” to revoke.",
                    hint="`flowml token list` shows those that there are.",
                )
            connection.execute("UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, row["id"]))
            row = connection.execute(f"SELECT {_COLUMNS} FROM tokens WHERE id = ?", (row["id"],)).fetchone()
        return _token(row)

    def used(self, when: Mapping[str, float]) -> None:
        """Remember when tokens were last used, by their ids."""
        with self._database.write() as connection:
            connection.executemany(
                "UPDATE tokens SET last_used_at = ? WHERE id = ?", [(at, id) for id, at in when.items()]
            )


def _token(row: sqlite3.Row) -> Token:
    return Token(**dict(row) | {"kind": TokenKind(row["kind"])})
