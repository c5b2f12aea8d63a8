"""The `flowml` command with the misbehaving algorithms known to the server and to what it starts."""

import sys

import tests.doubles
from flowml.cli import main
from flowml.training import processes

assert tests.doubles.REASONS
processes._PRELOAD.append("tests.doubles")

if __name__ == "__main__":
    sys.exit(main())
