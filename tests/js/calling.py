"""Functions of the pages' scripts, called from Python."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[2] / "static" / "js"
PROGRAM = """
import { readFileSync } from "node:fs";
globalThis.addEventListener ??= () => undefined;
globalThis.ResizeObserver ??= class {};
const { module, calls } = JSON.parse(readFileSync(0, "utf8"));
const functions = await import(module);
console.log(JSON.stringify(calls.map(([name, ...values]) => functions[name](...values))));
"""


def answers(node: list[str], module: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
    """What a module of static/js answers to each call, which is the name of a function and what it is given."""
    command = [*node, "--input-type=module", "--eval", PROGRAM]
    asked = json.dumps({"module": (SCRIPTS / module).as_uri(), "calls": calls})
    done = subprocess.run(command, input=asked, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found
