"""What the pages' scripts work out, without a browser: every *.test.js beside this file, by Node.js's own runner."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

pytestmark = pytest.mark.node


@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.js")))
def test_script(node: list[str], name: str) -> None:
    # The tests run in the process that reads their file: with `--test` it would start another one for it.
    command = [*node, "--test-reporter=spec", str(HERE / name)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
