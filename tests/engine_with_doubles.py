"""The library's engine process with the misbehaving algorithms known to the trial processes that it forks."""

import tests.known_doubles
from flowml.library.trial_process import main

assert tests.known_doubles.DOUBLES

if __name__ == "__main__":
    main()
