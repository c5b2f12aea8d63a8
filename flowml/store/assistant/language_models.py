"""The tables of language models: which one answers, and what was found out about those that were asked."""

from flowml.domain.assistant.language_models import SERVER, ModelChoice, ModelProbe
from flowml.store.database import Database

_MOST_PROBES = 100
_MOST_OF_WORKERS = 1_000


class LanguageModels:
    """One choice, and a row for each model that was tried."""

    def __init__(self, database: Database):
        self._database = database

    def choice(self) -> ModelChoice | None:
        """What was chosen; None where nobody has."""
        row = self._database.read().execute("SELECT model, machine FROM language_model_choice").fetchone()
        return None if row is None else ModelChoice(row["model"], row["machine"])

    def choose(self, choice: ModelChoice | None) -> None:
        """From now on this one answers; with None whichever does by itself."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM language_model_choice")
            if choice is not None:
                connection.execute(
                    "INSERT INTO language_model_choice (only_one, model, machine) VALUES (1, ?, ?)",
                    (choice.model, choice.machine),
                )

    def probe(self, machine: str, digest: str, version: str) -> ModelProbe | None:
        """What was found out about this very model on this version of its server, on this machine."""
        row = (
            self._database.read()
            .execute(
                "SELECT * FROM language_model_probes WHERE machine = ? AND digest = ? AND version = ?",
                (machine, digest, version),
            )
            .fetchone()
        )
        if row is None:
            return None
        plain, thinking = (None if row[name] is None else bool(row[name]) for name in ("plain", "thinking"))
        return ModelProbe(row["machine"], row["digest"], row["version"], plain, thinking, row["probed_at"])

    def remember(self, probe: ModelProbe) -> None:
        """Keep it, in the place of what was known before; the oldest are forgotten
        of very many of a machine, and of very many of workers, which come and go."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO language_model_probes (machine, digest, version, plain, thinking, probed_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (probe.machine, probe.digest, probe.version, probe.plain, probe.thinking, probe.probed_at),
            )
            connection.execute(
                "DELETE FROM language_model_probes WHERE machine = ? AND (digest, version) NOT IN"
                " (SELECT digest, version FROM language_model_probes WHERE machine = ?"
                " ORDER BY probed_at DESC LIMIT ?)",
                (probe.machine, probe.machine, _MOST_PROBES),
            )
            connection.execute(
                "DELETE FROM language_model_probes WHERE machine <> ? AND (machine, digest, version) NOT IN"
                " (SELECT machine, digest, version FROM language_model_probes WHERE machine <> ?"
                " ORDER BY probed_at DESC LIMIT ?)",
                (SERVER, SERVER, _MOST_OF_WORKERS),
            )
