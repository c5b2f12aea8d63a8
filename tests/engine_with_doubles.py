"""The library's engine process with the misbehaving algorithms known to the trial processes that it forks."""

import tests.doubles
from flowml.automl.trial_process import main

assert tests.doubles.REASONS

if __name__ == "__main__":
    main()
