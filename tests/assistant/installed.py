"""Models of the stand-in for Ollama, as a server of Ollama's lists and shows them; and requests, as they came."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass
class Model:
    """One that is installed."""

    name: str = "stand-in:3b"
    digest: str = "a" * 64
    size: int = 2_019_393_189
    family: str = "llama"
    parameters: str = "3.2B"
    capabilities: tuple[str, ...] | None = ("completion", "tools")
    context_tokens: int | None = 131_072
    binds: bool = True
    binds_thinking: bool = True
    remote_host: str = ""
    probe_behaviour: Callable[[Any], None] | None = None
    """How it meets FlowML's probe; None as a model does that keeps to the form as far as `binds` says."""


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, str]]:
        return self.body.get("messages", [])

    @property
    def text(self) -> str:
        """All that was told, in one."""
        return "\n".join(message["content"] for message in self.messages)


def now() -> str:
    """As Ollama writes a moment."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _details(model: Model) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameters,
        "quantization_level": "Q4_K_M",
    }


def listed(model: Model) -> dict[str, Any]:
    """Of `/api/tags`."""
    remote = {"remote_model": model.name.partition(":")[0], "remote_host": model.remote_host}
    return {
        "name": model.name,
        "model": model.name,
        **(remote if model.remote_host else {}),
        "modified_at": "2025-11-01T10:12:13.123456789+01:00",
        "size": model.size,
        "digest": model.digest,
        "details": _details(model),
    }


def shown(model: Model) -> dict[str, Any]:
    """Of `/api/show`."""
    info: dict[str, Any] = {"general.architecture": model.family, "general.parameter_count": 3_212_749_888}
    if model.context_tokens is not None:
        info[f"{model.family}.context_length"] = model.context_tokens
    found: dict[str, Any] = {
        "license": "Nobody's.",
        "modelfile": f"FROM {model.name}",
        "parameters": 'stop                           "<|eot_id|>"',
        "template": "{{ .Prompt }}",
        "details": _details(model),
        "model_info": info,
        "modified_at": "2025-11-01T10:12:13.123456789+01:00",
    }
    if model.capabilities is not None:
        found["capabilities"] = list(model.capabilities)
    if model.remote_host:
        found |= {"remote_model": model.name, "remote_host": model.remote_host}
    return found
