"""The sessions table: browsers that were logged in with a token, by the hash of their cookie."""

from flowml.domain.access.caller import TokenKind
from flowml.domain.access.tokens import Token
from flowml.store.database import Database


class Sessions:
    """Log-ins. One ends by itself, with its token, or when somebody logs out."""

    def __init__(self, database: Database):
        self._database = database

    def begin(self, sha256: str, token_id: str, now: float, expires_at: float) -> None:
        """Keep a new session. Those that have expired are forgotten."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM sessions WHERE expires_at <= ?", (now,))
            connection.execute(
                "INSERT INTO sessions (sha256, token_id, created_at, expires_at) VALUES (?, ?, ?, ?)",
                (sha256, token_id, now, expires_at),
            )

    def valid(self, sha256: str, now: float) -> tuple[Token, float] | None:
        """The token that this session was begun with, and when it ends; None where there is none, or no more."""
        row = (
            self._database.current()
            .execute(
                "SELECT tokens.*, sessions.expires_at AS session_expires_at"
                " FROM sessions JOIN tokens ON tokens.id = sessions.token_id"
                " WHERE sessions.sha256 = :sha256 AND sessions.expires_at > :now AND tokens.revoked_at IS NULL"
                " AND (tokens.expires_at IS NULL OR tokens.expires_at > :now)",
                {"sha256": sha256, "now": now},
            )
            .fetchone()
        )
        if row is None:
            return None
        values = dict(row)
        values.pop("sha256")
        expires_at = float(values.pop("session_expires_at"))
        return Token(**values | {"kind": TokenKind(row["kind"])}), expires_at

    def end(self, sha256: str) -> None:
        """Forget a session."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM sessions WHERE sha256 = ?", (sha256,))
