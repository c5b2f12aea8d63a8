"""When the command began. Imported before everything else, because what comes before counts for a time budget."""

import time

STARTED = time.monotonic()
