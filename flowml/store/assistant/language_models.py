"""The tables of language models: which one answers, and what was found out about those that were asked."""

from flowml.domain.assistant.language_models import ModelChoice, ModelProbe
from flowml.store.database import Database

_MOST_PROBES = 200


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

    def probe(self, digest: str, version: str) -> ModelProbe | None:
        """What was found out about this very model on this version of its server."""
        row = (
            self._database.read()
            .execute("SELECT * FROM language_model_probes WHERE digest = ? AND version = ?", (digest, version))
            .fetchone()
        )
        if row is None:
            return None
        plain, thinking = (None if row[name] is None else bool(row[name]) for name in ("plain", "thinking"))
        return ModelProbe(row["digest"], row["version"], plain, thinking, row["probed_at"])

    def remember(self, probe: ModelProbe) -> None:
        """Keep it, in the place of what was known before; of very many the oldest are forgotten."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO language_model_probes (digest, version, plain, thinking, probed_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (probe.digest, probe.version, probe.plain, probe.thinking, probe.probed_at),
            )
            connection.execute(
                "DELETE FROM language_model_probes WHERE (digest, version) NOT IN"
                " (SELECT digest, version FROM language_model_probes ORDER BY probed_at DESC LIMIT ?)",
                (_MOST_PROBES,),
            )
