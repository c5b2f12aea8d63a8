"""`flowml doctor`."""

import argparse
import json


def doctor(options: argparse.Namespace) -> int:
    """What this machine can do; with `--home` or `--adopt`, what is in a home folder."""
    if options.home is not None or options.adopt:
        from flowml.cli.adopt import look_at_home

        return look_at_home(options)
    from flowml.machine import capabilities

    found = capabilities.probe(fit_on_gpu=True, details=True)
    if options.json:
        print(json.dumps(found))
        return 0
    for name, value in found.items():
        if name not in ("gpus", "gpu_libraries"):
            print(f"{name:<20} {value}")
    for gpu in found["gpus"]:
        print(f"{'gpu ' + str(gpu['index']):<20} {gpu['name']}, {gpu['vram_gb']} GB")
    for name, library in found["gpu_libraries"].items():
        print(f"{name + ' on the gpu':<20} {'yes' if library['device'] else 'no: ' + library['reason']}")
    return 0
