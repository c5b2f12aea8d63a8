"""`flowml doctor`."""

import argparse
import json
import os
from dataclasses import dataclass

_SECONDS = 2.0


def doctor(options: argparse.Namespace) -> int:
    """What this machine can do; with `--home` or `--adopt`, what is in a home folder."""
    if options.home is not None or options.adopt:
        from flowml.cli.adopt import look_at_home

        return look_at_home(options)
    from flowml.machine import capabilities

    found = capabilities.probe(fit_on_gpu=True, details=True)
    models = _language_models()
    if options.json:
        print(json.dumps(found | {"language_models": list(models.names)}))
        return 0
    for name, value in found.items():
        if name not in ("gpus", "gpu_libraries"):
            print(f"{name:<20} {value}")
    for gpu in found["gpus"]:
        print(f"{'gpu ' + str(gpu['index']):<20} {gpu['name']}, {gpu['vram_gb']} GB")
    for name, library in found["gpu_libraries"].items():
        print(f"{name + ' on the gpu':<20} {'yes' if library['device'] else 'no: ' + library['reason']}")
    print(f"{'language models':<20} {models.words}")
    return 0


@dataclass(frozen=True)
class _LanguageModels:
    names: tuple[str, ...]
    words: str


def _language_models() -> _LanguageModels:
    """What the Ollama has that is set, or that of this machine."""
    from flowml.assistant.model import NoAnswer
    from flowml.assistant.ollama.client import Ollama
    from flowml.machine import ollama

    address = os.environ.get(ollama.VARIABLE)
    try:
        server = Ollama(ollama.parse(address or ollama.USUAL_ADDRESS))
        version = server.version(_SECONDS)
        names = tuple(model.name for model in server.models(_SECONDS) if not model.is_remote)
    except ValueError as problem:
        return _LanguageModels((), f"none: {ollama.VARIABLE} cannot be used: {problem}")
    except NoAnswer as problem:
        if address is None:
            return _LanguageModels((), "none: no Ollama runs on this machine, and no other is set")
        return _LanguageModels((), f"none: {problem.detail}")
    listed = ", ".join(names) or "none: fetch one with “ollama pull llama3.2”"
    used = "" if address else f"; a server uses them with {ollama.VARIABLE}={ollama.USUAL_ADDRESS}"
    return _LanguageModels(names, f"{listed} (Ollama {version}{used})")
