"""Words for language models: which one was chosen, and what was found out about one."""

from dataclasses import dataclass

SERVER = "server"
"""Stands for the model server that this server's owner has set, where a worker's id could stand."""


@dataclass(frozen=True)
class ModelChoice:
    """A model by the name that its machine has for it; `machine` is SERVER, or a worker's id."""

    model: str
    machine: str


@dataclass(frozen=True)
class ModelProbe:
    """Whether a model keeps to the form that is asked for (`format`): when it answers at once, and when it thinks
    first. None where that is not known, or is nothing that it can. `machine` is SERVER or a worker's id:
    what one machine is like says nothing of another that claims to have the same. `digest` and `version` are of the
    model and of the Ollama that has it: with another of either it has to be asked again. `probed_at` is in seconds
    since the epoch."""

    machine: str
    digest: str
    version: str
    plain: bool | None
    thinking: bool | None
    probed_at: float

    @property
    def binds(self) -> bool:
        """Whether there is a way to ask it in which it keeps to the form."""
        return bool(self.plain or self.thinking)
