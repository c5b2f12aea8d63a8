"""`flowml doctor --home DIR`: what a home folder holds; with `--adopt` what its database does not know is taken in."""

import argparse
import logging
import time

from flowml.cli.serve import settings_of
from flowml.domain.wording import plural


def look_at_home(options: argparse.Namespace) -> int:
    """Say what is wrong with a home folder, and adopt where that is asked for. Raises StartupError while a server uses
    it."""
    from flowml.services.adoption import adopt
    from flowml.services.context import Context, NoTrainers
    from flowml.services.system import notices
    from flowml.store.home import Home, ServerLock
    from flowml.store.store import Store

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = settings_of(options)
    home = Home(settings.home)
    lock = ServerLock(home)
    try:
        store = Store(home.path, now=time.time())
        store.look_over(seconds=3600)
        context = Context(settings, store, time.time, NoTrainers())
        for notice in notices(context) or ["The database and the files of this folder are whole and belong together."]:
            print(notice)
        if options.adopt and store.strays.files:
            found = adopt(context)
            print(
                f"Taken in: {plural(found.n_datasets, 'data set')} and {plural(found.n_models, 'model')}."
                f" Set aside in {home.set_aside}: {plural(found.n_set_aside, 'file')}."
            )
        store.close()
    finally:
        lock.release()
    return 0
