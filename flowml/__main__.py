"""`python -m flowml`."""

import sys

from flowml.cli import main

if __name__ == "__main__":
    sys.exit(main())
