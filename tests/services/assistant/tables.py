"""Tables for tests of the assistant, as files that somebody uploads."""

import random
import time
from collections.abc import Callable
from pathlib import Path

from flowml.domain.datasets import Dataset
from flowml.services import datasets
from flowml.services.context import Context
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers

N_ROWS = 60


def context_in(folder: Path) -> Context:
    """A server's without its server; its store is to be closed."""
    return Context(Settings(home=folder), Store(folder, now=1.0), time.time, QuietTrainers())


def people(
    names: Callable[[str], str] = lambda name: name, values: Callable[[str], str] = lambda value: value
) -> bytes:
    """Sixty people of a town: a column with gaps, one constant, repeated categories, e-mail addresses, a target."""
    chance = random.Random(7)
    columns = [names(name) for name in ("age", "town", "email", "unit", "bought")]
    lines = [",".join(map(_cell, columns))]
    for at in range(N_ROWS):
        age = "" if at % 5 == 0 else str(20 + at % 37)
        town = values(("Bonn", "Kiel", "bonn")[at % 3 if at % 12 == 2 else at % 2])
        row = (age, town, f"p{at}@mail.example", "kg", "yes" if chance.random() < (0.2, 0.8)[at % 2] else "no")
        lines.append(",".join(map(_cell, row)))
    return "\n".join(lines).encode()


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def uploaded(context: Context, content: bytes, filename: str = "people.csv") -> Dataset:
    path = context.settings.home / "upload"
    path.write_bytes(content)
    return datasets.import_file(context, path, filename=filename, name=None, options={})
