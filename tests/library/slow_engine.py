"""An engine that takes its time: it never says that it is ready."""

import time

if __name__ == "__main__":
    time.sleep(30)
