"""The `flowml` command with the misbehaving algorithms known to the server and to what it starts."""

import sys

import tests.known_doubles
from flowml.cli import main
from flowml.services import tables
from flowml.training import processes

assert tests.known_doubles.DOUBLES
processes._PRELOAD.append("tests.known_doubles")
tables.FORKSERVER._modules += ("tests.known_doubles",)

if __name__ == "__main__":
    sys.exit(main())
